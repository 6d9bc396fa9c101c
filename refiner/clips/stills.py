"""Stills as a clip: an animated picture or a folder of frames, made a video once and without loss."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
import weakref
from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np

from refiner.clips.containers import ClipLimits, FilePath, called, read_head
from refiner.clips.ffmpeg import Run
from refiner.clips.formats import Timing
from refiner.clips.writing import moments
from refiner.files.animations import find_animation
from refiner.files.decoding.kinds import IMAGE_FORMATS, kind_of
from refiner.files.pictures import read_picture
from refiner.types import ImageArray, InputError

FOLDER_FPS = 25
_WRITE_SECONDS = 600.0
_FRAME_SECONDS = 60.0


class Stills:
    """A video made of stills, in a folder of its own that goes when this is no longer used."""

    def __init__(self) -> None:
        folder = tempfile.mkdtemp(prefix="stills-")
        self._end = weakref.finalize(self, shutil.rmtree, folder, True)
        self.file = Path(folder) / "stills.mkv"
        self.notices: tuple[str, ...] = ()


def stills_of(path: FilePath, limits: ClipLimits) -> Stills | None:
    """Return the frames of a folder or an animation as a video; None if `path` is neither.

    Raises:
        InputError: there is no such file, a frame is damaged or of another size than the first, or
            it is over a limit.
    """
    if os.path.isdir(path):
        return _of_folder(Path(os.fsdecode(path)), limits)
    read_head(path, limits.file_bytes)
    animation = find_animation(Path(os.fsdecode(path)), limits.decoded_frames, limits.frame_pixels)
    if animation is None:
        return None
    shown = animation.milliseconds
    if len(set(shown)) == 1:
        timing = Timing(Fraction(1000, shown[0]))
    else:
        ticks = tuple(accumulate(shown[:-1], initial=0))
        timing = Timing(Fraction(1000 * len(shown), sum(shown)), Fraction(1, 1000), ticks)
    stills = Stills()
    stills.notices = animation.notices
    _write(stills.file, animation.frames(), animation.size_hw, timing, called(path))
    return stills


def _of_folder(folder: Path, limits: ClipLimits) -> Stills:
    try:
        files = [file for file in folder.iterdir() if file.is_file() and file.name[0] != "."]
        pictures = sorted(filter(_is_picture, files), key=_in_order)
    except OSError as error:
        raise InputError(
            f"The folder {called(folder)} cannot be read ({error.strerror})."
        ) from error
    if not pictures:
        raise InputError(
            f"{called(folder)} is a folder without pictures; give a video file or a folder of frames."
        )
    if len(pictures) > limits.decoded_frames:
        raise InputError(
            f"The folder {called(folder)} has more than {limits.decoded_frames:,} frames; take some out."
        )
    stills = Stills()
    first = read_picture(pictures[0], max_pixels=limits.frame_pixels)
    size_hw = first.pixels.shape[0], first.pixels.shape[1]
    notices = [f"The folder's pictures are shown as {FOLDER_FPS} frames a second.", *first.notices]
    if len(pictures) < len(files):
        notices.append(f"{len(files) - len(pictures)} files of the folder are no pictures.")
    stills.notices = tuple(notices)

    def frames() -> Iterator[ImageArray]:
        for file in pictures:
            pixels = read_picture(file, max_pixels=limits.frame_pixels).pixels
            if pixels.shape[:2] != size_hw:
                raise InputError(
                    f"{called(file)} is {pixels.shape[1]} x {pixels.shape[0]} pixels, the first frame "
                    f"{called(pictures[0])} {size_hw[1]} x {size_hw[0]}; frames must be of one size."
                )
            yield pixels

    _write(stills.file, frames(), size_hw, Timing(Fraction(FOLDER_FPS)), called(folder))
    return stills


def _is_picture(file: Path) -> bool:
    with open(file, "rb") as opened:
        return kind_of(opened.read(1024)) in IMAGE_FORMATS


def _in_order(file: Path) -> list[Any]:
    """Sort by name, numbers in it by their value: frame2 before frame10."""
    parts = re.split(r"(\d+)", file.name)
    return [int(part) if part.isdecimal() else part for part in parts]


def _write(
    file: Path, frames: Iterator[ImageArray], size_hw: tuple[int, int], timing: Timing, name: str
) -> None:
    """Write RGB frames without loss, each a key frame."""
    options: dict[str, Any] = {}
    times = moments(timing)
    if times is not None:
        options = {
            "vf": f"settb={timing.time_base},setpts='{times}'",
            "enc_time_base": str(timing.time_base),
        }
    stream = ffmpeg.input(
        "pipe:0",
        f="rawvideo",
        pix_fmt="rgb24",
        s=f"{size_hw[1]}x{size_hw[0]}",
        framerate=str(timing.fps),
    ).output(
        f"file:{file}",
        f="matroska",
        pix_fmt="bgr0",
        fps_mode="passthrough",
        **{"c:v": "ffv1", "g": 1, **options},
    )
    run = Run(stream.global_args("-y", "-nostdin", "-hide_banner", "-loglevel", "error"), feed=True)
    until = time.monotonic() + _WRITE_SECONDS
    try:
        for frame in frames:
            run.write(np.ascontiguousarray(frame).data.cast("B"), _FRAME_SECONDS)
            if time.monotonic() > until:
                raise InputError(
                    f"Reading {name} took longer than {_WRITE_SECONDS:g} s; cut it first."
                )
        code = run.finish(_FRAME_SECONDS)
    except OSError as error:
        raise _unwritten(name) from error
    finally:
        run.stop()
    if code:
        raise _unwritten(name)


def _unwritten(name: str) -> InputError:
    return InputError(
        f"The frames of {name} could not be stored for work; free some space for temporary files."
    )
