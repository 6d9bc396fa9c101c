"""What reads pictures and masks: in this process, or as `decoding.walled` in one of its own."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from refiner.files.labels.picture import numbered_map
from refiner.files.labels.records import AUTO, LabelChoice, MaskFile
from refiner.files.mask_files import read_masks
from refiner.files.pictures import Picture, Source, open_picture, read_picture


class Reader(Protocol):
    """Reads files of strangers, within bounds that are checked before anything is decoded."""

    def __call__(self, source: Source, /, *, max_bytes: int, max_pixels: int) -> Picture:
        """Return a picture, see `pictures.read_picture`.

        Raises:
            InputError: it is no picture, or over a bound.
        """

    def masks(
        self,
        source: Source,
        size_hw: tuple[int, int],
        /,
        *,
        max_bytes: int,
        max_pixels: int,
        picture: str = "",
        choice: LabelChoice = AUTO,
        drawn_hw: tuple[int, int] | None = None,
    ) -> MaskFile:
        """Return the masks of a file, see `mask_files.read_masks`.

        Raises:
            InputError: they cannot be read, or are over a bound.
        """

    def numbers(self, source: Source, /, *, max_bytes: int, max_pixels: int) -> NDArray[np.uint8]:
        """Return a map that numbers its objects, see `labels.numbered_map`.

        Raises:
            InputError: it is none, or over a bound.
        """


class PlainReader:
    """Reads here: for files that are one's own."""

    def __call__(self, source: Source, /, *, max_bytes: int, max_pixels: int) -> Picture:
        """As of `Reader`."""
        return read_picture(source, max_bytes=max_bytes, max_pixels=max_pixels)

    def masks(
        self,
        source: Source,
        size_hw: tuple[int, int],
        /,
        *,
        max_bytes: int,
        max_pixels: int,
        picture: str = "",
        choice: LabelChoice = AUTO,
        drawn_hw: tuple[int, int] | None = None,
    ) -> MaskFile:
        """As of `Reader`."""
        return read_masks(
            source,
            size_hw,
            picture=picture,
            choice=choice,
            drawn_hw=drawn_hw,
            max_bytes=max_bytes,
            max_pixels=max_pixels,
        )

    def numbers(self, source: Source, /, *, max_bytes: int, max_pixels: int) -> NDArray[np.uint8]:
        """As of `Reader`."""
        return numbered_map(open_picture(source, max_bytes, max_pixels))


HERE: Reader = PlainReader()
