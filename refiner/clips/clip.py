"""Video files as frames: read one at a time, forwards or back, in bounded memory; never torch."""

from __future__ import annotations

import threading
import zlib
from dataclasses import replace
from fractions import Fraction
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from cachetools import FIFOCache

from refiner.clips.containers import ClipLimits, FilePath, source
from refiner.clips.ffmpeg import Run
from refiner.clips.formats import Sound, Timing
from refiner.clips.scan import Scan, scan
from refiner.types import ImageArray, InputError
from refiner.video_types import VideoInfo

WINDOW = 32
CACHED_BYTES = 64_000_000
_FRAME_SECONDS = 120.0


class Clip:
    """Some frames of a video file, as `refiner.video_types.Frames`.

    Reading on from the last frame costs one decoded frame. Anything else starts the decoder anew a
    little before (going back) or at the frame asked for. A seek is believed only if every frame it
    gives has the checksum of the first pass, so that frame `i` is always the same pixels. At most
    `CACHED_BYTES` of frames are held, and one process. Calls from several threads wait for each
    other.
    """

    def __init__(self, found: Scan, start: int, stop: int, long_side: int | None) -> None:
        """Take the frames from `start` to before `stop`; use `open_clip`."""
        self._scan, self._start, self._stop, self._long_side = found, start, stop, long_side
        size_hw = _scaled(found.size_hw, long_side)
        sound = found.sound is not None
        self._info = VideoInfo(size_hw, found.fps, stop - start, sound, found.notes)
        self._lock = threading.Lock()
        self._run: Run | None = None
        self._next, self._checked, self._seekable = 0, False, True
        self._window = max(1, min(WINDOW, CACHED_BYTES // (size_hw[0] * size_hw[1] * 3)))
        self._cache: FIFOCache[int, ImageArray] = FIFOCache(self._window)

    @property
    def info(self) -> VideoInfo:
        """What the clip is, at the size it is worked on."""
        return self._info

    @property
    def name(self) -> str:
        """What to call its file in a message."""
        return self._scan.name

    @property
    def first(self) -> int:
        """Which frame of the file is frame 0 of the clip."""
        return self._start

    @property
    def sample_aspect(self) -> Fraction:
        """Width of a pixel by its height."""
        return self._scan.sample_aspect

    @property
    def timing(self) -> Timing:
        """When its frames are shown, from 0."""
        if self._scan.even:
            return Timing(self._scan.fps)
        ticks = self._scan.ticks[self._start : self._stop]
        moved = tuple(tick - ticks[0] for tick in ticks)
        return Timing(self._scan.fps, self._scan.time_base, moved)

    @property
    def sound(self) -> Sound | None:
        """The sound that goes with these frames."""
        found = self._scan
        if found.sound is None:
            return None
        start = max(Fraction(0), found.ticks[self._start] * found.time_base)
        to_end = self._stop == len(found.ticks) and not found.hides_sound
        whole = self._stop - self._start if to_end else None
        return Sound(found.path, found.demuxer, found.sound, start, whole)

    def part(self, start: int = 0, stop: int | None = None, long_side: int | None = None) -> Clip:
        """Return the frames from `start` to before `stop` of this clip as a clip of its own.

        Args:
            start: the first frame, counted in this clip.
            stop: the frame after the last; None is all.
            long_side: scale frames down to this; None is the file's own size.

        Raises:
            InputError: no such frames.
        """
        stop = len(self) if stop is None else stop
        if not 0 <= start < stop <= len(self):
            raise InputError(
                f"The clip {self.name} has the frames 0 to {len(self) - 1}; a part from {start} to "
                f"before {stop} is not among them, choose others."
            )
        return Clip(self._scan, self._start + start, self._start + stop, long_side)

    def __len__(self) -> int:
        return self._stop - self._start

    def __getitem__(self, index: int) -> ImageArray:
        """Return frame `index`, uint8 RGB (height, width, 3), the caller's own.

        Raises:
            IndexError: there is no such frame.
            InputError: the file cannot be decoded there any more.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)}")
        with self._lock:
            try:
                return self._frame(index).copy()
            except BaseException:
                self._end_run()
                raise

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process as the frames of a file, which stays with the owner of the clip."""
        found = replace(self._scan, stills=None)
        return Clip, (found, self._start, self._stop, self._long_side)

    def close(self) -> None:
        """End the decoder and drop the frames held; reading again starts it again."""
        with self._lock:
            self._end_run()
            self._cache.clear()

    def __enter__(self) -> Clip:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _frame(self, index: int) -> ImageArray:
        cached = self._cache.get(index)
        if cached is not None:
            return cached
        if self._run is None or not 0 <= index - self._next < self._window:
            backward = bool(self._cache) and index < min(self._cache)
            first = max(0, index - self._window + 1) if backward else index
            self._begin(first)
        while True:
            frame = self._read()
            if self._next > index:
                return frame

    def _begin(self, first: int) -> None:
        self._end_run()
        self._cache.clear()
        found = self._scan
        place = self._start + first
        options: dict[str, Any] = {}
        filters = found.filters
        self._checked = bool(place) and self._seekable
        if self._checked:
            middle = (found.ticks[place - 1] + found.ticks[place]) / 2 * found.time_base
            options["ss"] = f"{max(0.0, float(middle)):.6f}"
        elif place:
            filters = f"{filters},trim=start_frame={place}"
        stream = source(found.path, found.demuxer, found.frame_pixels, **options)["V:0"].output(
            "pipe:1",
            f="rawvideo",
            vf=filters,
            pix_fmt="rgb24",
            fps_mode="passthrough",
            **{"frames:v": self._stop - place},
        )
        self._run = Run(stream.global_args("-nostdin", "-hide_banner", "-loglevel", "error"))
        self._next = first

    def _read(self) -> ImageArray:
        """Decode the frame after the last one, and hold it."""
        frame = self._decoded()
        if self._checked and not self._same(frame):
            self._seekable = False
            self._begin(self._next)
            frame = self._decoded()
        if frame is None:
            raise InputError(
                f"Frame {self._next} of the clip {self.name} cannot be decoded any more; the file "
                "was changed or removed, open it again."
            )
        size_hw = self._info.size_hw
        if frame.shape[:2] != size_hw:
            frame = np.asarray(cv2.resize(frame, size_hw[::-1], interpolation=cv2.INTER_AREA))
        self._cache[self._next] = frame
        self._next += 1
        if self._next == len(self):
            self._end_run()
        return frame

    def _decoded(self) -> ImageArray | None:
        assert self._run is not None
        frame = np.empty((*self._scan.size_hw, 3), dtype=np.uint8)
        return frame if self._run.fill(frame, _FRAME_SECONDS) else None

    def _same(self, frame: ImageArray | None) -> bool:
        expected = self._scan.checksums[self._start + self._next]
        return frame is not None and zlib.adler32(frame.data, 0) == expected

    def _end_run(self) -> None:
        if self._run is not None:
            self._run.stop()
            self._run = None


def open_clip(
    path: FilePath,
    *,
    start: int | None = None,
    stop: int | None = None,
    limits: ClipLimits | None = None,
) -> Clip:
    """Open a clip: a video file, an animated picture, or a folder of pictures.

    A file is told by its content: MP4, MOV, Matroska, WebM, AVI, MPEG (program and transport streams)
    or WMV; an animated GIF, WebP, PNG or AVIF. The pictures of a folder are its frames, by their names
    with numbers in order.

    The whole file is decoded once to count its frames and to see their times. Rotation is applied;
    every coded frame is one frame, at a varying rate, too; sizes are kept to the pixel, pixels that
    are not square stay so; colours become 8-bit RGB, HDR without tone mapping; of several videos
    the first is taken, cover pictures never. A damaged file gives the frames that decode.
    `Clip.info.notes` says which of this happened.

    Args:
        path: the file, whose name tells nothing, or the folder.
        start: the first frame to take.
        stop: the frame after the last one.
        limits: what to refuse.

    Raises:
        InputError: no such file, another type, no frame that decodes, over a limit, or no such
            frames.
    """
    found = scan(path, limits or ClipLimits())
    return Clip(found, 0, len(found.ticks), None).part(start or 0, stop)


def _scaled(size_hw: tuple[int, int], long_side: int | None) -> tuple[int, int]:
    longest = max(size_hw)
    if long_side is None or longest <= long_side:
        return size_hw
    height, width = (max(1, round(side * long_side / longest)) for side in size_hw)
    return height, width
