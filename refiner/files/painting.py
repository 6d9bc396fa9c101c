"""Masks as pictures: their colours, PNGs, cut-outs and overlays. Nothing here needs torch.

Pictures are uint8 RGB (height, width, 3), masks bool (height, width).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from refiner.types import BoolArray, ImageArray, InputError, check_image, check_mask

Color = tuple[int, int, int]

OBJECT_COLORS: tuple[Color, ...] = (
    (0, 158, 115),  # bluish green
    (204, 121, 167),  # reddish purple
    (240, 228, 66),  # yellow
    (213, 94, 0),  # vermillion
    (86, 180, 233),  # sky blue
)
"""Okabe and Ito's colours, which the colour-blind can tell apart, without the orange and the blue
that stand for SAM2 and SAM2Refiner."""


def object_color(index: int) -> Color:
    """Return the RGB colour of object `index`, counted from 0; colours repeat after the last."""
    return OBJECT_COLORS[index % len(OBJECT_COLORS)]


def mask_png(mask: BoolArray) -> bytes:
    """Return `mask` as an 8-bit grey PNG: 255 the object, 0 the rest.

    Raises:
        InputError: `mask` is no mask.
    """
    check_mask(mask)
    return _png(mask.astype(np.uint8) * 255)


def cutout_png(image: ImageArray, mask: BoolArray) -> bytes:
    """Return the object on a transparent ground as an RGBA PNG.

    Alpha is 255 inside `mask` and 0 outside, where the colours are black, so that nothing of the
    background remains in the file.

    Raises:
        InputError: the picture or the mask cannot be used, or they differ in size.
    """
    check_mask(mask, check_image(image).shape[:2])
    colors = np.where(mask[..., None], image, 0)
    return _png(np.dstack([colors, mask.astype(np.uint8) * 255]).astype(np.uint8))


def overlay(
    image: ImageArray, masks: Sequence[BoolArray], colors: Sequence[Color], opacity: float = 0.5
) -> ImageArray:
    """Paint `masks` over a copy of `image`, later ones over earlier ones.

    Args:
        image: uint8 RGB (height, width, 3).
        masks: bool (height, width) each.
        colors: one RGB colour (0..255) for each mask.
        opacity: the share of the colour, from 0 (unchanged) to 1 (flat colour).

    Returns:
        The painted picture; pixels outside all masks are those of `image`.

    Raises:
        InputError: sizes differ, the colours are not as many as the masks, or `opacity` is not
            in [0, 1].
    """
    size_hw = check_image(image).shape[:2]
    if len(masks) != len(colors):
        raise InputError(
            f"Each mask needs one colour, got {len(masks)} masks, {len(colors)} colours."
        )
    if not 0 <= opacity <= 1:
        raise InputError(f"The opacity must lie between 0 and 1, got {opacity}.")
    painted = image.copy()
    for mask, color in zip(masks, colors, strict=True):
        check_mask(mask, size_hw)
        blend = painted[mask] * (1 - opacity) + np.asarray(color) * opacity
        painted[mask] = np.rint(blend).astype(np.uint8)
    return painted


def overlay_png(
    image: ImageArray, masks: Sequence[BoolArray], colors: Sequence[Color], opacity: float = 0.5
) -> bytes:
    """Return `overlay` of the same arguments as an RGB PNG."""
    return _png(overlay(image, masks, colors, opacity))


def _png(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
