"""Pictures of more than 8 bits a channel, brought to 8; microscopes and cameras make them.

Pillow cuts 16-bit colours to their upper byte and knows no colours of floating-point numbers, so
such files are read by OpenCV where that matters. What neither reads is named by the file's own tags.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from refiner.types import InputError

STRETCHED_BELOW = 1 << 14
"""A 16-bit picture whose brightest values lie below this holds 14 bits or fewer: nearly black."""
_SHARE = 0.1
"""Per cent of the values at either end that a stretch leaves out, hot pixels for one."""
_FLOAT = 3
_FORMATS = {1: "whole numbers", 2: "signed whole numbers", _FLOAT: "float"}
_LOGARITHMIC = (34676, 34677)
"""Compressions of floats as logarithms (SGI's LogLuv), as OpenCV saves them."""
_ROUNDED = 0.01
"""How far logarithms may round a colour out of [0, 1]."""


@dataclass(frozen=True, slots=True)
class TiffLayout:
    """How a TIFF stores its first picture.

    Attributes:
        size_hw: height and width as stored.
        bits: of one sample.
        samples: of one pixel.
        form: TIFF's SampleFormat.
        of_floats: whether its values are floating-point numbers.
        orientation: as in EXIF.
        preview: whether it is only the small picture in front of a camera's raw data.
    """

    size_hw: tuple[int, int]
    bits: int
    samples: int
    form: int
    of_floats: bool
    orientation: int
    preview: bool

    @property
    def words(self) -> str:
        """Say how a pixel is stored."""
        form = _FORMATS.get(self.form, "values of an unknown kind")
        return f"{self.samples} x {self.bits}-bit {form} a pixel"


def tiff_layout(data: bytes) -> TiffLayout:
    """Return how a TIFF stores its first picture; whatever Pillow raises means that it is damaged."""
    head = data[:16] if data[2:3] == b"+" or data[3:4] == b"+" else data[:8]
    tags: Any = TiffImagePlugin.ImageFileDirectory_v2(head)
    file = io.BytesIO(data)
    file.seek(tags.next)
    tags.load(file)

    def first(tag: int, otherwise: int) -> int:
        value = tags.get(tag, otherwise)
        return int(value[0] if isinstance(value, tuple) else value)

    form = first(339, 1)
    return TiffLayout(
        size_hw=(first(257, 0), first(256, 0)),
        bits=first(258, 1),
        samples=first(277, 1),
        form=form,
        of_floats=form == _FLOAT or first(259, 1) in _LOGARITHMIC,
        orientation=first(274, 1),
        preview=50706 in tags or bool(first(254, 0) & 1),
    )


def stored_values(data: bytes) -> NDArray[Any] | None:
    """Return the values of a PNG or TIFF as stored, (height, width) or (height, width, 3 or 4).

    Colours are RGB or RGBA. None if OpenCV cannot read it.
    """
    import cv2  # takes long, and few pictures need it

    try:
        values = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if values is None or values.ndim == 2:
        return values
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}.get(values.shape[2])
    return None if order is None else np.ascontiguousarray(values[..., order])


def is_dark(pixels: NDArray[np.uint8]) -> bool:
    """Return whether a 16-bit picture, cut to 8 bits, is one that `to_8_bits` would stretch."""
    return float(np.percentile(pixels, 100 - _SHARE)) < STRETCHED_BELOW >> 8


def to_8_bits(values: NDArray[Any], name: str) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Return values as 8-bit ones of the same shape, and what was done, if it must be told.

    16-bit values keep their full range, unless all but a few lie in its lowest quarter: 10 to 14
    bits stored in 16 are stretched to the values used. Floating-point numbers from 0 to 1 are
    scaled. A fourth channel is never stretched.

    Args:
        values: uint16 or floating point.
        name: what to call the picture in an error.

    Raises:
        InputError: floating-point numbers outside [0, 1], or others.
    """
    if values.dtype == np.uint16:
        return _stretched(values)
    if values.dtype.kind != "f":
        raise InputError(
            f"The picture {name} is stored as {values.dtype} values; convert it to 8 or 16 bits."
        )
    bits = 8 * values.dtype.itemsize
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and -_ROUNDED <= low <= high <= 1 + _ROUNDED):
        raise InputError(
            f"The picture {name} is stored as {bits}-bit float, values from "
            f"{low:.4g} to {high:.4g}, of which only those from 0 to 1 have a fixed way to colours; "
            "convert it to 8 or 16 bits."
        )
    pixels = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return pixels, (f"The picture is stored as {bits}-bit float; it is worked on in 8 bits.",)


def _stretched(values: NDArray[np.uint16]) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    colors = values[..., :3] if values.ndim == 3 else values
    low, high = (int(value) for value in np.percentile(colors, (_SHARE, 100 - _SHARE)))
    if low == high:  # a few bright things on an even ground
        low, high = int(colors.min()), int(colors.max())
    if not low < high < STRETCHED_BELOW:
        return np.rint(values.astype(np.float32) / 257).astype(np.uint8), ()
    scaled = (colors.astype(np.float32) - low) * np.float32(255 / (high - low))
    pixels = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    if values.ndim == 3 and values.shape[2] == 4:
        alpha = np.rint(values[..., 3:].astype(np.float32) / 257).astype(np.uint8)
        pixels = np.concatenate([pixels, alpha], axis=2)
    said = (
        f"The picture uses few of its 16 bits: the values {low:,} to {high:,} are stretched from black "
        "to white."
    )
    return pixels, (said,)
