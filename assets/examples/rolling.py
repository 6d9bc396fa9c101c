"""A spoked wheel rolling past a swinging wire cage, seen by a panning camera."""

from __future__ import annotations

import math

import bicycle
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
    over,
    photographed,
    scaled,
)

FRAMES, FPS = 48, 24
CLIP_HEIGHT, CLIP_WIDTH = 270, 480
TOP = 108  # of the rows of a drawing that are kept, twice as many as the clip's
RADIUS, GROUND = 118.0, 604.0
SPOKES = 14
HANGER: Point = (744.0, 84.0)
ROPE, CAGE_HEIGHT, CAGE_WIDTH, BARS = 112.0, 190.0, 148.0, 9
START, WAY, PAN = 190.0, 560.0, 92.0
RED: Color = (176, 44, 34)
BRASS: Color = (196, 152, 62)
IRON: Color = (120, 122, 126)


def panned_by(time: float) -> float:
    """Return how far the camera has turned to the right at `time` in [0, 1]."""
    return PAN * (0.5 - 0.5 * math.cos(math.pi * time))


def wheel(time: float) -> Layer:
    """Return the wheel at `time` in [0, 1]: it rolls without slipping."""
    layer = Layer()
    rolled = WAY * time
    center = START + rolled, GROUND - RADIUS
    turn = math.degrees((rolled + panned_by(time)) / RADIUS)
    for spoke in range(SPOKES):
        angle = math.radians(turn + spoke * 360 / SPOKES)
        direction = math.cos(angle), math.sin(angle)
        ends = [
            (center[0] + r * direction[0], center[1] + r * direction[1]) for r in (12, RADIUS - 14)
        ]
        layer.tube(ends, 4.4, scaled(BRASS, 0.9 + 0.3 * abs(math.sin(angle + 0.7))))
    layer.stroke(arc(center, RADIUS - 5), 10, (44, 42, 42))
    layer.tube(arc(center, RADIUS - 13), 7, RED)
    for mark in range(0, 360, 30):
        layer.stroke(arc(center, RADIUS - 3, turn + mark, turn + mark + 7), 3, (92, 88, 84))
    layer.tube(arc(center, 12), 9, RED)
    layer.stroke([center, center], 9, scaled(IRON, 0.5))
    return layer


def cage(time: float) -> Layer:
    """Return the cage at `time` in [0, 1]: it swings from its hook and turns about its rope."""
    layer = Layer()
    hook = HANGER[0] - panned_by(time)
    swing = math.radians(13) * math.sin(2 * math.pi * 1.25 * time + 0.5)

    def place(across: float, down: float) -> Point:
        x = hook + across * math.cos(swing) - down * math.sin(swing)
        return x, HANGER[1] + across * math.sin(swing) + down * math.cos(swing)

    def ring(share: float, down: float) -> list[Point]:
        angles = np.linspace(0, 2 * math.pi, 60)
        half = CAGE_WIDTH / 2 * share
        return [place(half * math.cos(a), down + 0.16 * half * math.sin(a)) for a in angles]

    layer.stroke([place(0, 0), place(0, ROPE)], 3.6, (140, 116, 84))
    for bar in range(BARS):
        angle = 2 * math.pi * (bar / BARS + 0.3 * time)
        across, depth = CAGE_WIDTH / 2 * math.cos(angle), 0.16 * CAGE_WIDTH / 2 * math.sin(angle)
        dome = [
            place(across * math.sin(a), ROPE + 60 * (1 - math.cos(a)) + depth * math.sin(a))
            for a in np.linspace(0, math.pi / 2, 12)
        ]
        shade = 0.75 + 0.45 * (math.sin(angle) + 1) / 2
        layer.tube([*dome, place(across, ROPE + CAGE_HEIGHT + depth)], 3.8, scaled(IRON, shade))
    for share, down, width in ((1, 60, 4.5), (1, 125, 4), (1, CAGE_HEIGHT, 7)):
        layer.tube(ring(share, ROPE + down), width, IRON)
    layer.tube(ring(0.22, ROPE - 4), 4, BRASS)
    layer.tube([place(-34, ROPE + 152), place(34, ROPE + 152)], 4, (150, 104, 62))
    return layer


def panned(ground: Array, time: float) -> Array:
    """Return the street behind, moved by the camera and a little enlarged."""
    shift = -0.06 * WIDTH + PAN / 2 - panned_by(time)
    enlarge = np.array([[1.12, 0, shift], [0, 1.12, -0.09 * HEIGHT]])
    return np.asarray(
        cv2.warpAffine(ground, enlarge, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
    )


def with_shadow(ground: Array, alpha: Array, rolling: float) -> Array:
    """Return `ground` with the shadows of what has coverage `alpha`, and one below the wheel."""
    cast = cv2.GaussianBlur(
        cv2.warpAffine(alpha, np.array([[1.0, 0, 20], [0, 1.0, 14]]), (WIDTH, HEIGHT)), (0, 0), 4
    )
    cast[560:] = 0
    contact = np.zeros((HEIGHT, WIDTH))
    cv2.ellipse(contact, (round(rolling) + 10, round(GROUND) + 1), (74, 7), 0, 0, 360, 1.0, -1)
    ground = over(ground, ground * 0.55, cast * 0.6)
    return over(ground, ground * 0.35, cv2.GaussianBlur(contact, (0, 0), 5))


def halved(picture: Array, top: int = TOP) -> Array:
    """Return the mean of each 2 x 2 pixels of the rows that are kept."""
    kept = picture[top : top + 2 * CLIP_HEIGHT].astype(np.float64)
    shape = (CLIP_HEIGHT, 2, CLIP_WIDTH, 2, *kept.shape[2:])
    return np.asarray(kept.reshape(shape).mean(axis=(1, 3)))


def frame(index: int, ground: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return frame `index` and its index mask: 1 the wheel, 2 the cage, which hangs in front.

    A pixel belongs to an object that covers at least one half of it.
    """
    time = index / (FRAMES - 1)
    layers = wheel(time), cage(time)
    alphas = [layer.coverage() / SCALE**2 for layer in layers]
    picture = with_shadow(panned(ground, time), np.maximum(*alphas), START + WAY * time)
    for layer, alpha in zip(layers, alphas, strict=True):
        picture = over(picture, layer.mean_colors(), alpha)
    in_front = halved(alphas[1])
    mask = np.zeros((CLIP_HEIGHT, CLIP_WIDTH), np.uint8)
    mask[halved(alphas[0] * (1 - alphas[1])) >= 0.5] = 1
    mask[in_front >= 0.5] = 2
    return np.rint(halved(photographed(rng, picture))).astype(np.uint8), mask


def render(rng: np.random.Generator) -> list[tuple[Array, Array]]:
    """Return every frame, uint8 (height, width, 3), with its index mask, uint8 (height, width)."""
    ground = bicycle.street(rng)
    return [frame(index, ground, rng) for index in range(FRAMES)]
