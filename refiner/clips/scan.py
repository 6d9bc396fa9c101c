"""What a video file really holds, told by decoding it once: no claim of the container is believed.

ffmpeg's `framecrc` output gives every decoded frame's time and checksum, its
`showinfo` filter the pixel format of the first. Neither needs ffprobe.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction

import ffmpeg

from refiner.clips.containers import ClipLimits, FilePath, called, demuxer_of, source
from refiner.clips.ffmpeg import Run
from refiner.clips.stills import Stills, stills_of
from refiner.types import InputError

LOOK_SECONDS = 60.0
SCAN_SECONDS = 600.0
FASTEST = 1000
"""Frames a second above which the times of frames are taken for damage."""
ASSUMED_FPS = Fraction(25)
HEARD_FROM = Fraction(1, 10)
"""Seconds of sound before 0 that decoders need; AAC has 0.05, Opus 0.08."""
_TRANSPARENT = "The clip has transparency, which is left out."
FULL_HD_MATRIX_FROM = 720
"""Rows from which players take YUV of unnamed colours for BT.709 (Chromium's rule)."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass over a file found.

    Attributes:
        path: the file, absolute; of stills the video made of them.
        name: what to call it in a message.
        demuxer: ffmpeg's name of the container.
        frame_pixels: the limit it was read under.
        filters: the filters every decoding of it needs, as ffmpeg writes them.
        size_hw: height and width, rotation applied.
        sample_aspect: width of a pixel by its height.
        fps: the constant rate, or the mean of a varying one.
        time_base: seconds of a tick.
        ticks: when each frame is shown, from the start of the file.
        even: whether all frames lie at `fps`, but for the rounding of their times.
        checksums: Adler-32 of each frame's RGB bytes, as `framecrc` starts it, from 0.
        sound: the codec of the first sound track; None if there is none.
        hides_sound: whether the file was trimmed before and still has sound of before its start.
        notes: what is shown otherwise than the file has it.
        stills: keeps the video made of stills as long as it may be read.
    """

    path: str
    name: str
    demuxer: str
    frame_pixels: int
    filters: str
    size_hw: tuple[int, int]
    sample_aspect: Fraction
    fps: Fraction
    time_base: Fraction
    ticks: tuple[int, ...]
    even: bool
    checksums: tuple[int, ...]
    sound: str | None
    hides_sound: bool
    notes: tuple[str, ...]
    stills: Stills | None = None


def scan(path: FilePath, limits: ClipLimits) -> Scan:
    """Decode the first real video stream of `path` from end to end.

    A folder of frames or an animated picture is made a video first, without loss.

    Raises:
        InputError: there is no such file, it is no video of `containers.DEMUXERS` and no animation,
            has no frame that decodes, or is over a limit.
    """
    stills = stills_of(path, limits)
    if stills is None:
        return _scan(path, limits)
    found = _scan(stills.file, limits)
    return replace(found, name=called(path), notes=(*stills.notices, *found.notes), stills=stills)


def _scan(path: FilePath, limits: ClipLimits) -> Scan:
    demuxer = demuxer_of(path, limits.file_bytes)
    look = _look(path, demuxer, limits.frame_pixels)
    found = _decode(path, demuxer, look, limits)
    if not found.ticks:
        raise InputError(
            f"No frame of the clip {called(path)} can be decoded; it is damaged or cut off, upload "
            "it again or convert it to H.264 MP4."
        )
    base, sound = found.time_base, found.codecs("audio")
    fps, even, ordered = _rate(found.ticks, found.last, base, look.claimed_fps)
    ticks = found.ticks if ordered else [round(i / fps / base) for i in range(len(found.ticks))]
    return Scan(
        path=os.path.abspath(os.fsdecode(path)),
        name=called(path),
        demuxer=demuxer,
        frame_pixels=limits.frame_pixels,
        filters=look.filters,
        size_hw=found.size_hw,
        sample_aspect=found.sample_aspect,
        fps=fps,
        time_base=base,
        ticks=tuple(ticks),
        even=even,
        checksums=tuple(found.checksums),
        sound=sound[0] if sound else None,
        hides_sound=found.hides_sound(),
        notes=(*look.notes, *_notes(found, fps, even, ordered)),
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """What the first frame says of the pixels, and the clock and rate the container claims."""

    filters: str
    time_base: str
    claimed_fps: Fraction
    notes: tuple[str, ...]


def _look(path: FilePath, demuxer: str, frame_pixels: int) -> _Look:
    stream = source(os.path.abspath(os.fsdecode(path)), demuxer, frame_pixels)
    run = Run(
        stream["V:0"]
        .output("pipe:1", f="null", vf="showinfo", **{"frames:v": 1})
        .global_args("-nostdin", "-hide_banner")
    )
    try:
        run.finish(LOOK_SECONDS)
        messages = "\n".join(run.messages)
    finally:
        run.stop()
    shown = re.search(r"showinfo.* n: +0 .* fmt:(\w+) .*s:(\d+)x(\d+) i:(\w)", messages)
    if shown is None:
        raise _undecodable(path, messages, frame_pixels)
    colors = re.search(r"showinfo.* color_space:(\S+) .*color_trc:(\S+)", messages)
    matrix, transfer = (colors[1], colors[2]) if colors else ("unknown", "unknown")
    unnamed_hd = matrix == "unknown" and int(shown[3]) >= FULL_HD_MATRIX_FROM
    filters = "scale=in_color_matrix=bt709" if unnamed_hd and shown[1].startswith("yuv") else "null"
    rate = re.search(r"config in .*frame_rate: (\d+)/([1-9]\d*)", messages)
    claimed = Fraction(int(rate[1]), int(rate[2])) if rate else Fraction(0)
    base = re.search(r"config in time_base: (\d+)/(\d+)", messages)
    # written out: "the container's own" is -1 up to ffmpeg 8 and `demux` from 6.1 on
    time_base = f"{base[1]}:{base[2]}" if base else "-1"
    notes = _pixel_notes(shown[1], transfer, shown[4])
    # ffmpeg's own decoders of VP8 and VP9 drop alpha without a word, only the container tells of it,
    # in capitals once it was copied
    if re.search(r"(?i)alpha_mode\s*: 1\b", messages) and _TRANSPARENT not in notes:
        notes.append(_TRANSPARENT)
    return _Look(filters, time_base, claimed, tuple(notes))


def _pixel_notes(pixel_format: str, transfer: str, interlace: str) -> list[str]:
    notes = []
    if transfer in ("smpte2084", "arib-std-b67"):
        notes.append(
            "The clip is HDR; it is shown in 8 bits without tone mapping, paler than on an HDR "
            "screen."
        )
    elif re.search(r"(9|10|12|14|16)(le|be)$|48|64", pixel_format):
        notes.append("The clip has more than 8 bits a colour; it is worked on in 8 bits.")
    if re.match(r"yuva|ya|gbrap|rgba|bgra|argb|abgr", pixel_format):
        notes.append(_TRANSPARENT)
    if interlace in "TB":
        notes.append("The clip is interlaced; its frames are kept as they are, combs included.")
    return notes


def _undecodable(path: FilePath, messages: str, frame_pixels: int) -> InputError:
    """Return the error for a file without a first frame, by what ffmpeg said of it."""
    name = called(path)
    too_large = re.search(r"Picture size (\d+)x(\d+) exceeds", messages)
    if too_large:
        return InputError(
            f"The frames of the clip {name} have {too_large[1]} x {too_large[2]} pixels, at most "
            f"{frame_pixels:,} together are read; make it smaller."
        )
    if "moov atom not found" in messages:
        return InputError(
            f"The clip {name} has no index (moov): the recording or the upload was cut off; upload "
            "it again or repair it."
        )
    if "matches no streams" in messages:
        return InputError(
            f"The file {name} has no video, only sound or a cover picture; choose a video."
        )
    return InputError(
        f"The clip {name} cannot be decoded: it holds no frame, is damaged, or is of an unknown "
        "codec; convert it to H.264 MP4."
    )


@dataclass(slots=True)
class _Decoded:
    """What `framecrc` printed; stream 0 is the decoded video."""

    size_hw: tuple[int, int] = (0, 0)
    sample_aspect: Fraction = Fraction(1)
    time_base: Fraction = Fraction(1)
    ticks: list[int] = field(default_factory=list)
    last: int = 0
    checksums: list[int] = field(default_factory=list)
    streams: dict[str, dict[str, str]] = field(default_factory=dict)
    filled: set[str] = field(default_factory=set)
    first: dict[str, int] = field(default_factory=dict)
    damaged: bool = False

    def codecs(self, media: str) -> list[str]:
        """Return the codecs of the streams of a kind that hold anything."""
        return [
            values.get("codec_id", "")
            for stream, values in self.streams.items()
            if values.get("media_type") == media and stream in self.filled
        ]

    def hides_sound(self) -> bool:
        """Return whether an edit list keeps more of the first sound unheard than a codec needs."""
        for stream, values in self.streams.items():
            if values.get("media_type") == "audio" and stream in self.filled:
                return self.first[stream] * Fraction(values["tb"]) < -HEARD_FROM
        return False

    def take(self, line: str) -> None:
        """Take in a line of the output."""
        header = re.match(r"#(\w+) (\d+): (\S+)", line)
        if header:
            self.streams.setdefault(header[2], {})[header[1]] = header[3]
            return
        values = [value.strip() for value in line.split(",")]
        if line.startswith("#") or len(values) < 6:
            return
        if values[0] not in self.filled:
            self.first[values[0]] = int(values[2])
        self.filled.add(values[0])
        if values[0] == "0":
            self.ticks.append(int(values[2]))
            self.last = int(values[3])
            self.checksums.append(int(values[5], 16))


def _decode(path: FilePath, demuxer: str, look: _Look, limits: ClipLimits) -> _Decoded:
    stream = source(os.path.abspath(os.fsdecode(path)), demuxer, limits.frame_pixels)
    wanted = [stream[selector] for selector in ("V:0", "V:1?", "a:0?", "a:1?")]
    options = {
        "c": "copy",
        "c:v:0": "rawvideo",
        "pix_fmt:v:0": "rgb24",
        "filter:v:0": look.filters,
        "fps_mode:v:0": "passthrough",
        "enc_time_base:v:0": look.time_base,
    }
    run = Run(
        ffmpeg.output(*wanted, "pipe:1", f="framecrc", **options).global_args(
            "-nostdin", "-hide_banner", "-loglevel", "error"
        )
    )
    found = _Decoded()
    try:
        for line in run.lines(SCAN_SECONDS):
            found.take(line)
            if len(found.ticks) > limits.decoded_frames:
                raise InputError(
                    f"The clip {called(path)} has more than {limits.decoded_frames:,} frames; cut "
                    "it first."
                )
        found.damaged = run.finish(LOOK_SECONDS) != 0 or bool(run.messages)
    finally:
        run.stop()
    video = found.streams.get("0", {})
    with suppress(KeyError, ValueError):
        found.time_base = Fraction(video["tb"])
        width, height = video["dimensions"].split("x")
        found.size_hw = int(height), int(width)
        found.sample_aspect = Fraction(video["sar"]) if video["sar"] != "0/1" else Fraction(1)
    return found


def _notes(found: _Decoded, fps: Fraction, even: bool, ordered: bool) -> list[str]:
    notes = []
    if found.damaged:
        notes.append(
            f"The file is damaged or cut off; {len(found.ticks):,} frames could be read of it."
        )
    if not ordered:
        notes.append(
            f"The times of the frames are unusable; they are shown at {float(fps):g} a second."
        )
    elif not even:
        notes.append(
            f"The frame rate varies, {float(fps):.4g} a second in the mean; every frame counts once."
        )
    if found.sample_aspect != 1:
        notes.append(
            "The pixels are not square "
            f"({found.sample_aspect.numerator}:{found.sample_aspect.denominator}); frames are shown "
            "unstretched, exported videos carry the ratio."
        )
    height, width = found.size_hw
    if height % 2 or width % 2:
        notes.append(
            "Exports as MP4 repeat the last column or row, since players show even sizes only; masks "
            f"and other exports keep {width} x {height} pixels."
        )
    if len(found.codecs("video")) > 1:
        notes.append("The file has several videos; the first is taken.")
    if len(found.codecs("audio")) > 1:
        notes.append("The file has several sound tracks; exports keep the first.")
    return notes


def _rate(
    ticks: Sequence[int], last: int, base: Fraction, claimed: Fraction
) -> tuple[Fraction, bool, bool]:
    """Return the frame rate, whether it is constant, and whether the times are in order.

    Containers round times to their tick, Matroska to a millisecond, so that 30000/1001 looks
    uneven. The claimed rate, or else a round one, is taken as meant if it explains every time
    within one tick.
    """
    span = (ticks[-1] - ticks[0]) * base
    ordered = all(a < b for a, b in zip(ticks, ticks[1:], strict=False))
    if len(ticks) == 1:
        fps = 1 / (last * base) if last > 0 else ASSUMED_FPS
        return (fps if fps <= FASTEST else ASSUMED_FPS), True, True
    mean = (len(ticks) - 1) / span if span > 0 else Fraction(0)
    if not ordered or mean > FASTEST:
        usable = [rate for rate in (claimed, mean) if 1 <= rate <= FASTEST]
        return (*usable, ASSUMED_FPS)[0].limit_denominator(1001), True, False
    exact = mean.limit_denominator(1_000_000)
    for fps in (claimed, Fraction(round(mean)), Fraction(round(2 * mean), 2), exact):
        if 0 < fps <= FASTEST and _explains(fps, ticks, base):
            return fps, True, True
    return (len(ticks) / (span + max(last, 0) * base)).limit_denominator(1_000_000), False, True


def _explains(fps: Fraction, ticks: Sequence[int], base: Fraction) -> bool:
    step = float(1 / (fps * base))
    return all(abs(tick - ticks[0] - i * step) <= 1.001 for i, tick in enumerate(ticks))
