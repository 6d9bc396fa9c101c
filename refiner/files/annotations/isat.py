"""ISAT: polygons in layers, with a category that cuts holes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from refiner.files.annotations.parts import Annotations, Part, make_page, pair_corners, read_records
from refiner.types import BoolArray

_HOLE = "__background__"


def is_isat(document: Mapping[str, Any]) -> bool:
    """Whether a document is ISAT's."""
    return isinstance(document.get("info"), Mapping) and isinstance(document.get("objects"), list)


def read_isat(
    document: Mapping[str, Any], size_hw: tuple[int, int], drawn_hw: tuple[int, int]
) -> Annotations:
    """Return the objects of a file, from the lowest layer up; those of one group are one.

    Raises:
        InputError: it belongs to a picture of another shape.
    """
    info = document["info"]
    page, notices = make_page((info.get("height"), info.get("width")), size_hw, drawn_hw)

    def drawn(row: Mapping[str, Any]) -> BoolArray:
        return page.fill([pair_corners(row.get("segmentation"))])

    def layer(row: Mapping[str, Any]) -> float:
        value = row.get("layer")
        return value if isinstance(value, (int, float)) and value == value else 0.0

    parts = []
    for row in sorted(read_records(document["objects"], "objects"), key=layer):
        label, group = str(row.get("category", "")), row.get("group")
        key = None if group in (None, "", 0) else (label, str(group))
        parts.append(Part(label, partial(drawn, row), key, cuts=label == _HOLE))
    return Annotations(tuple(parts), notices)
