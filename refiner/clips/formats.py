"""What goes into a video file: its kind and settings, when frames are shown, the sound beside them.

H.264 in MP4 is `yuv420p`, which every player shows; it cannot hold an odd width or height, so that the
last column or row of such frames stands in the file twice. VP9 (WebM) and ProRes 4444 (MOV) carry alpha
and any size. WebM keeps the ratio of pixels that are not square to a whole pixel of the shown width
only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of video file.

    Attributes:
        suffix: of its file's name.
        muxer: ffmpeg's name of the container.
        alpha: whether frames have a fourth channel, 0 transparent to 255.
        pixels: the pixel format.
        even: whether width and height must be even.
        encoder: ffmpeg's options of the video encoder.
        copied: sounds that go in as they are, if nothing is cut away.
        sound_encoder: options for all other sounds.
    """

    suffix: str
    muxer: str
    alpha: bool
    pixels: str
    even: bool
    encoder: Mapping[str, Any]
    copied: tuple[str, ...]
    sound_encoder: Mapping[str, Any]


_AAC = {"c:a": "aac", "b:a": "192k"}
H264 = Format(
    ".mp4",
    "mp4",
    False,
    "yuv420p",
    True,
    {"c:v": "libx264", "preset": "veryfast", "crf": 18},
    ("aac", "mp3", "ac3", "eac3", "alac", "opus"),
    _AAC,
)
VP9_ALPHA = Format(
    ".webm",
    "webm",
    True,
    "yuva420p",
    False,
    {
        "c:v": "libvpx-vp9",
        "crf": 24,
        "b:v": 0,
        "deadline": "good",
        "cpu-used": 5,
        "row-mt": 1,
        "auto-alt-ref": 0,  # libvpx encodes no alpha with it
    },
    ("opus", "vorbis"),
    {"c:a": "libopus", "b:a": "160k", "filter:a": "aformat=channel_layouts=mono|stereo|5.1|7.1"},
)
PRORES_ALPHA = Format(
    ".mov",
    "mov",
    True,
    "yuva444p10le",
    False,
    {"c:v": "prores_ks", "profile:v": "4444", "alpha_bits": 8, "vendor": "apl0"},
    ("aac", "mp3", "ac3", "alac", "pcm_s16le", "pcm_s24le", "pcm_s16be", "pcm_s24be"),
    _AAC,
)


@dataclass(frozen=True, slots=True)
class Timing:
    """When the frames of a clip are shown.

    Attributes:
        fps: frames a second, the mean of a varying rate.
        time_base: seconds of a tick.
        ticks: of a varying rate when each frame is shown, from the first; None if constant.
    """

    fps: Fraction
    time_base: Fraction = Fraction(1)
    ticks: tuple[int, ...] | None = None

    def seconds(self, frames: int) -> Fraction:
        """Return how long the first `frames` frames are shown."""
        if self.ticks is None or frames >= len(self.ticks):
            return frames / self.fps
        return self.ticks[frames] * self.time_base


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound that belongs to a clip.

    Attributes:
        path: the file that has it, of the given `demuxer`.
        codec: ffmpeg's name of how it is stored.
        start: seconds into the file at which the clip begins.
        whole_from: with this many frames of the clip all the rest of the sound belongs to it.
    """

    path: str
    demuxer: str
    codec: str
    start: Fraction
    whole_from: int | None
