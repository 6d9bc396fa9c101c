"""What programs send to the endpoints, checked; nothing in it is trusted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from refiner.files.reading import Reader
from refiner.types import Box, Click, ImageArray, InputError
from webapp.api.addresses import is_address, path_on_page
from webapp.shared import text
from webapp.shared.events import MAX_COUNT, explain, is_number
from webapp.shared.limits import Limits, check_spare
from webapp.shared.pictures import read_within, worked_size
from webapp.shared.uploads import Uploads

TELL_SECONDS = 0.3
"""How often endpoints tell how far they are."""


@contextmanager
def client_errors() -> Iterator[None]:
    """Turn whatever is raised into an error whose words gradio's clients are shown."""
    try:
        yield
    except Exception as error:
        raise gr.Error(explain(error, text.API_FAILED), print_exception=False) from error


@dataclass(frozen=True, slots=True)
class Scale:
    """From a file's own pixels to those worked at; both sizes are (height, width)."""

    worked_hw: tuple[int, int]
    original_hw: tuple[int, int]

    def click(self, x: float, y: float, sign: float) -> Click:
        """Return a click; `sign` is 1 on the object and 0 beside it."""
        return Click(*self._at(x, y), bool(sign))

    def box(self, x0: float, y0: float, x1: float, y1: float) -> Box:
        """Return a box."""
        return Box(*self._at(x0, y0), *self._at(x1, y1))

    def _at(self, x: float, y: float) -> tuple[float, float]:
        # Multiplied first, so that the border stays the border to the last bit.
        (height, width), (rows, columns) = self.worked_hw, self.original_hw
        return x * width / columns, y * height / rows


@dataclass(frozen=True, slots=True)
class Inbox:
    """Reads what was sent, within the limits of the page.

    Attributes:
        reader: reads files of strangers; raises InputError if it cannot.
        uploads: what was uploaded.
        limits: how much may be asked for.
    """

    reader: Reader
    uploads: Uploads
    limits: Limits

    def file(self, file: Any) -> Path:
        """Return a file that was uploaded here, also if it is given by its address on this page.

        Raises:
            InputError: it was not.
        """
        path = file.get("path") if isinstance(file, dict) else None
        if not isinstance(path, str):
            raise InputError("A file is sent as an upload; see the client's handle_file.")
        if is_address(path):
            path = path_on_page(path)
            if not path:
                raise InputError("Send the file itself: nothing is fetched from other addresses.")
        return self.uploads.file(path)

    def picture(self, file: Any) -> tuple[ImageArray, Scale]:
        """Return a picture as it is worked on, and its scale.

        Raises:
            InputError: it was not uploaded, is no picture, or too large; or there is no room for it.
        """
        check_spare(self.limits, self.uploads.root)
        image = read_within(self.reader, self.file(file), self.limits).pixels
        pixels = worked_size(image, self.limits)
        return pixels, Scale((pixels.shape[0], pixels.shape[1]), (image.shape[0], image.shape[1]))

    def clicks(self, points: Any, scale: Scale) -> tuple[Click, ...]:
        """Return the clicks of one object.

        Raises:
            InputError: `points` is no list of [x, y, 1 or 0], or too long.
        """
        rows = read_rows(points, 3, "A point is [x, y, 1] on the object or [x, y, 0] beside it.")
        if len(rows) > self.limits.clicks:
            raise InputError(f"One object takes at most {self.limits.clicks} points.")
        return tuple(scale.click(x, y, read_sign(sign)) for x, y, sign in rows)


def read_rows(rows: Any, width: int, shape: str) -> list[list[float]]:
    """Return rows of `width` finite numbers; None are no rows.

    Raises:
        InputError: it is something else; `shape` says what a row is.
    """
    rows = [] if rows is None else rows
    if not isinstance(rows, list) or not all(
        isinstance(row, list) and len(row) == width for row in rows
    ):
        raise InputError(shape)
    return [[_number(value) for value in row] for row in rows]


def read_box(values: Any, scale: Scale) -> Box | None:
    """Return a box; None is none.

    Raises:
        InputError: it is no [x0, y0, x1, y1], or empty.
    """
    if values is None:
        return None
    (corners,) = read_rows([values], 4, "A box is [x0, y0, x1, y1].")
    return scale.box(*corners)


def read_sign(value: float) -> float:
    """Return 1, on the object, or 0, beside it.

    Raises:
        InputError: it is neither.
    """
    if value not in (0, 1):
        raise InputError("A point is on the object, 1, or beside it, 0: that is its last number.")
    return value


def read_whole(value: Any, what: str) -> int:
    """Return a whole number, not negative, also if it came as one with a decimal point.

    Raises:
        InputError: it is none; `what` names it.
    """
    if not is_number(value) or not 0 <= value < MAX_COUNT or value != int(value):
        raise InputError(f"{what} is a whole number from 0 on.")
    return int(value)


def _number(value: Any) -> float:
    if not is_number(value):
        raise InputError("Coordinates are finite numbers, in pixels of the picture.")
    return float(value)
