"""What all scenes are drawn with: a supersampled layer, curves, noise and a camera.

Objects are drawn without anti-aliasing at `SCALE` times the size and averaged down, so a pixel's
coverage is exact. Lengths and places are in pixels of the picture, colours RGB of 0 to 255.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

HEIGHT, WIDTH = 720, 960
SCALE = 4
FRACTION_BITS = 4

Array = NDArray[Any]
Color = tuple[float, float, float]
Point = tuple[float, float]
Limb = tuple[list[Point], Array]


class Layer:
    """A drawing at `SCALE` times the size: colours, and which samples are covered."""

    def __init__(self) -> None:
        self.colors = np.zeros((HEIGHT * SCALE, WIDTH * SCALE, 3), np.uint8)
        self.covered = np.zeros((HEIGHT * SCALE, WIDTH * SCALE), np.uint8)

    def stroke(self, points: Sequence[Point], width: float, color: Color) -> None:
        """Draw a line through `points`, `width` thick, with round ends."""
        fixed = [_fixed(points)]
        thickness = max(1, round(width * SCALE))
        for target, value in ((self.colors, _shade(color)), (self.covered, (1,))):
            cv2.polylines(target, fixed, False, value, thickness, cv2.LINE_8, FRACTION_BITS)

    def fill(self, points: Sequence[Point], color: Color) -> None:
        """Draw the polygon through `points`."""
        for target, value in ((self.colors, _shade(color)), (self.covered, (1,))):
            cv2.fillPoly(target, [_fixed(points)], value, cv2.LINE_8, FRACTION_BITS)

    def tube(self, points: Sequence[Point], width: float, color: Color) -> None:
        """Draw a round bar: dark at its edges, light towards the upper left."""
        for share, gain in ((1.0, 0.4), (0.82, 0.65), (0.62, 0.95), (0.4, 1.2), (0.16, 1.75)):
            offset = -(1 - share) * width * 0.2
            moved = [(x + offset, y + offset) for x, y in points]
            self.stroke(moved, max(width * share, 0.5), scaled(color, gain))

    def coverage(self) -> Array:
        """Return the covered samples of each pixel, 0 to `SCALE` squared."""
        blocks = self.covered.reshape(HEIGHT, SCALE, WIDTH, SCALE)
        return np.asarray(blocks.sum(axis=(1, 3), dtype=np.int64))

    def mean_colors(self) -> Array:
        """Return the mean colour of each pixel's covered samples, float (height, width, 3)."""
        blocks = self.colors.reshape(HEIGHT, SCALE, WIDTH, SCALE, 3)
        total = blocks.sum(axis=(1, 3), dtype=np.float64)
        return np.asarray(total / np.maximum(self.coverage(), 1)[..., None])


def _fixed(points: Sequence[Point]) -> Array:
    return np.asarray(np.rint(np.asarray(points) * (SCALE << FRACTION_BITS)), dtype=np.int32)


def scaled(color: Color, gain: float) -> Color:
    """Return `color`, lighter (`gain` above 1) or darker."""
    return (color[0] * gain, color[1] * gain, color[2] * gain)


def _shade(color: Color) -> tuple[int, int, int]:
    red, green, blue = (min(255, max(0, round(value))) for value in color)
    return (red, green, blue)


def arc(center: Point, radius: float, start: float = 0, end: float = 360) -> list[Point]:
    """Return points of a circle's arc; angles in degrees, clockwise from the right."""
    angles = np.radians(np.linspace(start, end, max(8, int(abs(end - start)))))
    return [(center[0] + radius * math.cos(a), center[1] + radius * math.sin(a)) for a in angles]


def curve(*controls: Point) -> list[Point]:
    """Return points of the Bezier curve of `controls`."""
    steps = np.linspace(0, 1, 40)[:, None]
    points = [np.repeat([control], 40, axis=0) for control in controls]
    while len(points) > 1:
        points = [a * (1 - steps) + b * steps for a, b in zip(points[:-1], points[1:], strict=True)]
    return [(float(x), float(y)) for x, y in points[0]]


def clouds(rng: np.random.Generator, cells: tuple[int, int], octaves: int = 5) -> Array:
    """Return smooth noise (height, width), of mean 0 and deviation 1; `cells` at first, doubled."""
    total = np.zeros((HEIGHT, WIDTH))
    for octave in range(octaves):
        grid = rng.standard_normal((cells[0] << octave, cells[1] << octave))
        total += cv2.resize(grid, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) / 1.8**octave
    return np.asarray((total - total.mean()) / total.std())


def gradient(stops: Iterable[tuple[float, Color]]) -> Array:
    """Return a vertical gradient (height, width, 3) through (row, colour) `stops`."""
    rows, colors = zip(*stops, strict=True)
    channels = [np.interp(np.arange(HEIGHT), rows, values) for values in zip(*colors, strict=True)]
    return np.repeat(np.stack(channels, axis=-1)[:, None], WIDTH, axis=1)


def blurred(picture: Array, sigma: float) -> Array:
    """Return `picture` out of focus."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma))


def over(ground: Array, color: Array | Color, alpha: Array) -> Array:
    """Return `color` laid over `ground` with `alpha` in [0, 1]."""
    return np.asarray(ground + (np.asarray(color) - ground) * np.clip(alpha, 0, 1)[..., None])


def glint(ground: Array, center: tuple[int, int], radius: int, color: Color, alpha: float) -> None:
    """Lay a disc, as a light out of focus gives it, over a part of `ground`."""
    reach = radius + 12
    left, top = max(center[0] - reach, 0), max(center[1] - reach, 0)
    part = ground[top : max(center[1] + reach, 0), left : max(center[0] + reach, 0)]
    if part.size:
        disc = np.zeros(part.shape[:2])
        cv2.circle(disc, (center[0] - left, center[1] - top), radius, 1.0, -1)
        part[:] = over(part, color, blurred(disc, 3.0) * alpha)


def photographed(rng: np.random.Generator, picture: Array) -> Array:
    """Return `picture` as a camera gives it: soft, darker at the corners, with grain."""
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    picture = blurred(picture, 0.55) * (1 - 0.13 * (x**2 + y**2) / 2)[..., None]
    grain = rng.standard_normal((HEIGHT, WIDTH)) * 1.9
    grain = grain[..., None] + rng.standard_normal((HEIGHT, WIDTH, 3)) * 1.1
    return np.rint(np.clip(picture + grain, 0, 255)).astype(np.uint8)
