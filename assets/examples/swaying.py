"""A nearly bare tree that sways in gusts of wind, on a meadow."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import rolling
import tree
from drawing import HEIGHT, SCALE, WIDTH, Array, Layer, Limb, Point, blurred, over, photographed

TOP = 148  # of the rows of a drawing that are kept
TALL, REACH = 520.0, 44.0
SHAPE, LEAVES = 4, 9
"""The seeds of the tree and of its leaves, the same on every frame."""


def blown(points: Sequence[Point], time: float) -> list[Point]:
    """Return points of the tree as the wind bends it at `time` in [0, 1]: the top most."""
    moved = []
    for x, y in points:
        height = max(tree.FOOT[1] - y, 0) / TALL
        gust = 0.35 - math.cos(3.2 * math.pi * time) + 0.16 * math.sin(20 * time + x / 40 + y / 70)
        moved.append((x + REACH * height**1.8 * gust, y + 6 * height * gust**2))
    return moved


def wood(limbs: Sequence[Limb], ends: Sequence[Point], time: float) -> Layer:
    """Return the tree at `time`, the thin branches in front."""
    layer = Layer()
    bent = [(blown(points, time), widths) for points, widths in limbs]
    tree.draw_limbs(layer, [limb for limb in bent if limb[1][0] >= 9])
    for limb in bent:
        if limb[1][0] < 9:
            tree.draw_limbs(layer, [limb])
    tree.draw_leaves(np.random.default_rng(LEAVES), layer, blown(ends, time))
    return layer


def render(rng: np.random.Generator) -> list[tuple[Array, Array]]:
    """Return every frame, uint8 (height, width, 3), with its mask: 1 is the tree."""
    limbs, ends = tree.grow(np.random.default_rng(SHAPE), tree.FOOT, math.pi / 2, 40)
    front = Layer()
    tree.draw_blades(rng, front, 650, 300)
    grass, blades = front.mean_colors(), front.coverage() / SCALE**2
    shade = np.zeros((HEIGHT, WIDTH))
    cv2.ellipse(shade, (590, 660), (220, 14), 0, 0, 360, 1.0, -1)
    ground = tree.meadow(rng)
    ground = over(ground, ground * 0.55, blurred(shade, 14.0) * 0.8)
    frames = []
    for index in range(rolling.FRAMES):
        layer = wood(limbs, ends, index / (rolling.FRAMES - 1))
        alpha = layer.coverage() / SCALE**2
        picture = over(over(ground, layer.mean_colors(), alpha), grass, blades)
        seen = rolling.halved(alpha * (1 - blades), TOP) >= 0.5
        shown = rolling.halved(photographed(rng, picture), TOP)
        frames.append((np.rint(shown).astype(np.uint8), seen.astype(np.uint8)))
    return frames
