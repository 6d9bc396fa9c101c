"""8-bit pictures of any mode as sRGB: colour profiles applied, transparency laid over a ground."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from refiner.types import InputError

SAME = 3
"""Levels of 255 by which a profile may differ from sRGB and still count as sRGB."""
VISIBLE = 40
"""Levels of 255, in the channel that differs most, by which a ground is told from an object."""
ENOUGH = 0.75
"""The share of an object's outline that must be told from a ground for white to be kept."""
GROUNDS = (
    ("white", (255, 255, 255)),
    ("black", (0, 0, 0)),
    ("grey", (128, 128, 128)),
    ("green", (0, 177, 64)),
)
_LOOKED_AT = 1024
_SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_BROKEN = (
    "The picture's colour profile is damaged or of another kind and was left out; colours may differ a "
    "little."
)


Ground = tuple[str, tuple[int, int, int]]
"""What lies below transparent parts: its name and its colour."""


def as_srgb(
    image: Image.Image, name: str, ground: Ground | None = None
) -> tuple[Image.Image, tuple[str, ...]]:
    """Return a picture of 8 bits or fewer a channel as RGB in sRGB, and what must be told of it.

    Args:
        image: in any of Pillow's modes for 8 bits; its `info` may have a colour profile.
        name: what to call it in an error.
        ground: what to lay transparent parts over; by default what shows the object.

    Raises:
        InputError: it is in a mode without a fixed way to RGB.
    """
    if image.mode in ("I", "F", "LAB", "HSV"):
        raise InputError(
            f"A picture stored as {image.mode} has no fixed way to 8-bit RGB; convert {name} to RGB or "
            "grey of 8 or 16 bits."
        )
    profile = image.info.get("icc_profile")
    alpha = None
    if image.has_transparency_data:
        grey = image.mode in ("L", "LA")
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        image = image.convert("L" if grey else "RGB")
    image, notices = _converted(image, profile) if profile else (image, ())
    image = image.convert("RGB")
    if alpha is None or alpha.getextrema()[0] == 255:
        return image, notices
    said, color = ground or _ground(np.asarray(image), np.asarray(alpha))
    image.putalpha(alpha)
    below = Image.new("RGBA", image.size, (*color, 255))
    image = Image.alpha_composite(below, image).convert("RGB")
    return image, (*notices, f"The picture is transparent in parts; they are shown {said}.")


def _converted(image: Image.Image, profile: Any) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the picture in sRGB, by its colour profile; as it is if that is sRGB or unusable."""
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _SPACES[given.profile.xcolor_space]
        # a palette's profile is that of its colours, and grey may carry one of RGB
        if image.mode not in {"RGB": ("RGB", "P", "L", "1"), "L": ("L", "1")}.get(mode, (mode,)):
            return image, (_BROKEN,)
        image = image.convert(mode)
        transform = ImageCms.buildTransform(
            given,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if mode != "CMYK" and _is_srgb(transform, mode):
            return image, ()
        converted = ImageCms.applyTransform(image, transform)
    except Exception:  # lcms and Pillow raise errors of many types over a damaged profile
        return image, (_BROKEN,)
    return (image, (_BROKEN,)) if converted is None else (converted, ())


def _is_srgb(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Return whether a profile gives sRGB's own colours; its name says little."""
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    grid = np.arange(256, dtype=np.uint8)[None]
    if mode == "RGB":
        grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3)
    asked = Image.fromarray(grid)
    answer = ImageCms.applyTransform(asked, transform)
    difference = np.asarray(answer, dtype=int) - np.asarray(asked.convert("RGB"))
    return bool(np.abs(difference).max() <= SAME)


def ground_of(image: Image.Image) -> Ground:
    """Return the ground to lay a picture over, white if it is not transparent."""
    if not image.has_transparency_data:
        return GROUNDS[0]
    values = np.asarray(image.convert("RGBA"))
    return _ground(values[..., :3], values[..., 3])


def _ground(colors: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> Ground:
    """Return the ground to lay a picture over: white, unless its outline would vanish there.

    The outline is the visible pixels beside invisible ones. Of the grounds the one that most of it
    is told from is taken, so that a photo's cut-out with white, black and grey parts gets green.
    """
    step = max(1, max(alpha.shape) // _LOOKED_AT)
    colors, alpha = colors[::step, ::step], alpha[::step, ::step]
    outline = colors[_outline(alpha > int(alpha.max()) // 2)].astype(int)
    if not len(outline):
        return GROUNDS[0]
    shares = [
        float((np.abs(outline - color).max(axis=1) >= VISIBLE).mean()) for _, color in GROUNDS
    ]
    return GROUNDS[0 if shares[0] >= ENOUGH else int(np.argmax(shares))]


def _outline(visible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which visible pixels have an invisible neighbour above, below, left or right."""
    around = np.pad(visible, 1, mode="edge")
    inner = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return np.asarray(visible & ~inner)
