"""What the formats share: the page that shapes are drawn on, polygons, records, sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_coco_eval.core import mask as coco
from numpy.typing import NDArray
from PIL import Image

from refiner.types import BoolArray, InputError

MAX_PERIMETER = 2_000_000
"""Pixels around all polygons of one object; filling them takes about 40 bytes each."""
_CIRCLE_STEPS = 128

Corners = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Page:
    """The picture that annotations belong to, and the size they were drawn at.

    Attributes:
        size_hw: of the picture, (height, width).
        drawn_hw: of what the annotations' coordinates refer to; the same shape but for scale.
    """

    size_hw: tuple[int, int]
    drawn_hw: tuple[int, int]

    def fill(self, polygons: Sequence[Corners]) -> BoolArray:
        """Return the mask of polygons, each float (2n,) of x and y as drawn.

        Raises:
            InputError: a corner lies far outside, or they are very long around.
        """
        height, width = self.size_hw
        scale = np.array([width / self.drawn_hw[1], height / self.drawn_hw[0]])
        scaled = [corners.reshape(-1, 2) * scale for corners in polygons]
        for points in scaled:
            if (points < (-width, -height)).any() or (points > (2 * width, 2 * height)).any():
                raise InputError(
                    f"a corner lies far outside the picture of {width} x {height} pixels; give "
                    "corners in pixels of the picture"
                )
        perimeter = sum(
            float(np.abs(points - np.roll(points, 1, axis=0)).max(axis=1).sum())
            for points in scaled
        )
        if perimeter > MAX_PERIMETER:
            raise InputError(
                f"its polygons are {perimeter:,.0f} pixels around, at most {MAX_PERIMETER:,} are "
                "filled; give the mask as a picture"
            )
        parts = coco.frPyObjects([points.ravel().tolist() for points in scaled], height, width)
        return np.ascontiguousarray(coco.decode(coco.merge(parts)), dtype=np.bool_)

    def fit(self, mask: BoolArray) -> BoolArray:
        """Return a mask drawn at its own size at that of the picture."""
        return nearest_mask(mask, self.size_hw)


@dataclass(frozen=True, slots=True)
class Part:
    """One record of an annotation file.

    Attributes:
        label: what the file calls it.
        draw: makes its mask, bool of the page's size; raises InputError if it has none, with a
            reason in words that go on after a colon.
        key: parts of one key are one object; None for one of its own.
        cuts: whether it takes its pixels from the objects before it instead.
        remark: what is to be told of it if it is drawn, maybe nothing.
    """

    label: str
    draw: Callable[[], BoolArray]
    key: Any = None
    cuts: bool = False
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Annotations:
    """The parts of a picture that a file has, and what is to be told of the file."""

    parts: tuple[Part, ...]
    notices: tuple[str, ...] = ()


def nearest_mask(mask: BoolArray, size_hw: tuple[int, int]) -> BoolArray:
    """Return a mask at another size, each pixel that of the nearest one."""
    if mask.shape == tuple(size_hw):
        return mask
    small = Image.fromarray(mask).resize(size_hw[::-1], Image.Resampling.NEAREST)
    return np.asarray(small, dtype=np.bool_)


def is_scaled(one_hw: tuple[int, int], other_hw: tuple[int, int]) -> bool:
    """Whether two sizes are of one shape, to a pixel and a fiftieth."""
    (height, width), (rows, columns) = one_hw, other_hw
    if min(height, width, rows, columns) < 1:
        return False
    if rows * columns > height * width:
        (height, width), (rows, columns) = (rows, columns), (height, width)
    off = abs(columns - width * rows / height), abs(rows - height * columns / width)
    return min(off[0] / columns, off[1] / rows) <= 0.02 and min(off) <= 1


def make_page(
    said_hw: tuple[Any, Any], size_hw: tuple[int, int], drawn_hw: tuple[int, int]
) -> tuple[Page, tuple[str, ...]]:
    """Return the page of a file that says it belongs to a picture of `said_hw`, and a notice.

    Raises:
        InputError: it is of another shape.
    """
    if said_hw == (None, None) or said_hw == drawn_hw:
        return Page(size_hw, drawn_hw), ()
    height, width = said_hw
    if not all(type(side) in (int, float) and 0 < side < 1e6 for side in said_hw):
        raise other_size(width, height, size_hw)
    said = int(height), int(width)
    if said == size_hw:
        return Page(size_hw, said), ()
    if is_scaled(said, drawn_hw):
        told = f"drawn on {said[1]} x {said[0]} pixels and scaled to {size_hw[1]} x {size_hw[0]}"
        return Page(size_hw, said), (told,)
    if said[::-1] == drawn_hw:
        told = (
            f"the file says {said[1]} x {said[0]} pixels, the picture lying; taken as drawn on the "
            "upright picture"
        )
        return Page(size_hw, drawn_hw), (told,)
    raise other_size(width, height, size_hw)


def other_size(width: Any, height: Any, size_hw: tuple[int, int]) -> InputError:
    """Return the error of masks that belong to a picture of another size."""
    turned = (height, width) == size_hw[::-1]
    hint = "save them on the upright picture" if turned else "give the masks of this very picture"
    return InputError(
        f"The mask file belongs to a picture of {ascii(str(width))[1:-1][:20]} x "
        f"{ascii(str(height))[1:-1][:20]} pixels, this one is {size_hw[1]} x {size_hw[0]}; {hint}."
    )


def read_corners(values: Any) -> Corners:
    """Return x0, y0, x1, y1, ... of at least three corners as an array.

    Raises:
        InputError: it is no such list, or not of finite numbers.
    """
    if not isinstance(values, list) or len(values) < 6 or len(values) % 2:
        raise InputError("a polygon is a list of at least three x, y pairs")
    return np.asarray(finite_numbers(values))


def pair_corners(points: Any) -> Corners:
    """Return [[x, y], ...] of at least three corners as an array.

    Raises:
        InputError: it is no such list, or not of finite numbers.
    """
    if not isinstance(points, list) or not all(
        isinstance(point, list) and len(point) == 2 for point in points
    ):
        raise InputError("a point is [x, y]")
    return read_corners([value for point in points for value in point])


def finite_numbers(values: Sequence[Any]) -> Corners:
    """Return numbers as an array.

    Raises:
        InputError: one is none, or not finite.
    """
    if not all(type(value) in (int, float) and abs(value) < math.inf for value in values):
        raise InputError("coordinates are finite numbers")
    try:
        return np.asarray(values, dtype=np.float64)
    except OverflowError as error:
        raise InputError("a corner lies far outside the picture") from error


def box_corners(x: float, y: float, width: float, height: float, degrees: float = 0.0) -> Corners:
    """Return the corners of a box, turned about its first one."""
    if not (width > 0 and height > 0):
        raise InputError("its box has no area")
    sides = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.ravel(sides @ np.array([[cos, sin], [-sin, cos]]) + (x, y))


def ellipse_corners(x: float, y: float, across: float, down: float, degrees: float = 0) -> Corners:
    """Return the corners of an ellipse about a centre, of two radii."""
    if not (across > 0 and down > 0):
        raise InputError("it has no area")
    angles = np.linspace(0, 2 * math.pi, _CIRCLE_STEPS, endpoint=False)
    ring = np.stack([across * np.cos(angles), down * np.sin(angles)], axis=1)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.ravel(ring @ np.array([[cos, sin], [-sin, cos]]) + (x, y))


def read_records(rows: Any, name: str) -> list[Mapping[str, Any]]:
    """Return the records of a list; what else is in it is left out.

    Raises:
        InputError: it is no list, or holds no record though it is not empty.
    """
    if not isinstance(rows, list):
        raise InputError(f"The {name} of a mask file are a list of records; export it again.")
    records = [row for row in rows if isinstance(row, Mapping)]
    if rows and not records:
        raise InputError(f"The {name} of a mask file are a list of records; export it again.")
    return records


def file_name(value: Any) -> str:
    """Return a path as slashes divide it, also one of Windows."""
    return str(value or "").replace("\\", "/")


def name_matches(rows: Sequence[Any], picture: str, names: Callable[[Any], str]) -> list[Any]:
    """Return the rows that name a picture: by its path, else its file name, else its stem."""
    picture = file_name(picture)
    base = picture.rpartition("/")[2]
    if not base:
        return []

    def stem(name: str) -> str:
        return name.rpartition("/")[2].rpartition(".")[0] or name.rpartition("/")[2]

    paths = [file_name(names(row)) for row in rows]
    tests: tuple[Callable[[str], bool], ...] = (
        lambda name: name == picture or ("/" in name and f"/{picture}".endswith(f"/{name}")),
        lambda name: name.rpartition("/")[2] == base,
        lambda name: name != "" and stem(name) == stem(base),
    )
    for fits in tests:
        found = [row for row, name in zip(rows, paths, strict=True) if fits(name)]
        if found:
            tails = [row for row in found if file_name(names(row)).endswith(f"/{picture}")]
            return tails if len(tails) == 1 else found
    return []
