"""Frames into video files, one at a time through a pipe: exact frame count, size, rate and sound."""

from __future__ import annotations

import os
import shutil
import tempfile
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import ffmpeg
import numpy as np
from numpy.typing import NDArray

from refiner.clips.ffmpeg import Run
from refiner.clips.formats import Format, Sound, Timing
from refiner.types import InputError

_FRAME_SECONDS = 120.0
FINISH_SECONDS = 600.0
LONGEST_EXPRESSION = 100_000
"""Characters, of the 131,072 that Linux takes for one argument."""


class ClipWriter:
    """Writes one video file; a context manager.

    The file appears under its name when it is finished and has every frame that was written, never
    half. That is so on `close` and when the block ends, by Ctrl-C or a closed generator, too: then
    with the frames until there, and the sound as long as they are. An error in the block, or in
    writing, leaves no file.
    """

    def __init__(
        self,
        path: Path,
        form: Format,
        size_hw: tuple[int, int],
        timing: Timing,
        *,
        sample_aspect: Fraction = Fraction(1),
        sound: Sound | None = None,
    ) -> None:
        """Start writing.

        Args:
            path: the file to make or replace.
            form: `H264`, `VP9_ALPHA` or `PRORES_ALPHA`.
            size_hw: height and width of the frames.
            timing: the rate, and when each frame is shown if it varies.
            sample_aspect: width of a pixel by its height.
            sound: what to put beside the frames.

        Raises:
            InputError: the folder cannot be written to.
        """
        self.path, self.frames = path, 0
        self._form, self._size_hw, self._timing, self._sound = form, size_hw, timing, sound
        try:
            self._folder = Path(tempfile.mkdtemp(prefix=".writing-", dir=path.parent))
        except OSError as error:
            raise _unwritable(path, str(error.strerror)) from error
        try:
            self._picture = self._folder / f"picture{form.suffix}"
            stream = _encoding(
                self._picture, form, stored_size(form, size_hw), timing, sample_aspect
            )
            self._run: Run | None = Run(stream, feed=True)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Add a frame, uint8 (height, width, 3), or 4 where the format has alpha.

        Raises:
            InputError: the frame is of another shape, or the disk is full.
        """
        shape = (*self._size_hw, 4 if self._form.alpha else 3)
        if frame.shape != shape or frame.dtype != np.uint8:
            raise InputError(
                f"The frame is {frame.dtype} {frame.shape}; {self.path.name} takes uint8 {shape}."
            )
        if self._run is None:
            raise InputError(f"{self.path.name} is finished; it takes no more frames.")
        try:
            self._run.write(self._even(frame).data.cast("B"), _FRAME_SECONDS)
        except (OSError, InputError) as error:
            run = self._run
            self.discard()
            raise self._failed(run) from error
        self.frames += 1

    def close(self) -> None:
        """Finish the file with the frames it has; none leave no file.

        Raises:
            InputError: the disk is full or frames got lost; no file is left.
        """
        if self._run is None:
            return
        try:
            if self.frames:
                self._check(self._run.finish(FINISH_SECONDS), self._run)
                done = self._with_sound()
                self._count(done)
                os.replace(done, self.path)
        except OSError as error:
            raise _unwritable(self.path, str(error.strerror)) from error
        finally:
            self.discard()

    def discard(self) -> None:
        """Stop, and leave no file."""
        if self._run is not None:
            self._run.stop()
            self._run = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> ClipWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, Exception):
            self.discard()
        else:
            self.close()

    def _even(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the frame as it is stored, with its last row and column again where that is odd."""
        height, width = stored_size(self._form, self._size_hw)
        more = (0, height - frame.shape[0]), (0, width - frame.shape[1]), (0, 0)
        return np.ascontiguousarray(np.pad(frame, more, mode="edge"))

    def _with_sound(self) -> Path:
        """Return the finished file: with the sound, if there is one, cut to the frames written."""
        sound, form = self._sound, self._form
        if sound is None:
            return self._picture
        options: dict[str, Any] = {"ss": f"{float(sound.start):.6f}"} if sound.start else {}
        whole = not sound.start and self.frames == sound.whole_from
        if self.frames != sound.whole_from:
            options["t"] = f"{float(self._timing.seconds(self.frames)):.6f}"
        # vn: without it a seek goes to a frame of the video, and the sound comes too early
        heard = ffmpeg.input(
            f"file:{sound.path}",
            f=sound.demuxer,
            protocol_whitelist="file,pipe",
            vn=None,
            **options,
        )
        done = self._folder / f"done{form.suffix}"
        # a copy has whole packets only, and so sound of before and after a cut, hidden or heard
        copied = whole and sound.codec in form.copied
        encoder = {"c:a": "copy"} if copied else form.sound_encoder
        stream = ffmpeg.output(
            ffmpeg.input(f"file:{self._picture}")["v:0"],
            heard["a:0"],
            f"file:{done}",
            f=form.muxer,
            map_chapters=-1,
            **{"map_metadata:s:v": "0:s:v:0", "c:v": "copy", **encoder, **_muxing(form)},
        )
        self._once(stream)
        return done

    def _once(self, stream: Any) -> None:
        run = Run(_quiet(stream))
        try:
            self._check(run.finish(FINISH_SECONDS), run)
        finally:
            run.stop()

    def _count(self, path: Path) -> None:
        """Raise unless the file has every frame that was written."""
        decoded = ffmpeg.input(f"file:{path}")["v:0"]
        stream = decoded.output("pipe:1", f="framecrc", fps_mode="passthrough")
        run = Run(_quiet(stream))
        try:
            lines = sum(not line.startswith("#") for line in run.lines(FINISH_SECONDS))
        finally:
            run.stop()
        if lines != self.frames:
            raise InputError(
                f"{self.path.name} got {lines} of {self.frames} frames and was removed; export it "
                "again."
            )

    def _check(self, code: int, run: Run) -> None:
        if code != 0:
            raise self._failed(run)

    def _failed(self, run: Run) -> InputError:
        """Return the error for a run that ended badly."""
        if any("No space left on device" in line for line in run.messages):
            return _unwritable(self.path, "no space left on the disk")
        return InputError(
            f"Writing {self.path.name} failed, ffmpeg ended too early; export it again or in "
            "another format."
        )


def stored_size(form: Format, size_hw: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width that frames of `size_hw` have in a file."""
    if not form.even:
        return size_hw
    height, width = (side + side % 2 for side in size_hw)
    return height, width


def _encoding(
    path: Path, form: Format, size_hw: tuple[int, int], timing: Timing, sample_aspect: Fraction
) -> Any:
    """Return the output that encodes raw frames from standard input into `path`."""
    filters = [
        "scale=out_color_matrix=bt709:out_range=tv",
        f"format={form.pixels}",
        "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv",
        f"setsar={sample_aspect}",
    ]
    options: dict[str, Any] = {"fps_mode": "passthrough", **_muxing(form), **form.encoder}
    times = moments(timing)
    if times is not None:
        filters += [f"settb={timing.time_base}", f"setpts='{times}'"]
        options["enc_time_base"] = str(timing.time_base)
        # setpts drops durations, and without one for the last frame MOV's edit list hides it
        step = max(1, round(1 / (timing.fps * timing.time_base)))
        options["bsf:v"] = f"setts=pts=PTS:dts=DTS:duration={step}"
    stream = ffmpeg.input(
        "pipe:0",
        f="rawvideo",
        pix_fmt="rgba" if form.alpha else "rgb24",
        s=f"{size_hw[1]}x{size_hw[0]}",
        framerate=str(timing.fps),
    ).output(
        f"file:{path}",
        f=form.muxer,
        vf=",".join(filters),
        pix_fmt=form.pixels,
        colorspace="bt709",
        color_primaries="bt709",
        color_trc="bt709",
        color_range="tv",
        **options,
    )
    return _quiet(stream)


def _muxing(form: Format) -> dict[str, Any]:
    if form.muxer == "webm":
        return {"fflags": "+bitexact"}  # else two files of the same frames differ: random ids
    return {"movflags": "+faststart"} if form.muxer == "mp4" else {}


def _quiet(stream: Any) -> Any:
    return stream.global_args("-y", "-nostdin", "-hide_banner", "-loglevel", "error")


def moments(timing: Timing) -> str | None:
    """Return an expression of `setpts` that gives frame N its time; None for the constant rate.

    It is a balanced tree of comparisons, runs of equal steps being one leaf. So many frames of
    varying rate that it would not fit in an argument are shown at the mean rate.
    """
    if timing.ticks is None or len(timing.ticks) < 3:
        return None
    text = _tree(_steady(timing.ticks))
    return text if len(text) <= LONGEST_EXPRESSION else None


def _steady(ticks: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Return runs of equal steps: first frame, its tick, ticks a frame."""
    runs: list[tuple[int, int, int]] = []
    for frame, tick in enumerate(ticks):
        step = ticks[frame + 1] - tick if frame + 1 < len(ticks) else 0
        if not runs or tick != runs[-1][1] + (frame - runs[-1][0]) * runs[-1][2]:
            runs.append((frame, tick, step))
    return runs


def _tree(runs: list[tuple[int, int, int]]) -> str:
    if len(runs) == 1:
        frame, tick, step = runs[0]
        return f"{tick - frame * step}+N*{step}"
    middle = len(runs) // 2
    return f"if(lt(N,{runs[middle][0]}),{_tree(runs[:middle])},{_tree(runs[middle:])})"


def _unwritable(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path.name} cannot be written ({reason}); free some space or choose another folder."
    )
