"""Objects in a picture of labels, told apart by what the picture holds: numbers, colours, levels.

How a picture was understood goes along as notices. Where two readings are likely it is refused,
and the message names the choice that decides.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refiner.files.labels.levels import (
    Flags,
    Levels,
    border_shares,
    find_rims,
    find_solids,
    is_soft,
    merged_solids,
    without_rims,
)
from refiner.files.labels.objects import (
    FAINT,
    ignored_values,
    listed_objects,
    numbered_objects,
    too_many_objects,
)
from refiner.files.labels.pixels import Pixels, read_pixels
from refiner.files.labels.records import AUTO, LabelChoice, MaskFile, NamedMask
from refiner.types import MAX_OBJECTS, BoolArray, InputError

LARGE_SHARE = 0.5
_TOO_MANY_NUMBERS = "it numbers more than 255 objects; expected a map of objects."
_SOFT = "read as one object with soft edges, cut at half"
_LOSSY_RADIUS, _LOSSY_COLOUR_RADIUS = 24.0, 48.0


def read_label_picture(
    image: Image.Image, choice: LabelChoice = AUTO, *, lossy: bool = False
) -> MaskFile:
    """Tell the objects of a picture of labels apart.

    Args:
        image: decoded and upright, in the mode it was stored in.
        choice: how to read it.
        lossy: whether its format changes values, as JPEG does.

    Returns:
        Objects without pixels are left in; there may be none.

    Raises:
        InputError: it can be read in two ways, is no label picture, or has too many objects.
    """
    pixels = read_pixels(image)
    found = _read(pixels, choice, lossy)
    found = replace(found, notices=(*pixels.notices, *found.notices))
    return _inverted(found) if choice.invert else _with_share(found)


def numbered_map(image: Image.Image) -> NDArray[np.uint8]:
    """Return a map that numbers its objects, uint8 (height, width); 0 is none.

    Numbers to 255 stay as they are, but for one that means nothing is known, which becomes 0.
    Others, and colours, are numbered from 1 in their order.

    Raises:
        InputError: it has more than 255 objects.
    """
    pixels = read_pixels(image)
    plain = image.mode in ("1", "L", "P")
    levels = pixels.colours() if pixels.coloured else pixels.numbers()
    if levels is None:
        raise InputError(_TOO_MANY_NUMBERS)
    names = levels.names
    zero = [one for one, color in enumerate(levels.table) if not color.any()]
    others = [one for one in range(len(names)) if one not in zero and one != levels.background]
    ignored = ignored_values(levels, levels.codes, others)
    small = plain or all(name.isdecimal() and int(name) <= 255 for name in names if name)
    table = np.zeros(len(names), dtype=np.uint8)
    objects = [one for one in others if one not in ignored]
    if len(objects) > 255:
        raise InputError(_TOO_MANY_NUMBERS)
    for number, one in enumerate(objects, start=1):
        table[one] = int(names[one]) if small else number
    return table[levels.codes]


def _read(pixels: Pixels, choice: LabelChoice, lossy: bool) -> MaskFile:
    if lossy and not pixels.coloured and 0 < pixels.values.max() <= 2 * _LOSSY_RADIUS:
        raise _lossy()
    if choice.labels == "binary":
        return _one(pixels.binary())
    if choice.labels == "ids":
        return _plain(pixels.numbers(), lossy)
    if choice.labels == "colours":
        levels = pixels.colours()
        return _areas(levels, lossy) if levels else _photo()
    if pixels.cut is not None:
        return MaskFile((NamedMask("", pixels.binary()),), (pixels.cut,))
    levels = pixels.levels()
    if levels is None:
        return _many_levels(pixels)
    count = len(levels.counts)
    if count == 1:
        return _one(pixels.binary())
    if pixels.indexed:
        return numbered_objects(levels, np.ones(count, dtype=np.bool_), levels.codes, ())
    if count == 2 and levels.background is None and levels.grey:
        return _two(levels)
    return _areas(levels, lossy)


def _one(mask: BoolArray) -> MaskFile:
    return MaskFile((NamedMask("", mask),))


def _photo() -> MaskFile:
    raise InputError(
        "The mask has thousands of colours, as a photo has; give a picture with one flat colour an "
        "object, or say 'binary' to take what is bright as the object."
    )


def _many_levels(pixels: Pixels) -> MaskFile:
    if pixels.coloured:
        return _photo()
    return MaskFile((NamedMask("", pixels.binary()),), (_SOFT,))


def _two(levels: Levels) -> MaskFile:
    """Read a picture of two levels: the brighter is the object, but for numbers like 2 and 1."""
    low, high = levels.table[:, 0]
    around = border_shares(levels.codes, 2)
    if low > 0 and high <= FAINT and around[1] > 0.5:
        raise InputError(
            f"The mask has the numbers {low:g} and {high:g} only, and {high:g} lies all around: say "
            "'binary' if the larger number is the object, 'ids' if both are."
        )
    if high == -1 or levels.names[0] == "-1":
        return numbered_objects(levels, np.ones(2, dtype=np.bool_), levels.codes, ())
    return _one(levels.mask(1))


def _plain(levels: Levels | None, lossy: bool) -> MaskFile:
    """Read each number but 0 as an object."""
    if levels is None:
        raise too_many_objects("thousands of")
    if lossy:
        raise _lossy()
    if levels.background is None:
        zero = np.flatnonzero((levels.table == 0).all(axis=1))
        levels = replace(levels, background=int(zero[0]) if len(zero) else -1)
    return listed_objects(
        levels, levels.codes, np.ones(len(levels.counts), dtype=np.bool_), (), set()
    )


def _areas(levels: Levels, lossy: bool) -> MaskFile:
    """Read a picture whose values may be rims of smoothing or noise of a lossy format."""
    solid = find_solids(levels)
    if levels.grey and (_is_bimodal(levels) or (not lossy and is_soft(levels, solid))):
        middle = (levels.table[0, 0] + levels.table[-1, 0]) / 2
        told = () if levels.table[-1, 0] >= 250 else (_SOFT,)
        return MaskFile((NamedMask("", (levels.table[:, 0] > middle)[levels.codes]),), told)
    if lossy:
        return _lossy_areas(levels, solid)
    if solid.sum() < 2 and levels.grey:
        solid[[0, -1]] = True
    rim = (
        np.zeros(len(solid), dtype=np.bool_)
        if _counts_up(levels, solid)
        else find_rims(levels, solid)
    )
    keep = merged_solids(levels, ~rim, 4.0) if rim.sum() >= 3 else ~rim
    if rim.any() and not levels.grey and levels.counts[rim].sum() > 0.5 * levels.codes.size:
        return _photo()
    notices: tuple[str, ...] = ()
    codes = levels.codes
    if rim.any():
        codes = without_rims(levels, keep)
        notices = (f"smoothed edges ({rim.sum()} values between) went to the nearer side",)
    return numbered_objects(levels, keep, codes, notices)


def _counts_up(levels: Levels, solid: Flags) -> bool:
    """Whether the values are small whole numbers without a gap, nearly all with areas."""
    if not levels.grey or (~solid).sum() > 2:
        return False
    values = levels.table[:, 0]
    return bool(values[-1] <= MAX_OBJECTS and values[0] in (0, 1) and (np.diff(values) == 1).all())


def _is_bimodal(levels: Levels) -> bool:
    """Whether nearly all of an 8-bit grey picture is nearly black or white, but not quite."""
    values = levels.table[:, 0]
    high = (values >= 230) & (values <= 255)
    if values[-1] > 255 or values[0] < 0 or high.sum() < 3:
        return False
    ends = levels.counts[high | (values <= 25)].sum()
    return bool(ends >= 0.95 * levels.codes.size and values[0] <= 25)


def _lossy_areas(levels: Levels, solid: Flags) -> MaskFile:
    radius = _LOSSY_RADIUS if levels.grey else _LOSSY_COLOUR_RADIUS
    keep = merged_solids(levels, solid, radius, 1e-4)
    apart = np.linalg.norm(levels.table[:, None] - levels.table[keep][None], axis=2)
    if not keep.any() or levels.counts[apart.min(axis=1) > 80].sum() > 0.1 * levels.codes.size:
        return _photo()
    if levels.grey and keep.sum() > 2:
        raise _lossy()
    notice = "the file's format changes values a little; they went to the nearest of its areas"
    return numbered_objects(levels, keep, without_rims(levels, keep), (notice,))


def _lossy() -> InputError:
    return InputError(
        "The mask is stored in a format that changes values, which do not tell objects apart any "
        "more; save it as PNG, or say 'binary' to cut it at half."
    )


def _inverted(found: MaskFile) -> MaskFile:
    if len(found.masks) != 1:
        raise InputError(
            f"A mask with one object can be inverted, this one has {len(found.masks)}; say 'binary' "
            "to make them one first."
        )
    return MaskFile((NamedMask("", ~found.masks[0].mask),), (*found.notices, "inverted"))


def _with_share(found: MaskFile) -> MaskFile:
    """Say so where a single object takes most of the picture and its border."""
    if len(found.masks) != 1:
        return found
    mask = found.masks[0].mask
    share = float(mask.mean())
    if share <= LARGE_SHARE or share == 1 or border_shares(mask.astype(np.uint16), 2)[1] < 0.5:
        return found
    told = (
        f"the mask marks {share:.0%} of the picture and its border: if the object is the rest, "
        "invert it"
    )
    return replace(found, notices=(*found.notices, told))
