"""Reads published image sets by folder, in the layouts that HQ-SAM's code (SysCV/sam-hq) expects.

A photo NAME.jpg has the grey mask NAME.png of one object: the pixels above `THRESHOLD`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from refiner.data.manifest import Row, read_manifest
from refiner.types import InputError

THRESHOLD = 128
"""A mask's pixel belongs to the object if it is brighter."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a set keeps its files: `folder` is below the root, `images` and `masks` below it.

    `count` is the number of photos as published, None where it is not checked.
    """

    folder: PurePosixPath
    images: str = "."
    masks: str = "."
    count: int | None = None

    def expected(self) -> str:
        """Say in words where the files of the set should be."""
        images, masks = self.folder / self.images, self.folder / self.masks
        return f"photos {images}/*.jpg and masks {masks}/*.png"


_DIS = PurePosixPath("DIS5K")
_THIN = PurePosixPath("thin_object_detection")
_CASCADE = PurePosixPath("cascade_psp")

EVALUATION_SETS = {
    "dis": Layout(_DIS / "DIS-VD", "im", "gt", 470),
    "coift": Layout(_THIN / "COIFT", "images", "masks", 280),
    "hrsod": Layout(_THIN / "HRSOD", "images", "masks_max255", 287),
    "thinobject": Layout(_THIN / "ThinObject5K", "images_test", "masks_test", 500),
}
"""The image sets of the paper's tables."""
TRAINING_SETS = {
    "dis5k-tr": Layout(_DIS / "DIS-TR", "im", "gt"),
    "thinobject5k-tr": Layout(_THIN / "ThinObject5K", "images_train", "masks_train"),
    "fss": Layout(_CASCADE / "fss_all"),
    "duts-tr": Layout(_CASCADE / "DUTS-TR"),
    "duts-te": Layout(_CASCADE / "DUTS-TE"),
    "ecssd": Layout(_CASCADE / "ecssd"),
    "msra10k": Layout(_CASCADE / "MSRA_10K"),
}
"""HQSeg-44K, the paper's training set."""


def read_dataset(name: str, root: Path) -> tuple[Row, ...]:
    """Read the rows of one of `EVALUATION_SETS`, by name of file; their source is `name`.

    `root` is the folder above the set's folders, the set's own folder, or one between. Another
    number of photos than published is only told on stderr.

    Raises:
        InputError: the name is unknown, a folder is missing, there are no photos, or a photo or
            a mask has no partner.
    """
    if name not in EVALUATION_SETS:
        raise InputError(f"Unknown dataset {name!r}; choose one of: {', '.join(EVALUATION_SETS)}.")
    layout = EVALUATION_SETS[name]
    parts = layout.folder.parts
    places = [root.joinpath(*parts[start:]) for start in range(len(parts) + 1)]
    folder = next((place for place in places if (place / layout.images).is_dir()), None)
    if folder is None:
        raise InputError(
            f"{root} does not hold the set {name}: expected {layout.expected()} in it; name the "
            f"folder above {parts[0]}, or {layout.folder} itself."
        )
    rows = tuple(_rows(name, "test", folder, layout))
    if len(rows) != layout.count:
        sys.stderr.write(
            f"Warning: {folder} has {len(rows)} photos; {name} was published with {layout.count}.\n"
        )
    return rows


def read_training_rows(path: Path) -> tuple[Row, ...]:
    """Read the rows to train on: those of split train of a manifest, or a folder of HQSeg-44K.

    Of such a folder the `TRAINING_SETS` that are there are taken. A `soft.jsonl` beside a manifest
    adds its rows of split train; those with a `hard` row stand in for it.

    Raises:
        InputError: the manifest cannot be used, the folder has none of the sets, or a photo or a
            mask in it has no partner.
    """
    if path.is_file() or path.suffix == ".jsonl":
        return _with_soft_rows(read_manifest(path, "train"), path.parent / "soft.jsonl")
    rows = [
        row
        for name, layout in TRAINING_SETS.items()
        if (path / layout.folder / layout.images).is_dir()
        for row in _rows(name, "train", path / layout.folder, layout)
    ]
    if not rows:
        known = "; ".join(layout.expected() for layout in TRAINING_SETS.values())
        raise InputError(
            f"{path} is neither a manifest nor a folder laid out as HQSeg-44K; expected one or "
            f"more of these in it: {known}."
        )
    return tuple(rows)


def _with_soft_rows(rows: tuple[Row, ...], path: Path) -> tuple[Row, ...]:
    """Add the soft masks listed in `path`, if it is there, in place of the hard ones they name."""
    if not path.is_file():
        return rows
    soft = read_manifest(path, "train")
    known = {row.id for row in rows}
    for row in soft:
        if row.hard and row.hard not in known:
            raise InputError(
                f"{path}: {row.id} stands in for {row.hard!r}, which is no row of split train of "
                "the manifest beside it; correct its key 'hard' or remove the row."
            )
        if row.id in known and row.id != row.hard:
            raise InputError(f"{path}: the id {row.id!r} is in the manifest beside it, too.")
    replaced = {row.hard for row in soft}
    return (*(row for row in rows if row.id not in replaced), *soft)


def _rows(source: str, split: str, folder: Path, layout: Layout) -> Iterator[Row]:
    """Pair the photos and masks of a set, by name."""
    images, masks = folder / layout.images, folder / layout.masks
    for stem in _paired(images, masks):
        yield Row(
            id=f"{source}_{stem}",
            image=images / f"{stem}.jpg",
            mask=masks / f"{stem}.png",
            kind="object",
            source=source,
            split=split,
            group=f"{source}_{stem}",
            threshold=THRESHOLD,
        )


def _paired(images: Path, masks: Path) -> list[str]:
    """List the names, without ending, that photos and masks share; each must have both."""
    if not masks.is_dir():
        raise InputError(f"There is no folder {masks}; expected the masks of {images} in it.")
    photos, truths = _stems(images, ".jpg"), _stems(masks, ".png")
    single = sorted(photos ^ truths)
    if single:
        photo, mask = images / f"{single[0]}.jpg", masks / f"{single[0]}.png"
        there, gone = (photo, mask) if single[0] in photos else (mask, photo)
        raise InputError(
            f"{there} has no partner: expected {gone}. So have {len(single)} of the "
            f"{len(photos | truths)} names; unpack the set again, or remove what is alone."
        )
    if not photos:
        raise InputError(f"{images} has no photos; expected NAME.jpg, with NAME.png in {masks}.")
    return sorted(photos)


def _stems(folder: Path, ending: str) -> set[str]:
    names = (name for name in os.listdir(folder) if not name.startswith("."))
    return {name.removesuffix(ending) for name in names if name.endswith(ending)}
