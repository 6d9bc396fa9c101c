"""The photo itself, of which a smaller picture may be worked on: its file, its pixels, its size."""

from __future__ import annotations

import secrets
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np

from refiner.files.pictures import scaled_mask
from refiner.files.reading import Reader
from refiner.types import Box, Click, ImageArray, InputError, Mask, MaskPair, Prompts
from webapp.image.state import Picture
from webapp.shared.limits import Limits
from webapp.shared.pictures import read_within
from webapp.shared.uploads import REFUSED, link


class PhotoFile:
    """An uploaded file under a name of its own, kept until nothing refers to this any more."""

    def __init__(self, file: Path, root: Path) -> None:
        """Link `file` below `root`, as uploads are swept away after a while.

        Raises:
            InputError: that was just now.
        """
        folder = root / "photos"
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / secrets.token_hex(16)
        try:
            link(file, self.path)
        except FileNotFoundError as error:
            raise InputError(REFUSED) from error
        weakref.finalize(self, self.path.unlink, True)


def photo_pixels(picture: Picture, reader: Reader, limits: Limits) -> ImageArray:
    """Return a picture at its own size, uint8 RGB (height, width, 3); large ones are read again.

    Raises:
        InputError: the file cannot be read any more.
    """
    if picture.file is None or picture.size_hw == picture.original_hw:
        return picture.pixels
    pixels = read_within(reader, picture.file.path, limits).pixels
    if pixels.shape[:2] != picture.original_hw:
        raise InputError("The photo's file is no longer what it was; open it again.")
    return pixels


def at_photo_size(pair: MaskPair, size_hw: tuple[int, int]) -> MaskPair:
    """Return both masks at the photo's size."""
    return MaskPair(*(_enlarged(mask, size_hw) for mask in (pair.base, pair.refined)))


def prompts_at(prompts: Prompts, worked_hw: tuple[int, int], size_hw: tuple[int, int]) -> Prompts:
    """Return prompts given at one size (height, width) in pixels of another."""
    if worked_hw == size_hw:
        return prompts

    def at(x: float, y: float) -> tuple[float, float]:
        return x * size_hw[1] / worked_hw[1], y * size_hw[0] / worked_hw[0]

    box, mask = prompts.box, prompts.mask
    return Prompts(
        tuple(Click(*at(click.x, click.y), click.positive) for click in prompts.clicks),
        box and Box(*at(box.x0, box.y0), *at(box.x1, box.y1)),
        None if mask is None else scaled_mask(np.asarray(mask > 0.5), size_hw),
    )


def _enlarged(mask: Mask, size_hw: tuple[int, int]) -> Mask:
    return replace(mask, mask=scaled_mask(mask.mask, size_hw))
