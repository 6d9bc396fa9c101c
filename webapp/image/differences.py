"""Where two masks differ: connected regions, the largest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from refiner.types import BoolArray

MOST = 50
"""How many regions are listed."""
SPECK = 4
"""Regions of fewer pixels are counted only."""


class Region(NamedTuple):
    """A patch of pixels that only one mask has: its bounding box and its area, in pixels."""

    x: int
    y: int
    width: int
    height: int
    area: int


@dataclass(frozen=True, slots=True)
class Differences:
    """All that two masks do not share.

    Attributes:
        regions: at most `MOST` regions of `SPECK` pixels or more, the largest first; of equal ones
            the topmost, then the leftmost.
        smaller: how many more there are.
        pixels: how many pixels differ, all together.
    """

    regions: tuple[Region, ...]
    smaller: int
    pixels: int


def differences(one: BoolArray, other: BoolArray) -> Differences:
    """Return where two masks, bool (height, width), differ.

    Pixels that touch, also at a corner, belong to one region, whichever mask has them.
    """
    differ = (one != other).view(np.uint8)
    x, y, width, height = cv2.boundingRect(differ)
    if not width:
        return Differences((), 0, 0)
    crop = differ[y : y + height, x : x + width]
    stats = cv2.connectedComponentsWithStats(crop, connectivity=8)[2][1:]  # 0 is the rest
    ranked = stats[np.lexsort((stats[:, 0], stats[:, 1], -stats[:, 4]))]
    large = ranked[ranked[:, 4] >= SPECK][:MOST] + (x, y, 0, 0, 0)
    regions = tuple(Region(*map(int, row)) for row in large)
    return Differences(regions, len(stats) - len(regions), int(stats[:, 4].sum()))
