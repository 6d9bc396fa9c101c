"""An empty bird cage of brass, hung up in front of a garden out of focus."""

from __future__ import annotations

import math

import numpy as np
from drawing import (
    SCALE,
    WIDTH,
    Array,
    Color,
    Layer,
    Point,
    arc,
    blurred,
    clouds,
    glint,
    gradient,
    over,
    photographed,
    scaled,
)

MIDDLE, RADIUS, TILT = 480.0, 190.0, 0.13
SHOULDER, FLOOR, CROWN = 300.0, 596.0, 128.0
BARS = 22
BRASS: Color = (206, 160, 74)


def hoop(row: float, radius: float, front: bool) -> list[Point]:
    """Return the half of a level hoop around the cage that is before or behind its middle."""
    angles = np.radians(np.linspace(0, 180, 60)) * (1 if front else -1)
    return [
        (MIDDLE + radius * math.cos(a), row + radius * TILT * math.sin(a)) for a in angles.tolist()
    ]


def bar(turn: float) -> list[Point]:
    """Return the wire at `turn` around the cage, from the floor over the dome to the crown."""
    out, depth = math.cos(turn), math.sin(turn)
    points = [(MIDDLE + RADIUS * out, FLOOR + RADIUS * TILT * depth)]
    for rise in np.linspace(0, math.pi / 2, 40).tolist():
        radius = RADIUS * math.cos(rise) + 9 * math.sin(rise)
        row = SHOULDER - (SHOULDER - CROWN) * math.sin(rise)
        points.append((MIDDLE + radius * out, row + radius * TILT * depth))
    return points


def draw_half(layer: Layer, front: bool) -> None:
    """Draw the wires and hoops before or behind the middle."""
    light = 1.0 if front else 0.62
    for number in range(BARS):
        turn = 2 * math.pi * (number + 0.5) / BARS
        if (math.sin(turn) > 0) == front:
            tone = light * (0.8 + 0.35 * math.cos(turn + 2.4))
            layer.tube(bar(turn), 5.6 if front else 4.8, scaled(BRASS, tone))
    for row, width in ((SHOULDER, 7.0), (450.0, 5.0), (FLOOR - 16, 5.0)):
        layer.tube(hoop(row, RADIUS, front), width, scaled(BRASS, light))


def draw_floor(layer: Layer) -> None:
    """Draw the tray, which hides what is behind it, with its feet."""
    rim = hoop(FLOOR, RADIUS + 7, False) + hoop(FLOOR, RADIUS + 7, True)[::-1]
    layer.fill(rim, scaled(BRASS, 0.45))
    front = hoop(FLOOR, RADIUS + 7, True)
    layer.fill(front + [(x, y + 26) for x, y in front[::-1]], scaled(BRASS, 0.7))
    for drop, width, tone in ((0, 7.0, 1.0), (13, 3.0, 0.95), (26, 8.0, 0.85)):
        layer.tube([(x, y + drop) for x, y in front], width, scaled(BRASS, tone))
    for side in (-0.62, 0.62):
        layer.tube(arc((MIDDLE + side * RADIUS, FLOOR + 52), 8), 8, scaled(BRASS, 0.8))


def draw_crown(layer: Layer) -> None:
    """Draw the knob on top and the chain that it hangs from."""
    layer.tube([(MIDDLE - 13, CROWN + 2), (MIDDLE + 13, CROWN + 2)], 13, BRASS)
    layer.tube(arc((MIDDLE, CROWN - 13), 9), 5, BRASS)
    for link in range(6):
        center = (MIDDLE, CROWN - 30 - 17 * link)
        if link % 2:
            layer.tube([(MIDDLE, center[1] - 8), (MIDDLE, center[1] + 8)], 4, BRASS)
        else:
            layer.tube(arc(center, 6.5), 3.4, BRASS)


def garden(rng: np.random.Generator) -> Array:
    """Return hedges and blossoms, far out of focus."""
    scene = gradient(
        [(0, (74, 112, 96)), (250, (56, 92, 58)), (560, (66, 96, 50)), (720, (92, 98, 60))]
    )
    scene *= 1 + 0.2 * clouds(rng, (6, 9), 4)[..., None]
    scene = blurred(scene, 9)
    for _ in range(170):
        place = (int(rng.uniform(0, WIDTH)), int(rng.uniform(120, 590)))
        tone = ((196, 92, 122), (214, 178, 196), (176, 186, 84), (44, 74, 44))[rng.integers(4)]
        glint(scene, place, int(rng.integers(7, 24)), tone, rng.uniform(0.15, 0.6))
    return np.asarray(blurred(scene, 2.5))


def render(rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the picture, uint8 (height, width, 3), and the mask, bool (height, width)."""
    layer = Layer()
    draw_half(layer, front=False)
    draw_floor(layer)
    draw_half(layer, front=True)
    draw_crown(layer)
    coverage = layer.coverage()
    picture = over(garden(rng), layer.mean_colors(), coverage / SCALE**2)
    return photographed(rng, picture), coverage >= SCALE**2 / 2
