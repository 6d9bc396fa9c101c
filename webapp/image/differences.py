"""Where and how far two masks differ: measured when the page has painted them and asks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from refiner.metrics import iou
from refiner.types import BoolArray, MaskPair
from webapp.image.state import ImageState
from webapp.shared.events import Message, read_ids

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
        thickest: column and row of the differing pixel that is farthest from all that are alike; the
            topmost, then the leftmost of equal ones. None if no pixel differs.
        iou: of the masks with each other, in [0, 1].
    """

    regions: tuple[Region, ...]
    smaller: int
    pixels: int
    thickest: tuple[int, int] | None
    iou: float


def differences(one: BoolArray, other: BoolArray) -> Differences:
    """Return where two masks, bool (height, width), differ.

    Pixels that touch, also at a corner, belong to one region, whichever mask has them.
    """
    differ = (one != other).view(np.uint8)
    x, y, width, height = cv2.boundingRect(differ)
    if not width:
        return Differences((), 0, 0, None, 1.0)
    crop = differ[y : y + height, x : x + width]
    stats = cv2.connectedComponentsWithStats(crop, connectivity=8)[2][1:]  # 0 is the rest
    ranked = stats[np.lexsort((stats[:, 0], stats[:, 1], -stats[:, 4]))]
    large = ranked[ranked[:, 4] >= SPECK][:MOST] + (x, y, 0, 0, 0)
    regions = tuple(Region(*map(int, row)) for row in large)
    pixels = int(stats[:, 4].sum())
    return Differences(
        regions, len(stats) - len(regions), pixels, _thickest(crop, x, y), iou(one, other)
    )


def _thickest(crop: NDArray[np.uint8], x: int, y: int) -> tuple[int, int]:
    """Return where a crop's nonzero pixels are thickest; its corner lies at (x, y)."""
    framed = cv2.copyMakeBorder(crop, 1, 1, 1, 1, cv2.BORDER_CONSTANT)  # all beyond it is alike
    depth = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_3)
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(column) - 1 + x, int(row) - 1 + y


def differences_value(state: ImageState, message: Message) -> dict[str, Any]:
    """Return what the browser is told of the answers that it asks about, by their ids.

    `regions` are rows `[x, y, width, height, area]`. Answers that no object has any more are left
    out.
    """
    asked = read_ids(message.values, "answers")
    answers = [item.answer for item in state.scene.objects if item.answer]
    return {str(one.id): _value(one.pair.masks()) for one in answers if one.id in asked}


def _value(pair: MaskPair) -> dict[str, Any]:
    found = differences(pair.base.mask, pair.refined.mask)
    return {**asdict(found), "regions": [list(region) for region in found.regions]}
