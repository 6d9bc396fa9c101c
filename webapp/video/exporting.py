"""Writes what a clip shows into a file for download."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

from refiner.types import ModelInfo
from refiner.video_types import TrackedFrame
from webapp.video.open_clips import Clip, ClipJob
from webapp.video.work import Work

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

    def __call__(self, name: str, result: ClipResult, folder: Path) -> Generator[int, None, Path]:
        """Write a file into `folder`; closed before its end, it leaves none.

        Args:
            name: one of `EXPORTS`.
            result: what to write.
            folder: where to.

        Yields:
            How many frames are done.

        Returns:
            The file.

        Raises:
            InputError: there is nothing to write, a frame cannot be read, or the disk is full.
        """


def write_export(
    job: ClipJob, work: Work, name: str, export_clip: ExportClip, info: ModelInfo
) -> None:
    """Write a file of the masks as they are shown now.

    Raises:
        Cancelled: the visitor gave it up.
        InputError: there is nothing to write, a frame cannot be read, or the disk is full.
    """
    state, span, results = job.snapshot()

    def tracked() -> Iterator[TrackedFrame]:
        for number, index in enumerate(span):
            pairs = results.visible(state.scene, index, span)
            if pairs:
                yield TrackedFrame(number, {key: pair.masks() for key, pair in pairs.items()})

    def steps(result: ClipResult) -> Generator[int, None, None]:
        work.file = yield from export_clip(name, result, folder)

    work.total = len(span)
    items = sorted(state.scene.objects, key=lambda item: item.slot)
    folder = job.folder / "export"
    folder.mkdir(exist_ok=True)
    with closing(job.whole.part(span.start, span.stop)) as clip:
        result = ClipResult(clip, tuple(item.id for item in items), tracked(), info, job.name)
        try:
            with closing(steps(result)) as stream:
                for done in stream:
                    work.step(done)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
