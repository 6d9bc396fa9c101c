"""Sends many hostile uploads to a running app, kills what it works with, and looks what is left."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import psutil

from tests.fuzz.hostile import Hostile, encoded, hostile, long_clip, sound
from tests.fuzz.visitor import Visitor

ROOT = Path(__file__).resolve().parents[2]
MEMORY = 50_000_000
STARTS_WITHIN = 180.0
GONE_WITHIN = 90.0
UPLOADS_A_VISIT = 40
ROUNDS = 3
OWN = ("uploads", "photos", "clips")
"""Folders under the root where visitors' files may lie, beside gradio's of hexadecimal names."""


@dataclass
class Host:
    """The running app: its address, process, log, and the folder that holds all it may write."""

    url: str
    process: psutil.Process
    log: Path
    folder: Path

    @property
    def memory(self) -> int:
        """Bytes of it and its children, of which one may end meanwhile."""
        total = self.process.memory_info().rss
        for child in self.process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                total += child.memory_info().rss
        return int(total)

    def files(self) -> set[str]:
        """All files below the folder but the log and what libraries keep."""
        places = (part for part in os.walk(self.folder) if "/.cache" not in part[0])
        found = (Path(place, name) for place, _, names in places for name in names)
        return {str(path.relative_to(self.folder)) for path in found if path != self.log}

    def workers(self, word: str) -> list[psutil.Process]:
        """Children with this word in their command line."""
        found = []
        for child in self.process.children(recursive=True):
            try:
                if any(word in part for part in child.cmdline()):
                    found.append(child)
            except psutil.Error:
                continue
        return found


@contextmanager
def hosted(folder: Path, seconds: int) -> Iterator[Host]:
    """Run the app with the fake model; what visitors leave is held for so many seconds."""
    ask = ["-m", "tests.fuzz.server", "{port}", str(folder / "root"), str(seconds)]
    # else gradio keeps the state of a closed page for an hour
    with running(folder, ask, GRADIO_IS_E2E_TEST="1") as host:
        yield host


@contextmanager
def running(folder: Path, ask: Sequence[str], **environ: str) -> Iterator[Host]:
    """Run a server with everything that it may write below `folder`.

    `ask` is what Python is started with, where `{port}` stands for a free one.
    """
    places = {name: folder / name for name in ("root", "tmp", "home", "cwd")}
    for place in places.values():
        place.mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "log"
    env = {**os.environ, "TMPDIR": str(places["tmp"]), "HOME": str(places["home"])}
    env |= {"GRADIO_TEMP_DIR": str(places["root"]), "PYTHONPATH": str(ROOT)}
    env |= {"PYTHONDONTWRITEBYTECODE": "1", "GRADIO_ANALYTICS_ENABLED": "False"}
    env["MPLCONFIGDIR"] = str(Path.home() / ".cache" / "matplotlib")  # its list of fonts takes long
    command = [sys.executable, *(part.format(port=port) for part in ask)]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=places["cwd"], env={**env, **environ}, stdout=out, stderr=out
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(lambda: _answers(url), STARTS_WITHIN, lambda: log.read_text())
        yield Host(url, psutil.Process(process.pid), log, folder)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def raid(host: Host, count: int, seed: int, rounds: int = ROUNDS) -> int:
    """Send `count` uploads in rounds that end with kills; return how far memory grew, in bytes.

    A single round has nothing to compare its memory with: it is not bounded.

    Raises:
        AssertionError: something is left, grew, broke or lies where it must not.
    """
    uploads = list(hostile(count, seed))
    if rounds > 1:
        _warm(host, uploads[: max(14, count // 10)])
    before, files = host.memory, host.files()
    for done in range(rounds):
        part = uploads[done * count // rounds : (done + 1) * count // rounds]
        for start in range(0, len(part), UPLOADS_A_VISIT):
            _visit(host, part[start : start + UPLOADS_A_VISIT])
        _kill(host, random.Random(seed + done))
        _check_log(host)
    _wait(lambda: host.files() <= files, GONE_WITHIN, lambda: f"left: {host.files() - files}")
    shown = {file for file in files if file.endswith(("picture.jpg", "thumbnail.jpg"))}
    assert shown and shown <= host.files(), "the example's own pictures are gone"
    if rounds > 1:
        _wait(lambda: host.memory - before < MEMORY, 20, lambda: f"{host.memory - before:,} more")
    _check_log(host)
    return host.memory - before


def _warm(host: Host, uploads: list[Hostile]) -> None:
    """Let libraries and caches get the size that they keep."""
    start = host.files()
    _visit(host, uploads)
    _kill(host, random.Random(0))
    _wait(lambda: host.files() <= start, GONE_WITHIN, lambda: f"left: {host.files() - start}")


def _visit(host: Host, uploads: list[Hostile]) -> None:
    visitor = Visitor(host.url)
    try:
        for number, upload in enumerate(uploads):
            told = visitor.send(upload)
            assert "went wrong" not in str(told.get("message")), (number, upload.kind, upload.name)
            assert host.process.is_running()
        _check_places(host)
    finally:
        visitor.leave()


def _kill(host: Host, draw: random.Random) -> None:
    """End ffmpeg, the decoder and the client's connections at work; a visitor is served all the same."""
    large = encoded_large()
    for word, kind, content in (("ffmpeg", "clip", long_clip()), ("decoder", "picture", large)):
        visitor = Visitor(host.url)
        work = threading.Thread(target=visitor.send, args=(Hostile(kind, "x.mp4", content),))
        work.start()
        until = time.monotonic() + 10
        while work.is_alive() and time.monotonic() < until:
            for child in host.workers(word):
                time.sleep(draw.uniform(0, 0.05))
                with suppress(psutil.NoSuchProcess):  # it was quicker: the next one
                    child.kill()
                    until = 0
            time.sleep(0.01)
        work.join()
        visitor.leave()
    gone = Visitor(host.url)
    gone.break_off(large)
    path = gone.upload("x.mp4", long_clip())
    gone.join("clip", None, {"seq": 1, "have": [], "picture": "", "path": path, "name": "x"})
    gone.leave()
    _check_served(host)


def encoded_large() -> bytes:
    """Return a picture that takes a while to decode."""
    from PIL import Image

    return encoded(Image.linear_gradient("L").resize((4000, 3000)), "PNG")


def _check_served(host: Host) -> None:
    visitor = Visitor(host.url)
    assert visitor.open_sound()["message"] == ""
    clip = visitor.send(Hostile("clip", "x.mp4", sound("clip")[0]))
    assert clip["message"] == "" and clip["clip"], clip
    visitor.leave()


def _check_places(host: Host) -> None:
    """Visitors' files lie in folders of their own, and temporary ones where those belong."""
    for file in host.files():
        top, *inner = Path(file).parts
        own = top == "tmp" or file == "example.png"
        if top == "root" and inner:
            own = (
                inner[0] in OWN or set(inner[0]) <= set("0123456789abcdef") or inner[0][:3] == "tmp"
            )
        assert own, file


def _check_log(host: Host) -> None:
    said = host.log.read_text(errors="replace")
    assert "Traceback" not in said, said[-5000:]


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def _wait(done: Callable[[], bool], seconds: float, words: Callable[[], str]) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, words()
        time.sleep(0.3)
