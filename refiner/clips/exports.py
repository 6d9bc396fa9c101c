"""A tracked clip as files: videos, index masks in DAVIS layout, COCO run lengths.

Every export has one frame for each frame of the clip, at the clip's size, rate and times, with its
sound where the file can hold any. A frame that was not tracked is in it, too: as it is in overlays,
empty in cut-outs and index masks, without objects in the JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import cv2
import numpy as np

from refiner.clips.formats import H264, PRORES_ALPHA, VP9_ALPHA, Format
from refiner.clips.mask_exports import (
    MODELS,
    ClipExport,
    IndexMasks,
    Pairs,
    RunLengths,
    masks_of,
)
from refiner.clips.writing import ClipWriter
from refiner.files.painting import object_color, overlay
from refiner.types import ImageArray, InputError, Mask, MaskPair
from refiner.video_types import TrackedFrame

TITLES: Mapping[str, str] = {"sam2": "SAM2", "sam2refiner": "SAM2Refiner"}
TITLED_FROM = 120
"""Rows from which a picture has room for a title."""


class _Sink(Protocol):
    """Takes frames in order; a context manager that finishes its file or leaves none."""

    def add(self, index: int, image: ImageArray, pairs: Pairs | None) -> None: ...

    def __enter__(self) -> Any: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


def export_path(folder: Path, job: ClipExport, name: str) -> Path:
    """Return where `write_exports` puts the export `name`.

    Raises:
        InputError: there is no such export.
    """
    if name not in EXPORTS:
        raise InputError(f"There is no export {name!r}; choose of {', '.join(EXPORTS)}.")
    kind, suffix = re.sub(r"-(webm|prores)$", "", name), EXPORTS[name][0]
    return folder / f"{job.stem}-{kind}{suffix}"


def write_exports(
    job: ClipExport, tracked: Iterable[TrackedFrame], names: Sequence[str], folder: Path
) -> Iterator[int]:
    """Write the exports `names`, any of `EXPORTS`, in one pass over the clip.

    Closing the iterator, or Ctrl-C, finishes all files with the frames until there.

    Args:
        job: what of.
        tracked: masks in ascending order of frames; frames may be missing. Masks of another size
            than the clip's are scaled to it.
        names: the exports to write.
        folder: where to, see `export_path`; files that are there are replaced.

    Yields:
        How many frames are written, after each.

    Raises:
        InputError: an export or object is unknown, frames come out of order, or the disk is full;
            then no file is left.
    """
    paths = [export_path(folder, job, name) for name in names]
    if len(set(paths)) != len(paths):
        raise InputError("An export was asked for twice; name each once.")
    following, waiting = iter(tracked), None
    with ExitStack() as stack:
        sinks: list[_Sink] = []
        for name, path in zip(names, paths, strict=True):
            sinks.append(EXPORTS[name][1](path, job, *EXPORTS[name][2]))
            stack.enter_context(sinks[-1])
        for index in range(len(job.clip)):
            waiting = next(following, None) if waiting is None else waiting
            if waiting is not None and waiting.index < index:
                raise InputError(f"Frame {waiting.index} came after frame {index - 1}; sort them.")
            pairs = None
            if waiting is not None and waiting.index == index:
                pairs, waiting = _fitted(waiting.objects, job), None
            image = job.clip[index]
            for sink in sinks:
                sink.add(index, image, pairs)
            yield index + 1


def _fitted(pairs: Pairs, job: ClipExport) -> Pairs:
    """Return `pairs` in the order of the objects, at the clip's size."""
    unknown = set(pairs) - set(job.objects)
    if unknown:
        raise InputError(f"Object {min(unknown)} is tracked but not among those to export.")
    size_hw = job.clip.info.size_hw
    return {
        name: MaskPair(_resized(pairs[name].base, size_hw), _resized(pairs[name].refined, size_hw))
        for name in job.objects
        if name in pairs
    }


def _resized(mask: Mask, size_hw: tuple[int, int]) -> Mask:
    if mask.mask.shape == size_hw:
        return mask
    soft = cv2.resize(mask.mask.astype(np.float32), size_hw[::-1], interpolation=cv2.INTER_LINEAR)
    return Mask(np.asarray(soft > 0.5), mask.quality)


class _Video:
    """A video file of what its subclass paints."""

    def __init__(self, path: Path, job: ClipExport, form: Format, panes: int = 1) -> None:
        self._job, clip = job, job.clip
        height, width = clip.info.size_hw
        self._writer = ClipWriter(
            path,
            form,
            (height, width * panes),
            clip.timing,
            sample_aspect=clip.sample_aspect,
            sound=clip.sound,
        )

    def _painted(self, image: ImageArray, pairs: Pairs | None, model: str) -> ImageArray:
        masks = masks_of(pairs, model)
        colors = [object_color(self._job.objects.index(name)) for name in masks]
        return overlay(image, list(masks.values()), colors)

    def __enter__(self) -> None:
        self._writer.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._writer.__exit__(*error)


class _Comparison(_Video):
    """Both models' overlays side by side."""

    def __init__(self, path: Path, job: ClipExport) -> None:
        super().__init__(path, job, H264, len(MODELS))

    def add(self, index: int, image: ImageArray, pairs: Pairs | None) -> None:
        panes = [_titled(self._painted(image, pairs, model), TITLES[model]) for model in MODELS]
        self._writer.write(np.hstack(panes))


class _Overlay(_Video):
    """One model's masks painted over the frames."""

    def __init__(self, path: Path, job: ClipExport, model: str) -> None:
        super().__init__(path, job, H264)
        self._model = model

    def add(self, index: int, image: ImageArray, pairs: Pairs | None) -> None:
        self._writer.write(self._painted(image, pairs, self._model))


class _Cutout(_Video):
    """All objects of one model on a transparent ground, which is black below."""

    def __init__(self, path: Path, job: ClipExport, model: str, form: Format) -> None:
        super().__init__(path, job, form)
        self._model = model

    def add(self, index: int, image: ImageArray, pairs: Pairs | None) -> None:
        inside = np.zeros(image.shape[:2], dtype=np.bool_)
        for mask in masks_of(pairs, self._model).values():
            inside |= mask
        colors = np.where(inside[..., None], image, 0)
        self._writer.write(np.dstack([colors, inside * np.uint8(255)]))


def _titled(picture: ImageArray, title: str) -> ImageArray:
    """Write `title` into the upper left corner of `picture`, white with a dark edge."""
    height = picture.shape[0]
    if height >= TITLED_FROM:
        scale = height / 480
        place = round(10 * scale), round(28 * scale)
        for color, width in (((0, 0, 0), 4 * scale), ((255, 255, 255), 1.5 * scale)):
            cv2.putText(
                picture,
                title,
                place,
                cv2.FONT_HERSHEY_SIMPLEX,
                0.8 * scale,
                color,
                max(1, round(width)),
                cv2.LINE_AA,
            )
    return picture


EXPORTS: Mapping[str, tuple[str, Any, tuple[Any, ...]]] = {
    "comparison": (".mp4", _Comparison, ()),
    **{f"overlay-{model}": (".mp4", _Overlay, (model,)) for model in MODELS},
    **{f"cutout-{model}-webm": (".webm", _Cutout, (model, VP9_ALPHA)) for model in MODELS},
    **{f"cutout-{model}-prores": (".mov", _Cutout, (model, PRORES_ALPHA)) for model in MODELS},
    "masks": (".zip", IndexMasks, ()),
    "rle": (".json", RunLengths, ()),
}
"""Each export's suffix, and what writes it."""
