"""Label Studio's JSON: polygons, boxes and ellipses in percent, brush masks as run lengths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from refiner.files.annotations.labelme import decode_base64_mask
from refiner.files.annotations.parts import (
    Annotations,
    Page,
    Part,
    box_corners,
    ellipse_corners,
    file_name,
    finite_numbers,
    make_page,
    name_matches,
    pair_corners,
)
from refiner.types import BoolArray, InputError

_LABELS = ("polygonlabels", "rectanglelabels", "ellipselabels", "brushlabels", "labels")


def is_label_studio(document: Any) -> bool:
    """Whether a document is a task of Label Studio, or a list of them."""
    rows = document if isinstance(document, list) else [document]
    return bool(rows) and all(
        isinstance(row, Mapping) and bool(list(_results(row))) for row in rows[:1]
    )


def _results(task: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Go through the shapes of a task, of its annotations or else of its predictions."""
    for name in ("annotations", "completions", "predictions"):
        answers = task.get(name)
        rows = [
            shape
            for answer in (answers if isinstance(answers, list) else [])
            if isinstance(answer, Mapping)
            and isinstance(answer.get("result"), list)
            and not answer.get("was_cancelled")
            for shape in answer["result"]
            if isinstance(shape, Mapping)
        ]
        if rows:
            yield from rows
            return
    for value in task.values():
        if isinstance(value, list) and any(_is_short(shape) for shape in value):
            yield from ({"value": shape, **shape} for shape in value if isinstance(shape, Mapping))


def _is_short(shape: Any) -> bool:
    """Whether this is a shape of the short export, JSON-MIN."""
    return isinstance(shape, Mapping) and "original_width" in shape


def _image(task: Mapping[str, Any]) -> str:
    """Return the picture's name; uploads have a random word before theirs."""
    data = task.get("data", task)
    values = data.values() if isinstance(data, Mapping) else ()
    texts = [value for value in values if isinstance(value, str) and "." in value[-6:]]
    return file_name(texts[0].partition("?")[0]) if texts else ""


def read_label_studio(
    document: Any, picture: str, size_hw: tuple[int, int], drawn_hw: tuple[int, int]
) -> Annotations:
    """Return the shapes of the task of one picture.

    Raises:
        InputError: the picture is not in it, or of another shape.
    """
    tasks = [
        task
        for task in (document if isinstance(document, list) else [document])
        if isinstance(task, Mapping)
    ]
    if len(tasks) > 1:
        base = file_name(picture).rpartition("/")[2]
        found = name_matches(tasks, picture, _image) or [
            task for task in tasks if base and _image(task).endswith(f"-{base}")
        ]
        if len(found) != 1:
            raise InputError(
                f"The annotation file has several pictures, and {len(found)} of them are called "
                f"{picture[-80:]!a}; give the picture the name it has there."
            )
        tasks = found
    parts: list[Part] = []
    notices: list[str] = []
    for shape in _results(tasks[0]):
        size = shape.get("original_height"), shape.get("original_width")
        value = shape.get("value")
        if not isinstance(value, Mapping):
            continue
        page, told = make_page(size, size_hw, drawn_hw)
        notices += told
        parts.append(Part(_label(shape, value), partial(_drawn, shape, value, page)))
    return Annotations(tuple(parts), tuple(dict.fromkeys(notices)))


def _label(shape: Mapping[str, Any], value: Mapping[str, Any]) -> str:
    for name in _LABELS:
        labels = value.get(name)
        if isinstance(labels, list) and labels:
            return str(labels[0])
    return ""


def _drawn(shape: Mapping[str, Any], value: Mapping[str, Any], page: Page) -> BoolArray:
    height, width = page.drawn_hw
    if "rle" in value:
        stored = shape.get("original_height"), shape.get("original_width")
        if stored == page.drawn_hw[::-1] and height != width:
            raise InputError(
                "its brush mask is that of the picture lying, by the camera's orientation; export "
                "it on the upright picture"
            )
        return page.fit(decode_brush(value["rle"], page.drawn_hw))
    if "points" in value:
        corners = pair_corners(value["points"])
        return page.fill([corners * np.tile([width / 100, height / 100], len(corners) // 2)])
    turn = value.get("rotation", 0) or 0
    if "radiusX" in value:
        x, y, across, down, turn = _percent(value, ("x", "y", "radiusX", "radiusY"), turn, page)
        return page.fill([ellipse_corners(x, y, across, down, turn)])
    if "imageDataURL" in value:
        return page.fit(decode_base64_mask(value["imageDataURL"], 4 * height * width))
    if {"x", "y", "width", "height"} <= value.keys():
        x, y, across, down, turn = _percent(value, ("x", "y", "width", "height"), turn, page)
        return page.fill([box_corners(x, y, across, down, turn)])
    raise InputError(f"a shape of the kind {str(shape.get('type', ''))[:40]!a} has no area")


def _percent(
    value: Mapping[str, Any], names: tuple[str, ...], turn: Any, page: Page
) -> tuple[float, float, float, float, float]:
    """Return two places, two lengths and an angle, those in percent as pixels."""
    numbers = finite_numbers([*(value.get(name) for name in names), turn])
    height, width = page.drawn_hw
    a, b, c, d, angle = (
        numbers * [width / 100, height / 100, width / 100, height / 100, 1]
    ).tolist()
    return a, b, c, d, angle


def decode_brush(runs: Any, size_hw: tuple[int, int]) -> BoolArray:
    """Return the mask of a brush, whose run lengths hold four bytes a pixel, the last its alpha.

    The stream of bits has a 32-bit count of bytes, a 5-bit word size less one, and four 4-bit
    lengths less one. Then, until all are told: a bit that says whether words repeat, two bits that
    choose a length, a number of that length less one, and one word or as many as the number says.

    Raises:
        InputError: it is no such list, of another size, or cut off.
    """
    if not isinstance(runs, list) or not all(type(one) is int and 0 <= one < 256 for one in runs):
        raise InputError("its brush mask is no list of bytes")
    height, width = size_hw
    bits = np.unpackbits(np.array(runs, dtype=np.uint8))
    place = 0

    def number(count: int) -> int:
        nonlocal place
        if place + count > len(bits):
            raise InputError("its brush mask is cut off")
        value = int("".join(map(str, bits[place : place + count].tolist())), 2)
        place += count
        return value

    total, word = number(32), number(5) + 1
    lengths = [number(4) + 1 for _ in range(4)]
    if total != 4 * height * width or word != 8:
        raise InputError(f"its brush mask is none of {width} x {height} pixels")
    values = np.zeros(total, dtype=np.uint8)
    done = 0
    while done < total:
        repeats = number(1)
        count = number(lengths[number(2)]) + 1
        if done + count > total:
            raise InputError("its brush mask is longer than the picture")
        if repeats:
            values[done : done + count] = number(8)
        else:
            if place + 8 * count > len(bits):
                raise InputError("its brush mask is cut off")
            values[done : done + count] = np.packbits(bits[place : place + 8 * count])
            place += 8 * count
        done += count
    return np.asarray(values.reshape(height, width, 4)[..., 3] > 127)
