"""Random crops, flips, colours and pasting for training pictures; numpy and OpenCV."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from refiner.training.arrays import U8, Rng
from refiner.types import BoolArray, ImageArray

SCALE_SHARE = 0.2
"""Share of photos shown at a scale drawn at random, instead of in a window around an object."""


@dataclass(frozen=True)
class Crop:
    """A window of a picture, in pixels; it may reach beyond the picture's edges."""

    x0: int
    y0: int
    x1: int
    y1: int


def resize(array: U8, size_wh: tuple[int, int]) -> U8:
    """Resize by area when shrinking, linearly when growing."""
    shrinks = array.shape[0] > size_wh[1] or array.shape[1] > size_wh[0]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized: U8 = cv2.resize(array, size_wh, interpolation=way)
    return resized


def random_crop(mask: BoolArray, rng: Rng) -> Crop:
    """Choose a window around an object: all of the picture, a part of it, or more than it."""
    height, width = mask.shape
    if rng.random() < SCALE_SHARE:
        return _scaled((height, width), rng)
    draw = rng.random()
    if draw < 0.35 or not mask.any():
        return _nudged(Crop(0, 0, width, height), rng)
    if draw < 0.5:
        margin = rng.uniform(0.05, 0.4, 4)
        return Crop(
            -int(margin[0] * width),
            -int(margin[1] * height),
            width + int(margin[2] * width),
            height + int(margin[3] * height),
        )
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    x0, x1, y0, y1 = int(columns[0]), int(columns[-1]) + 1, int(rows[0]), int(rows[-1]) + 1
    if draw > 0.85:  # the window cuts through the object
        x0, x1 = x0 + int(0.25 * (x1 - x0)), x1 - int(0.25 * (x1 - x0))
        y0, y1 = y0 + int(0.25 * (y1 - y0)), y1 - int(0.25 * (y1 - y0))
    crop = Crop(
        int(rng.uniform(0, x0)),
        int(rng.uniform(0, y0)),
        int(np.ceil(rng.uniform(x1, width))),
        int(np.ceil(rng.uniform(y1, height))),
    )
    return crop if min(crop.x1 - crop.x0, crop.y1 - crop.y0) >= 32 else Crop(0, 0, width, height)


def _scaled(size_hw: tuple[int, int], rng: Rng) -> Crop:
    """Show a picture at 0.3 to 2 times its size, anywhere (large-scale jitter)."""
    scale = np.exp(rng.uniform(np.log(0.3), np.log(2.0)))
    edges = []
    for length in size_hw[::-1]:
        window = max(32, length / scale)
        start = rng.uniform(min(0, length - window), max(0, length - window))
        edges.append((int(start), int(start + window)))
    (x0, x1), (y0, y1) = edges
    return Crop(x0, y0, x1, y1)


def _nudged(crop: Crop, rng: Rng) -> Crop:
    """Move and scale a window a little every second time: an answer must not hang on a few pixels."""
    if rng.random() < 0.5:
        return crop
    reach = np.array([crop.x1 - crop.x0, crop.y1 - crop.y0] * 2) * 0.03
    moved = np.array([crop.x0, crop.y0, crop.x1, crop.y1]) + rng.uniform(-reach, reach)
    return Crop(*(int(edge) for edge in moved.round()))


def random_window(size_hw: tuple[int, int], rng: Rng) -> Crop:
    """Choose a window of 40 to 100 % of each side."""
    height, width = size_hw
    w, h = int(width * rng.uniform(0.4, 1)), int(height * rng.uniform(0.4, 1))
    x, y = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
    return Crop(x, y, x + w, y + h)


def take(image: ImageArray, layers: list[U8], crop: Crop, size: int) -> tuple[ImageArray, list[U8]]:
    """Cut the window out of a picture and its masks and resize it to size x size.

    Beyond the edges the border pixels repeat and the masks are empty.
    """
    height, width = image.shape[:2]
    pads = (max(0, -crop.y0), max(0, crop.y1 - height), max(0, -crop.x0), max(0, crop.x1 - width))
    rows = slice(crop.y0 + pads[0], crop.y1 + pads[0])
    columns = slice(crop.x0 + pads[2], crop.x1 + pads[2])
    if any(pads):
        image = cv2.copyMakeBorder(image, *pads, cv2.BORDER_REPLICATE)
        layers = [
            cv2.copyMakeBorder(layer, *pads, cv2.BORDER_CONSTANT, value=0) for layer in layers
        ]
    cut = [
        resize(np.ascontiguousarray(part[rows, columns]), (size, size)) for part in (image, *layers)
    ]
    return cut[0], cut[1:]


def flip(image: ImageArray, layers: list[U8], rng: Rng) -> tuple[ImageArray, list[U8]]:
    """Mirror left to right every second time."""
    if rng.random() < 0.5:
        return image, layers
    return np.ascontiguousarray(image[:, ::-1]), [
        np.ascontiguousarray(layer[:, ::-1]) for layer in layers
    ]


def colour(image: ImageArray, rng: Rng) -> ImageArray:
    """Change brightness, contrast, colour balance; now and then grey, blur or noise."""
    gain = rng.uniform(0.8, 1.2) * rng.uniform(0.93, 1.07, 3)
    offset = rng.uniform(-20, 20)
    tables = np.clip((np.arange(256)[:, None] - 128) * gain + 128 + offset, 0, 255).astype(np.uint8)
    image = cv2.LUT(image, tables[:, None, :])
    draw = rng.random()
    if draw < 0.06:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    elif draw < 0.12:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.5))
    elif draw < 0.18:
        noise = rng.normal(0, rng.uniform(3, 12), image.shape)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return image


def degrade(image: ImageArray, rng: Rng) -> ImageArray:
    """Now and then darken or brighten, sharpen or blur, add noise, take the colour, compress."""
    if rng.random() < 0.2:
        curve = 255 * (np.arange(256) / 255) ** np.exp(rng.uniform(-0.6, 1.2))
        image = cv2.LUT(image, curve.astype(np.uint8))
    draw = rng.random()
    if draw < 0.08:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.7, 3))
    elif draw < 0.18:
        gain = rng.uniform(0.3, 1.5)
        soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.8, 2))
        image = cv2.addWeighted(image, 1 + gain, soft, -gain, 0)
    if rng.random() < 0.1:
        noise = rng.normal(0, rng.uniform(5, 25), image.shape)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.06:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if rng.random() < 0.3:
        way = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(10, 96))]
        _, code = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), way)
        image = cv2.cvtColor(cv2.imdecode(code, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return image


def paste(image: ImageArray, cutout: U8, rng: Rng) -> tuple[ImageArray, U8]:
    """Paste an RGBA cut-out, turned and scaled at random; return the picture and its alpha."""
    size = image.shape[0]
    if rng.random() < 0.5:
        cutout = cutout[:, ::-1]
    height, width = cutout.shape[:2]
    scale = size * rng.uniform(0.18, 0.75) / max(height, width)
    centre = rng.uniform(0.1, 0.9, 2) * size
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-25, 25), scale)
    turn[:, 2] += centre - (width / 2, height / 2)
    if scale < 0.6:  # shrink by area first: a linear warp would drop thin parts
        small = resize(
            np.ascontiguousarray(cutout), (max(8, int(width * scale)), max(8, int(height * scale)))
        )
        turn[:, :2] *= [width / small.shape[1], height / small.shape[0]]
        cutout = small
    layer = cv2.warpAffine(np.ascontiguousarray(cutout), turn, (size, size), flags=cv2.INTER_LINEAR)
    alpha = layer[..., 3]
    share = alpha[..., None].astype(np.float32) / 255
    mixed = image * (1 - share) + layer[..., :3] * share
    return mixed.astype(np.uint8), alpha
