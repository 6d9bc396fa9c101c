"""What the values of a label picture are: areas of their own, or rims of smoothing between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refiner.types import MAX_OBJECTS, BoolArray

MAX_LEVELS = 4096
"""Distinct values that are looked at one by one; beyond, a picture is no label map."""
_FEW = 16
_SAMPLES = 24
_REACH = 3
_WINDOW = 2 * _REACH + 1
_THIN = 9
Codes = NDArray[np.uint16]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """A picture as indices into its distinct values.

    Attributes:
        codes: uint16 (height, width), index of each pixel's value.
        table: float64 (K, channels), the values, ascending where there is one channel.
        names: what to call each value.
        counts: int (K,), the pixels of each value.
        background: the index known to be none; None if that is to be found out.
    """

    codes: Codes
    table: NDArray[np.float64]
    names: tuple[str, ...]
    counts: NDArray[np.int64]
    background: int | None = None

    @property
    def grey(self) -> bool:
        """Whether the values have an order."""
        return self.table.shape[1] == 1

    def mask(self, index: int) -> BoolArray:
        """Return where the value of an index is, bool (height, width)."""
        return np.asarray(self.codes == index)


def level_counts(codes: Codes, levels: int) -> NDArray[np.int64]:
    """Count the pixels of each index."""
    return np.bincount(codes.ravel(), minlength=levels)


def find_solids(levels: Levels) -> Flags:
    """Return which values fill areas: 3 x 3 pixels of the one value are a good part of theirs."""
    kernel = np.ones((3, 3), np.uint8)
    flat = cv2.erode(levels.codes, kernel) == cv2.dilate(levels.codes, kernel)
    inside = np.bincount(levels.codes[flat], minlength=len(levels.counts))
    return np.asarray((inside > 0) & (inside >= 0.08 * levels.counts))


def is_soft(levels: Levels, solid: Flags) -> bool:
    """Whether a grey picture has no edges to speak of: neighbours differ by a step or two."""
    count = len(levels.counts)
    if not levels.grey or count < 8:
        return False
    codes = levels.codes.astype(np.int32)
    steps = np.concatenate(
        [np.abs(np.diff(codes, axis=axis)).ravel() for axis in (0, 1)], dtype=np.int32
    )
    steps = steps[steps > 0]
    middle = levels.counts[1:-1]
    filled = middle[solid[1:-1]].sum() / max(1, middle.sum())
    return bool((steps <= max(1, count // 16)).mean() >= 0.7 and filled <= 0.5)


def find_rims(levels: Levels, solid: Flags) -> Flags:
    """Return which values only lie between areas whose values they mix."""
    if levels.grey:
        between = np.bincount(levels.codes[_between(levels)], minlength=len(solid))
        rim: Flags = np.asarray(between >= 0.6 * levels.counts)
        rim = rim | (~solid & _is_noise(levels))
        inner = ~solid & ~_extreme(levels, solid)
        # A ramp has many values; a few pixels of it may stick out of the others.
        if rim.sum() >= 3 and levels.counts[rim].sum() >= levels.counts[inner & ~rim].sum():
            rim = rim | inner
        return rim
    mixed = np.zeros(len(solid), dtype=np.bool_)
    others = np.flatnonzero(~solid)
    if solid.sum() < 2 or not len(others):
        return mixed
    if len(others) > _FEW:
        return _global_mixes(levels, solid)
    shares = _mixed_shares(levels, others, np.flatnonzero(solid))
    mixed[others] = np.array(shares) >= 0.6
    return mixed


def _between(levels: Levels) -> BoolArray:
    """Return the pixels with both a lower and a higher value next to them."""
    kernel = np.ones((5, 5), np.uint8)
    low, high = cv2.erode(levels.codes, kernel), cv2.dilate(levels.codes, kernel)
    return np.asarray((low < levels.codes) & (levels.codes < high))


def _global_mixes(levels: Levels, solid: Flags) -> Flags:
    """Return which colours mix two that have much larger areas, wherever they lie."""
    main: list[int] = []
    rim = np.zeros(len(solid), dtype=np.bool_)
    for index in sorted(range(len(solid)), key=lambda one: -levels.counts[one] * solid[one]):
        larger = [one for one in main if levels.counts[one] * 0.1 > levels.counts[index]]
        if len(larger) > 1:
            away = np.linalg.norm(levels.table[larger] - levels.table[index], axis=1)
            apart = np.linalg.norm(levels.table[larger][:, None] - levels.table[larger], axis=2)
            mixes = (away[:, None] + away[None] <= 1.02 * apart + 3.0) & (apart > 0)
            rim[index] = mixes.any()
        if solid[index] and not rim[index] and len(main) <= MAX_OBJECTS:
            main.append(index)
    if levels.counts[rim].sum() >= levels.counts[~solid & ~rim].sum():
        rim |= ~solid
    return rim


def _is_noise(levels: Levels) -> Flags:
    """Return which values are nearly, but not quite, an 8-bit picture's black or white."""
    values = levels.table[:, 0]
    if not levels.grey or values[-1] not in (254, 255):
        return np.zeros(len(values), dtype=np.bool_)
    return np.asarray((values <= 3) | (values >= 252))


def _extreme(levels: Levels, solid: Flags) -> Flags:
    """Return which values lie beyond all solid ones."""
    if not levels.grey:
        return np.zeros(len(solid), dtype=np.bool_)
    values = levels.table[:, 0]
    return np.asarray((values < values[solid].min()) | (values > values[solid].max()))


def _mixed_shares(levels: Levels, others: Any, solids: Any) -> list[float]:
    """Return for each value the share of its pixels, of a few, that lie between two solid ones."""
    padded = np.pad(levels.codes, _REACH, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_WINDOW, _WINDOW))
    flat = levels.codes.ravel()
    places = np.flatnonzero(np.isin(flat, others))
    order = places[np.argsort(flat[places], kind="stable")]
    ends = np.cumsum(levels.counts[others])
    shares = []
    for index, start, end in zip(others, ends - levels.counts[others], ends, strict=True):
        some = order[np.linspace(start, end - 1, min(_SAMPLES, end - start)).astype(int)]
        near = windows[some // levels.codes.shape[1], some % levels.codes.shape[1]]
        here = (near.reshape(len(some), -1, 1) == solids).any(axis=1)
        points = levels.table[solids]
        away = np.linalg.norm(points - levels.table[index], axis=1)
        apart = np.linalg.norm(points[:, None] - points[None], axis=2)
        mixes = (away[:, None] + away[None] <= 1.02 * apart + 3.0) & (apart > 0)
        shares.append(float((((here.astype(np.int32) @ mixes) > 0) & here).any(axis=1).mean()))
    return shares


def without_rims(levels: Levels, keep: Flags) -> Codes:
    """Return the indices with each value that is not kept replaced by the nearer of the two areas by it."""
    kept = np.flatnonzero(keep)
    apart = np.linalg.norm(levels.table[:, None] - levels.table[kept][None], axis=2)
    codes: Codes = kept[apart.argmin(axis=1)].astype(np.uint16)[levels.codes]
    if len(kept) <= 2 or len(kept) > MAX_OBJECTS + 2:
        return codes
    small = np.ones((3, 3), np.uint8)
    flat = cv2.erode(levels.codes, small) == cv2.dilate(levels.codes, small)
    sure = cv2.dilate(flat.view(np.uint8), small) > 0
    # A rim between two areas may pass through the value of a third.
    loose = ~keep[levels.codes] | (_between(levels) & ~sure if levels.grey else False)
    here = levels.codes[loose]
    first: Any = np.full(len(here), np.inf, dtype=np.float32)
    second: Any = first
    near: Any = codes[loose]
    far: Any = near
    for index in kept:
        area = levels.mask(index) & ~loose
        if not area.any():
            continue
        away = cv2.distanceTransform((~area).view(np.uint8), cv2.DIST_L2, 3)[loose]
        nearer = away < first
        other = np.where(nearer, near, index)
        second_away = np.where(nearer, first, away)
        closer = second_away < second
        second, far = np.where(closer, second_away, second), np.where(closer, other, far)
        first, near = np.where(nearer, away, first), np.where(nearer, index, near)
    column = np.zeros(len(keep), dtype=np.intp)
    column[kept] = np.arange(len(kept))
    codes[loose] = np.where(apart[here, column[near]] <= apart[here, column[far]], near, far)
    return codes


def merged_solids(levels: Levels, solid: Flags, radius: float, least: float = 0) -> Flags:
    """Return the largest solid values of which no two are closer than `radius`.

    Values with less than the share `least` of the picture are left out.
    """
    chosen: list[int] = []
    for index in sorted(np.flatnonzero(solid), key=lambda one: -levels.counts[one]):
        away = np.linalg.norm(levels.table[chosen] - levels.table[index], axis=1)
        if (away > radius).all() and levels.counts[index] >= least * levels.codes.size:
            chosen.append(int(index))
    keep = np.zeros(len(solid), dtype=np.bool_)
    keep[chosen] = True
    return keep


def is_thin(mask: BoolArray) -> bool:
    """Whether a mask is but lines, at most a few pixels across."""
    kernel = np.ones((_THIN, _THIN), np.uint8)
    left = cv2.erode(mask.view(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return bool(np.count_nonzero(left) <= 0.02 * np.count_nonzero(mask))


def is_band(codes: Codes, low: int, middle: int, high: int) -> bool:
    """Whether `middle` parts `low` from `high` nearly everywhere, as the unknown of a trimap."""
    pairs = np.concatenate(
        [
            np.stack([codes[1:].ravel(), codes[:-1].ravel()], axis=1),
            np.stack([codes[:, 1:].ravel(), codes[:, :-1].ravel()], axis=1),
        ]
    )
    pairs = np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1)
    high_with = pairs[(pairs == high).any(axis=1)]
    direct = (high_with == low).any(axis=1).mean() if len(high_with) else 1.0
    return bool(direct <= 0.05 and (pairs == [*sorted((low, middle))]).all(axis=1).any())


def border_shares(codes: Codes, levels: int) -> NDArray[np.float64]:
    """Return the share of the picture's border that each index has."""
    edge = np.concatenate([codes[0], codes[-1], codes[1:-1, 0], codes[1:-1, -1]])
    return np.bincount(edge, minlength=levels) / len(edge)
