"""The ground truth of a picture: read from a file, or brushed by hand stroke by stroke."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refiner.types import BoolArray, InputError
from webapp.image.state import ImageState
from webapp.shared import text
from webapp.shared.editing import Apply, read_point
from webapp.shared.events import Values, is_number
from webapp.shared.limits import Limits

MAX_POINTS = 1000
MIN_RADIUS = 1.0

Numbers = NDArray[np.floating[Any]]
Spans = tuple[Numbers, Numbers]


@dataclass(frozen=True, eq=False)
class Stroke:
    """One stroke of the brush.

    Attributes:
        points: float (n, 2), n >= 1, the x and y of its way in pixels of the picture.
        radius: half its width, in pixels of the picture.
        erase: whether it takes away.
    """

    points: Numbers
    radius: float
    erase: bool


def read_stroke(state: ImageState, values: Values) -> Stroke:
    """Return the stroke that was sent.

    Raises:
        InputError: it has no or too many points, one outside the picture, or a senseless radius.
    """
    points, radius = values.get("points"), values.get("radius")
    if not isinstance(points, list) or not 1 <= len(points) <= MAX_POINTS:
        raise InputError(f"A stroke has 1 to {MAX_POINTS} points; draw a shorter one.")
    if not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise InputError("Each point of a stroke is an x and a y; draw it again.")
    way = np.array([read_point(state, x, y) for x, y in points])
    most = max(MIN_RADIUS, max(state.size_hw) / 2)
    if not is_number(radius) or not MIN_RADIUS <= radius <= most:
        raise InputError(
            f"The brush's radius is a number from {MIN_RADIUS:g} to {most:g} pixels of the "
            "picture; choose another size."
        )
    if not isinstance(values.get("erase"), bool):
        raise InputError("A stroke either paints or erases; draw it again.")
    return Stroke(way, float(radius), values["erase"])


def stroke_area(size_hw: tuple[int, int], points: Numbers, radius: float) -> BoolArray:
    """Return the pixels whose centres lie within `radius` of a line through `points`.

    OpenCV's lines have whole widths, ends at whole pixels, and paint half a pixel beyond their
    edge: as the truth of a curve they would be too fat. This is exact.

    Args:
        size_hw: height and width of the picture.
        points: float (n, 2), n >= 1, x and y in pixels of the picture.
        radius: in pixels, positive.
    """
    height, width = size_hw
    rows = np.arange(height) + 0.5
    changes = np.zeros(height * (width + 1), dtype=np.int64)
    moved = np.any(np.diff(points, axis=0) != 0, axis=1)
    spans = [_disc_spans(rows, points, radius)]
    spans.append(_band_spans(rows, points[:-1][moved], points[1:][moved], radius))
    for low, high in spans:
        first = np.clip(np.ceil(low - 0.5), 0, width).astype(np.intp)
        after = np.clip(np.floor(high - 0.5) + 1, 0, width).astype(np.intp)
        starts = np.arange(height) * (width + 1)
        spanned = after > first
        changes += np.bincount((starts + first)[spanned], minlength=changes.size)
        changes -= np.bincount((starts + after)[spanned], minlength=changes.size)
    depth = np.cumsum(changes.reshape(height, width + 1), axis=1)
    return np.asarray(depth[:, :width] > 0)


def _disc_spans(rows: Numbers, points: Numbers, radius: float) -> Spans:
    """Return from which x to which the discs around n points reach, float (n, rows) each."""
    x, y = points[:, :1], points[:, 1:]
    left = radius * radius - (rows - y) ** 2
    half = np.where(left >= 0, np.sqrt(np.maximum(left, 0)), -np.inf)
    return x - half, x + half


def _band_spans(rows: Numbers, starts: Numbers, ends: Numbers, radius: float) -> Spans:
    """Return the same of the rectangles around n lines, without round ends."""
    lengths = np.hypot(*(ends - starts).T)[:, None]
    ux, uy = np.hsplit((ends - starts) / lengths, 2)
    x, y = starts[:, :1], rows - starts[:, 1:]
    across = _between(uy, -ux * y, -radius, radius)
    along = _between(ux, uy * y, 0, lengths)
    return x + np.maximum(across[0], along[0]), x + np.minimum(across[1], along[1])


def _between(slope: Numbers, offset: Numbers, low: Numbers | float, high: Numbers | float) -> Spans:
    """Return the x where low <= slope * x + offset <= high; from inf to -inf where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = (low - offset) / slope, (high - offset) / slope
    least, most = np.minimum(one, other), np.maximum(one, other)
    flat = slope[:, 0] == 0
    inside = ((low <= offset) & (offset <= high))[flat]
    least[flat], most[flat] = np.where(inside, -np.inf, np.inf), np.where(inside, np.inf, -np.inf)
    return least, most


def _brush(state: ImageState, values: Values, limits: Limits) -> ImageState:
    """Paint into the ground truth, or erase from it; one without any pixel left is none."""
    stroke, truth = read_stroke(state, values), state.truth
    area = stroke_area(state.size_hw, stroke.points, stroke.radius)
    if truth is None:
        return state if stroke.erase else state.with_truth(area, text.BRUSHED_TRUTH)
    mask = truth.mask & ~area if stroke.erase else truth.mask | area
    if np.array_equal(mask, truth.mask):
        return state
    return state.with_truth(mask, text.TOUCHED_TRUTH.get(truth.label, truth.label))


BRUSH_ACTIONS: Mapping[str, Apply] = {
    "brush": _brush,
    "undo_truth": lambda state, values, limits: state.undo_truth(),
    "redo_truth": lambda state, values, limits: state.redo_truth(),
}
