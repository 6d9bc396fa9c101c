"""Which files are taken for videos, and how ffmpeg is told to open them: as strangers' files.

The type is told by the content and the demuxer forced, so that a playlist or a list of files is
never followed, and no protocol but plain files is open to it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import ffmpeg

from refiner.files.decoding.kinds import kind_of as picture_kind
from refiner.types import InputError

FilePath = str | os.PathLike[str]

DEMUXERS = ("mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "asf")
"""ffmpeg's names of the containers read here."""
_QUICKTIME_ATOMS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_OTHERS = (
    (0, b"#EXTM3U", "a playlist (HLS or M3U)"),
    (0, b"ffconcat", "a list of files (ffconcat)"),
    (0, b"[playlist]", "a playlist (PLS)"),
    (0, b"FLV", "a Flash video"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "asf"),
    (0, b"\x00\x00\x01\xba", "mpeg"),
    (0, b"\x00\x00\x01\xb3", "mpegvideo"),
    (0, b"ID3", "an MP3 sound"),
    (0, b"OggS", "an Ogg file"),
    (8, b"WAVE", "a WAV sound"),
)
_TRANSPORT_PACKETS = (188, 192)
"""Bytes from one packet of an MPEG transport stream to the next; camcorders put a time before each."""


@dataclass(frozen=True, slots=True)
class ClipLimits:
    """How much `open_clip` reads.

    Attributes:
        file_bytes: files above are refused.
        frame_pixels: clips with larger frames are refused before one is decoded.
        decoded_frames: clips with more frames are refused.
    """

    file_bytes: int = 4_000_000_000
    frame_pixels: int = 40_000_000
    decoded_frames: int = 200_000


def source(path: str, demuxer: str, frame_pixels: int, **options: Any) -> Any:
    """Return `path` as an input of ffmpeg-python, with all that makes a stranger's file safe."""
    return ffmpeg.input(
        f"file:{path}",
        f=demuxer,
        protocol_whitelist="file,pipe",
        max_pixels=frame_pixels,
        threads=4,
        **options,
    )


def called(path: FilePath) -> str:
    """Return what to call a file in a message: its name without folders, one line of ASCII."""
    name = os.path.basename(os.fsdecode(path))
    return ascii(name if len(name) <= 80 else f"{name[:20]}...{name[-57:]}")


def read_head(path: FilePath, file_bytes: int) -> bytes:
    """Return the first 1,024 bytes of a file.

    Raises:
        InputError: there is no such file, or it is empty or larger than `file_bytes`.
    """
    try:
        size = os.path.getsize(path)
        if not os.path.isfile(path):
            raise InputError(
                f"{called(path)} is a folder or device; give the path of a video file."
            )
        with open(path, "rb") as file:
            head = file.read(1024)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {called(path)}; check the path.") from error
    except (OSError, ValueError) as error:
        raise InputError(f"The file {called(path)} cannot be opened; check the path.") from error
    if not size:
        raise InputError(f"The file {called(path)} is empty; choose a video with some content.")
    if size > file_bytes:
        raise InputError(
            f"The file {called(path)} has {size:,} bytes, at most {file_bytes:,} are read; cut the "
            "clip or compress it more."
        )
    return head


def demuxer_of(path: FilePath, file_bytes: int) -> str:
    """Return the demuxer for the content of `path`, which may lie about itself in its name.

    Raises:
        InputError: there is no such file, it is larger than `file_bytes`, or no video read here.
    """
    head = read_head(path, file_bytes)
    kind = _kind(head)
    if kind not in DEMUXERS:
        raise InputError(
            f"The file {called(path)} is no video read here (MP4, MOV, MKV, WebM, AVI, MPEG, WMV, "
            f"animated GIF or WebP) but {kind}; convert it to MP4."
        )
    return kind


def _kind(head: bytes) -> str:
    """Return a demuxer's name, or in words what the content is instead."""
    for offset, signature, words in _OTHERS:
        if head.startswith(signature, offset):
            return words
    if _is_transport_stream(head):
        return "mpegts"
    kind = picture_kind(head)
    if kind == "a Matroska or WebM video":
        return "matroska"
    if kind == "an AVI video":
        return "avi"
    if kind == "HEIF":
        return "a HEIC photo"
    if kind.isupper():
        return f"{'an' if kind == 'AVIF' else 'a'} {kind} picture"
    return "mov" if head[4:8] in _QUICKTIME_ATOMS and "raw" not in kind else kind


def _is_transport_stream(head: bytes) -> bool:
    """Return whether a byte of synchronization comes again in every packet, wherever the first is."""
    return any(
        len(marks := head[first::size]) > 3 and set(marks) == {0x47}
        for size in _TRANSPORT_PACKETS
        for first in range(size)
    )
