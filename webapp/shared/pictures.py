"""Pictures on their way in: where they may come from, and the size they are worked at."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from refiner.files.pictures import Picture, open_picture, read_mask, scaled_down
from refiner.types import BoolArray, ImageArray, InputError, check_image
from webapp.image.state import Picture as OpenPicture
from webapp.shared.limits import Limits

JPEG_QUALITY = 95


class ReadImage(Protocol):
    """Reads a picture from a file, within bounds that are checked before it is decoded."""

    def __call__(self, source: Path, /, *, max_bytes: int, max_pixels: int) -> Picture:
        """Return its pixels, and what of it is shown otherwise than it is stored.

        Raises:
            InputError: it is no picture, or over a bound.
        """


def read_within(read_image: ReadImage, file: Path, limits: Limits) -> Picture:
    """Read a picture, at most as large as the limits allow.

    Raises:
        InputError: it is no picture, or too large.
    """
    return read_image(
        file,
        max_bytes=limits.file_megabytes * 1_000_000,
        max_pixels=limits.megapixels * 1_000_000,
    )


def uploaded_file(path: str, root: Path) -> Path:
    """Return `path` if it names a file that was uploaded, else refuse it.

    Args:
        path: what the browser says; anything at all.
        root: the folder that uploads are stored under.

    Raises:
        InputError: it lies elsewhere or is no file.
    """
    try:
        file = Path(path).resolve(strict=True)
        inside = file.is_relative_to(root.resolve()) and file.is_file()
    except (OSError, ValueError, RuntimeError):
        inside = False
    if not inside:
        raise InputError("The upload did not arrive; choose the picture again.")
    return file


def worked_size(image: ImageArray, limits: Limits) -> ImageArray:
    """Return the picture, scaled down if its longer side exceeds the limit.

    Raises:
        InputError: it is no RGB picture, or far too long and narrow.
    """
    return scaled_down(check_image(image), limits.long_side)


def worked_mask(mask: BoolArray, size_hw: tuple[int, int]) -> BoolArray:
    """Return the mask at `size_hw` (height, width), each pixel that of the nearest one."""
    if mask.shape == size_hw:
        return mask
    small = Image.fromarray(mask).resize(size_hw[::-1], Image.Resampling.NEAREST)
    return np.asarray(small, dtype=np.bool_)


def read_truth(file: Path, picture: OpenPicture, limits: Limits) -> BoolArray:
    """Read a mask of a picture, as it was before it was scaled down or as it is worked on.

    Raises:
        InputError: it is no mask, is empty, or of neither size.
    """
    max_bytes, max_pixels = limits.file_megabytes * 1_000_000, limits.megapixels * 1_000_000
    stored = open_picture(file, max_bytes, max_pixels)
    worked = (stored.height, stored.width) == picture.size_hw
    size_hw = picture.size_hw if worked else picture.original_hw
    mask = read_mask(file, size_hw, max_bytes=max_bytes, max_pixels=max_pixels)
    return worked_mask(mask, picture.size_hw)


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
