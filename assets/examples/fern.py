"""Fronds of a fern, in front of a forest out of focus."""

from __future__ import annotations

import math

import cv2
import numpy as np
from drawing import (
    HEIGHT,
    SCALE,
    WIDTH,
    Array,
    Color,
    Layer,
    Point,
    blurred,
    clouds,
    curve,
    glint,
    gradient,
    over,
    photographed,
    scaled,
)

FOOT = (470.0, 640.0)
GREEN: Color = (118, 170, 58)
STALK: Color = (140, 124, 66)
FRONDS: tuple[tuple[Point, Point, float], ...] = (
    ((330, 470), (70, 470), 0.9),
    ((640, 460), (884, 480), 0.95),
    ((400, 290), (190, 130), 0.95),
    ((560, 280), (760, 120), 1.0),
    ((462, 330), (480, 44), 1.08),
)
"""Each frond's middle, its tip and how light it is, those behind first."""


def draw_frond(
    rng: np.random.Generator, layer: Layer, middle: Point, tip: Point, gain: float
) -> None:
    """Draw a stalk from the foot to `tip`, with leaflets on both sides."""
    line = np.asarray(curve(FOOT, middle, tip))
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    way = np.concatenate([[0.0], np.cumsum(steps)])
    for share in np.linspace(0.24, 0.985, round(way[-1] / 21)):
        x, y = (float(np.interp(share * way[-1], way, line[:, axis])) for axis in (0, 1))
        piece = min(int(np.searchsorted(way, share * way[-1])), len(line) - 1)
        along = math.atan2(*(line[piece] - line[piece - 1])[::-1])
        length = 0.25 * way[-1] * min(1.0, share / 0.36) * (1.0 - share) ** 0.7 + 9
        for side in (-1, 1):
            angle = along + side * (1.2 - 0.4 * share) + rng.normal(0, 0.04)
            light = gain * rng.uniform(0.9, 1.1) * (1.1 if side * math.cos(along) < 0 else 0.9)
            size = length * rng.uniform(0.94, 1.05)
            draw_leaflet(layer, (x, y), angle, size, scaled(GREEN, light))
    for thick, tone in ((1.0, 0.65), (0.5, 1.15)):
        for one, other, width in zip(line[:-1], line[1:], np.linspace(7, 2, 39), strict=True):
            layer.stroke([one, other], max(width * thick, 0.8), scaled(STALK, gain * tone))


def draw_leaflet(layer: Layer, root: Point, angle: float, length: float, color: Color) -> None:
    """Draw a long pointed leaf that bends a little towards the light, with its vein."""
    ahead, across = np.array([math.cos(angle), math.sin(angle)]), 4.4 + 0.028 * length
    aside = np.array([-ahead[1], ahead[0]]) * across
    start, lift = np.asarray(root), np.array([0.0, -0.06 * length])
    tip, middle = start + ahead * length - lift, start + ahead * length * 0.4 + lift
    sides = [curve(start, middle + sign * aside, tip) for sign in (-1, 1)]
    vein = curve(start, middle, tip)
    for edge, gain in zip(sides, (0.86, 1.08), strict=True):
        layer.fill(edge + vein[::-1], scaled(color, gain))
    layer.stroke(vein[:34], 0.8, scaled(color, 0.7))


def forest(rng: np.random.Generator) -> Array:
    """Return trunks and light between them, far out of focus, above a brown ground."""
    scene = gradient([(0, (150, 164, 130)), (300, (188, 186, 150)), (520, (120, 112, 84))])
    for _ in range(13):
        x, width, tone = rng.uniform(0, WIDTH), rng.uniform(14, 60), rng.uniform(0.5, 1.0)
        lean = rng.normal(0, 24)
        trunk = [[x, -20], [x + width, -20], [x + width + lean, 560], [x + lean - 6, 560]]
        cv2.fillPoly(scene, [np.array(trunk, np.int32)], scaled((86, 72, 60), tone))
    scene = blurred(scene, 11)
    for _ in range(70):
        place = (int(rng.uniform(0, WIDTH)), int(abs(rng.normal(0, 190))))
        glint(scene, place, int(rng.integers(9, 26)), (232, 226, 176), rng.uniform(0.08, 0.4))
    ground = gradient([(500, (112, 92, 66)), (HEIGHT, (84, 64, 46))])
    ground *= 1 + 0.13 * clouds(rng, (30, 22), 4)[..., None]
    edge = (np.arange(HEIGHT)[:, None] > 548 + 9 * np.sin(np.arange(WIDTH) / 70)).astype(float)
    return over(scene, blurred(ground, 1.8), blurred(edge, 14))


def render(rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the picture, uint8 (height, width, 3), and the mask, bool (height, width)."""
    layer, ground = Layer(), forest(rng)
    for middle, tip, gain in FRONDS:
        draw_frond(rng, layer, middle, tip, gain)
    shade = np.zeros((HEIGHT, WIDTH))
    cv2.ellipse(shade, (470, 646), (230, 24), 0, 0, 360, 1.0, -1)
    ground = over(ground, ground * 0.5, blurred(shade, 16) * 0.8)
    coverage = layer.coverage()
    picture = over(ground, layer.mean_colors(), coverage / SCALE**2)
    return photographed(rng, picture), coverage >= SCALE**2 / 2
