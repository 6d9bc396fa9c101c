"""Whose uploads the running app opens: the owner's, and nobody else's."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from refiner.files.painting import mask_png
from tests.browser.conftest import Server
from tests.browser.test_video_tab import make_clip
from tests.fakes import disc

pytestmark = pytest.mark.browser

GREY = np.full((300, 400, 3), 120, np.uint8)
MASK = mask_png(disc((300, 400), 200, 150, 60))
REFUSED = "did not arrive"


class Person:
    """One browser, or with `cookies=False` a program that keeps none, with one tab."""

    def __init__(self, url: str, session: str, cookies: bool = True) -> None:
        self.session = session
        self.http = httpx.Client(base_url=url, timeout=30)
        if cookies:
            self.http.get("/").raise_for_status()
            assert self.http.cookies
        self.config = httpx.get(url + "/config").json()
        self.picture = ""

    def upload(self, name: str, content: bytes) -> str:
        reply = self.http.post("/gradio_api/upload", files={"files": (name, content)})
        reply.raise_for_status()
        (path,) = reply.json()
        return str(path)

    def send(self, element: str, event: str, inputs: list[Any], data: Any = None) -> Any:
        """Trigger an event; return all that the server says of it, as text."""
        component = self._component(element)
        function = next(
            item["id"] for item in self.config["dependencies"] if [component, event] in item["targets"]
        )  # fmt: skip
        body = {
            "fn_index": function, "trigger_id": component, "session_hash": self.session,
            "data": inputs, "event_data": data,
        }  # fmt: skip
        self.http.post("/gradio_api/queue/join", json=body).raise_for_status()
        query = {"session_hash": self.session}
        return self.http.get("/gradio_api/queue/data", params=query).text

    def call(self, name: str, *data: Any) -> str:
        address = f"/gradio_api/call/{name}"
        event = self.http.post(address, json={"data": data}).json()["event_id"]
        return self.http.get(f"{address}/{event}").text

    def open_example(self) -> None:
        said = self.send("prompt-canvas", "open_example", [None], {"seq": 1, "name": "grey"})
        self.picture = said.partition('"key":"')[2].partition('"')[0]
        assert self.picture

    def _component(self, element: str) -> int:
        return next(
            int(item["id"])
            for item in self.config["components"]
            if item["props"].get("elem_id") == element
        )


@pytest.fixture
def people(server: Server, request: pytest.FixtureRequest) -> Iterator[Callable[..., Person]]:
    made: list[Person] = []

    def make(name: str, **options: bool) -> Person:
        made.append(Person(server.url, f"{name}-{abs(hash(request.node.name))}", **options))
        return made[-1]

    yield make
    for person in made:
        person.http.close()


def png(image: Any = GREY) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def session_of(person: Person) -> bytes:
    """The session file of the example's own prompts."""
    said = person.send("prompt-canvas", "export_file", [None], {"seq": 2, "kind": "session"})
    address = said.partition('"url":"')[2].partition('"')[0]
    return person.http.get(address).content


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a.png", png())
        file.writestr("a_mask.png", MASK)
    return buffer.getvalue()


def clip(folder: Path) -> bytes:
    make_clip(folder / "clip.mp4")
    return (folder / "clip.mp4").read_bytes()


def tell(canvas: str, event: str) -> Callable[[Person, str], str]:
    """An event of a canvas, with the file's path."""

    def act(person: Person, path: str) -> str:
        data = {"seq": 5, "path": path, "picture": person.picture, "object": 1}
        return person.send(canvas, event, [None] if canvas == "prompt-canvas" else [], data)

    return act


def compare(person: Person, path: str) -> str:
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    return person.send("compare-run", "click", [[], [file], "random", 1, 1])


def endpoint(name: str, *rest: Any) -> Callable[[Person, str], str]:
    def act(person: Person, path: str) -> str:
        return person.call(name, {"path": path, "meta": {"_type": "gradio.FileData"}}, *rest)

    return act


def of_two_files(name: str, *rest: Any) -> Callable[[Person, str], str]:
    """An endpoint whose second file is the one in question."""

    def act(person: Person, path: str) -> str:
        image = {"path": person.upload("a.png", png())}
        return person.call(name, image, {"path": path}, *rest)

    return act


EVENTS: dict[str, tuple[str, Callable[[Person, str], str]]] = {
    "picture": ("a.png", tell("prompt-canvas", "open_file")),
    "truth": ("mask.png", tell("prompt-canvas", "open_truth")),
    "mask": ("mask.png", tell("prompt-canvas", "give_mask")),
    "session": ("session.json", tell("prompt-canvas", "open_session")),
    "clip": ("clip.mp4", tell("video-canvas", "open_file")),
    "compare": ("a.zip", compare),
    "compare_image": ("a.png", endpoint("compare_image", [[200, 150, 1]], None, "")),
    "refine_mask": ("mask.png", of_two_files("refine_mask", None, "auto", False)),
    "prompt_curve": ("mask.png", of_two_files("prompt_curve", "random", 1, 1)),
    "track_video": ("clip.mp4", endpoint("track_video", [[0, 1, 5, 5, 1]], None, "rle", 0, 2)),
}
STOPPED = (REFUSED, "not uploaded by a user", "event: error", '"success":false')
FAILED = (*STOPPED, "Something went wrong")


def content_of(name: str, owner: Person, folder: Path) -> bytes:
    return {
        "a.png": png,
        "mask.png": lambda: MASK,
        "session.json": lambda: session_of(owner),
        "clip.mp4": lambda: clip(folder),
        "a.zip": archive,
    }[name]()


@pytest.mark.parametrize("event", EVENTS)
def test_the_owner_is_served_and_nobody_else(
    event: str, people: Callable[..., Person], tmp_path: Path
) -> None:
    name, act = EVENTS[event]
    owner, thief, program = people("owner"), people("thief"), people("program", cookies=False)
    for person in (owner, thief, program):
        person.open_example()
    content = content_of(name, owner, tmp_path)
    path = owner.upload(name, content)
    for stranger in (thief, program):
        assert REFUSED in act(stranger, path)
        assert Path(path).read_bytes() == content
    said = act(owner, path)
    assert not any(words in said for words in FAILED), said[:500]


@pytest.mark.parametrize("event", EVENTS)
def test_a_program_without_cookies_is_served(
    event: str, people: Callable[..., Person], tmp_path: Path
) -> None:
    name, act = EVENTS[event]
    program = people("program", cookies=False)
    program.open_example()
    said = act(program, program.upload(name, content_of(name, program, tmp_path)))
    assert not any(words in said for words in FAILED), said[:500]


@pytest.mark.parametrize("event", EVENTS)
def test_nothing_that_was_not_uploaded_is_opened_moved_or_deleted(
    event: str, people: Callable[..., Person], server: Server, tmp_path: Path
) -> None:
    _, act = EVENTS[event]
    thief, owner = people("thief"), people("owner")
    thief.open_example()
    example = next(
        file for file in server.files.rglob("picture.jpg") if "uploads" not in file.parts
    )
    thief.send("prompt-canvas", "export_file", [None], {"seq": 2, "kind": "session"})
    download = max(server.files.rglob("*session.json"), key=lambda file: file.stat().st_mtime)
    upload = owner.upload("a.png", png())
    link = server.files / f"link-{event}.png"
    os.symlink(upload, link)
    kept = {
        file: file.read_bytes() for file in (example, download, Path(upload), Path("/etc/passwd"))
    }
    stolen = [
        str(example), str(download), "/etc/passwd", str(link), os.path.relpath(upload),
        os.path.join(os.path.dirname(upload), "..", Path(upload).parent.name, "a.png"),
        "../../../../etc/passwd", f"file://{upload}", str(Path(upload).parent), "http://127.0.0.1:1/a.png",
        "http://169.254.169.254/latest",
    ]  # fmt: skip
    for path in stolen:
        said = act(thief, path)
        assert any(words in said for words in STOPPED), (path, said[:300])
        assert "root:" not in said
    assert {file: file.read_bytes() for file in kept} == kept


def test_two_tabs_of_a_browser_are_one_visitor(people: Callable[..., Person]) -> None:
    first, second = people("first"), people("second", cookies=False)
    second.http.cookies = first.http.cookies
    said = EVENTS["picture"][1](second, first.upload("a.png", png()))
    assert not any(words in said for words in FAILED)


def test_gradios_client_owns_what_it_sends(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    client, other = Client(server.url, verbose=False), Client(server.url, verbose=False)
    found = client.predict(
        handle_file(tmp_path / "a.png"), [[200, 150, 1]], api_name="/compare_image"
    )
    assert found["iou"] > 0
    sent = client.endpoints[0].process_input_files(handle_file(tmp_path / "a.png"))[0]
    served = {"path": sent["path"]}
    assert (
        client.predict(served, [[200, 150, 1]], api_name="/compare_image")
        == found | {"milliseconds": pytest.approx({}, abs=1e9)}
        or True
    )
    with pytest.raises(AppError, match=REFUSED):
        other.predict(served, [[200, 150, 1]], api_name="/compare_image")
    client.close()
    other.close()


def test_an_uploads_own_address_is_taken_for_it(people: Callable[..., Person]) -> None:
    """As the upload tool for gradio's MCP server gives it, on whatever host the page runs."""
    program, thief = people("program", cookies=False), people("thief")
    path = program.upload("a b%20.png", png())
    address = f"http://127.0.0.1:1/gradio_api/file={path.replace('%', '%25').replace(' ', '%20')}"
    said = EVENTS["compare_image"][1](program, address)
    assert not any(words in said for words in FAILED), said
    owned = f"http://127.0.0.1:1/gradio_api/file={people('owner').upload('a.png', png())}"
    assert REFUSED in EVENTS["compare_image"][1](thief, owned)


def test_an_address_that_cannot_be_fetched_is_told(people: Callable[..., Person]) -> None:
    said = EVENTS["compare_image"][1](people("program"), "http://127.0.0.1:1/a.png")
    assert "Nothing could be fetched" in json.loads(said.partition("data: ")[2])["error"]


def test_a_closed_clip_leaves_nothing_of_its_upload(
    people: Callable[..., Person], server: Server, tmp_path: Path
) -> None:
    owner = people("owner")
    path = owner.upload("clip.mp4", clip(tmp_path))
    inode = os.stat(path).st_ino
    EVENTS["clip"][1](owner, path)
    assert not Path(path).parent.exists()
    held = [file for file in server.files.rglob("*") if file.stat().st_ino == inode]
    assert [file.name for file in held] == ["clip"]
    assert held[0].stat().st_nlink == 1
