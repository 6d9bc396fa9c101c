"""Pictures from files and uploads as arrays, whatever they claim to be: numpy and Pillow only.

The type of a file is told by its content, never by its name. Its size is checked before a pixel
is decoded. Whatever cannot be read raises `InputError` with one line that says what came, what is
expected and what to do.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from refiner.files.decoding import deep
from refiner.files.decoding.colours import as_srgb
from refiner.files.decoding.kinds import IMAGE_FORMATS, kind_of
from refiner.files.decoding.sources import MAX_IMAGE_BYTES as MAX_IMAGE_BYTES
from refiner.files.decoding.sources import Source as Source
from refiner.files.decoding.sources import as_input_error as _as_input_error
from refiner.files.decoding.sources import quiet_pillow as _quiet_pillow
from refiner.files.decoding.sources import read_bytes as read_bytes
from refiner.files.decoding.sources import source_name as source_name
from refiner.types import BoolArray, ImageArray, InputError

MAX_IMAGE_PIXELS = 100_000_000

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
_SEVERAL = ("The file holds several pictures or frames; the first is shown.",)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture as it is meant to be seen, and what of it is shown otherwise than it is stored.

    Attributes:
        pixels: uint8 RGB (height, width, 3) in sRGB, contiguous and writable.
        notices: a sentence each; most pictures have none.
    """

    pixels: ImageArray
    notices: tuple[str, ...] = ()


def read_picture(
    source: Source,
    *,
    max_bytes: int = MAX_IMAGE_BYTES,
    max_pixels: int = MAX_IMAGE_PIXELS,
    formats: tuple[str, ...] = IMAGE_FORMATS,
) -> Picture:
    """Read a picture as it is meant to be seen.

    EXIF orientation is applied; colours are converted to sRGB by the picture's profile; CMYK, grey
    and palettes become RGB; of an animation or a document the first frame is taken. Transparent
    parts are laid over white, or where the object's outline would vanish there, over the ground that
    shows it best. 16-bit values are scaled to 8 bits, and stretched if they use few of them.

    Args:
        source: a path, or the content of a file as bytes.
        max_bytes: the largest file to accept.
        max_pixels: the most pixels to accept, checked before decoding; Pillow adds its own bound
            of about 178 million.
        formats: the formats to accept, a subset of `kinds.IMAGE_FORMATS`.

    Raises:
        InputError: there is no such file, or it is no whole picture of an accepted format within
            the limits.
    """
    data = read_bytes(source, max_bytes)
    kind = _check_type(source, data, formats)
    with _quiet_pillow(), _as_input_error(source):
        image, notices = _eight_bits(source, data, kind, max_pixels)
        rgb, more = as_srgb(image, source_name(source))
        return Picture(np.array(rgb), (*notices, *more))


def read_image(
    source: Source,
    *,
    max_bytes: int = MAX_IMAGE_BYTES,
    max_pixels: int = MAX_IMAGE_PIXELS,
    formats: tuple[str, ...] = IMAGE_FORMATS,
) -> ImageArray:
    """Return the pixels of `read_picture` of the same arguments.

    Raises:
        InputError: as `read_picture`.
    """
    return read_picture(source, max_bytes=max_bytes, max_pixels=max_pixels, formats=formats).pixels


def scaled_down(image: ImageArray, long_side: int) -> ImageArray:
    """Return a picture at the size to work at, by Lanczos' filter; a smaller one as it is.

    Its longer side gets `long_side` pixels. Of a panorama it is the shorter side that gets a quarter of
    that, lest too few rows are left to see anything by.

    Raises:
        InputError: its longer side would still be over eight times `long_side`.
    """
    height, width = image.shape[:2]
    scale = max(long_side / max(height, width), long_side / 4 / min(height, width))
    if min(scale, 1) * max(height, width) > 8 * long_side:
        raise InputError(
            f"The picture of {width} x {height} pixels is too long and narrow to work on, at most "
            f"{8 * long_side:,} pixels are; cut it into parts."
        )
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(small, dtype=np.uint8)


def scaled_mask(mask: BoolArray, size_hw: tuple[int, int]) -> BoolArray:
    """Return a mask at another size: enlarged smoothly, then cut at one half."""
    if mask.shape == tuple(size_hw):
        return mask
    soft = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(np.asarray(soft.resize(size_hw[::-1], Image.Resampling.BICUBIC)) > 127)


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
        return _upright(_decoded(source, data, kind, max_pixels))


def _decoded(source: Source, data: bytes, kind: str, max_pixels: int) -> Image.Image:
    """Return the first frame as it lies in the file."""
    if kind == "HEIF":
        _register_heif(source)
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=(kind,))
    except UnidentifiedImageError as error:
        if kind == "TIFF":
            words = deep.tiff_layout(data).words
            raise InputError(
                f"The picture {source_name(source)} stores {words}, which is not read here; convert it to "
                "RGB or grey of 8 or 16 bits."
            ) from error
        raise
    _check_pixels(source, image.size, max_pixels)
    image.load()
    return image


def _eight_bits(
    source: Source, data: bytes, kind: str, max_pixels: int
) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the first frame upright, of 8 bits or fewer a channel, and what must be told of it."""
    layout = deep.tiff_layout(data) if kind == "TIFF" else None
    if layout and layout.preview:
        raise InputError(
            f"The file {source_name(source)} is a camera's raw file, of which only a small preview could be "
            "shown; save the photo as JPEG, PNG or TIFF with your raw converter."
        )
    if layout and layout.of_floats:
        _check_pixels(source, layout.size_hw[::-1], max_pixels)
        values = deep.stored_values(data)
        if values is not None:
            pixels, notices = deep.to_8_bits(values, source_name(source))
            return _transposed(Image.fromarray(pixels), layout.orientation), notices
    image = _decoded(source, data, kind, max_pixels)
    notices = _SEVERAL if getattr(image, "is_animated", False) and image.format != "MPO" else ()
    if image.mode in _DEEP_GREY:
        pixels, more = deep.to_8_bits(np.asarray(image, dtype=np.uint16), source_name(source))
        image = _with_pixels(image, pixels)
    elif _cut_to_8_bits(image, data, layout) and deep.is_dark(np.asarray(image.convert("RGB"))):
        values = deep.stored_values(data)
        if values is None or values.dtype != np.uint16:
            return _upright(image), notices
        pixels, more = deep.to_8_bits(values, source_name(source))
        image = _with_pixels(image, pixels)
    else:
        more = ()
    return _upright(image), (*notices, *more)


def _cut_to_8_bits(image: Image.Image, data: bytes, layout: deep.TiffLayout | None) -> bool:
    """Return whether Pillow has left out the lower 8 of 16 bits."""
    return (layout.bits if layout else data[24] if image.format == "PNG" else 8) == 16


def _with_pixels(image: Image.Image, pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> Image.Image:
    """Return `pixels` with what else the file says of the picture."""
    exif = image.getexif()
    changed = Image.fromarray(pixels)
    changed.info = {key: value for key, value in image.info.items() if key != "transparency"}
    changed.getexif().update(exif)
    return changed


def _upright(image: Image.Image) -> Image.Image:
    return _transposed(image, _orientation(image))


def _transposed(image: Image.Image, orientation: Any) -> Image.Image:
    transpose = _TRANSPOSES.get(orientation)
    return image if transpose is None else image.transpose(transpose)


def _register_heif(source: Source) -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise InputError(
            f"The picture {source_name(source)} is a HEIC photo, and the package pillow-heif, which reads "
            "those, is not installed here; install it, or save the photo as JPEG."
        ) from error
    register_heif_opener()


def _check_type(source: Source, data: bytes, formats: tuple[str, ...]) -> str:
    """Return which of `formats` the content is."""
    kind = kind_of(data)
    if kind not in formats:
        raise InputError(
            f"The file {source_name(source)} is not a picture of a kind read here ({', '.join(formats)}) "
            f"but {kind}; save the picture as PNG or JPEG."
        )
    return kind


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
