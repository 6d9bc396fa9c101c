"""What somebody without the page may send to the server, and what it gives out."""

from __future__ import annotations

import gzip
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

    def call(self, name: str, data: Any) -> dict[str, Any]:
        """Call a function of the video canvas."""
        body = {
            "session_hash": self.session, "component_id": self._component("video-canvas"), "fn_name": name, "data": data,
        }  # fmt: skip
        request = Request(
            self.url + "/component_server",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urlopen(request, timeout=20) as reply:
            return json.load(reply)

    def trigger(
        self, event: str, data: Any, state: Any = None, video: bool = False
    ) -> dict[str, Any]:
        """Send one event of a canvas; return what the server says of it at last."""
        canvas = "video-canvas" if video else "prompt-canvas"
        for function in self.config["dependencies"]:
            for target, name in function["targets"]:
                if name == event and target == self._component(canvas):
                    return self._send(function["id"], target, data, [] if video else [state])
        raise AssertionError(f"There is no event {event}.")

    def _component(self, name: str) -> int:
        return next(
            int(item["id"])
            for item in self.config["components"]
            if item["props"].get("elem_id") == name
        )

    def _send(self, function: int, target: int, data: Any, inputs: list[Any]) -> dict[str, Any]:
        body = {
            "fn_index": function,
            "trigger_id": target,
            "session_hash": self.session,
            "data": inputs,
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


def test_only_the_endpoints_meant_for_them_are_offered_to_api_clients(server: Server) -> None:
    with urlopen(server.url + "/gradio_api/info") as reply:
        assert set(json.load(reply)["named_endpoints"]) == {
            "/compare_image",
            "/prompt_curve",
            "/refine_mask",
            "/track_video",
        }


@pytest.mark.parametrize("path", ["/etc/passwd", __file__, str(Path("app.py").resolve())])
def test_files_of_the_machine_are_not_served(server: Server, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urlopen(f"{server.url}/gradio_api/file={path}")
    assert refused.value.code in (403, 404)
    refused.value.close()


@pytest.mark.parametrize(
    "name", ["pictures", "follow", "set_span", "start_track", "start_export", "cancel"]
)
@pytest.mark.parametrize(
    "data",
    [None, [], "text", 5, {}, {"clip": None}, {"clip": "../.."}, {"clip": "0" * 32, "first": -1},
     {"clip": "x" * 100_000}],
)  # fmt: skip
def test_functions_of_the_video_tab_know_no_strangers(
    stranger: Stranger, name: str, data: Any
) -> None:
    assert set(stranger.call(name, data)) == {"message", "gone"}


@pytest.mark.parametrize("event", ["edit_prompts", "open_example", "open_file", "export_file"])
@pytest.mark.parametrize("data", [None, [], 5, {"picture": "0" * 32, "actions": []}])
def test_senseless_events_of_the_video_tab_get_an_answer(
    stranger: Stranger, event: str, data: Any
) -> None:
    said = stranger.trigger(event, data, video=True)
    assert said["success"]
    assert "Traceback" not in json.dumps(said)


def test_the_page_comes_packed(server: Server) -> None:
    asked = Request(server.url + "/", headers={"Accept-Encoding": "gzip"})
    with urlopen(asked) as reply:
        assert reply.headers["Content-Encoding"] == "gzip"
        packed = reply.read()
    assert len(packed) < len(gzip.decompress(packed)) / 3
