"""A bicycle with spokes and cables, in front of a sunlit wall."""

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
    arc,
    blurred,
    clouds,
    curve,
    gradient,
    over,
    photographed,
    scaled,
)

REAR, FRONT, CRANK = (272.0, 452.0), (694.0, 452.0), (455.0, 470.0)
SEAT, HEAD, FORK = (407.0, 292.0), (628.0, 262.0), (647.0, 322.0)
TYRE_RADIUS = 148.0
PAINT: Color = (22, 104, 112)
LEATHER: Color = (134, 78, 42)
STEEL: Color = (168, 170, 172)
RUBBER: Color = (38, 37, 38)


def draw_wheel(layer: Layer, center: Point) -> None:
    """Draw a wheel with 36 crossing spokes, each 1.5 pixels thick."""
    for spoke in range(36):
        rim = math.radians(spoke * 10 + 3)
        hub = rim + math.radians(70 if spoke % 2 else -70)
        ends = [
            (center[0] + 13 * math.cos(hub), center[1] + 13 * math.sin(hub)),
            (center[0] + 134 * math.cos(rim), center[1] + 134 * math.sin(rim)),
        ]
        layer.stroke(ends, 1.5, scaled(STEEL, 0.75 + 0.55 * abs(math.sin(rim + 0.6))))
    layer.stroke(arc(center, TYRE_RADIUS - 6), 12, RUBBER)
    layer.stroke(arc(center, TYRE_RADIUS - 3.5), 2, scaled(RUBBER, 1.6))
    layer.stroke(arc(center, TYRE_RADIUS - 11), 3, (176, 140, 96))
    for start in range(0, 360, 6):
        glint = 0.6 + 0.65 * abs(math.sin(math.radians(start * 1.5 + 20))) ** 3
        layer.stroke(arc(center, 133, start, start + 6.5), 5.5, scaled(STEEL, glint))
    layer.stroke(arc(center, 130.5), 1, scaled(STEEL, 0.5))
    layer.tube(arc(center, 9), 8, STEEL)
    layer.stroke([center, center], 12, scaled(STEEL, 0.4))


def draw_carrier(layer: Layer) -> None:
    """Draw the mudguards, the carrier's thin rods and the stand."""
    layer.tube(arc(REAR, 157, 172, 312), 3.5, PAINT)
    layer.tube(arc(FRONT, 157, 218, 318), 3.5, PAINT)
    for end in ((196.0, 330.0), (258.0, 283.0), (330.0, 283.0)):
        layer.stroke([REAR, end], 2.2, scaled(STEEL, 0.7))
    layer.stroke([(196, 330), (196, 283)], 2.2, scaled(STEEL, 0.7))
    layer.tube([(186, 283), (384, 283)], 4, scaled(STEEL, 0.8))
    layer.stroke([(384, 283), (408, 300)], 2.2, scaled(STEEL, 0.7))
    layer.tube([(188, 291), (188, 300)], 9, (172, 26, 24))
    layer.tube([(430, 474), (398, 600), (388, 602)], 3.6, scaled(STEEL, 0.8))


def draw_frame(layer: Layer) -> None:
    """Draw the tubes of the frame, the fork and the lamp."""
    layer.tube([REAR, CRANK], 6, PAINT)
    layer.tube([REAR, (409, 304)], 5, PAINT)
    layer.tube(curve(FORK, (656, 356), (668, 418), FRONT), 8, PAINT)
    layer.tube([(411, 306), (636, 284)], 10, PAINT)
    layer.tube([(644, 312), CRANK], 12, PAINT)
    layer.tube([SEAT, CRANK], 10.5, PAINT)
    layer.tube([HEAD, FORK], 13, PAINT)
    layer.stroke([(404, 288), (413, 300)], 12, scaled(STEEL, 0.9))
    for place in ((629, 266), (646, 318)):
        layer.tube([(place[0] - 6.5, place[1] + 2), (place[0] + 6.5, place[1] - 2)], 4, STEEL)
    layer.tube([(672, 300), (686, 298)], 17, scaled(STEEL, 0.9))
    layer.stroke([(691, 289), (694, 307)], 4, (250, 236, 190))
    layer.stroke([(642, 300), (672, 300)], 2.6, scaled(STEEL, 0.6))


def draw_saddle_and_bars(layer: Layer) -> None:
    """Draw what the rider touches, and the thin brake cables."""
    layer.tube([(405, 286), (398, 252)], 7, STEEL)
    for spring in (372, 386):
        layer.stroke([(spring, 244), (spring + 9, 262)], 2.4, scaled(STEEL, 0.7))
    layer.stroke(curve((366, 262), (400, 258), (442, 242)), 2.4, scaled(STEEL, 0.7))
    outline = curve((356, 240), (352, 214), (392, 232), (458, 227), (468, 234))
    outline += curve((468, 234), (440, 244), (404, 250), (372, 254), (356, 240))
    layer.fill(outline, scaled(LEATHER, 0.75))
    layer.stroke(curve((362, 234), (366, 226), (394, 236), (456, 232)), 4.5, LEATHER)
    layer.stroke(curve((364, 232), (370, 227), (396, 235), (440, 232)), 1.5, scaled(LEATHER, 1.6))
    layer.tube([HEAD, (620, 234), (652, 226)], 7.5, STEEL)
    bar = curve((652, 226), (700, 214), (736, 236), (716, 272), (664, 276))
    layer.tube(bar, 6, STEEL)
    layer.tube(bar[22:], 9, LEATHER)
    layer.tube(curve((704, 224), (722, 214), (724, 204)), 7, LEATHER)
    layer.stroke(curve((724, 210), (738, 232), (730, 262)), 2.4, STEEL)
    layer.stroke(curve((718, 206), (672, 160), (618, 190), (640, 300)), 1.7, RUBBER)
    layer.stroke(curve((722, 206), (640, 140), (570, 220), (600, 284)), 1.7, RUBBER)


def draw_drive(layer: Layer) -> None:
    """Draw the chain, its wheels, the cranks and the pedals."""
    layer.tube([CRANK, (424, 411)], 6, scaled(STEEL, 0.7))
    layer.tube([(408, 409), (440, 409)], 7, RUBBER)
    layer.stroke([(272, 439), (455, 436)], 2, (66, 62, 58))
    layer.stroke([(272, 465), (455, 504)], 2, (66, 62, 58))
    layer.stroke(arc(REAR, 11), 5, (96, 92, 88))
    layer.stroke(arc(CRANK, 33), 4.5, scaled(STEEL, 0.85))
    for tooth in range(0, 360, 9):
        layer.stroke(arc(CRANK, 35.5, tooth, tooth + 3), 2, scaled(STEEL, 0.6))
    for arm in range(18, 360, 72):
        layer.stroke([CRANK, arc(CRANK, 33, arm, arm)[0]], 4, scaled(STEEL, 0.95))
    layer.tube(arc(CRANK, 5), 10, STEEL)
    layer.tube([CRANK, (487, 530)], 7, STEEL)
    layer.tube([(470, 532), (504, 532)], 8, RUBBER)


def street(rng: np.random.Generator) -> Array:
    """Return a plaster wall with a blue door and plants, above a pavement, out of focus."""
    wall = gradient([(0, (214, 176, 130)), (300, (226, 190, 146)), (560, (196, 158, 120))])
    wall *= 1 + 0.035 * clouds(rng, (4, 5), 7)[..., None]
    cv2.rectangle(wall, (0, 505), (WIDTH, 562), (142, 124, 110), -1)
    cv2.rectangle(wall, (0, 500), (WIDTH, 506), (176, 158, 140), -1)
    cv2.rectangle(wall, (786, 40), (948, 562), (94, 74, 58), -1)
    cv2.rectangle(wall, (800, 54), (934, 562), (64, 98, 132), -1)
    for top in (80, 250, 420):
        cv2.rectangle(wall, (820, top), (914, top + 140), (50, 80, 112), -1)
        cv2.rectangle(wall, (826, top + 6), (914, top + 140), (74, 110, 146), -1)
    cv2.circle(wall, (812, 330), 6, (208, 180, 96), -1)
    wall = plants(rng, blurred(wall, 1.6))
    light = blurred((clouds(rng, (5, 7), 3) > -0.1).astype(float), 9)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    sun = light * np.clip(1.15 - x / WIDTH * 0.5 - y / HEIGHT * 0.2, 0, 1)
    wall *= (0.72 + 0.42 * sun)[..., None] * np.array([1.02, 1.0, 0.95])
    return pavement(rng, wall)


def plants(rng: np.random.Generator, wall: Array) -> Array:
    """Return `wall` with ivy hanging from the upper left and a potted shrub in front."""
    leaves = wall.copy()
    for _ in range(1500):
        x, y = abs(rng.normal(0, 120)), abs(rng.normal(0, 85))
        _leaf(rng, leaves, (x - 20, y - 20 + 40 * math.sin(x / 31)))
    cv2.fillPoly(leaves, [np.array([[26, 470], [122, 470], [108, 575], [40, 575]])], (158, 84, 56))
    cv2.rectangle(leaves, (20, 458), (128, 478), (176, 98, 66), -1)
    for _ in range(520):
        x, y = rng.normal(74, 36), rng.normal(405, 42)
        _leaf(rng, leaves, (x, min(y, 462)))
    return blurred(leaves, 2.6)


def _leaf(rng: np.random.Generator, picture: Array, center: Point) -> None:
    bright = rng.uniform(0.45, 1.25)
    color = (78 * bright, (108 + rng.normal(0, 10)) * bright, 46 * bright)
    axes = (int(rng.integers(5, 11)), int(rng.integers(3, 6)))
    place = (round(center[0]), round(center[1]))
    cv2.ellipse(picture, place, axes, float(rng.uniform(0, 180)), 0, 360, color, -1)


def pavement(rng: np.random.Generator, wall: Array) -> Array:
    """Return `wall` with a pavement of slabs from row 562 down."""
    ground = gradient([(562, (126, 118, 112)), (HEIGHT, (172, 162, 152))])
    ground *= 1 + 0.05 * clouds(rng, (40, 9), 4)[..., None]
    for row in (572, 592, 624, 672):
        cv2.line(ground, (0, row), (WIDTH, row), (98, 92, 88), 2)
    for slab in range(-14, 15):
        top, bottom = (480 + slab * 74, 562), (480 + slab * 130, HEIGHT)
        cv2.line(ground, top, bottom, (104, 98, 92), 2)
    ground = blurred(ground, 1.1)
    edge = 1 - 0.5 * np.exp(-np.arange(HEIGHT - 562) / 9)
    wall[562:] = ground[562:] * edge[:, None, None]
    return wall


def shadows(ground: Array, coverage: Array) -> Array:
    """Return `ground` with the bicycle's shadow on the wall and on the pavement."""
    alpha = coverage / SCALE**2
    shift = np.array([[1.0, 0.05, 14.0], [0.0, 1.0, 12.0]])
    cast = blurred(cv2.warpAffine(alpha, shift, (WIDTH, HEIGHT)), 3.2)
    cast[575:] = 0
    ground = over(ground, ground * 0.5, blurred(cast, 1.0) * 0.75)
    contact = np.zeros((HEIGHT, WIDTH))
    for x in (REAR[0], FRONT[0]):
        cv2.ellipse(contact, (round(x) + 14, 602), (66, 7), 0, 0, 360, 1.0, -1)
    cv2.ellipse(contact, (496, 612), (270, 9), 0, 0, 360, 0.45, -1)
    return over(ground, ground * 0.4, blurred(contact, 6.0))


def render(rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the picture, uint8 (height, width, 3), and the mask, bool (height, width)."""
    layer = Layer()
    for center in (REAR, FRONT):
        draw_wheel(layer, center)
    for draw in (draw_carrier, draw_drive, draw_frame, draw_saddle_and_bars):
        draw(layer)
    coverage = layer.coverage()
    ground = shadows(street(rng), coverage)
    picture = over(ground, layer.mean_colors() * 1.05, coverage / SCALE**2)
    return photographed(rng, picture), coverage >= SCALE**2 / 2
