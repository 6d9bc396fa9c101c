"""What somebody without the page may send to the server, and what it gives out."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.browser.conftest import Server

pytestmark = pytest.mark.browser


class Stranger:
    """Speaks gradio's protocol, without a browser."""

    def __init__(self, server: Server, session: str) -> None:
        self.url, self.session = server.url + "/gradio_api", session
        with urlopen(server.url + "/config") as reply:
            self.config = json.load(reply)

    def trigger(self, event: str, data: Any, state: Any = None) -> dict[str, Any]:
        """Send one event of the canvas; return what the server says of it at last."""
        for function in self.config["dependencies"]:
            for target, name in function["targets"]:
                if name == event:
                    return self._send(function["id"], target, data, state)
        raise AssertionError(f"There is no event {event}.")

    def _send(self, function: int, target: int, data: Any, state: Any) -> dict[str, Any]:
        body = {
            "fn_index": function,
            "trigger_id": target,
            "session_hash": self.session,
            "data": [state],
            "event_data": data,
        }
        request = Request(
            self.url + "/queue/join",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urlopen(request, timeout=20):
            pass
        return next(said for said in self._said() if said["msg"] == "process_completed")

    def _said(self) -> Iterator[dict[str, Any]]:
        with urlopen(f"{self.url}/queue/data?session_hash={self.session}", timeout=20) as lines:
            for line in lines:
                if line.startswith(b"data:"):
                    yield json.loads(line[5:])


@pytest.fixture
def stranger(server: Server, request: pytest.FixtureRequest) -> Stranger:
    return Stranger(server, f"stranger-{request.node.name}")


def canvas_of(said: dict[str, Any]) -> dict[str, Any]:
    return next(item for item in said["output"]["data"] if isinstance(item, dict))


def test_an_example_is_opened_by_name_only(stranger: Stranger) -> None:
    value = canvas_of(stranger.trigger("open_example", {"seq": 3, "name": "grey"}))
    assert value["picture"]["width"] == 400
    assert value["seq"] == 3
    value = canvas_of(stranger.trigger("open_example", {"seq": 4, "name": "../grey"}))
    assert "no such example" in value["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../../../../etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1:1/a.png",
        {"path": "/etc/passwd"},
        {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
        {"path": __file__},
        5,
        None,
    ],
)
def test_files_that_were_not_uploaded_stay_closed(stranger: Stranger, path: Any) -> None:
    said = stranger.trigger("open_file", {"seq": 1, "path": path})
    if said["success"]:
        value = canvas_of(said)
        assert value["picture"] is None
        assert value["message"]
    assert "root:" not in json.dumps(said)


def test_a_forged_state_is_not_taken(stranger: Stranger) -> None:
    forged = {"picture": {"path": "/etc/passwd"}, "scene": {"objects": []}}
    value = canvas_of(stranger.trigger("edit_prompts", {"actions": []}, state=forged))
    assert value["picture"] is None
    assert "open it again" in value["message"]


@pytest.mark.parametrize("data", [None, [], "text", 5, {"actions": [{"type": "click"}] * 500}])
def test_senseless_events_get_an_answer(stranger: Stranger, data: Any) -> None:
    said = stranger.trigger("edit_prompts", data)
    assert "Traceback" not in json.dumps(said)


def test_no_event_is_offered_to_api_clients(server: Server) -> None:
    with urlopen(server.url + "/gradio_api/info") as reply:
        assert json.load(reply)["named_endpoints"] == {}


@pytest.mark.parametrize("path", ["/etc/passwd", __file__, str(Path("app.py").resolve())])
def test_files_of_the_machine_are_not_served(server: Server, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urlopen(f"{server.url}/gradio_api/file={path}")
    assert refused.value.code in (403, 404)
    refused.value.close()
