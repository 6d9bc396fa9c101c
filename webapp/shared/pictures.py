"""Pictures on their way in, at the size they are worked at, and on their way out."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from refiner.files.annotations.parts import nearest_mask
from refiner.files.pictures import Picture, scaled_down
from refiner.files.reading import Reader
from refiner.types import BoolArray, ImageArray, InputError, check_image
from webapp.shared.limits import Limits

JPEG_QUALITY = 95
MIN_SIDE = 8
"""Pixels of the shorter side below which a picture is refused."""


def read_within(reader: Reader, file: Path, limits: Limits) -> Picture:
    """Read a picture, at most as large as the limits allow.

    Raises:
        InputError: it is no picture, or too large.
    """
    return reader(
        file,
        max_bytes=limits.file_megabytes * 1_000_000,
        max_pixels=limits.megapixels * 1_000_000,
    )


def worked_size(image: ImageArray, limits: Limits) -> ImageArray:
    """Return the picture, scaled down if its longer side exceeds the limit.

    Raises:
        InputError: it is no RGB picture, too small to see anything in, or far too long and narrow.
    """
    height, width = check_image(image).shape[:2]
    if min(height, width) < MIN_SIDE:
        raise InputError(
            f"The picture of {width} x {height} pixels is too small to segment anything in; "
            f"choose one of at least {MIN_SIDE} pixels a side."
        )
    return scaled_down(image, limits.long_side)


def worked_mask(mask: BoolArray, size_hw: tuple[int, int]) -> BoolArray:
    """Return the mask at `size_hw` (height, width), each pixel that of the nearest one."""
    return nearest_mask(mask, size_hw)


def jpeg(image: ImageArray, quality: int = JPEG_QUALITY) -> bytes:
    """Return the picture as a JPEG for browsers, without metadata and with full colour detail."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def thumbnail(image: ImageArray, height: int = 112) -> bytes:
    """Return a small JPEG of the picture, cut to a shape not far from 4:3."""
    full = Image.fromarray(image)
    size = (round(height * 4 / 3), height)
    scale = max(size[0] / full.width, size[1] / full.height)
    small = full.resize((round(full.width * scale) + 1, round(full.height * scale) + 1))
    left, top = (small.width - size[0]) // 2, (small.height - size[1]) // 2
    buffer = io.BytesIO()
    small.crop((left, top, left + size[0], top + size[1])).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
