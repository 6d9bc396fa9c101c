"""A server that is killed with all it works at: the next one on the same folder deletes what it left."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.browser.serving import Knobs, serve, server_process
from tests.fuzz.hostile import Hostile, encoded, short_clip, sound
from tests.fuzz.visitor import Visitor
from webapp.shared.examples import ExampleSource

KINDS = {"uploads", "photos", "clips", "scratch"}
CLICK = {"type": "click", "object": 1, "frame": 0, "x": 50, "y": 50, "positive": True}
ANIMATION = Hostile("animation", "animation.gif", sound("animation")[0])


def serve_own(port: int, root: Path, example: ExampleSource, knobs: Knobs) -> None:
    """Run the app with a folder of its own below `root`, as `app.py` does."""
    from webapp.serving.leftovers import own_folder

    with own_folder(root) as folder:
        serve(port, folder, example, knobs)


def files(root: Path) -> set[str]:
    """The kinds of files below a folder, by where they lie in those of servers."""
    found = (Path(place, name) for place, _, names in os.walk(root) for name in names)
    parts = (path.relative_to(root).parts for path in found)
    return {way[1] for way in parts if way[1] in KINDS}


def open_clip(url: str) -> Visitor:
    """Open a clip and click on it."""
    visitor = Visitor(url)
    visitor.picture = visitor.send(Hostile("clip", "clip.mp4", short_clip()))["clip"]["key"]
    visitor.tell("clip edit", {"number": 1, "actions": [CLICK]})
    return visitor


def work(visitor: Visitor, name: str, status: str) -> None:
    """Begin to work on a clip; return when it is done, or is at it."""
    visitor.call(name, {"clip": visitor.picture, "name": "comparison"})
    until = time.monotonic() + 60
    while time.monotonic() < until:
        told = visitor.call("follow", {"clip": visitor.picture, "version": 0})["work"]
        if told["status"] == status and told["done"]:
            return
        time.sleep(0.02)
    raise AssertionError(told)


@pytest.mark.skipif(os.name == "nt", reason="there are no locks that end with a process")
def test_the_next_server_deletes_what_a_killed_one_left(
    example: ExampleSource, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    with server_process(root, example, run=serve_own) as (url, knobs, process):
        exports, opens, pictures = open_clip(url), Visitor(url), Visitor(url)
        work(exports, "start_track", "done")
        opens.send(ANIMATION)
        large = encoded(Image.new("RGB", (3000, 2000)), "PNG")
        pictures.send(Hostile("picture", "large.png", large))
        tracks = open_clip(url)
        knobs.seconds.value = 0.5
        work(tracks, "start_track", "running")
        exports.call("start_export", {"clip": exports.picture, "name": "comparison"})
        pictures.upload("clip.mp4", short_clip())
        process.kill()
        process.join()
        time.sleep(1)  # a process that it was just starting may hold its lock a moment longer
        assert files(root) == KINDS
        (killed,) = root.iterdir()
    with server_process(root, example, run=serve_own):
        assert files(root) == set()
        assert not killed.exists()
    assert list(root.iterdir()) == []
