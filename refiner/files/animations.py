"""Animated pictures frame by frame: GIF, WebP, PNG and AVIF, through Pillow.

They are decoded in this process, not behind `decoding.walled`, whose one process would be taken for all
the frames while others wait for their pictures. What bounds them: the four formats are told by content,
frames and pixels are counted before any is kept, one frame is held at a time, and whoever writes them
as a video (`refiner.clips.stills`) gives up after some minutes. What is left to a wall of their own is
a decoder that crashes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from refiner.files.decoding.colours import Ground, as_srgb, ground_of
from refiner.files.decoding.kinds import kind_of
from refiner.files.decoding.sources import as_input_error, quiet_pillow, source_name
from refiner.types import ImageArray, InputError

ANIMATED = ("GIF", "WEBP", "PNG", "AVIF")
SHORTEST = 11
"""Milliseconds; browsers show frames of a shorter or no duration for `ASSUMED` of them."""
ASSUMED = 100


@dataclass(frozen=True, slots=True)
class Animation:
    """What an animated picture is.

    Attributes:
        file: where it lies.
        size_hw: height and width.
        milliseconds: how long each frame is shown.
        ground: what transparent parts are laid over, that of the first frame.
        notices: what is shown otherwise than the file has it, a sentence each.
    """

    file: Path
    size_hw: tuple[int, int]
    milliseconds: tuple[int, ...]
    ground: Ground
    notices: tuple[str, ...]

    def frames(self) -> Iterator[ImageArray]:
        """Yield each frame, uint8 RGB (height, width, 3).

        Raises:
            InputError: the file is damaged.
        """
        image = _open(self.file)
        with image:
            for index in range(len(self.milliseconds)):
                # other threads may decode between two frames
                with quiet_pillow(), as_input_error(self.file):
                    image.seek(index)
                    frame, _ = as_srgb(image.copy(), source_name(self.file), self.ground)
                    pixels = np.array(frame)
                yield pixels


def find_animation(file: Path, most_frames: int, most_pixels: int) -> Animation | None:
    """Return what a file is as an animation; None if it is no picture, or one of a single frame.

    Raises:
        InputError: it is damaged, or has more frames or pixels a frame than may be.
    """
    with open(file, "rb") as opened:
        kind = kind_of(opened.read(1024))
    if kind not in ANIMATED:
        return None
    try:
        image = _open(file)
    except InputError:  # whoever asks says what it is instead of a clip
        return None
    with image, quiet_pillow(), as_input_error(file):
        if not getattr(image, "is_animated", False):
            return None
        width, height = image.size
        if width * height > most_pixels:
            raise InputError(
                f"The frames of {source_name(file)} have {width} x {height} pixels, at most "
                f"{most_pixels:,} together are read; make it smaller."
            )
        ground = ground_of(image)
        _, notices = as_srgb(image.copy(), source_name(file), ground)
        milliseconds: list[int] = []
        for index in range(image.n_frames):  # type: ignore[attr-defined]
            if index == most_frames:
                raise InputError(
                    f"The animation {source_name(file)} has more than {most_frames:,} frames; cut it first."
                )
            image.seek(index)
            image.load()
            shown = round(float(image.info.get("duration", 0) or 0))
            milliseconds.append(shown if shown >= SHORTEST else ASSUMED)
    return Animation(file, (height, width), tuple(milliseconds), ground, notices)


def _open(file: Path) -> Image.Image:
    with quiet_pillow(), as_input_error(file):
        return Image.open(file, formats=ANIMATED)
