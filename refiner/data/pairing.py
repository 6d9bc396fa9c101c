"""Which mask belongs to which picture, by their names alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from refiner.types import InputError

MASK, NUMBERED = "mask", "numbered"
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
IMAGE_FOLDERS = ("images", "image", "imgs", "img")
MASK_FOLDERS = ("masks", "mask", "labels", "gt")
MASK_ENDINGS = ("_mask", "-mask", ".mask")
SHOWN = 3


@dataclass(frozen=True, slots=True)
class PairNames:
    """A picture and its mask.

    Attributes:
        name: what to call the pair.
        image: name of the picture's file.
        mask: name of the mask's file.
        kind: `MASK`, a picture of one object's mask; `NUMBERED`, a map that numbers its objects;
            or one of `refiner.data.manifest.KINDS`, such a map, too.
    """

    name: str
    image: str
    mask: str
    kind: str


def is_junk(name: str) -> bool:
    """Whether a file is one that systems leave behind, or hidden."""
    parts = PurePosixPath(name).parts
    return any(part.startswith((".", "__MACOSX")) for part in parts) or parts[-1] == "Thumbs.db"


def pair_names(names: Iterable[str]) -> tuple[PairNames, ...]:
    """Pair pictures and masks: `a.jpg` and `a_mask.png`, or `images/a.jpg` and `masks/a.png`.

    Files that are no pictures by name are left out.

    Raises:
        InputError: there are no pictures, one has no partner, or two have the same.
    """
    images: dict[str, str] = {}
    masks: dict[str, str] = {}
    for name in _pictures(names):
        key, is_mask = _key(name)
        side = masks if is_mask else images
        if key in side:
            raise InputError(f"{ascii(side[key])} and {ascii(name)} are the same one; leave one.")
        side[key] = name
    _check_partners(images, masks)
    return tuple(PairNames(key, image, masks[key], MASK) for key, image in sorted(images.items()))


def pair_frames(names: Iterable[str]) -> tuple[PairNames, ...]:
    """Pair frames as DAVIS has them: `JPEGImages/.../a/0.jpg` and `Annotations/.../a/0.png`.

    Of each sequence the first frame with masks is taken; frames without are left out.

    Raises:
        InputError: there are no masks, one has no frame, or two have the same.
    """
    sides: dict[str, dict[str, str]] = {"JPEGImages": {}, "Annotations": {}}
    for name in _pictures(names):
        parts = PurePosixPath(name).with_suffix("").parts
        for folder, side in sides.items():
            if folder in parts[:-1]:
                key = "/".join(parts[parts.index(folder) + 1 :])
                if key in side:
                    raise InputError(f"{ascii(side[key])} and {ascii(name)} are the same frame.")
                side[key] = name
    frames, masks = sides.values()
    _check_partners({key: frame for key, frame in frames.items() if key in masks}, masks)
    first: dict[str, str] = {}
    for key in sorted(masks):
        first.setdefault(str(PurePosixPath(key).parent), key)
    return tuple(PairNames(key, frames[key], masks[key], NUMBERED) for key in first.values())


def _pictures(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.lower().endswith(PICTURES)]


def _key(name: str) -> tuple[str, bool]:
    """Return what a picture and its mask have in common, and whether this is the mask."""
    path = PurePosixPath(name)
    parts, stem = list(path.parts[:-1]), path.stem
    if stem.lower().endswith(MASK_ENDINGS):
        return "/".join([*parts, stem[: -len(MASK_ENDINGS[0])]]), True
    for index, part in enumerate(parts):
        if part.lower() in MASK_FOLDERS + IMAGE_FOLDERS:
            rest = parts[:index] + parts[index + 1 :]
            return "/".join([*rest, stem]), part.lower() in MASK_FOLDERS
    return "/".join([*parts, stem]), False


def _check_partners(images: dict[str, str], masks: dict[str, str]) -> None:
    without = [name for key, name in images.items() if key not in masks]
    lost = [name for key, name in masks.items() if key not in images]
    if without:
        raise InputError(
            f"{_some(without)}: no mask. Name the mask of a.jpg a_mask.png, or put pictures into "
            "images/ and masks of the same names into masks/."
        )
    if lost:
        raise InputError(f"{_some(lost)}: a mask without its picture; add the picture.")
    if not images:
        raise InputError("There are no pictures with masks in what was given.")


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(ascii(name[-80:]) for name in names[:SHOWN])
    return shown + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
