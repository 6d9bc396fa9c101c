"""Drawn things with exact outlines: wheels, fences, twigs, cables, lattices; and plain drawings.

Hand-drawn masks fill what lies between spokes and twigs; these do not. Of photos alone a refiner does
not learn to leave plain shapes whole.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from refiner.training.arrays import U8, Rng
from refiner.training.samples import augment
from refiner.types import ImageArray

SIDE = 512
"""Side of the canvas, in pixels."""
_SHIFT = 4
"""Fractional bits of the coordinates that cv2 draws with."""


def wire_cutout(rng: Rng) -> ImageArray:
    """Draw one thing at random, uint8 RGBA (SIDE, SIDE, 4)."""
    alpha = np.zeros((SIDE, SIDE), np.uint8)
    kinds: tuple[Callable[[U8, Rng, int], None], ...] = (wheel, fence, twigs, cables, lattice)
    kinds[rng.integers(len(kinds))](alpha, rng, int(rng.integers(3, 13)))
    return np.dstack([_texture(rng), alpha])


def drawing(rng: Rng, size: int) -> tuple[ImageArray, list[U8]]:
    """Draw one to five plain shapes on a plain ground, the later over the earlier.

    Returns the picture, uint8 (size, size, 3), and the coverage of what is seen of each.
    """
    image = _surface(rng, size)
    layers: list[U8] = []
    for _ in range(int(rng.integers(1, 6))):
        alpha = np.zeros((size, size), np.uint8)
        outline = np.rint(_outline(rng) * size * 2**_SHIFT).astype(np.int32)
        cv2.fillPoly(alpha, [outline], 255, cv2.LINE_AA, _SHIFT)
        share = alpha[..., None].astype(np.float32) / 255
        image = (image * (1 - share) + _surface(rng, size) * share).astype(np.uint8)
        layers = [(layer * (1 - share[..., 0])).astype(np.uint8) for layer in layers] + [alpha]
    return image, layers


def _outline(rng: Rng) -> NDArray[np.float64]:
    """Return a rectangle, a polygon, a star or an ellipse, (points, 2) in shares of the side."""
    corners = int(rng.choice([3, 4, 5, 6, 10, 64]))
    angles = 2 * np.pi * (np.arange(corners) + 0.5) / corners
    radii = np.where(np.arange(corners) % 2, rng.uniform(0.4, 0.9), 1) if corners == 10 else 1
    unit = np.stack([np.cos(angles), np.sin(angles)], 1) * np.reshape(radii, (-1, 1))
    turn = rng.uniform(0, 2 * np.pi) * (rng.random() < 0.5)
    rotated = unit @ np.array(((np.cos(turn), -np.sin(turn)), (np.sin(turn), np.cos(turn))))
    half = np.exp(rng.uniform(np.log(0.06), np.log(0.45))) * rng.uniform(0.4, 1, 2)
    outline: NDArray[np.float64] = rotated * half + rng.uniform(0.15, 0.85, 2)
    return outline


def _surface(rng: Rng, size: int) -> ImageArray:
    """One colour, in half of all cases flowing into others; uint8 RGB (size, size, 3)."""
    colour = rng.uniform(0, 255, 3)
    if rng.random() < 0.5:
        return np.full((size, size, 3), colour, np.uint8)
    return augment.resize(_texture(rng), (size, size))


def wheel(alpha: U8, rng: Rng, width: int) -> None:
    """A rim, a hub and spokes, some of them crossed; seen at an angle."""
    radius = SIDE * 0.46
    flat = rng.uniform(0.35, 1.0)
    centre = np.array((SIDE / 2, SIDE / 2))
    rim = int(width * rng.uniform(1.5, 4))
    _ring(alpha, centre, radius - rim / 2, flat, rim)
    hub = rng.uniform(0.015, 0.055) * SIDE
    _ring(alpha, centre, hub, flat, -1)
    count, twist = int(rng.integers(5, 37)), rng.uniform(0, 1.2) * (rng.random() < 0.6)
    for i in range(count):
        angle = 2 * np.pi * i / count
        inner = angle + twist * (1 if i % 2 else -1)
        start = centre + hub * np.array((np.cos(inner) * flat, np.sin(inner)))
        end = centre + (radius - rim) * np.array((np.cos(angle) * flat, np.sin(angle)))
        _line(alpha, [start, end], max(1, width // 2))


def fence(alpha: U8, rng: Rng, width: int) -> None:
    """Bars in one or two directions."""
    low, high = SIDE * 0.06, SIDE * 0.94
    for direction, most in enumerate((15, 9)):
        count = int(rng.integers(2, most))
        slant = rng.uniform(-0.12, 0.12) * SIDE
        for place in np.linspace(low, high, count):
            ends = np.array(((place, low), (np.clip(place + slant, low, high), high)))
            _line(alpha, ends[:, ::-1] if direction else ends, width)


def twigs(alpha: U8, rng: Rng, width: int) -> None:
    """A stem that branches five or six times."""
    stems = [(np.array((SIDE / 2, SIDE * 0.97)), -np.pi / 2, SIDE * 0.26, 2.5 * width)]
    while stems:
        start, angle, length, thick = stems.pop()
        bend = angle + rng.normal(0, 0.15)
        end = start + length * np.array((np.cos(bend), np.sin(bend)))
        _line(alpha, [start, end], max(1, round(thick)))
        if length > SIDE * 0.045:
            stems += [
                (
                    end,
                    bend + rng.uniform(-0.75, 0.75),
                    length * rng.uniform(0.6, 0.85),
                    thick * 0.65,
                )
                for _ in range(int(rng.integers(2, 4)))
            ]


def cables(alpha: U8, rng: Rng, width: int) -> None:
    """A few curves from edge to edge."""
    steps = np.linspace(0, 1, 40)[:, None]
    for _ in range(int(rng.integers(1, 6))):
        first, middle, last = rng.uniform(0.04, 0.96, (3, 2)) * SIDE
        curve = (1 - steps) ** 2 * first + 2 * steps * (1 - steps) * middle + steps**2 * last
        _line(alpha, curve, width)


def lattice(alpha: U8, rng: Rng, width: int) -> None:
    """Struts between random joints."""
    joints = rng.uniform(0.06, 0.94, (int(rng.integers(5, 18)), 2)) * SIDE
    mesh = cv2.Subdiv2D((0, 0, SIDE, SIDE))
    mesh.insert([(float(x), float(y)) for x, y in joints])
    for x0, y0, x1, y1 in mesh.getEdgeList():
        if min(x0, y0, x1, y1) >= 0 and max(x0, y0, x1, y1) < SIDE:
            _line(alpha, np.array(((x0, y0), (x1, y1))), width)


def _line(alpha: U8, points: list[NDArray[np.float64]] | NDArray[np.float64], width: int) -> None:
    fixed = np.rint(np.asarray(points) * 2**_SHIFT).astype(np.int32)
    cv2.polylines(alpha, [fixed[:, None]], False, 255, width, cv2.LINE_AA, _SHIFT)


def _ring(alpha: U8, centre: NDArray[np.float64], radius: float, flat: float, width: int) -> None:
    x, y, horizontal, vertical = (
        round(float(value) * 2**_SHIFT) for value in (*centre, radius * flat, radius)
    )
    cv2.ellipse(alpha, (x, y), (horizontal, vertical), 0, 0, 360, 255, width, cv2.LINE_AA, _SHIFT)


def _texture(rng: Rng) -> ImageArray:
    """Two colours that flow into each other, with grain; uint8 RGB (SIDE, SIDE, 3)."""
    hue = rng.uniform(0, 255) + rng.normal(0, 35, 3)
    coarse = hue + rng.normal(0, rng.uniform(5, 50), (3, 3, 1)) + rng.normal(0, 12, (3, 3, 3))
    smooth = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, rng.uniform(0, 12), (SIDE, SIDE, 1))
    texture: ImageArray = np.clip(smooth + grain, 0, 255).astype(np.uint8)
    return texture
