"""Fakes that workers of Ray load by name; what they do is told in a file."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from refiner.batch.jobs import Work
from refiner.types import ImageArray, ImageResult, InputError, Prompts
from refiner.video_types import FramePrompts, Frames, TrackedFrame
from tests.fakes import FakeSegmenter, FakeTracker


def note(log: Path, line: object) -> None:
    with log.open("a") as file:
        file.write(f"{line}\n")


class NotingTracker(FakeTracker):
    """Notes how long each clip is that it tracks."""

    def __init__(self, log: Path) -> None:
        super().__init__()
        self.log = log

    def track(
        self, frames: Frames, prompts: Sequence[FramePrompts], **span: int | None
    ) -> Iterator[TrackedFrame]:
        note(self.log, len(frames))
        return super().track(frames, prompts, **span)


class DyingTracker(NotingTracker):
    """Its process is killed in the middle of the first clip of 8 frames."""

    def track(
        self, frames: Frames, prompts: Sequence[FramePrompts], **span: int | None
    ) -> Iterator[TrackedFrame]:
        for frame in super().track(frames, prompts, **span):
            if len(frames) == 8 and frame.index == 4 and self.log.read_text().count("8") == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            yield frame


class NotingSegmenter(FakeSegmenter):
    """Notes each call."""

    def __init__(self, log: Path) -> None:
        super().__init__()
        self.log = log

    def segment(
        self, image: ImageArray, objects: Sequence[Prompts], *, logits: bool = False
    ) -> ImageResult:
        note(self.log, len(objects))
        return super().segment(image, objects, logits=logits)


def no_model() -> Work:
    raise InputError("There are no weights.")


def dying_load() -> Work:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def deadly_work(log: Path) -> Work:
    """Work that a 3 kills, and that cannot do a 4."""
    return Work(partial(_do, log), "info")


def _do(log: Path, number: int) -> int:
    note(log, number)
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 4:
        raise InputError("Four is too much.")
    return 10 * number
