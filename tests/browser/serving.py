"""The app with the fake model in a process of its own, and the knobs of that model."""

from __future__ import annotations

import gc
import multiprocessing
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from urllib.request import urlopen

import numpy as np
from PIL import Image

from refiner.types import ImageArray, ImageResult, InputError, ModelInfo, Prompts
from tests.fakes import FakeSegmenter, FakeTracker, disc
from webapp.shared.examples import ExampleSource

STARTS_WITHIN = 180
START = "spawn" if os.name == "nt" else "forkserver"
"""How a server's process starts: the second one finds imported what the first one imported."""
RESULTS = Path(__file__).resolve().parents[2] / "assets" / "results"


@dataclass
class Knobs:
    """Shared with the server: how slow the model is, whether it fails, how often it ran.

    While `loading` is not 0 the backbone called slow goes on loading.
    """

    seconds: Synchronized[float]
    broken: Synchronized[int]
    calls: Synchronized[int]
    loading: Synchronized[int]


class Remote:
    """A fake whose knobs are turned from another process."""

    def __init__(self, knobs: Knobs) -> None:
        super().__init__()
        self.knobs = knobs

    def _take_time(self) -> None:
        """Take as long as the knob says meanwhile: turned to zero, it lets the call go on at once."""
        started = time.monotonic()
        while time.monotonic() - started < self.knobs.seconds.value:
            time.sleep(0.01)


class RemoteSegmenter(Remote, FakeSegmenter):
    """A model in the server."""

    def segment(
        self, image: ImageArray, objects: Sequence[Prompts], *, logits: bool = False
    ) -> ImageResult:
        self.broken = bool(self.knobs.broken.value)
        self.knobs.calls.value += 1
        return super().segment(image, objects, logits=logits)


class RemoteTracker(Remote, FakeTracker):
    """A tracker in the server."""

    def _work(self) -> None:
        self.broken = bool(self.knobs.broken.value)
        super()._work()


class OtherSegmenter(FakeSegmenter):
    """The fake under another name, as a backbone to choose."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    @property
    def info(self) -> ModelInfo:
        title = self.name.capitalize()
        titles = {"base": title, "refined": f"{title} + cascade of fake"}
        return ModelInfo(self.name, "cpu", "none", "none", {"titles": titles})


def load_other(knobs: Knobs, name: str) -> FakeSegmenter:
    """Load one of the backbones that can be had; one takes as long as it is told."""
    if name == "gone":
        raise InputError(f"The weights of {name} could not be fetched; use another backbone.")
    while name == "slow" and knobs.loading.value:
        time.sleep(0.05)
    return OtherSegmenter(name)


def with_truth(example: ExampleSource) -> ExampleSource:
    """Return another example of the same picture that has a true mask, which lies beside it."""
    mask = example.file.with_name("disc_mask.png")
    truth = np.where(disc((300, 400), 100, 150, 60), 255, 0).astype(np.uint8)
    Image.fromarray(truth).save(mask)
    return replace(example, name="disc", label="Disc", mask=mask)


def serve(port: int, folder: Path, example: ExampleSource, knobs: Knobs) -> None:
    """Run the app until this process is ended."""
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    gc.disable()  # as in app.py
    from refiner.files.reading import HERE
    from webapp.page import build_page, launch
    from webapp.serving.visitors import current_visitor
    from webapp.shared.limits import Limits
    from webapp.shared.uploads import Uploads
    from webapp.video.clip_files import video_studio

    limits = Limits(file_megabytes=2)
    uploads = Uploads(folder, current_visitor)
    page = build_page(
        RemoteSegmenter(knobs),
        reader=HERE,
        uploads=uploads,
        examples=[example, with_truth(example)],
        results=RESULTS,
        variants={"LA + PR": FakeSegmenter},
        video=video_studio(RemoteTracker(knobs), limits, uploads),
        load_backbone=partial(load_other, knobs),
        backbones=("other", "third", "slow", "gone"),
        limits=limits,
    )
    gc.freeze()
    gc.enable()
    launch(page, uploads, "127.0.0.1", port, limits, quiet=True, mcp_server=True)


@contextmanager
def serving(folder: Path, example: ExampleSource) -> Iterator[tuple[str, Knobs]]:
    """Give the address of a running app and the knobs of its model."""
    with server_process(folder, example) as (url, knobs, _):
        yield url, knobs


@contextmanager
def server_process(
    folder: Path,
    example: ExampleSource,
    port: int = 0,
    run: Callable[[int, Path, ExampleSource, Knobs], None] = serve,
) -> Iterator[tuple[str, Knobs, multiprocessing.process.BaseProcess]]:
    """Give the process of the app, too; it listens on `port`, or on a free one; `run` runs it."""
    processes = multiprocessing.get_context(START)
    processes.set_forkserver_preload(["webapp.page", "webapp.video.clip_files"])
    knobs = Knobs(*(processes.Value(kind, 0) for kind in "diii"))
    port = port or free_port()
    process = processes.Process(target=run, args=(port, folder, example, knobs), daemon=True)
    process.start()
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, process)
        yield url, knobs, process
    finally:
        process.terminate()
        process.join()
        process.close()


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_for(url: str, process: multiprocessing.process.BaseProcess) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.is_alive():
        try:
            with urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"The app did not start within {STARTS_WITHIN} s; its output says why.")
