import importlib.util
import io
import json
import os
import pathlib
import struct
import subprocess
import sys
import threading
import zlib

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, PngImagePlugin

from refiner.files import pictures
from refiner.files.decoding.kinds import SIGNATURES
from refiner.files.mask_files import read_mask
from refiner.types import Box, Click, InputError, Prompts

MARK = (200, 30, 40)
REST = (20, 60, 220)


def saved(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def marked(size=(24, 16)):
    """Two flat colours, the upper left quarter marked, so that no transpose looks like another."""
    image = Image.new("RGB", size, REST)
    image.paste(MARK, (0, 0, size[0] // 2, size[1] // 2))
    return image


def noise(size=(64, 48)):
    values = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(values)


def chunk(name, data):
    checksum = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)


def forged_png(width, height, pixels=b"", depth=8, color=2, extra=b""):
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    body = extra + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body


def with_orientation(value, kind="JPEG", **options):
    image = marked()
    exif = Image.Exif()
    exif[0x0112] = value
    return saved(image, kind, exif=exif, **options)


def flat(data, expected, tolerance=0):
    """Assert that `data` is one colour all over."""
    pixels = pictures.read_image(data)
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3
    assert np.abs(pixels.astype(int) - expected).max() <= tolerance


def refused(source, *words, **limits):
    with pytest.raises(InputError) as error:
        pictures.read_image(source, **limits)
    message = str(error.value)
    assert message
    assert "\n" not in message
    assert message.isprintable()
    assert len(message) < 300
    assert message.endswith(".")
    assert any(verb in message for verb in ("save", "check", "give", "choose", "make", "convert"))
    for word in words:
        assert word in message
    return message


# Good pictures


@pytest.mark.parametrize("kind", pictures.IMAGE_FORMATS)
def test_every_format_gives_rgb(kind):
    options = {
        "WEBP": {"lossless": True},
        "JPEG": {"quality": 100, "subsampling": 0},
        "AVIF": {"quality": 100, "subsampling": "4:4:4"},
        "HEIF": {"quality": 100, "chroma": 444},
    }
    pillow_heif.register_heif_opener()
    pixels = pictures.read_image(saved(marked(), kind, **options.get(kind, {})))
    tolerance = 12 if kind in ("JPEG", "AVIF", "HEIF") else 0
    assert pixels.shape == (16, 24, 3)
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    assert np.abs(pixels.astype(int) - np.asarray(marked())).max() <= tolerance


@settings(deadline=None)
@given(hnp.arrays(np.uint8, st.tuples(*[st.integers(1, 20)] * 2, st.just(3))))
def test_a_png_gives_its_very_pixels(pixels):
    assert np.array_equal(pictures.read_image(saved(Image.fromarray(pixels))), pixels)


@pytest.mark.parametrize("size", [(1, 1), (20000, 1), (1, 20000)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_extreme_shapes_are_read(size, kind):
    pixels = pictures.read_image(saved(Image.new("RGB", size, (90, 90, 90)), kind))
    assert pixels.shape == (size[1], size[0], 3)
    assert (pixels == 90).all()


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.swapaxes(0, 1)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: a[::-1, ::-1].swapaxes(0, 1)),
        (8, lambda a: np.rot90(a)),
        (0, lambda a: a),
        (9, lambda a: a),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied(orientation, upright, kind):
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}
    pixels = pictures.read_image(with_orientation(orientation, kind, **options.get(kind, {})))
    expected = upright(np.asarray(marked()).astype(int))
    assert pixels.shape == expected.shape
    assert np.abs(pixels - expected).max() <= 12


GREY_16 = np.array([[0, 257, 32896, 65535]], np.uint16)
TRANSPARENT_RED = Image.new("RGBA", (8, 8), (255, 0, 0, 0))


def indexed(colors, index=0, transparency=None):
    image = Image.new("P", (8, 8), index)
    image.putpalette([value for color in colors for value in color])
    options = {} if transparency is None else {"transparency": transparency}
    return saved(image, "PNG", **options)


def jpeg_with_broken_exif():
    return saved(
        marked(),
        "JPEG",
        quality=100,
        subsampling=0,
        exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff" + b"\xff" * 40,
    )


def mpo():
    return saved(
        marked(), "MPO", quality=100, subsampling=0, save_all=True, append_images=[noise((24, 16))]
    )


def animated(kind, **options):
    first = Image.new("RGB", (16, 16), MARK)
    second = Image.new("RGB", (16, 16), REST)
    return saved(first, kind, save_all=True, append_images=[second], **options)


ODD_PICTURES = {
    "grey": (saved(Image.new("L", (8, 8), 77)), (77, 77, 77)),
    "grey jpeg": (saved(Image.new("L", (8, 8), 77), "JPEG"), (77, 77, 77)),
    "1-bit": (saved(Image.new("1", (8, 8), 1)), (255, 255, 255)),
    "1-bit tiff": (saved(Image.new("1", (8, 8), 1), "TIFF", compression="group4"), (255,) * 3),
    "grey and opaque alpha": (saved(Image.new("LA", (8, 8), (77, 255))), (77, 77, 77)),
    "grey and half alpha": (saved(Image.new("LA", (8, 8), (0, 127))), (128, 128, 128)),
    "transparent red is white": (saved(TRANSPARENT_RED), (255, 255, 255)),
    "half red is pink": (saved(Image.new("RGBA", (8, 8), (255, 0, 0, 128))), (255, 127, 127)),
    "transparent webp": (saved(TRANSPARENT_RED, "WEBP", lossless=True), (255, 255, 255)),
    "palette": (indexed([(1, 2, 3), (4, 5, 6)], 1), (4, 5, 6)),
    "palette, transparent index": (indexed([(1, 2, 3), (4, 5, 6)], 1, 1), (255, 255, 255)),
    "palette, transparent bytes": (indexed([(0, 0, 0)], 0, b"\x7f"), (128, 128, 128)),
    "rgb with a transparent colour": (
        saved(Image.new("RGB", (8, 8), MARK), transparency=MARK),
        (255, 255, 255),
    ),
    "grey with a transparent value": (
        saved(Image.new("L", (8, 8), 5), transparency=5),
        (255, 255, 255),
    ),
    "cmyk jpeg": (saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"), (255, 0, 0)),
    "cmyk tiff": (saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "TIFF"), (255, 0, 0)),
    "ycbcr tiff": (
        saved(Image.new("YCbCr", (8, 8), (77, 128, 128)), "TIFF", compression="jpeg"),
        (77,) * 3,
    ),
    "16-bit grey tiff": (
        saved(Image.fromarray(np.full((8, 8), 25700, np.uint16)), "TIFF"),
        (100, 100, 100),
    ),
    "16-bit big-endian tiff": (
        saved(Image.fromarray(np.full((8, 8), 25700, ">u2")), "TIFF"),
        (100, 100, 100),
    ),
    "16-bit rgb png": (forged_png(1, 1, b"\0" + b"\x64\x64" * 3, 16), (100, 100, 100)),
    "progressive jpeg": (
        saved(Image.new("RGB", (64, 64), (90, 90, 90)), "JPEG", progressive=True),
        (90, 90, 90),
    ),
    "animated gif": (animated("GIF"), MARK),
    "animated webp": (animated("WEBP", lossless=True), MARK),
    "animated png": (animated("PNG"), MARK),
    "animated png, default image": (animated("PNG", default_image=True), MARK),
    "jpeg within tiff": (
        saved(Image.new("RGB", (8, 8), MARK), "TIFF", compression="jpeg"),
        MARK,
    ),
    "two-page tiff": (animated("TIFF"), MARK),
    "png without end": (saved(Image.new("RGB", (8, 8), MARK))[:-12], MARK),
    "png with bytes after the end": (saved(Image.new("RGB", (8, 8), MARK)) + b"x" * 99, MARK),
    "broken colour profile": (
        saved(Image.new("RGB", (8, 8), MARK), icc_profile=b"no profile"),
        MARK,
    ),
    "broken animation header": (
        forged_png(1, 1, b"\0" + bytes(MARK), extra=chunk(b"acTL", struct.pack(">II", 0, 0))),
        MARK,
    ),
    "text chunk of NaN": (
        forged_png(1, 1, b"\0" + bytes(MARK), extra=chunk(b"tEXt", b"gamma\0NaN")),
        MARK,
    ),
    "gamma of zero": (
        forged_png(1, 1, b"\0" + bytes(MARK), extra=chunk(b"gAMA", bytes(4))),
        MARK,
    ),
}


@pytest.mark.parametrize("name", ODD_PICTURES)
def test_odd_pictures_give_the_right_colour(name):
    data, expected = ODD_PICTURES[name]
    flat(data, expected, tolerance=2 if "jpeg" in name else 0)


@pytest.mark.parametrize("data", [jpeg_with_broken_exif(), mpo()], ids=["broken exif", "mpo"])
def test_jpegs_with_odd_additions_are_read(data):
    assert np.abs(pictures.read_image(data).astype(int) - np.asarray(marked())).max() <= 12


def test_16_bit_grey_is_scaled_to_8_bit():
    pixels = pictures.read_image(saved(Image.fromarray(GREY_16)))
    assert pixels[0, :, 0].tolist() == [0, 1, 128, 255]
    assert (pixels == pixels[..., :1]).all()


def test_an_adobe_cmyk_jpeg_is_not_inverted():
    """Files with Adobe's marker hold 255 minus the ink; libjpeg writes such files."""
    data = saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG")
    assert b"\xff\xee\x00\x0eAdobe" in data
    flat(data, (255, 0, 0), tolerance=2)


def test_a_path_may_be_text_or_object_and_of_any_script(tmp_path):
    path = tmp_path / "Häuser 家 🏠 -rf.png"
    path.write_bytes(saved(marked()))
    link = tmp_path / "link"
    link.symlink_to(path)
    for source in (path, str(path), link):
        assert np.array_equal(pictures.read_image(source), np.asarray(marked()))


def test_the_content_counts_and_not_the_name(tmp_path):
    path = tmp_path / "picture.txt"
    path.write_bytes(saved(marked()))
    assert pictures.read_image(path).shape == (16, 24, 3)


# Refused


PNG = saved(noise())
JPEG = saved(noise(), "JPEG")
PROGRESSIVE = saved(noise(), "JPEG", progressive=True)
WEBP = saved(noise(), "WEBP")
GIF = saved(noise(), "GIF")
TIFF = saved(noise(), "TIFF", compression="tiff_deflate")
BMP = saved(noise(), "BMP")


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(data, id=name)
        for name, data in {
            "png": PNG,
            "jpeg": JPEG,
            "progressive": PROGRESSIVE,
            "webp": WEBP,
            "gif": GIF,
            "tiff": TIFF,
            "bmp": BMP,
        }.items()
    ],
)
def test_truncated_pictures_are_refused(data, share, capfd):
    refused(data[: int(len(data) * share)])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("signature", range(len(SIGNATURES)))
def test_a_bare_signature_is_refused(signature):
    offset, content, _ = SIGNATURES[signature]
    refused(bytes(offset) + content)


OTHER_FILES = {
    "one byte": (b"\x00", "unknown"),
    "zeros": (bytes(5000), "unknown"),
    "text": (b"Dear all,\nthe picture is attached.\n", "text"),
    "utf-8 text": ("Größe 家".encode(), "text"),
    "json": (b'{"picture": true}', "text"),
    "svg": (b'<?xml version="1.0"?>\n<svg xmlns="x"></svg>', "SVG"),
    "html": (b"<!DOCTYPE html><title>404</title>", "web page"),
    "pdf": (b"%PDF-1.7\n1 0 obj", "PDF"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
    "icon": (b"\x00\x00\x01\x00\x01\x00" + bytes(40), "Windows icon"),
    "jpeg 2000": (b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(40), "JPEG 2000"),
    "jpeg xl": (b"\x00\x00\x00\x0cJXL \r\n\x87\n" + bytes(40), "JPEG XL"),
    "canon raw": (b"II*\x00\x10\x00\x00\x00CR\x02\x00" + bytes(40), "camera's raw"),
    "dicom": (bytes(128) + b"DICM" + bytes(40), "DICOM"),
    "mp4": (struct.pack(">I", 24) + b"ftypisom" + bytes(40), "video"),
    "webm": (b"\x1aE\xdf\xa3" + bytes(40), "video"),
    "avi": (b"RIFF\x00\x00\x00\x00AVI LIST" + bytes(40), "video"),
    "wav": (b"RIFF\x00\x00\x00\x00WAVEfmt " + bytes(40), "unknown"),
    "zip": (b"PK\x03\x04" + bytes(40), "ZIP"),
    "photoshop": (b"8BPS\x00\x01" + bytes(40), "Photoshop"),
    "netpbm": (b"P6 1 1 255\n\x01\x02\x03", "unknown"),
}


@pytest.mark.parametrize("name", OTHER_FILES)
def test_files_that_are_no_pictures_are_named(name, tmp_path):
    content, kind = OTHER_FILES[name]
    path = tmp_path / "holiday.png"
    path.write_bytes(content)
    refused(content, kind, "PNG")
    message = refused(path, kind, "PNG", "holiday.png")
    assert str(tmp_path) not in message


def cyclic_tiff():
    """A TIFF whose only directory names itself as the next, without a single tag."""
    return b"II*\x00" + struct.pack("<I", 8) + struct.pack("<HI", 0, 8)


DAMAGED = {
    "png of zero width": forged_png(0, 5, b"\0"),
    "png of zero height": forged_png(5, 0, b"\0"),
    "png of zero size": forged_png(0, 0),
    "png without pixels": forged_png(5, 5),
    "png with too few pixels": forged_png(5, 5, b"\0" * 20),
    "png of bit depth 3": forged_png(1, 1, b"\0\0\0\0", depth=3),
    "png of colour type 7": forged_png(1, 1, b"\0\0\0\0", color=7),
    "png with a wrong checksum": PNG[:20] + bytes([PNG[20] ^ 1]) + PNG[21:],
    "png with flipped pixels": PNG[:200] + bytes(200) + PNG[400:],
    "png text bomb": forged_png(
        1, 1, b"\0\0\0\0", extra=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(3_000_000)))
    ),
    "jpeg without a scan": JPEG[:2] + b"\xff\xd9",
    "jpeg that says png": b"\x89PNG\r\n\x1a\n" + JPEG,
    "png that says jpeg": b"\xff\xd8\xff" + PNG,
    "webp of wrong length": WEBP[:4] + b"\x00\x00\x00\x00" + WEBP[8:],
    "webp without a picture": b"RIFF\x04\x00\x00\x00WEBP",
    "webp signature without riff": b"RIFX" + WEBP[4:],
    "gif without a frame": GIF[:13],
    "tiff directory cycle": cyclic_tiff(),
    "bmp of zero width": BMP[:18] + bytes(4) + BMP[22:],
    "bmp of negative width": BMP[:18] + struct.pack("<i", -4) + BMP[22:],
    "bmp of unknown depth": BMP[:28] + struct.pack("<H", 13) + BMP[30:],
    "32-bit grey tiff": saved(Image.new("I", (4, 4), 70000), "TIFF"),
    "float tiff over 1": saved(Image.new("F", (4, 4), 1.5), "TIFF"),
    "float tiff of nan": saved(Image.new("F", (4, 4), float("nan")), "TIFF"),
    "heic without a picture": struct.pack(">I", 24) + b"ftypheic" + bytes(40),
    "avif without a picture": struct.pack(">I", 24) + b"ftypavif" + bytes(40),
    "lab tiff": saved(Image.new("LAB", (4, 4)), "TIFF"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_pictures_are_refused(name, capfd):
    refused(DAMAGED[name])
    assert capfd.readouterr() == ("", "")


def test_empty_content_is_refused(tmp_path):
    (tmp_path / "empty.png").touch()
    refused(b"", "empty")
    refused(tmp_path / "empty.png", "empty.png", "is empty")


def loop(folder):
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    return folder / "a"


def dangling(folder):
    (folder / "a").symlink_to(folder / "gone")
    return folder / "a"


def fifo(folder):
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def below_a_file(folder):
    (folder / "file").touch()
    return folder / "file" / "x.png"


BAD_PATHS = {
    "folder": (lambda folder: folder, "folder"),
    "missing": (lambda folder: folder / "gone.png", "no file"),
    "empty text": (lambda folder: "", "no file"),
    "below a file": (below_a_file, "cannot be opened"),
    "symlink loop": (loop, "cannot be opened"),
    "dangling symlink": (dangling, "no file"),
    "pipe": (fifo, "device"),
    "device": (lambda folder: "/dev/zero", "device"),
    "NUL": (lambda folder: "a\0b.png", "\\x00"),
    "line break": (lambda folder: "a\nb.png", "a\\nb.png"),
    "unencodable": (lambda folder: "\udfff\ud800.png", "check"),
    "name too long": (lambda folder: "x" * 5000, "..."),
    "web address": (lambda folder: "https://example.org/a.png", "no file"),
    "nothing": (lambda folder: None, "got 'None'"),
    "number": (lambda folder: 0, "got '0'"),
    "list": (lambda folder: [1, 2], "got"),
    "array": (lambda folder: np.zeros((4, 4, 3), np.uint8), "got"),
    "open file": (lambda folder: io.BytesIO(PNG), "got"),
}


@pytest.mark.parametrize("name", BAD_PATHS)
def test_paths_that_lead_nowhere_are_refused(name, tmp_path):
    make, word = BAD_PATHS[name]
    refused(make(tmp_path), word)


def test_a_file_the_reader_may_not_open_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "secret.png"
    path.write_bytes(PNG)

    def denied(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pathlib.Path, "read_bytes", denied)
    refused(path, "Permission denied")


# Limits


@pytest.mark.parametrize(
    "size", [(2**31 - 1, 2**31 - 1), (100_000, 100_000), (13_000, 13_000), (10_001, 10_000)]
)
def test_a_claimed_size_is_refused_before_decoding(size, monkeypatch):
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", lambda self: pytest.fail("decoded"))
    refused(forged_png(*size), "make it smaller")


@pytest.mark.parametrize("kind", ["GIF", "BMP", "WEBP", "JPEG", "TIFF"])
def test_pixels_are_counted_in_every_format(kind):
    data = saved(Image.new("RGB", (300, 200)), kind)
    assert pictures.read_image(data, max_pixels=60_000).shape == (200, 300, 3)
    refused(data, "300 x 200 = 60,000 pixels", "at most 59,999", max_pixels=59_999)


def test_a_picture_above_40_megapixels_is_refused_by_that_limit():
    data = saved(Image.new("1", (8001, 5000)))
    refused(data, "8001 x 5000 = 40,005,000", "at most 40,000,000", max_pixels=40_000_000)


def test_a_highly_compressed_picture_is_refused_within_little_memory():
    """A 250-megapixel PNG of 30 kB would need 750 MB of pixels."""
    code = (
        "import resource, sys; from refiner.files import pictures\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "try: pictures.read_image(sys.stdin.buffer.read())\n"
        "except pictures.InputError as error: print(error)"
    )
    bomb = saved(Image.new("1", (50_000, 5_000)))
    assert len(bomb) < 100_000
    done = subprocess.run([sys.executable, "-c", code], input=bomb, capture_output=True, check=True)
    assert b"smaller" in done.stdout
    assert done.stderr == b""


def test_memory_that_does_not_suffice_is_told(monkeypatch):
    def exhausted(self):
        raise MemoryError

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", exhausted)
    refused(PNG, "too large to be decoded")


def test_bytes_are_counted_before_reading(tmp_path, monkeypatch):
    path = tmp_path / "large.png"
    path.write_bytes(PNG)
    refused(PNG, "at most 1,000 are", max_bytes=1000)
    monkeypatch.setattr(pathlib.Path, "read_bytes", lambda self: pytest.fail("read"))
    refused(path, "large.png", "at most 1,000 are", max_bytes=1000)


def test_formats_may_be_narrowed():
    refused(GIF, "GIF", "(JPEG, PNG, WEBP)", formats=("JPEG", "PNG", "WEBP"))
    assert pictures.read_image(PNG, formats=("PNG",)).shape == (48, 64, 3)


@given(st.integers(0, len(JPEG) - 1), st.binary(min_size=1, max_size=8))
def test_no_flipped_bytes_crash_the_reader(position, garbage):
    for data in (JPEG, PNG, WEBP, GIF, TIFF, BMP):
        at = position % len(data)
        try:
            pixels = pictures.read_image(
                data[:at] + garbage + data[at + len(garbage) :], max_pixels=10**6
            )
        except InputError:
            continue
        assert pixels.dtype == np.uint8
        assert pixels.shape[2] == 3


def test_pictures_are_read_from_several_threads():
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(pictures.read_image(PNG))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    assert all(np.array_equal(result, np.asarray(noise())) for result in results)


def test_pillows_own_settings_stay_as_they_are():
    from PIL import ImageFile

    before = Image.MAX_IMAGE_PIXELS
    refused(PNG[:500])
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("unwanted", ["torch", "gradio", "cv2"])
def test_importing_media_leaves_heavy_packages_out(unwanted):
    code = f"import sys, refiner.files.pictures; sys.exit({unwanted!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# The examples


EXAMPLES = pathlib.Path(__file__).parents[3] / "assets" / "examples"
ROWS = json.loads((EXAMPLES / "examples.json").read_text(encoding="utf-8"))
RENDERED = [row for row in ROWS if "package" not in row]
EXACT = [row for row in ROWS if "mask" in row]


def file_of(row):
    if "package" not in row:
        return EXAMPLES / row["file"]
    return pathlib.Path(importlib.util.find_spec(row["package"]).origin).parent / row["file"]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    script = [sys.executable, str(EXAMPLES / "render.py"), "--out", str(folder)]
    subprocess.run(script, check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    return folder


@pytest.mark.parametrize("row", RENDERED, ids=lambda row: row["name"])
def test_the_script_renders_the_very_masks_and_pictures_of_the_examples(row, rendered):
    """JPEG coders may differ by a little, masks not by a pixel."""
    with Image.open(EXAMPLES / row["mask"]) as ours, Image.open(rendered / row["mask"]) as again:
        assert ours.mode == again.mode == "L"
        assert np.array_equal(np.asarray(ours), np.asarray(again))
    ours = pictures.read_image(EXAMPLES / row["file"]).astype(int)
    again = pictures.read_image(rendered / row["file"])
    assert np.abs(ours - again).mean() < 1


@pytest.mark.parametrize("row", EXACT, ids=lambda row: row["name"])
def test_the_prompts_of_an_example_fit_its_mask(row):
    assert set(row) - {"package"} == {"name", "label", "file", "mask", "licence", "clicks", "box"}
    assert row["label"]
    assert row["licence"]
    assert (EXAMPLES / row["mask"]).stat().st_size < 300_000
    size_hw = pictures.read_image(file_of(row)).shape[:2]
    mask = read_mask(EXAMPLES / row["mask"], size_hw)
    box = row["box"] and Box(*row["box"])
    Prompts(tuple(Click(*click) for click in row["clicks"]), box).check(size_hw)
    for x, y, positive in row["clicks"]:
        assert mask[y, x] == positive
    if box:
        rows, columns = mask.nonzero()
        assert box.x0 <= columns.min() <= columns.max() < box.x1
        assert box.y0 <= rows.min() <= rows.max() < box.y1


def test_the_examples_are_complete_and_their_licences_told():
    files = {row["mask"] for row in EXACT} | {row["file"] for row in RENDERED}
    assert all(file_of(row).is_file() and row["licence"] for row in ROWS)
    assert files == {path.name for path in EXAMPLES.iterdir() if path.suffix in (".jpg", ".png")}
    licences = (EXAMPLES.parent / "LICENCES.md").read_text(encoding="utf-8")
    assert all(f"examples/{file}" in licences for file in files)
    assert len({row["name"] for row in ROWS}) == len(ROWS)
