"""How much one visitor may ask for; each limit can be set in the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from refiner.types import InputError

PREFIX = "STUDIO_"


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds; `STUDIO_LONG_SIDE=4096` in the environment sets `long_side`, and so on.

    Attributes:
        file_megabytes: size of an uploaded file.
        megapixels: size of an uploaded picture.
        long_side: pictures are worked on with their longer side at most this many pixels.
        objects: objects in one picture.
        clicks: clicks of one object.
        actions: actions in one message of the browser.
        waiting: requests that may wait for the model.
        sessions: visitors whose pictures are held at the same time.
        idle_seconds: how long an idle visitor's picture is held.
    """

    file_megabytes: int = 20
    megapixels: int = 40
    long_side: int = 2048
    objects: int = 5
    clicks: int = 50
    actions: int = 200
    waiting: int = 24
    sessions: int = 100
    idle_seconds: int = 3600

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Limits:
        """Return the defaults with what the environment sets.

        Raises:
            InputError: a value is no positive whole number.
        """
        limits = cls()
        for field in fields(cls):
            text = environ.get(PREFIX + field.name.upper())
            if text is None:
                continue
            if not text.isascii() or not text.isdigit() or int(text) == 0:
                raise InputError(
                    f"{PREFIX}{field.name.upper()} must be a positive whole number, got {text!r}."
                )
            limits = replace(limits, **{field.name: int(text)})
        return limits
