"""YOLO's text files: a line an object, a class and a polygon or box in shares of the picture."""

from __future__ import annotations

from functools import partial

import numpy as np

from refiner.files.annotations.parts import Annotations, Page, Part, box_corners
from refiner.types import BoolArray, InputError

_BOX = (5, 6)
"""Numbers of a line with a box: a class, centre and sides, maybe a confidence."""


def is_yolo(data: bytes) -> bool:
    """Whether a file starts with a line of at least five numbers, the first a class."""
    for line in data[:4_000_000].splitlines():
        words = line.split()
        if words:
            return len(words) >= 5 and words[0].isdigit() and all(map(_is_number, words[:5]))
    return False


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def read_yolo(data: bytes, size_hw: tuple[int, int]) -> Annotations:
    """Return the objects of a file."""
    height, width = size_hw
    page = Page(size_hw, size_hw)

    def drawn(words: list[bytes]) -> BoolArray:
        try:
            numbers = np.array([float(word) for word in words[1:]])
        except ValueError as error:
            raise InputError("a line has a class and numbers") from error
        if not np.isfinite(numbers).all():
            raise InputError("coordinates are finite numbers")
        if len(words) not in _BOX and len(words) < 7:
            raise InputError("a line has a class and a box or at least three x, y pairs")
        if len(words) in _BOX:
            numbers = numbers[:4]
        numbers = numbers[: len(numbers) // 2 * 2]  # the last one of an odd number is a confidence
        if (np.abs(numbers - 0.5) > 0.55).any():
            raise InputError("coordinates are shares of the picture, from 0 to 1")
        numbers = numbers * np.tile([width, height], len(numbers) // 2)
        if len(words) in _BOX:
            x, y, across, down = numbers.tolist()
            return page.fill([box_corners(x - across / 2, y - down / 2, across, down)])
        return page.fill([numbers])

    lines = (line.split() for line in data.splitlines())
    return Annotations(
        tuple(
            Part(words[0][:40].decode("ascii", "replace"), partial(drawn, words))
            for words in lines
            if words
        )
    )
