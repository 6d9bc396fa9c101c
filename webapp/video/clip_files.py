"""Video files for the video tab: read, written and scored by `refiner.clips.clip` and libraries."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image
from vos_benchmark.evaluator import Evaluator

from refiner.clips.clip import Clip, open_clip
from refiner.clips.containers import ClipLimits
from refiner.clips.exports import export_path, write_exports
from refiner.clips.mask_exports import ClipExport
from refiner.types import BoolArray, Box, Prompts
from refiner.video_types import FramePrompts, Tracker
from webapp.shared.examples import ClipSource
from webapp.shared.limits import Limits
from webapp.video.tab import VideoParts
from webapp.video.work import ClipResult

LICENCE = "Rendered by this project, Apache-2.0."
BOUNDARY = 0.008
"""How far an outline may be off to count as right in F, in diagonals of the frame (DAVIS)."""


def video_parts(tracker: Tracker, limits: Limits, assets: Path | None = None) -> VideoParts:
    """Return what the video tab works with.

    Args:
        tracker: the model.
        limits: how large files may be.
        assets: a folder with example clips, see `installed_clips`.
    """
    refused = ClipLimits(file_bytes=limits.video_megabytes * 1_000_000)
    return VideoParts(
        tracker=tracker,
        open_clip=lambda path: open_clip(path, limits=refused),
        export_clip=_export,
        score=score,
        examples=installed_clips(assets) if assets else (),
    )


def installed_clips(assets: Path) -> tuple[ClipSource, ...]:
    """Return the rendered clips `NAME-clip.mp4` of a folder that have their masks beside them.

    The masks are `NAME-clip_masks.zip` in DAVIS layout, a pixel's value the object's id. Each
    object starts with the box around its true mask on the first frame.

    Raises:
        InputError: a clip cannot be read.
    """
    files = sorted(assets.glob("*-clip.mp4"))
    return tuple(_source(file) for file in files if _masks(file).is_file())


def score(mask: BoolArray, truth: BoolArray) -> tuple[float, float]:
    """Return J and F of a mask of one frame, in [0, 1], as DAVIS defines them."""
    evaluator = Evaluator(boundary=BOUNDARY)
    evaluator.objects_in_gt.add(1)  # an object that is gone counts, too
    evaluator.feed_frame(mask.astype(np.uint8), truth.astype(np.uint8))
    j, f = evaluator.conclude()
    return float(j[1]) / 100, float(f[1]) / 100


def _export(name: str, result: ClipResult, folder: Path, progress: Callable[[int], None]) -> Path:
    assert isinstance(result.clip, Clip)
    job = ClipExport(result.clip, result.objects, result.info, result.name)
    steps = write_exports(job, result.tracked, [name], folder)
    with closing(cast("Generator[int, None, None]", steps)):
        for done in steps:
            progress(done)
    return export_path(folder, job, name)


def _source(file: Path) -> ClipSource:
    def truth(index: int) -> Mapping[int, BoolArray]:
        with zipfile.ZipFile(_masks(file)) as archive:
            png = archive.read(f"{file.stem}/{index:05}.png")
        with Image.open(io.BytesIO(png)) as image:
            labels = np.asarray(image)
        return {key: labels == key for key in objects}

    objects: tuple[int, ...] = tuple(range(1, 256))
    objects = tuple(key for key, mask in truth(0).items() if mask.any())
    prompts = (FramePrompts(0, key, Prompts(box=_box(mask))) for key, mask in truth(0).items())
    with open_clip(file) as clip:
        picture = clip[len(clip) // 2]
    label = file.stem.removesuffix("-clip").replace("-", " ").capitalize()
    return ClipSource(file.stem, label, file, picture, LICENCE, tuple(prompts), truth)


def _masks(file: Path) -> Path:
    return file.with_name(f"{file.stem}_masks.zip")


def _box(mask: BoolArray) -> Box:
    rows, columns = np.nonzero(mask)
    return Box(float(columns.min()), float(rows.min()), columns.max() + 1.0, rows.max() + 1.0)
