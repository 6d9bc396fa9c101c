"""A nearly bare tree in autumn, on a meadow."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from drawing import (
    HEIGHT,
    SCALE,
    WIDTH,
    Array,
    Color,
    Layer,
    Limb,
    Point,
    blurred,
    clouds,
    curve,
    gradient,
    over,
    photographed,
    scaled,
)

FOOT = (480.0, 648.0)
BARK: Color = (92, 74, 62)


def grow(
    rng: np.random.Generator, start: Point, angle: float, width: float
) -> tuple[list[Limb], list[Point]]:
    """Return a branch with all that grows from it, and where leaves may hang.

    Args:
        rng: shapes the branch.
        start: where the branch begins.
        angle: its direction in radians, 0 to the right and pi / 2 up.
        width: its thickness at the start.
    """
    length = (13 * width**0.6 + 22) * rng.uniform(0.85, 1.15)
    steps, bend = max(5, int(length / 6)), rng.normal(0, 0.45)
    points, (x, y) = [start], start
    for _ in range(steps):
        angle += bend / steps + rng.normal(0, 0.06) + 0.03 * (math.pi / 2 - angle)
        x += length / steps * math.cos(angle)
        y -= length / steps * math.sin(angle)
        points.append((x, y))
    limbs = [(points, np.linspace(width, max(width * 0.66, 1.25), len(points)))]
    if width < 1.7:
        return limbs, [points[-1], points[steps // 2]]
    ends: list[Point] = []
    for share, place in _children(rng, steps):
        side = rng.uniform(0.35, 0.75) * rng.choice([-1, 1]) if place < steps else 0
        turn = angle + side + rng.normal(0, 0.2)
        more_limbs, more_ends = grow(rng, points[place], turn, max(width * share, 1.3))
        limbs, ends = limbs + more_limbs, ends + more_ends
    return limbs, ends


def _children(rng: np.random.Generator, steps: int) -> list[tuple[float, int]]:
    """Return how thick, compared with the branch, and at which step, its branches begin."""
    side = (rng.uniform(0.28, 0.5), int(steps * rng.uniform(0.4, 0.9)))
    return [side, (0.66, steps), (rng.uniform(0.45, 0.62), steps - 1)]


def draw_limbs(layer: Layer, limbs: Sequence[Limb]) -> None:
    """Draw tapering branches that merge where they meet, lit from the left."""
    for share, gain in ((1.0, 0.5), (0.86, 0.65), (0.66, 0.9), (0.42, 1.2), (0.2, 1.45)):
        for points, widths in limbs:
            for (x0, y0), (x1, y1), width in zip(points[:-1], points[1:], widths[:-1], strict=True):
                offset = -(1 - share) * width * 0.3
                piece = [(x0 + offset, y0), (x1 + offset, y1)]
                layer.stroke(piece, max(width * share, 0.5), scaled(BARK, gain))


def draw_wood(rng: np.random.Generator, layer: Layer) -> list[Point]:
    """Draw the trunk and all branches, the thin ones in front; return where leaves may hang."""
    limbs, ends = grow(rng, FOOT, math.pi / 2, 40)
    draw_limbs(layer, _roots(rng) + [limb for limb in limbs if limb[1][0] >= 9])
    for limb in limbs:
        if limb[1][0] < 9:
            draw_limbs(layer, [limb])
    return ends


def _roots(rng: np.random.Generator) -> list[Limb]:
    roots = []
    for side in np.linspace(-1, 1, 7):
        end = (FOOT[0] + side * 44 + rng.normal(0, 3), FOOT[1] + 14 - 9 * abs(side))
        top = (FOOT[0] + side * 12, FOOT[1] - rng.uniform(35, 75))
        points = curve(top, (FOOT[0] + side * 13, FOOT[1] - 8), end)
        roots.append((points, np.interp(np.linspace(0, 1, len(points)), (0, 0.6, 1), (2, 11, 4))))
    return roots


def draw_leaves(rng: np.random.Generator, layer: Layer, ends: Sequence[Point]) -> None:
    """Draw the last leaves of autumn on some of the twigs."""
    for x, y in ends:
        if rng.random() > 0.2:
            continue
        angle, length = rng.uniform(0.2, math.pi - 0.2), rng.uniform(6, 11)
        tip = (x + length * math.cos(angle), y + length * math.sin(angle))
        side = (-math.sin(angle) * length * 0.42, math.cos(angle) * length * 0.42)
        middle = ((x + tip[0]) / 2, (y + tip[1]) / 2)
        left = (middle[0] + side[0], middle[1] + side[1])
        right = (middle[0] - side[0], middle[1] - side[1])
        color = scaled((214, 120 + rng.normal(0, 30), 38), rng.uniform(0.7, 1.15))
        layer.fill(curve((x, y), left, tip) + curve(tip, right, (x, y)), color)
        layer.stroke([(x, y), middle], 0.8, scaled(color, 0.7))


def meadow(rng: np.random.Generator) -> Array:
    """Return a morning sky over hills and a meadow."""
    sky = gradient([(0, (92, 140, 190)), (300, (170, 198, 216)), (520, (246, 222, 190))])
    veil = np.clip(clouds(rng, (5, 2), 6) * 0.45 + 0.1, 0, 1)
    sky = over(sky, (252, 244, 236), veil * np.linspace(0.9, 0.5, HEIGHT)[:, None])
    x = np.arange(WIDTH)
    hills = ((505, 26, 210, (158, 172, 184)), (535, 20, 150, (122, 138, 132)))
    for base, height, period, haze in hills:
        line = base - height * np.sin(x / period + base) - 6 * np.sin(x / 37 + base)
        sky = over(sky, haze, blurred((np.arange(HEIGHT)[:, None] > line).astype(float), 2.0))
    for _ in range(240):
        place = (int(rng.uniform(-20, WIDTH + 20)), int(566 - abs(rng.normal(0, 9))))
        tone = rng.uniform(0.7, 1.15)
        color = (92 * tone, (100 + rng.normal(0, 14)) * tone, 66 * tone)
        cv2.ellipse(sky, place, (int(rng.integers(8, 26)), 13), 0, 0, 360, color, -1)
    sky = blurred(sky, 2.4)
    grass = gradient([(565, (150, 150, 84)), (620, (126, 136, 66)), (HEIGHT, (84, 102, 44))])
    grass *= (
        1 + 0.1 * clouds(rng, (60, 40), 4)[..., None] + 0.05 * clouds(rng, (9, 4), 3)[..., None]
    )
    return over(
        sky,
        grass,
        blurred((np.arange(HEIGHT)[:, None] > 568 + 2 * np.sin(x / 90)).astype(float), 1.5),
    )


def draw_blades(rng: np.random.Generator, layer: Layer, count: int, spread: float) -> None:
    """Draw tufts of grass in front of the trunk."""
    for _ in range(count):
        x, y = FOOT[0] + rng.normal(0, spread), FOOT[1] + 12 + abs(rng.normal(0, 30))
        for _ in range(5):
            height, lean = rng.uniform(5, 17) * (y - 540) / 110, rng.normal(0, 6)
            color = scaled((112, 126, 54), rng.uniform(0.55, 1.15))
            root = x + rng.normal(0, 3)
            tip = (root + lean, y - height)
            layer.stroke(curve((root, y), (root + lean * 0.2, y - height * 0.6), tip), 1.2, color)


def render(rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the picture, uint8 (height, width, 3), and the mask, bool (height, width)."""
    wood, front = Layer(), Layer()
    draw_leaves(rng, wood, draw_wood(rng, wood))
    draw_blades(rng, front, 650, 300)
    wood.covered[front.covered > 0] = 0
    wood.colors[front.covered > 0] = 0
    coverage = wood.coverage()
    ground = meadow(rng)
    shade = np.zeros((HEIGHT, WIDTH))
    cv2.ellipse(shade, (590, 660), (220, 14), 0, 0, 360, 1.0, -1)
    ground = over(ground, ground * 0.55, blurred(shade, 14.0) * 0.8)
    bark = wood.mean_colors() * (1 + 0.12 * clouds(rng, (60, 120), 3)[..., None])
    picture = over(ground, bark, coverage / SCALE**2)
    picture = over(picture, front.mean_colors(), front.coverage() / SCALE**2)
    return photographed(rng, picture), coverage >= SCALE**2 / 2
