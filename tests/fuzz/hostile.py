"""Uploads that strangers might send: sound files, then cut, flipped, lied about or mixed up.

All is drawn from a seed, so that what a run finds can be sent again.
"""

from __future__ import annotations

import io
import json
import random
import struct
import subprocess
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from PIL import Image

WIDTH, HEIGHT = 64, 48
KINDS = ("picture", "mask", "truth", "session", "clip", "zip", "animation")
"""The inputs of the page; what is uploaded to one is now and then a file of another."""
NAMES = (
    "photo.png",
    "../../escaped.png",
    "..\\..\\escaped.png",
    "/etc/escaped.png",
    "a" * 300 + ".png",
    "фото 写真.png",
    ".hidden",
    "con",
    "-rf.png",
    "%2e%2e%2fescaped.png",
    "quote\"'.png",
    "new\r\nline.png",
    "\x01.png",
    "x.zip",
    "x.svg",
    "x",
)
_INTERESTING = (0, 1, 0x7F, 0x80, 0xFF)
_WORDS = (None, True, -1, 2**63, 1e308, float("nan"), "", "x" * 5000, [], {}, [[]], {"a": {}})


@dataclass(frozen=True)
class Hostile:
    """A file to upload: to which input, under which name."""

    kind: str
    name: str
    content: bytes


def hostile(count: int, seed: int) -> Iterator[Hostile]:
    """Yield so many uploads, over all inputs in turn."""
    draw = random.Random(seed)
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        of = kind if draw.random() < 0.85 else draw.choice(KINDS)
        base = draw.choice(sound(of))
        name = draw.choice(NAMES) if draw.random() < 0.4 else _plain_name(kind, draw)
        yield Hostile(kind, name, _mutated(base, of, draw))


@cache
def sound(kind: str) -> tuple[bytes, ...]:
    """Return files of a kind as they should be."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[10:30, 10:40] = 1
    labels[32:44, 20:60] = 2
    if kind == "picture":
        return _pictures()
    if kind in ("mask", "truth"):
        binary = Image.fromarray((labels > 0).astype(np.uint8) * 255)
        palette = Image.fromarray(labels, mode=None).convert("P")
        deep = Image.fromarray(labels.astype(np.uint16) * 300)
        return (
            *(encoded(one, "PNG") for one in (binary, palette, deep)),
            encoded(binary, "JPEG"),
            *_annotations(),
        )
    if kind == "session":
        return (json.dumps(_session()).encode(),)
    if kind == "clip":
        return tuple(_clip(suffix) for suffix in (".mp4", ".mkv", ".avi"))
    if kind == "zip":
        return (_zip(labels),)
    frames = [Image.new("RGB", (WIDTH, HEIGHT), (60 * n, 90, 30)) for n in range(4)]
    return tuple(
        encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=80)
        for form in ("GIF", "WEBP", "PNG")
    )


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    """Return a picture as a file."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _pictures() -> tuple[bytes, ...]:
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    photo = Image.fromarray(noise)
    exif = Image.Exif()
    exif[0x0112] = 6
    return (
        encoded(photo, "JPEG", exif=exif),
        encoded(photo, "PNG"),
        encoded(photo, "WEBP"),
        encoded(photo, "BMP"),
        encoded(photo, "TIFF"),
        encoded(photo.convert("CMYK"), "JPEG"),
        encoded(photo.convert("RGBA"), "PNG"),
        encoded(Image.fromarray(noise[..., 0].astype(np.uint16) * 257), "TIFF"),
        encoded(photo, "AVIF", max_threads=1),  # of several the order changes the bytes
    )


def _annotations() -> tuple[bytes, ...]:
    size = {"imageHeight": HEIGHT, "imageWidth": WIDTH}
    shape = {"label": "a", "shape_type": "polygon", "points": [[5, 5], [40, 5], [30, 40]]}
    ring = [5, 5, 40, 5, 30, 40]
    coco = {
        "images": [{"id": 1, "file_name": "photo.png", "height": HEIGHT, "width": WIDTH}],
        "categories": [{"id": 1, "name": "a"}],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 1,
                "segmentation": [ring],
                "bbox": [5, 5, 9, 9],
            },
            {"id": 2, "image_id": 1, "segmentation": {"size": [HEIGHT, WIDTH], "counts": [9, 50]}},
        ],
    }
    return (
        json.dumps({"shapes": [shape], **size}).encode(),
        json.dumps(coco).encode(),
        b"0 0.1 0.1 0.9 0.1 0.5 0.8\n1 0.2 0.2 0.4 0.2 0.3 0.5\n",
    )


def _session() -> dict[str, object]:
    prompts = {"clicks": [[20, 20, True]], "box": None}
    item = {"prompts": prompts, "sha256": {"sam2": "0" * 64, "sam2refiner": "0" * 64}}
    image = {"width": WIDTH, "height": HEIGHT, "sha256": "0" * 64, "long_side": 2048}
    return {"format": "sam2refiner-session", "version": 1, "image": image, "objects": [item]}


def _zip(labels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("a.jpg"), _pictures()[1])
        archive.writestr(
            zipfile.ZipInfo("a_mask.png"), encoded(Image.fromarray(labels * 100), "PNG")
        )
    return buffer.getvalue()


@cache
def _clip(suffix: str, size: str = f"{WIDTH}x{HEIGHT}", seconds: float = 0.6) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"clip{suffix}"
        source = f"testsrc=size={size}:rate=10:duration={seconds}"
        ask = ["-loglevel", "error", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", str(file)]
        subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *ask], check=True)
        return file.read_bytes()


def short_clip() -> bytes:
    """Return a clip that is soon tracked."""
    return _clip(".mp4", "320x240", 1)


def long_clip() -> bytes:
    """Return a clip that takes a while to open."""
    return _clip(".mp4", "640x480", 8)


def _plain_name(kind: str, draw: random.Random) -> str:
    ends = {"clip": ".mp4", "zip": ".zip", "session": ".json", "animation": ".gif"}
    return f"file{draw.randrange(9)}{ends.get(kind, '.png')}"


def _mutated(base: bytes, kind: str, draw: random.Random) -> bytes:
    ways = [_cut, _flipped, _spliced, _lied_about, _repeated, lambda data, draw: data]
    if base[:1] in b"{[":
        ways += [_json_changed] * 4
    if kind == "zip":
        ways += [_zip_of_tricks] * 3
    if draw.random() < 0.06:
        return draw.choice([b"", b"\0", draw.randbytes(2000), b"[" * 100_000, b"<svg/>", b"%PDF-1"])
    if kind in ("picture", "mask") and draw.random() < 0.05:
        return encoded(Image.new("1", (draw.choice([30_000, 9000, 70_000]), 5000)), "PNG")
    data = base
    for _ in range(draw.choice((1, 1, 2))):
        data = draw.choice(ways)(data, draw)
    return data


def _cut(data: bytes, draw: random.Random) -> bytes:
    start = draw.choice([0, 0, 0, draw.randrange(len(data) + 1)])
    return data[start : draw.randrange(start, len(data) + 1)]


def _flipped(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    reach = draw.choice((40, 400, len(changed)))
    for _ in range(draw.choice((1, 3, 20)) if changed else 0):
        place = draw.randrange(min(reach, len(changed)))
        changed[place] = draw.choice([*_INTERESTING, draw.randrange(256)])
    return bytes(changed)


def _spliced(data: bytes, draw: random.Random) -> bytes:
    other = draw.choice(sound(draw.choice(KINDS)))
    return data[: draw.randrange(len(data) + 1)] + other[draw.randrange(len(other)) :]


def _lied_about(data: bytes, draw: random.Random) -> bytes:
    """Put a large or odd number where headers have sizes and counts."""
    if len(data) < 40:
        return data
    value = draw.choice([0, 1, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 65_500, 20_000])
    place = draw.randrange(4, min(len(data) - 4, 120))
    return data[:place] + struct.pack(draw.choice("<>") + "I", value) + data[place + 4 :]


def _repeated(data: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(data) + 1)
    part = data[start : start + draw.randrange(1, 5000)]
    return (data[:start] + part * draw.choice((2, 30)) + data[start:])[:1_500_000]


def _json_changed(data: bytes, draw: random.Random) -> bytes:
    """Give some values of a document another type or an odd one."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return data
    for _ in range(draw.choice((1, 2, 5))):
        at = document
        while isinstance(at, (dict, list)) and at:
            key = draw.choice(sorted(at) if isinstance(at, dict) else range(len(at)))
            if draw.random() < 0.35 or not isinstance(at[key], (dict, list)):
                at[key] = draw.choice(_WORDS)
                break
            at = at[key]
    return json.dumps(document).encode()


def _zip_of_tricks(data: bytes, draw: random.Random) -> bytes:
    buffer = io.BytesIO()
    pictures = [*sound("picture"), *sound("mask"), b"", data]
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(draw.choice((1, 2, 6))):
            stem = draw.choice([f"a{number}", "../../escaped", "/escaped", "a", "x/../y", "c:\\a"])
            for ending in (".png", "_mask.png"):
                info = zipfile.ZipInfo(stem + ending)
                info.external_attr = draw.choice([0, 0, 0, 0o120777 << 16])
                content = draw.choice(pictures)
                if draw.random() < 0.1:
                    content = bytes(3_000_000)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # a name twice is one of the tricks
                    archive.writestr(info, content)
        if draw.random() < 0.3:
            row = {"id": "a", "image": "a0.png", "mask": "a0_mask.png", "kind": draw.choice(_WORDS)}
            # with a date of its own: a plain name would get the present time
            archive.writestr(zipfile.ZipInfo("manifest.jsonl"), json.dumps(row))
    return buffer.getvalue()
