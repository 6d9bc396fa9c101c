"""The long work over a clip: tracking and exporting; what is finished of it stays when it ends."""

from __future__ import annotations

import contextlib
import errno
import logging
import shutil
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, cast, get_args

from refiner.types import BoolArray, ImageArray, InputError, MaskPair, ModelInfo
from refiner.video_types import Frames, TrackedFrame, Tracker, VideoInfo
from webapp.shared import text
from webapp.video.open_clips import Clip, ClipJob, Work
from webapp.video.results import Score, ScoreMask, Tracked, plan
from webapp.video.state import Basis, PairCodes, VideoScene

OpenClip = Callable[[Path], Clip]
"""Opens a file as a clip; raises InputError if it is none or over a limit."""


Export = Literal[
    "comparison",
    "overlay-sam2",
    "overlay-sam2refiner",
    "cutout-sam2-webm",
    "cutout-sam2refiner-webm",
    "cutout-sam2-prores",
    "cutout-sam2refiner-prores",
    "masks",
    "rle",
]
EXPORTS: tuple[Export, ...] = get_args(Export)
"""Which files there are."""


@dataclass(frozen=True, eq=False)
class ClipResult:
    """What an export is made of.

    Attributes:
        clip: the chosen frames, counted from 0, at the file's own size.
        objects: the objects in the order of their places.
        tracked: the masks, at the size worked at; frames without any are missing.
        info: the model that made the masks.
        name: how the file's name begins.
    """

    clip: Clip
    objects: tuple[int, ...]
    tracked: Iterator[TrackedFrame]
    info: ModelInfo
    name: str


class ExportClip(Protocol):
    """Writes one of `EXPORTS`."""

    def __call__(
        self, name: str, result: ClipResult, folder: Path, progress: Callable[[int], None]
    ) -> Path:
        """Return the file written into `folder`.

        Args:
            name: one of `EXPORTS`.
            result: what to write.
            folder: where to.
            progress: is told how many frames are done; what it raises ends the writing.

        Raises:
            InputError: there is nothing to write, a frame cannot be read, or the disk is full.
        """


class Watched:
    """Frames that end the work when it is cancelled, also where nothing is shown for long."""

    def __init__(self, frames: Frames, seen: Callable[[int], None]) -> None:
        self._frames = frames
        self._seen = seen

    @property
    def info(self) -> VideoInfo:
        """What the clip is."""
        return self._frames.info

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> ImageArray:
        self._seen(index)
        return self._frames[index]


def track(
    job: ClipJob,
    work: Work,
    tracker: Tracker,
    score: ScoreMask | None = None,
) -> None:
    """Track what is missing of a clip, or no longer holds after a correction.

    Raises:
        Cancelled: the visitor gave it up.
        InputError: a frame or a prompt cannot be used.
    """
    state, span, results = job.snapshot()
    scene, start = state.scene, state.scene.start(span)
    assert start is not None
    parts = plan(results.needed(scene, span), start)
    work.total = sum(_steps(part, start) for part in parts)
    with contextlib.closing(job.reader()) as clip:
        for since, until in parts:
            before = work.done
            silent = max(since - start, 0)

            def seen(index: int, silent: int = silent, before: int = before) -> None:
                passed = index - start if start <= index < start + silent else silent
                work.step(max(work.done, before + passed))

            prompts, frames = scene.prompts(span), Watched(clip, seen)
            steps = tracker.track(frames, prompts, since=since, until=until)
            with contextlib.closing(cast("Generator[TrackedFrame, None, None]", steps)):
                for number, found in enumerate(steps, start=1):
                    _store(job, scene, span, found, score)
                    work.step(before + silent + number)


def _steps(part: tuple[int, int], start: int) -> int:
    return part[1] - min(part[0], start) if part[0] >= start else part[1] - part[0]


def _store(
    job: ClipJob, scene: VideoScene, span: range, found: TrackedFrame, score: ScoreMask | None
) -> None:
    truth = job.truth(found.index) if job.truth else {}
    objects = {key: _tracked(pair, truth.get(key), score) for key, pair in found.objects.items()}
    with job.lock:
        start = scene.start(span)
        assert start is not None
        basis: dict[int, Basis] = {
            item.id: item.basis(found.index, span, start)
            for item in scene.objects
            if any(frame in span for frame in item.frames)
        }
        job.results.put(found.index, objects, basis)


def _tracked(pair: MaskPair, truth: BoolArray | None, score: ScoreMask | None) -> Tracked:
    codes = PairCodes.of(pair)
    if truth is None or score is None:
        return Tracked(codes)
    base, refined = score(pair.base.mask, truth), score(pair.refined.mask, truth)
    return Tracked(codes, Score(*base), Score(*refined))


def export(job: ClipJob, work: Work, name: str, export_clip: ExportClip, info: ModelInfo) -> None:
    """Write a file of the masks as they are shown now.

    Raises:
        Cancelled: the visitor gave it up.
        InputError: there is nothing to write, a frame cannot be read, or the disk is full.
    """
    state, span, results = job.snapshot()

    def tracked() -> Iterator[TrackedFrame]:
        for number, index in enumerate(span):
            shown = results.shown(state.scene, index, span)
            if shown:
                yield TrackedFrame(number, {key: codes.masks() for key, codes in shown.items()})

    work.total = len(span)
    items = sorted(state.scene.objects, key=lambda item: item.slot)
    folder = job.folder / "export"
    folder.mkdir(exist_ok=True)
    with contextlib.closing(job.whole.part(span.start, span.stop)) as clip:
        result = ClipResult(clip, tuple(item.id for item in items), tracked(), info, job.name)
        try:
            work.file = export_clip(name, result, folder, work.step)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def explain(error: Exception) -> str:
    """Say in words what went wrong."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return text.DISK_FULL
    logging.getLogger(__name__).error("Work over a clip failed.", exc_info=error)
    return text.VIDEO_FAILED
