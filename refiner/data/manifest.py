"""Reads a data folder: `manifest.jsonl`, the photos and label maps it names, the objects in them.

A manifest has a line a label map or video sequence; its paths are relative to its own folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from refiner.files.labels.picture import numbered_map
from refiner.types import BoolArray, ImageArray, InputError

INSTANCE_KINDS = ("object", "human", "matting")
REGION_KINDS = ("regions", "clothing", "street")
VIDEO_KIND = "video"
KINDS = (*INSTANCE_KINDS, *REGION_KINDS, VIDEO_KIND)
MIN_REGION_SHARE = 0.002
HALF = 127
"""Coverage above which a pixel of a soft mask belongs to its object."""

LabelMap = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a manifest.

    `image` and `mask` are a photo and its label map, or for `kind` video the two folders of
    numbered frames. `source` is the short name of the data set: the folder under `images/` or
    `videos/`. `group` joins near-duplicates; `size_hw` is (height, width) in pixels, None where
    only the files say it; `frames` the number of frames of a video, None for a photo. With a
    `threshold` the mask is no label map but grey, and its one object the pixels above it; with
    `alpha` it is grey, too, and says how much of each pixel its one object covers. `hard` is the id
    of the row that such a row stands in for, empty where there is none.
    """

    id: str
    image: Path
    mask: Path
    kind: str
    source: str
    split: str
    group: str
    size_hw: tuple[int, int] | None = None
    frames: int | None = None
    threshold: int | None = None
    alpha: bool = False
    hard: str = ""


def read_manifest(path: str | Path, split: str | None = None) -> tuple[Row, ...]:
    """Read the rows of a manifest in its order, those of one `split` if given.

    Raises:
        InputError: the file is missing, a line is not what a manifest holds (the message names
            the line), two rows share an id, or the manifest has no row of `split`.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read the manifest {path}: {_reason(error)}.") from error
    rows = parse_manifest(text, path)
    if split is None:
        return rows
    known = sorted({row.split for row in rows})
    if split not in known:
        raise InputError(f"{path} has no split {split!r}; choose one of: {', '.join(known)}.")
    return tuple(row for row in rows if row.split == split)


def parse_manifest(text: str, path: Path) -> tuple[Row, ...]:
    """Return the rows of the manifest `text`, which is that of `path`, in its order.

    Raises:
        InputError: as `read_manifest`, but for the split.
    """
    rows: dict[str, Row] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        row = _parse_row(line, path.parent, f"{path}, line {number}")
        if row.id in rows:
            raise InputError(f"{path}, line {number}: the id {row.id!r} is used twice.")
        rows[row.id] = row
    if not rows:
        raise InputError(f"The manifest {path} has no rows.")
    return tuple(rows.values())


def read_image_and_labels(row: Row) -> tuple[ImageArray, LabelMap]:
    """Read a photo, uint8 RGB (height, width, 3), and its label map, uint8 (height, width).

    Of a row with `alpha` the map has the one id 1 where the object covers half a pixel or more.
    The map of a row with a threshold has the one id 1. Such masks belong to the photo's pixels as
    stored; other photos are turned as their EXIF says.

    Raises:
        InputError: the row is a video, or a file is missing, unreadable or not of `row.size_hw`,
            or of the other's size where the row does not say one.
    """
    if row.kind == VIDEO_KIND:
        raise InputError(f"{row.id} is a video; expected a photo with a label map.")
    photo = _open(row.image, "photo")
    if row.threshold is None:
        photo = ImageOps.exif_transpose(photo)
    image = np.array(photo.convert("RGB"))
    cut = HALF if row.alpha else row.threshold
    ids = read_labels(row.mask) if cut is None else (read_grey(row.mask) > cut).astype(np.uint8)
    height, width = row.size_hw or image.shape[:2]
    said = "the manifest says" if row.size_hw else "its photo is"
    for name, file, shape in (
        ("photo", row.image, image.shape[:2]),
        ("label map", row.mask, ids.shape),
    ):
        if shape != (height, width):
            raise InputError(
                f"The {name} {file} is {shape[1]} x {shape[0]}, {said} {width} x {height} "
                f"for {row.id}; correct one of them."
            )
    return image, ids


def read_labels(path: Path) -> LabelMap:
    """Read a label map, uint8 (height, width), as `refiner.files.labels.numbered_map` does.

    Raises:
        InputError: the file is missing, unreadable, or numbers too many objects.
    """
    labels = _open(path, "label map")
    try:
        return numbered_map(labels)
    except InputError as error:
        raise InputError(f"The label map {path}: {error}") from error


def read_grey(path: Path) -> NDArray[np.uint8]:
    """Read a grey mask, or the red channel of one in colour, uint8 (height, width), as it is.

    Raises:
        InputError: the file is missing, unreadable, or has no 8-bit channels.
    """
    mask = _open(path, "mask")
    if mask.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
        raise InputError(f"The mask {path} must have 8-bit channels, got mode {mask.mode}.")
    return np.array(mask.convert("RGB").getchannel(0), dtype=np.uint8)


def object_ids(labels: LabelMap, kind: str) -> list[int]:
    """List the ids of a label map (height, width) that are objects, ascending; 0 never is one.

    Of a map of regions, clothing or street classes, ids below 0.2 % of the picture are left out.

    Raises:
        InputError: `kind` is unknown.
    """
    if kind not in KINDS:
        raise InputError(f"Unknown kind {kind!r}; expected one of: {', '.join(KINDS)}.")
    areas = np.bincount(labels.ravel(), minlength=1)
    least = MIN_REGION_SHARE * labels.size if kind in REGION_KINDS else 1
    return [int(label) for label in np.flatnonzero(areas >= least) if label != 0]


def object_masks(labels: LabelMap, kind: str) -> list[BoolArray]:
    """Return the mask of each of `object_ids`, bool (height, width), in the same order.

    Raises:
        InputError: `kind` is unknown.
    """
    return [labels == label for label in object_ids(labels, kind)]


def _parse_row(line: str, root: Path, where: str) -> Row:
    """Turn one line into a row; `where` names it in messages."""
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: not valid JSON ({error.msg}).") from error
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected a JSON object, got {type(value).__name__}.")
    _require(value, ("id", "image", "mask", "kind", "split"), str, where)
    _require(value, ("w", "h"), int, where)
    kind = value["kind"]
    if kind not in KINDS:
        raise InputError(f"{where}: unknown kind {kind!r}; expected one of: {', '.join(KINDS)}.")
    if kind == VIDEO_KIND:
        _require(value, ("frames",), int, where)
    return Row(
        id=value["id"],
        image=_inside(root, value["image"], where),
        mask=_inside(root, value["mask"], where),
        kind=kind,
        source=_source(value),
        split=value["split"],
        group=str(value.get("group", value["id"])),
        size_hw=(value["h"], value["w"]),
        frames=value["frames"] if kind == VIDEO_KIND else None,
        alpha=value.get("alpha") is True,
        hard=str(value.get("hard", "")),
    )


def _require(value: dict[str, Any], keys: Iterable[str], kind: type, where: str) -> None:
    """Raise InputError unless every key is there: text that is not empty, or a number above 0."""
    expected = "text" if kind is str else "a whole number above 0"
    for key in keys:
        if key not in value:
            raise InputError(f"{where}: the key {key!r} is missing; expected {expected}.")
        got = value[key]
        if type(got) is not kind or not got or (isinstance(got, int) and got < 0):
            raise InputError(f"{where}: {key!r} must be {expected}, got {got!r}.")


def _inside(root: Path, relative: str, where: str) -> Path:
    """Join a manifest's path to its folder, refusing one that leaves it."""
    normal = os.path.normpath(relative)
    if os.path.isabs(normal) or normal.split(os.sep)[0] == "..":
        raise InputError(
            f"{where}: the path {relative!r} leaves the manifest's folder; "
            "give one relative to it and below it."
        )
    return root / normal


def _source(value: dict[str, Any]) -> str:
    """Return the folder under images/ or videos/; a flat path takes the line's own `source`."""
    parts = PurePosixPath(value["image"]).parts
    return parts[1] if len(parts) > 2 else str(value.get("source", "unnamed"))


def _open(path: Path, name: str) -> Image.Image:
    try:
        image: Image.Image = Image.open(path)
        with image:
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"Cannot read the {name} {path}: {_reason(error)}.") from error
    return image


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
