"""Pictures with their true masks from a ZIP or from single files; nothing is ever extracted.

A ZIP is a stranger's: its directory is checked before anything is decompressed, members are read
into memory one by one, and their names only find them in the archive. Unpacking is done here, by
Python and zlib within the bounds of `ArchiveLimits`; members are decoded by a `Reader`, which may be
walled in. Numpy and Pillow only.
"""

from __future__ import annotations

import io
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from refiner.data.manifest import VIDEO_KIND, object_masks, parse_manifest
from refiner.data.pairing import MASK, NUMBERED, PairNames, is_junk, pair_frames, pair_names
from refiner.files.pictures import Source
from refiner.files.reading import HERE, Reader
from refiner.types import BoolArray, ImageArray, InputError

MANIFEST = "manifest.jsonl"
NESTED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst", ".jar", ".lzma")
SMALL = 1_000_000
"""Members below this size may be compressed as far as they like."""
_END, _END_64 = b"PK\x05\x06", b"PK\x06\x07"
_END_SIZE, _END_64_SIZE, _ENTRY_BYTES = 22, 20, 600
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """How much an archive may hold.

    Attributes:
        files: members, folders included.
        file_bytes: a member, decompressed.
        total_bytes: all of them together, decompressed.
        ratio: how many times its compressed size a member may have.
        pixels: a picture.
    """

    files: int = 2000
    file_bytes: int = 50_000_000
    total_bytes: int = 500_000_000
    ratio: int = 200
    pixels: int = 40_000_000


@dataclass(frozen=True, slots=True)
class Archive:
    """A checked ZIP and the pairs in it."""

    path: Path
    pairs: tuple[PairNames, ...]
    limits: ArchiveLimits

    def read(
        self, pair: PairNames, reader: Reader = HERE
    ) -> tuple[ImageArray, tuple[BoolArray, ...]]:
        """Read one pair: uint8 RGB (height, width, 3), and a mask, bool (height, width), an object.

        Raises:
            InputError: a member is damaged, is no picture, or the two do not fit.
        """
        try:
            with zipfile.ZipFile(self.path) as archive:
                image, mask = (archive.read(name) for name in (pair.image, pair.mask))
        except _BROKEN as error:
            raise _damaged(error) from error
        return read_pair(pair, image, mask, self.limits, reader)


def open_archive(path: Path, limits: ArchiveLimits = ArchiveLimits()) -> Archive:
    """Check a ZIP and find the pairs in it.

    It is laid out like a data folder of this project (`manifest.jsonl` and what it names), like
    DAVIS (`JPEGImages` and `Annotations`; of each sequence the first frame with masks), or as
    plain pairs (see `refiner.data.pairing.pair_names`).

    Raises:
        InputError: it is no ZIP, damaged, encrypted, over a limit, holds a link, another archive,
            a name twice or one that leads elsewhere; or a picture or mask lacks its partner.
    """
    _check_directory(path, limits)
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(members, limits)
            names = [m.filename for m in members if not m.is_dir() and not is_junk(m.filename)]
            manifests = [name for name in names if PurePosixPath(name).name == MANIFEST]
            if manifests:
                text = archive.read(manifests[0])
                return Archive(path, _of_manifest(manifests, text, names), limits)
    except _BROKEN as error:
        raise _damaged(error) from error
    parts = {part for name in names for part in PurePosixPath(name).parts}
    davis = {"JPEGImages", "Annotations"} <= parts
    return Archive(path, pair_frames(names) if davis else pair_names(names), limits)


def read_pair(
    pair: PairNames,
    image: Source,
    mask: Source,
    limits: ArchiveLimits,
    reader: Reader = HERE,
) -> tuple[ImageArray, tuple[BoolArray, ...]]:
    """Decode a picture and its masks, one an object.

    Raises:
        InputError: one of them is no picture or too large, they differ in size, or nothing is
            marked.
    """
    most = limits.file_bytes, limits.pixels
    try:
        pixels = reader(image, max_bytes=most[0], max_pixels=most[1]).pixels
        size_hw = pixels.shape[0], pixels.shape[1]
        if pair.kind == MASK:
            found = reader.masks(mask, size_hw, max_bytes=most[0], max_pixels=most[1])
            masks = [item.mask for item in found.masks]
        else:
            numbers = reader.numbers(mask, max_bytes=most[0], max_pixels=most[1])
            masks = _of_numbers(numbers, size_hw, pair.kind)
    except InputError as error:
        raise InputError(f"{ascii(pair.name)}: {error}") from error
    return pixels, tuple(masks)


def _of_numbers(labels: NDArray[np.uint8], size_hw: tuple[int, int], kind: str) -> list[BoolArray]:
    """Return an object for each number of a label map but 0."""
    if labels.shape != size_hw:
        raise InputError(
            f"The masks are {labels.shape[1]} x {labels.shape[0]}, the picture {size_hw[1]} x "
            f"{size_hw[0]}; they must be of the same size."
        )
    masks = object_masks(labels, "object" if kind == NUMBERED else kind)
    if not masks:
        raise InputError("The masks mark no object; give each a number from 1 to 255.")
    return masks


def _of_manifest(
    manifests: Sequence[str], content: bytes, names: Sequence[str]
) -> tuple[PairNames, ...]:
    if len(manifests) > 1:
        raise InputError(f"The ZIP has {len(manifests)} files {MANIFEST}; leave one.")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{MANIFEST} is no UTF-8 text; write it again.") from error
    rows = parse_manifest(text, Path(manifests[0]))
    pairs = tuple(
        PairNames(row.id, row.image.as_posix(), row.mask.as_posix(), row.kind)
        for row in rows
        if row.kind != VIDEO_KIND
    )
    if not pairs:
        raise InputError(f"{MANIFEST} names videos only; photos with masks are needed.")
    known = set(names)
    for pair in pairs:
        for name in (pair.image, pair.mask):
            if name not in known:
                raise InputError(
                    f"{MANIFEST} names {ascii(name)}, which is not in the ZIP; add it."
                )
    return pairs


def _check_directory(path: Path, limits: ArchiveLimits) -> None:
    """Refuse what is no ZIP, and a directory that would take much memory to read at all."""
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - _END_SIZE - _END_64_SIZE - 0xFFFF))
        tail = file.read()
    start = tail.rfind(_END)
    if start < 0 or len(tail) - start < _END_SIZE:
        raise InputError("The file is no ZIP, or only a part of one; upload it again.")
    count, directory = struct.unpack_from("<HI", tail, start + 10)
    big = tail[max(0, start - _END_64_SIZE) : start].startswith(_END_64)
    if big or count > limits.files or directory > limits.files * _ENTRY_BYTES:
        raise InputError(f"The ZIP has more than {limits.files} files; split it.")


def _check_members(members: Sequence[zipfile.ZipInfo], limits: ArchiveLimits) -> None:
    if len(members) > limits.files:
        raise InputError(f"The ZIP has more than {limits.files} files; split it.")
    seen: set[str] = set()
    for member in members:
        name = ascii(member.orig_filename[:80])
        reason = _bad_name(member) or _bad_kind(member) or _bad_size(member, limits)
        if reason:
            raise InputError(f"The ZIP is refused: {name} {reason}")
        key = unicodedata.normalize("NFC", member.filename).casefold()
        if key in seen:
            raise InputError(f"The ZIP is refused: {name} is in it twice; leave one.")
        seen.add(key)
    total = sum(member.file_size for member in members)
    if total > limits.total_bytes:
        raise InputError(
            f"The ZIP is refused: unpacked it has {total:,} bytes, at most "
            f"{limits.total_bytes:,} are read; split it."
        )


def _bad_name(member: zipfile.ZipInfo) -> str:
    name = member.orig_filename
    parts = name.rstrip("/").split("/")
    strange = "\\" in name or ":" in parts[0] or any(ord(letter) < 32 for letter in name)
    if strange or not name or any(part in ("", ".", "..") for part in parts):
        return "leads out of the ZIP or is no plain path; name files by folder/file."
    return ""


def _bad_kind(member: zipfile.ZipInfo) -> str:
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or device, not a file; put in the file itself."
    if member.flag_bits & 0x2041:
        return "is encrypted; save the ZIP without a password."
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed in an unusual way; save the ZIP with the usual one (deflate)."
    if member.filename.lower().endswith(NESTED):
        return "is an archive itself; put its files in directly."
    return ""


def _bad_size(member: zipfile.ZipInfo, limits: ArchiveLimits) -> str:
    if member.file_size > limits.file_bytes:
        return f"has {member.file_size:,} bytes unpacked, at most {limits.file_bytes:,} are read."
    packed = max(member.compress_size, 1)
    if member.file_size > SMALL and member.file_size > limits.ratio * packed:
        return (
            f"unpacks to {member.file_size // packed} times its size, at most {limits.ratio} is "
            "read; save pictures as PNG or JPEG."
        )
    return ""


def _damaged(error: Exception) -> InputError:
    return InputError(f"The ZIP is damaged ({type(error).__name__}); make it again.")
