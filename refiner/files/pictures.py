"""Pictures from files and uploads as arrays, whatever they claim to be: numpy and Pillow only.

The type of a file is told by its content, never by its name. Its size is checked before a pixel
is decoded. Whatever cannot be read raises `InputError` with one line that says what came, what is
expected and what to do.
"""

from __future__ import annotations

import io
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from refiner.types import ImageArray, InputError

Source = str | os.PathLike[str] | bytes

IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
MAX_IMAGE_BYTES = 200_000_000
MAX_IMAGE_PIXELS = 100_000_000

_SIGNATURES = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (8, b"WEBP", "WEBP"),
    (0, b"BM", "BMP"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"II+\x00", "TIFF"),
    (0, b"MM\x00+", "TIFF"),
    (0, b"GIF8", "GIF"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftyphei", "a HEIC photo"),
    (4, b"ftypmif1", "a HEIC photo"),
    (4, b"ftyp", "an MP4 or MOV video"),
    (0, b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (8, b"AVI ", "an AVI video"),
    (0, b"\x00\x00\x01\x00", "a Windows icon"),
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"PK\x03\x04", "a ZIP archive"),
)
_ORIENTATION_TAG = 0x0112
_TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N")
_UNSCALED = ("I", "F", "LAB", "HSV")
_warnings_lock = threading.Lock()


def read_image(
    source: Source,
    *,
    max_bytes: int = MAX_IMAGE_BYTES,
    max_pixels: int = MAX_IMAGE_PIXELS,
    formats: tuple[str, ...] = IMAGE_FORMATS,
) -> ImageArray:
    """Read a picture as it is meant to be seen.

    EXIF orientation is applied; transparency is laid over white; 16-bit grey is scaled to 8 bit;
    CMYK, grey and palettes become RGB; of an animation or a document the first frame is taken.
    Colour profiles are not applied.

    Args:
        source: a path, or the content of a file as bytes.
        max_bytes: the largest file to accept.
        max_pixels: the most pixels to accept, checked before decoding; Pillow adds its own bound
            of about 178 million.
        formats: the formats to accept, a subset of `IMAGE_FORMATS`.

    Returns:
        uint8 RGB (height, width, 3), contiguous and writable.

    Raises:
        InputError: there is no such file, or it is no whole picture of an accepted format within
            the limits.
    """
    image = open_picture(source, max_bytes, max_pixels, formats)
    with _quiet_pillow(), _as_input_error(source):
        return np.array(_to_rgb(image))


def scaled_down(image: ImageArray, long_side: int) -> ImageArray:
    """Return a picture whose longer side has at most `long_side` pixels, by Lanczos' filter."""
    height, width = image.shape[:2]
    scale = long_side / max(height, width)
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(small, dtype=np.uint8)


def open_picture(
    source: Source,
    max_bytes: int = MAX_IMAGE_BYTES,
    max_pixels: int = MAX_IMAGE_PIXELS,
    formats: tuple[str, ...] = IMAGE_FORMATS,
) -> Image.Image:
    """Return the first frame of `source`, decoded and upright, in the mode it was stored in.

    Raises:
        InputError: as `read_image`.
    """
    data = read_bytes(source, max_bytes)
    kind = _check_type(source, data, formats)
    with _quiet_pillow(), _as_input_error(source):
        image: Image.Image = Image.open(io.BytesIO(data), formats=(kind,))
        _check_pixels(source, image.size, max_pixels)
        image.load()
        transpose = _TRANSPOSES.get(_orientation(image))
        return image if transpose is None else image.transpose(transpose)


def read_bytes(source: Source, max_bytes: int = MAX_IMAGE_BYTES) -> bytes:
    """Return the content of a file, or `source` itself if it is content already.

    Raises:
        InputError: there is no such file, or it is empty or larger than `max_bytes`.
    """
    data = source if isinstance(source, bytes) else _read_file(source, max_bytes)
    if not data:
        raise InputError(
            f"The file {source_name(source)} is empty; choose a picture with some content."
        )
    if len(data) > max_bytes:
        raise InputError(_too_large(source, len(data), max_bytes))
    return data


def _read_file(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    try:
        text = os.fsdecode(path)
        status = os.stat(text)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {_quoted(path)}; check the path.") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    except (TypeError, ValueError) as error:
        raise InputError(
            f"A picture is given by its path or its bytes, got {_quoted(path)}; check it."
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{_quoted(path)} is a folder or device; give the path of a picture file.")
    if status.st_size > max_bytes:
        raise InputError(_too_large(path, status.st_size, max_bytes))
    try:
        return Path(text).read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Source, error: OSError) -> InputError:
    reason = error.strerror or type(error).__name__
    return InputError(f"The file {_quoted(path)} cannot be opened ({reason}); check the path.")


def _too_large(source: Source, size: int, max_bytes: int) -> str:
    return (
        f"The file {source_name(source)} has {size:,} bytes, at most {max_bytes:,} are read; "
        "save it smaller or more compressed."
    )


def _check_type(source: Source, data: bytes, formats: tuple[str, ...]) -> str:
    """Return which of `formats` the content is."""
    kind = kind_of(data)
    if kind not in formats:
        raise InputError(
            f"The file {source_name(source)} is not a picture of a kind read here ({', '.join(formats)}) "
            f"but {kind}; save the picture as PNG or JPEG."
        )
    return kind


def kind_of(data: bytes) -> str:
    """Return what the content is: a name of `IMAGE_FORMATS` or words."""
    for offset, signature, kind in _SIGNATURES:
        if data.startswith(signature, offset):
            return kind
    head = data[:1024].lower()
    if b"<svg" in head:
        return "an SVG drawing"
    if b"<html" in head or b"<!doctype html" in head:
        return "a web page"
    printable = all(byte >= 32 or byte in b"\t\r\n" for byte in head)
    return "text" if printable else "something unknown"


def _check_pixels(source: Source, size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise InputError(
            f"The picture {source_name(source)} claims {width} x {height} pixels; save it again with some."
        )
    if width * height > max_pixels:
        raise InputError(
            f"The picture {source_name(source)} has {width} x {height} = {width * height:,} pixels, at most "
            f"{max_pixels:,} are read; make it smaller."
        )


def _orientation(image: Image.Image) -> Any:
    """Return the EXIF orientation; damaged EXIF says nothing about the pixels, so 1."""
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:
        return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in _DEEP_GREY:
        image = Image.fromarray(_grey_16_to_8(image))
    elif image.mode in _UNSCALED:
        raise InputError(
            f"A picture stored as {image.mode} has no fixed way to 8-bit RGB; convert it to RGB or "
            "grey of 8 or 16 bits."
        )
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def _grey_16_to_8(image: Image.Image) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.rint(np.asarray(image, dtype=np.float32) / 257).astype(np.uint8)


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Silence Pillow's warnings, which our own checks make needless.

    One thread at a time: filters are the process's, and decoding takes much memory.
    """
    with _warnings_lock, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


@contextmanager
def _as_input_error(source: Source) -> Iterator[None]:
    """Turn whatever Pillow raises over a damaged file, which is of many types, into one line."""
    try:
        yield
    except InputError:
        raise
    except (Image.DecompressionBombError, MemoryError) as error:
        raise InputError(
            f"The picture {source_name(source)} is too large to be decoded; make it smaller."
        ) from error
    except Exception as error:
        raise InputError(
            f"The picture {source_name(source)} is damaged or incomplete; save or download it again."
        ) from error


def source_name(source: Source) -> str:
    """Return what to call `source` in a message, without its folders, which are nobody's business."""
    if isinstance(source, bytes):
        return "given as bytes"
    return _quoted(os.path.basename(os.fsdecode(source)))


def _quoted(value: Any) -> str:
    """Return `value` in one short line of ASCII."""
    text = str(value) if isinstance(value, (str, os.PathLike)) else repr(value)
    return ascii(text if len(text) <= 80 else f"{text[:20]}...{text[-57:]}")
