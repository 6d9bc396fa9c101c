"""Which values of a label picture are objects: not the background, not what means nothing is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refiner.files.labels.levels import (
    Flags,
    Levels,
    border_shares,
    find_solids,
    is_band,
    is_thin,
    level_counts,
)
from refiner.files.labels.records import MaskFile, NamedMask
from refiner.types import MAX_OBJECTS, InputError

_VOIDS = ("255", "65535", "2147483647", "4294967295", "-1", "#e0e0c0")
"""Values that tools write where nothing is known; the last is that of PASCAL VOC's colours."""
FAINT = 16
"""Up to here a value is taken for an object's number, above for a grey."""


def numbered_objects(
    levels: Levels, keep: Flags, codes: NDArray[np.uint16], notices: tuple[str, ...]
) -> MaskFile:
    """Find the background and what is to be ignored; all else is objects."""
    values = np.flatnonzero(keep)
    background, told = _background(levels, values, codes)
    levels = replace(levels, background=background)
    objects = [int(one) for one in values if one != background]
    if levels.grey and len(objects) == 2 and not notices:
        _refuse_trimap(levels, codes, *objects)
    ignored = ignored_values(levels, codes, objects)
    return listed_objects(levels, codes, keep, (*notices, *told), ignored)


def listed_objects(
    levels: Levels, codes: Any, keep: Flags, notices: tuple[str, ...], ignored: set[int]
) -> MaskFile:
    """Make masks of the values that are kept, but for the background and what is ignored."""
    counts = level_counts(codes, len(levels.counts))
    objects = [
        int(one)
        for one in np.flatnonzero(keep)
        if one != levels.background and one not in ignored and counts[one]
    ]
    if len(objects) > MAX_OBJECTS:
        raise too_many_objects(str(len(objects)))
    names = [levels.names[one] for one in objects]
    said = [_count(len(objects), "object") + f" ({_some(names)})"] if len(objects) > 1 else []
    for one in sorted(ignored):
        said.append(f"the value {levels.names[one]} is ignored ({counts[one]:,} pixels)")
    masks = tuple(
        NamedMask(name if len(objects) > 1 or ignored else "", np.asarray(codes == one))
        for name, one in zip(names, objects, strict=True)
    )
    return MaskFile(masks, (*said, *notices))


def _background(levels: Levels, values: Any, codes: Any) -> tuple[int, tuple[str, ...]]:
    """Return the index of the background, -1 if there is none, and what to say of it."""
    if levels.background is not None:
        return levels.background, ()
    around = border_shares(codes, len(levels.counts))
    most = int(values[around[values].argmax()])
    if levels.names[most] == "-1" and around[most] >= 0.5:
        return most, ()
    black = [int(one) for one in values if not levels.table[one].any()]
    if black and (levels.grey or around[black[0]] >= 0.05 or around[most] < 0.5):
        return black[0], ()
    if around[most] >= 0.5 and levels.names[most] not in _VOIDS:
        return most, (f"{levels.names[most]}, which lies all around, is the background",)
    return -1, ("nothing is background: each value is an object",)


def _refuse_trimap(levels: Levels, codes: Any, middle: int, high: int) -> None:
    share = levels.table[middle, 0] / levels.table[high, 0]
    low = levels.background
    if low is None or low < 0 or levels.table[high, 0] not in (255, 65535):
        return
    if 0.3 <= share <= 0.7 and is_band(codes, low, middle, high):
        raise InputError(
            f"The value {levels.names[middle]} lies as a band around {levels.names[high]}: say "
            "'binary' if it is the unknown of a trimap (it is cut at half), 'ids' if it is an "
            "object of its own."
        )


def ignored_values(levels: Levels, codes: Any, objects: list[int]) -> set[int]:
    """Return the index of the value that means nothing is known, if there is one."""
    voids = [one for one in objects if levels.names[one] in _VOIDS]
    others = [one for one in objects if one not in voids]
    if not voids:
        return set()
    solid = find_solids(levels)
    faint = any(
        solid[one] and levels.names[one].isdecimal() and int(levels.names[one]) <= FAINT
        for one in others
    )
    return {
        one
        for one in voids
        if levels.names[one] == "-1" or faint or (others and is_thin(codes == one))
    }


def too_many_objects(count: str) -> InputError:
    """Return what is said where a mask has too many values."""
    return InputError(
        f"The mask has {count} values and so more than {MAX_OBJECTS} objects; split it, or say "
        "'binary' to take it as one object."
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
