"""Photos as phones, cameras, microscopes and drawing programs save them."""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from refiner.files.mask_files import read_mask
from refiner.files.pictures import read_picture
from refiner.types import InputError

ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))


def fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def profile(primaries: tuple[tuple[float, float, float], ...] = (), gamma: float = 2.2) -> bytes:
    """Return an ICC profile: of RGB with these primaries at D50, of grey without any."""
    curve = struct.pack(">4sIIH", b"curv", 0, 1, round(gamma * 256)) + bytes(2)
    white = struct.pack(">4sI", b"XYZ ", 0) + b"".join(map(fixed, (0.9642, 1.0, 0.8249)))
    name = struct.pack(">4sII", b"desc", 0, 5) + b"made\0" + bytes(78) + bytes(3)
    tags = {b"desc": name, b"cprt": b"text" + bytes(8), b"wtpt": white}
    for letter, column in zip(b"rgb", primaries, strict=False):
        tags[bytes([letter]) + b"XYZ"] = struct.pack(">4sI", b"XYZ ", 0) + b"".join(
            map(fixed, column)
        )
        tags[bytes([letter]) + b"TRC"] = curve
    if not primaries:
        tags[b"kTRC"] = curve
    place, table, body = 132 + 12 * len(tags), b"", b""
    for tag, content in tags.items():
        table += tag + struct.pack(">II", place + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    space = b"RGB " if primaries else b"GRAY"
    head = struct.pack(
        ">I4sI4s4s4s", place + len(body), b"    ", 0x02400000, b"mntr", space, b"XYZ "
    )
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += b"".join(map(fixed, (0.9642, 1.0, 0.8249)))
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def encoded(values: np.ndarray, suffix: str) -> bytes:
    done, content = cv2.imencode(suffix, values)
    assert done
    return bytes(content)


# Colours


def shown(data: bytes) -> list[int]:
    picture = read_picture(data)
    assert (picture.pixels == picture.pixels[0, 0]).all()
    return [int(value) for value in picture.pixels[0, 0]]


def converted(color: tuple[int, int, int], primaries: Any) -> np.ndarray:
    """Return a colour of these primaries, gamma 2.2, in sRGB."""
    light = np.array(primaries).T @ (np.array(color) / 255) ** 2.2
    own = np.clip(np.linalg.inv(np.array(SRGB).T) @ light, 0, 1)
    return np.where(own <= 0.0031308, 12.92 * own, 1.055 * own ** (1 / 2.4) - 0.055) * 255


@pytest.mark.parametrize("primaries", [P3, ADOBE_RGB], ids=["P3", "AdobeRGB"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_colours_are_those_the_profile_says(primaries: Any, kind: str) -> None:
    color = (200, 60, 40)
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}
    data = saved(
        Image.new("RGB", (8, 8), color),
        kind,
        icc_profile=profile(primaries),
        **options.get(kind, {}),
    )
    expected = converted(color, primaries)
    assert np.abs(shown(data) - expected).max() <= 3
    assert np.abs(np.array(color) - expected).max() > 10


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_palettes_grey_and_transparency_are_converted_too(kind: str) -> None:
    flat = Image.new("RGB", (8, 8), (200, 60, 40))
    options = {"icc_profile": profile(P3)}
    expected = shown(saved(flat, kind, **options))
    assert shown(saved(flat.quantize(4), kind, **options)) == expected
    assert shown(saved(flat.convert("RGBA"), kind, **options)) == expected
    dark = Image.new("L", (8, 8), 100)
    lighter = shown(saved(dark, kind, icc_profile=profile(gamma=1.0)))
    assert lighter[0] > 160 and len(set(lighter)) == 1
    assert shown(saved(dark.convert("LA"), kind, icc_profile=profile(gamma=1.0))) == lighter


def test_a_profile_that_is_srgb_changes_no_pixel() -> None:
    from PIL import ImageCms

    values = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = read_picture(saved(Image.fromarray(values), icc_profile=own))
    assert np.array_equal(picture.pixels, values) and picture.notices == ()


@pytest.mark.parametrize(
    "broken",
    [b"no profile", profile(P3)[:200], profile(gamma=1.0), profile(P3)[:128] + bytes(400)],
    ids=["text", "cut off", "of grey", "without tags"],
)
def test_a_broken_profile_is_left_out_and_told(broken: bytes) -> None:
    picture = read_picture(saved(Image.new("RGB", (8, 8), (200, 60, 40)), icc_profile=broken))
    assert (picture.pixels == (200, 60, 40)).all()
    assert "colour profile" in picture.notices[0]


def test_cmyk_with_a_profile_of_rgb_is_shown_without_it() -> None:
    ink = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    picture = read_picture(saved(ink, "TIFF", icc_profile=profile(P3)))
    assert (picture.pixels == (255, 0, 0)).all() and "profile" in picture.notices[0]


def test_masks_know_no_profiles() -> None:
    grey = np.where(np.arange(64).reshape(8, 8) < 20, 128, 100).astype(np.uint8)
    data = saved(Image.fromarray(grey), icc_profile=profile(gamma=1.0))
    assert read_mask(data, (8, 8)).sum() == 20


# Formats of phones


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_photos_of_phones_are_upright_and_in_their_colours(kind: str) -> None:
    image = Image.new("RGB", (64, 48), (40, 60, 200))
    image.paste((200, 60, 40), (0, 0, 32, 24))
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = 6
    # HEIC files turn by their container, what EXIF says does not count a second time
    turned = {} if kind == "HEIF" else {"exif": exif}
    data = saved(image, kind, **turned, icc_profile=profile(P3), quality=95)
    pixels = np.rot90(read_picture(data).pixels.astype(int), 0 if kind == "HEIF" else 1)
    assert pixels.shape == (48, 64, 3)
    assert np.abs(pixels[10, 10] - converted((200, 60, 40), P3)).max() < 12
    assert np.abs(pixels[40, 50] - converted((40, 60, 200), P3)).max() < 12


def test_a_container_of_both_kinds_is_told_by_its_brands() -> None:
    data = bytearray(saved(Image.new("RGB", (16, 16), (9, 99, 9)), "AVIF"))
    data[8:12] = b"mif1"
    assert read_picture(bytes(data)).pixels.shape == (16, 16, 3)


def test_without_its_package_a_heic_photo_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InputError, match="HEIC photo, and the package pillow-heif"):
        read_picture(struct.pack(">I", 24) + b"ftypheic" + bytes(40))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_of_several_frames_the_first_is_shown_and_told(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "blue", "green")]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    picture = read_picture(data)
    assert picture.pixels[8, 8, 0] > 240 and picture.pixels[8, 8, 2] < 15
    assert "several pictures or frames" in picture.notices[0]
    assert read_picture(saved(frames[0], kind)).notices == ()


# More than 8 bits


def ramp(most: int, channels: int = 1) -> np.ndarray:
    values = np.linspace(most // 50, most, 64 * 64).astype(np.uint16).reshape(64, 64)
    return values if channels == 1 else np.dstack([values, values // 2, values // 4])


@pytest.mark.parametrize("most", [1023, 4095, 16383])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_few_bits_in_sixteen_are_stretched_and_told(most: int, suffix: str, channels: int) -> None:
    values = ramp(most, channels)
    picture = read_picture(encoded(values[..., ::-1] if channels == 3 else values, suffix))
    pixels = picture.pixels.astype(int)
    assert pixels[0, 0, 2] <= 3 and pixels[-1, -1, 0] >= 253
    assert (np.diff(pixels[..., 0].ravel()) >= 0).all()
    assert "16 bits" in picture.notices[0] and "stretched" in picture.notices[0]
    if channels == 3:  # one stretch for all channels keeps the hue
        assert 110 < pixels[-1, -1, 1] < 140 and 45 < pixels[-1, -1, 2] < 75


def test_hot_pixels_do_not_hide_the_rest() -> None:
    values = ramp(4095)
    values[5, 5] = 65535
    pixels = read_picture(encoded(values, ".tif")).pixels
    assert 90 < pixels.mean() < 160 and pixels[5, 5, 0] == 255


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_full_sixteen_bits_are_only_scaled(suffix: str, channels: int) -> None:
    values = ramp(65535, channels)
    picture = read_picture(encoded(values[..., ::-1] if channels == 3 else values, suffix))
    expected = values.reshape(64, 64, -1) / 257
    assert np.abs(picture.pixels - expected).max() <= 1 and picture.notices == ()


def test_a_stretched_picture_is_turned_and_keeps_its_alpha() -> None:
    values = np.dstack([ramp(4095, 3)[..., ::-1], np.full((64, 64), 65535, np.uint16)])[:40]
    values[:, :32, 3] = 0
    image = read_picture(encoded(values, ".png"))
    assert any("stretched" in notice for notice in image.notices)
    assert any("transparent" in notice for notice in image.notices)
    deep = Image.fromarray(ramp(4095)[:40])
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read_picture(saved(deep, "PNG", exif=exif)).pixels.shape == (64, 40, 3)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 3])
def test_floats_from_zero_to_one_are_scaled_and_told(kind: Any, channels: int) -> None:
    values = (ramp(65535, channels) / 65535).astype(kind)
    picture = read_picture(encoded(values[..., ::-1] if channels == 3 else values, ".tif"))
    assert np.abs(picture.pixels - values.reshape(64, 64, -1) * 255).max() <= 4
    assert "float" in picture.notices[0]


@pytest.mark.parametrize("channels", [1, 3])
def test_other_floats_are_refused_by_their_reason(channels: int) -> None:
    values = ramp(65535, channels).astype(np.float32)
    with pytest.raises(InputError, match="32-bit float.*convert it to 8 or 16 bits"):
        read_picture(encoded(values, ".tif"))


def test_a_tiff_pillow_does_not_know_is_named_by_what_it_stores() -> None:
    tifffile = pytest.importorskip("tifffile")
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((8, 8, 3), np.float16), photometric="rgb")
    with pytest.raises(InputError, match="stores 3 x 16-bit float a pixel"):
        read_picture(buffer.getvalue())
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((8, 8, 3), np.int32), photometric="rgb")
    with pytest.raises(InputError, match="3 x 32-bit signed whole numbers"):
        read_picture(buffer.getvalue())


def test_a_raw_file_is_not_shown_by_its_small_preview() -> None:
    preview = saved(Image.new("RGB", (16, 12), "red"), "TIFF", tiffinfo={254: 1})
    with pytest.raises(InputError, match="camera's raw file"):
        read_picture(preview)


# Transparency


def disc(color: tuple[int, int, int], other: tuple[int, int, int] | None = None) -> bytes:
    """Return a PNG of a disc on nothing, its right half of another colour."""
    rows, columns = np.ogrid[:80, :100]
    pixels = np.zeros((80, 100, 4), np.uint8)
    inside = (rows - 40) ** 2 + (columns - 50) ** 2 <= 900
    pixels[inside] = (*color, 255)
    if other:
        pixels[inside & (columns > 50)] = (*other, 255)
    return saved(Image.fromarray(pixels))


@pytest.mark.parametrize(
    ("data", "ground", "color"),
    [
        (disc((200, 30, 40)), "white", (255, 255, 255)),
        (disc((0, 0, 0)), "white", (255, 255, 255)),
        (disc((255, 255, 255)), "black", (0, 0, 0)),
        (disc((235, 240, 230)), "black", (0, 0, 0)),
        (disc((255, 255, 255), (0, 0, 0)), "grey", (128, 128, 128)),
        (disc((255, 255, 255), (128, 128, 128)), "black", (0, 0, 0)),
    ],
)
def test_the_ground_below_transparency_keeps_the_object_visible(
    data: bytes, ground: str, color: tuple[int, int, int]
) -> None:
    picture = read_picture(data)
    assert tuple(picture.pixels[0, 0]) == color
    assert picture.notices == (f"The picture is transparent in parts; they are shown {ground}.",)
    assert np.array_equal(read_picture(data).pixels, picture.pixels)


def test_a_cutout_of_white_black_and_grey_gets_a_colour() -> None:
    pixels = np.zeros((90, 120, 4), np.uint8)
    for number, level in enumerate((255, 0, 128)):
        pixels[10:80, 10 + 35 * number : 35 + 35 * number] = (level, level, level, 255)
    assert tuple(read_picture(saved(Image.fromarray(pixels))).pixels[0, 0]) == (0, 177, 64)


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "PNG"])
def test_white_with_a_soft_or_hard_edge_is_seen_in_every_format(kind: str, tmp_path: Path) -> None:
    alpha = Image.new("L", (60, 60), 0)
    alpha.paste(180, (20, 20, 40, 40))
    image = Image.new("RGBA", (60, 60), "white")
    image.putalpha(alpha)
    pixels = read_picture(
        saved(image, kind, **({"lossless": True} if kind == "WEBP" else {}))
    ).pixels
    assert pixels[30, 30].min() > 150 and pixels[0, 0].max() < 10
