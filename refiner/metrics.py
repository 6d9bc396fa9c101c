"""Measures of one mask against its ground truth: IoU, boundary IoU, clicks needed.

Masks are bool (height, width). The arithmetic is OpenCV's and numpy's; what is decided here is
the protocol (HQ-SAM's boundary, RITM's clicks) and what an empty mask scores.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from refiner.types import BoolArray, Click, InputError

BOUNDARY_RATIO = 0.02
STRICT_RATIO = 0.008
MAX_NOC_CLICKS = 20


def iou(pred: BoolArray, truth: BoolArray) -> float:
    """Intersection over union of two masks, in [0, 1]; two empty masks agree: 1.

    Raises:
        InputError: the masks differ in shape.
    """
    _check_shapes(pred, truth)
    union = np.count_nonzero(pred | truth)
    return float(np.count_nonzero(pred & truth) / union) if union else 1.0


def boundary(mask: BoolArray, ratio: float = BOUNDARY_RATIO) -> BoolArray:
    """Return the inner rim of a mask, d = max(1, round(ratio * diagonal)) pixels wide.

    The rim is the mask less its erosion by d steps of 3 x 3; the border of the picture counts as
    outside. `faster_coco_eval.core.mask.rleToBoundary` is the same but for pictures narrower than
    the rim, where it leaves pixels out, and 20 times slower for its run-length codes.
    """
    height, width = mask.shape
    steps = max(1, round(ratio * math.sqrt(height * height + width * width)))
    rim = np.zeros(mask.shape, dtype=np.bool_)
    box, padded = _cropped(mask)
    if padded.size:
        eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=steps)
        rim[box] = (padded > eroded)[1:-1, 1:-1]
    return rim


def boundary_iou(pred: BoolArray, truth: BoolArray, ratio: float = BOUNDARY_RATIO) -> float:
    """IoU of the rims of two masks (see `boundary`), in [0, 1]; two empty masks agree: 1.

    Raises:
        InputError: the masks differ in shape.
    """
    _check_shapes(pred, truth)
    return iou(boundary(pred, ratio), boundary(truth, ratio))


def noc(ious_per_click: Sequence[float], threshold: float, max_clicks: int = MAX_NOC_CLICKS) -> int:
    """Count the clicks until the IoU first reaches `threshold`; `max_clicks` if it never does.

    `ious_per_click[i]` is the IoU in [0, 1] after i + 1 clicks; `threshold` is in [0, 1].
    """
    for count, value in enumerate(ious_per_click[:max_clicks], start=1):
        if value >= threshold:
            return count
    return max_clicks


def failed(
    ious_per_click: Sequence[float], threshold: float, max_clicks: int = MAX_NOC_CLICKS
) -> bool:
    """Tell whether `max_clicks` clicks never reach the IoU `threshold`: a failure in NoF."""
    return all(value < threshold for value in ious_per_click[:max_clicks])


def next_click(pred: BoolArray, truth: BoolArray, clicks: Sequence[Click] = ()) -> Click | None:
    """Place the click a user would make next, after RITM: in the middle of the largest error.

    The click lies at the centre of the pixel that is farthest from the rim of its error region
    (the border of the picture is rim too): positive if that is a missed region, negative if it is
    a false one; pixels clicked before are not clicked again. Of equal regions the false one, then
    the topmost, leftmost pixel is taken. None if there is no error left to click.

    Raises:
        InputError: the masks differ in shape.
    """
    _check_shapes(pred, truth)
    missed = _depth(truth & ~pred)
    false = _depth(pred & ~truth)
    for click in clicks:
        missed[int(click.y), int(click.x)] = false[int(click.y), int(click.x)] = 0
    positive = bool(missed.max() > false.max())
    depth = missed if positive else false
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    if depth[row, column] == 0:
        return None
    return Click(x=float(column) + 0.5, y=float(row) + 0.5, positive=positive)


def _depth(region: BoolArray) -> NDArray[np.int64]:
    """Return each pixel's squared distance to the outside of `region`, 0 outside; (height, width).

    Squared and rounded it is exact, so that ties do not depend on how the machine rounds.
    """
    depth = np.zeros(region.shape, dtype=np.int64)
    box, padded = _cropped(region)
    if padded.size:
        distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
        depth[box] = np.rint(distance.astype(np.float64) ** 2)
    return depth


def _cropped(mask: BoolArray) -> tuple[tuple[slice, slice], NDArray[np.uint8]]:
    """Return a mask's bounding box and the mask within, uint8 with a pixel of 0 around it.

    Distances to the outside and erosions are the same as in the whole picture, and cheaper. The
    crop of an empty mask is empty.
    """
    x, y, w, h = cv2.boundingRect(mask.view(np.uint8))
    box = slice(y, y + h), slice(x, x + w)
    crop = mask[box]
    return box, (np.pad(crop, 1) if crop.size else crop).view(np.uint8)


def _check_shapes(pred: BoolArray, truth: BoolArray) -> None:
    if pred.shape != truth.shape or pred.ndim != 2:
        raise InputError(
            f"Two masks to compare must have the same shape (height, width), "
            f"got {pred.shape} and {truth.shape}."
        )
    for mask in (pred, truth):
        if mask.dtype != np.bool_:
            raise InputError(f"A mask to compare must be bool, got {mask.dtype}; threshold it.")
