"""What kind of file some content is, told by its first bytes, never by its name."""

from __future__ import annotations

IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "HEIF")
"""The kinds of pictures read here, by Pillow's names; HEIF is what phones call HEIC."""

_RAW = "a camera's raw file"
SIGNATURES = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (8, b"WEBP", "WEBP"),
    (0, b"BM", "BMP"),
    (8, b"CR\x02\x00", _RAW),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"II+\x00", "TIFF"),
    (0, b"MM\x00+", "TIFF"),
    (0, b"GIF8", "GIF"),
    (4, b"ftypavi", "AVIF"),
    (4, b"ftyphe", "HEIF"),
    (4, b"ftypcrx", _RAW),
    (4, b"ftyp", "an MP4 or MOV video"),
    (0, b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (8, b"AVI ", "an AVI video"),
    (0, b"IIU\x00", _RAW),
    (0, b"IIRO", _RAW),
    (0, b"IIRS", _RAW),
    (0, b"FUJIFILMCCD-RAW", _RAW),
    (0, b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (0, b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (0, b"#?RADIANCE", "a Radiance HDR picture"),
    (128, b"DICM", "a DICOM file"),
    (0, b"ZISRAWFILE", "a Zeiss CZI file"),
    (0, b"\x00\x00\x01\x00", "a Windows icon"),
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"PK\x03\x04", "a ZIP archive"),
)


def kind_of(data: bytes) -> str:
    """Return what the content is: a name of `IMAGE_FORMATS` or words.

    Args:
        data: the content, or its first 1,024 bytes.
    """
    if data[4:12] in (b"ftypmif1", b"ftypmsf1"):
        return _heif_kind(data)
    for offset, signature, kind in SIGNATURES:
        if data.startswith(signature, offset):
            return kind
    head = data[:1024].lower()
    if b"<svg" in head:
        return "an SVG drawing"
    if b"<html" in head or b"<!doctype html" in head:
        return "a web page"
    printable = all(byte >= 32 or byte in b"\t\r\n" for byte in head)
    return "text" if printable else "something unknown"


def _heif_kind(data: bytes) -> str:
    """Tell AVIF from HEIC where the file only says that it is of their common container."""
    length = int.from_bytes(data[:4], "big")
    brands = [data[place : place + 4] for place in range(16, min(length, 256), 4)]
    return "AVIF" if b"avif" in brands or b"avis" in brands else "HEIF"
