"""labelme and X-AnyLabeling: polygons, boxes, circles, masks of their AI tools."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from refiner.files.annotations.parts import (
    Annotations,
    Corners,
    Page,
    Part,
    ellipse_corners,
    finite_numbers,
    make_page,
    pair_corners,
    read_records,
)
from refiner.files.pictures import open_picture
from refiner.types import BoolArray, InputError

_CLOSED = (
    "polygon",
    "rectangle",
    "rotation",
    "rotated_rectangle",
    "oriented_rectangle",
    "quadrilateral",
)


def read_labelme(
    document: Mapping[str, Any], size_hw: tuple[int, int], drawn_hw: tuple[int, int]
) -> Annotations:
    """Return the shapes of a file; those of one label and group are one object.

    Raises:
        InputError: it belongs to a picture of another shape.
    """
    size = document.get("imageHeight"), document.get("imageWidth")
    page, notices = make_page(size, size_hw, drawn_hw)
    parts = []
    for shape in read_records(document["shapes"], "shapes"):
        label, group = str(shape.get("label", "")), shape.get("group_id")
        key = None if group is None else (label, str(group))
        parts.append(Part(label, partial(_drawn, shape, page), key))
    return Annotations(tuple(parts), notices)


def _drawn(shape: Mapping[str, Any], page: Page) -> BoolArray:
    kind, points = shape.get("shape_type") or "polygon", shape.get("points")
    if kind == "mask":
        return _pasted(shape, page)
    if kind == "circle":
        return page.fill([_circle(points)])
    if kind not in _CLOSED:
        raise InputError(
            f"a shape of the kind {str(kind)[:40]!a} has no area; polygons, rectangles, circles and "
            "masks have"
        )
    return page.fill([_box(points) if kind == "rectangle" else pair_corners(points)])


def _box(points: Any) -> Corners:
    if isinstance(points, list) and len(points) == 2:
        (x0, y0), (x1, y1) = _two_points(points)
        return np.array([x0, y0, x1, y0, x1, y1, x0, y1])
    return pair_corners(points)


def _two_points(points: Any) -> Corners:
    if not isinstance(points, list) or not (
        len(points) == 2 and all(isinstance(point, list) and len(point) == 2 for point in points)
    ):
        raise InputError("it has two points, each [x, y]")
    return finite_numbers([value for point in points for value in point]).reshape(2, 2)


def _circle(points: Any) -> Corners:
    (x, y), (edge_x, edge_y) = _two_points(points).tolist()
    radius = math.hypot(edge_x - x, edge_y - y)
    return ellipse_corners(x, y, radius, radius)


def _pasted(shape: Mapping[str, Any], page: Page) -> BoolArray:
    """Draw a mask that is stored as a PNG, with the corner where it belongs."""
    height, width = page.drawn_hw
    (x, y), _ = _two_points(shape.get("points")).tolist()
    pixels = decode_base64_mask(shape.get("mask"), 4 * height * width)
    if not (abs(x) <= 2 * width and abs(y) <= 2 * height):
        raise InputError("its mask lies far outside the picture")
    left, top = round(x), round(y)
    mask = np.zeros(page.drawn_hw, dtype=np.bool_)
    rows, columns = pixels.shape
    place = slice(max(top, 0), max(top + rows, 0)), slice(max(left, 0), max(left + columns, 0))
    inside = mask[place]
    cut = pixels[max(-top, 0) :, max(-left, 0) :]
    inside[:] = cut[: inside.shape[0], : inside.shape[1]]
    return page.fit(mask)


def decode_base64_mask(text: Any, max_pixels: int) -> BoolArray:
    """Return a mask that is stored as a picture in base64, maybe behind a data URL's head.

    Raises:
        InputError: it is no such text or picture, or has more pixels than `max_pixels`.
    """
    if not isinstance(text, str):
        raise InputError("its mask is no picture in base64")
    try:
        data = base64.b64decode(text.rpartition(",")[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError("its mask is damaged base64") from error
    image = open_picture(data, max_pixels=max(max_pixels, 1))
    if image.has_transparency_data:
        alpha = np.asarray(image.convert("RGBA").getchannel("A"))
        if alpha.min() < alpha.max():
            return np.asarray(alpha > 127)
    pixels = np.asarray(image.convert("L"))
    return np.asarray(pixels > pixels.max() / 2)
