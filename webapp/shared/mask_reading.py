"""Mask files that were uploaded: how to read them, and what is said of them on the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from refiner.files.labels.records import AUTO, LabelChoice, MaskFile
from refiner.files.reading import Reader
from refiner.types import InputError
from webapp.shared.events import Values
from webapp.shared.limits import Limits

MAX_NAME = 255
_SHOWN = 4


def read_choice(values: Values) -> LabelChoice:
    """Return how to read a picture of labels; `labels` and `invert` may be left out.

    Raises:
        InputError: one of them is something else.
    """
    return LabelChoice(values.get("labels", "auto"), values.get("invert", False))


def read_uploaded_masks(
    reader: Reader,
    file: Path,
    size_hw: tuple[int, int],
    original_hw: tuple[int, int],
    limits: Limits,
    *,
    name: str = "",
    choice: LabelChoice = AUTO,
) -> MaskFile:
    """Read the masks of a picture, as it is worked on or as it was before it was scaled down.

    Args:
        reader: reads files of strangers.
        file: the masks.
        size_hw: the size the picture is worked on at, and that of the masks returned.
        original_hw: its size before.
        limits: the limits of the page.
        name: the file name of the picture, which finds it in a file of several.
        choice: how to read a picture of labels.

    Raises:
        InputError: as `refiner.files.mask_files.read_masks`.
    """
    return reader.masks(
        file,
        size_hw,
        picture=name,
        choice=choice,
        drawn_hw=original_hw,
        max_bytes=limits.file_megabytes * 1_000_000,
        max_pixels=limits.megapixels * 1_000_000,
    )


def picture_name(value: object) -> str:
    """Return the file name a picture had where it came from; nothing if none was sent."""
    return value[-MAX_NAME:] if isinstance(value, str) else ""


def notice_line(notices: Sequence[str]) -> str:
    """Return what was understood of a mask file as one line, empty if it was plain."""
    more = f"; and {len(notices) - _SHOWN} more" if len(notices) > _SHOWN else ""
    return f"Mask: {'; '.join(notices[:_SHOWN])}{more}." if notices else ""


def check_room(count: int, free: int, most: int) -> None:
    """Raise InputError if a file has more objects than there is room for."""
    if count > free:
        raise InputError(
            f"The file has {count} objects and there is room for {free}; at most {most} fit on one "
            "picture. Remove some first."
        )
