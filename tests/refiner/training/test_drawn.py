import cv2
import numpy as np
import pytest

from refiner.training.samples import drawn as wires
from refiner.training.samples.drawn import SIDE, drawing, wire_cutout

KINDS = (wires.wheel, wires.fence, wires.twigs, wires.cables, wires.lattice)


def drawn(kind, seed, width):
    alpha = np.zeros((SIDE, SIDE), np.uint8)
    kind(alpha, np.random.default_rng(seed), width)
    return alpha


@pytest.mark.parametrize("kind", KINDS)
def test_everything_drawn_is_thin(kind):
    kernel = np.ones((61, 61), np.uint8)
    for seed in range(5):
        alpha = drawn(kind, seed, 4)
        inside = alpha > 127
        assert inside.sum() > 400
        assert cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_OPEN, kernel).sum() == 0


def test_the_space_between_spokes_is_empty():
    alpha = drawn(wires.wheel, 1, 3)
    filled = np.zeros_like(alpha)
    contours, _ = cv2.findContours(alpha, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(filled, contours, -1, 255, -1)
    assert (alpha > 0).sum() < 0.6 * (filled > 0).sum()


def test_a_wider_line_covers_more():
    assert (drawn(wires.cables, 3, 9) > 127).sum() > 2 * (drawn(wires.cables, 3, 3) > 127).sum()


def test_a_thing_depends_on_the_generator_alone_and_things_differ():
    one, again = (wire_cutout(np.random.default_rng(7)) for _ in range(2))
    assert one.shape == (SIDE, SIDE, 4)
    assert one.dtype == np.uint8
    assert np.array_equal(one, again)
    rng = np.random.default_rng(7)
    shapes = {wire_cutout(rng)[..., 3].tobytes() for _ in range(10)}
    assert len(shapes) == 10


def test_of_the_shapes_of_a_drawing_those_below_are_hidden():
    several = 0
    for seed in range(12):
        image, layers = drawing(np.random.default_rng(seed), 96)
        assert image.shape == (96, 96, 3)
        assert np.sum(layers, axis=0, dtype=int).max() <= 255 + 2
        several += len(layers) > 1
    assert several > 6


def test_a_shapes_mask_covers_what_was_painted():
    found = 0
    for seed in range(40):
        image, layers = drawing(np.random.default_rng(seed), 96)
        inside, ground = layers[-1] == 255, np.max(layers, axis=0) == 0
        if min(inside.sum(), ground.sum()) < 60:
            continue
        colour = np.median(image[inside], axis=0)
        away = np.abs(image - colour).max(-1)
        found += np.median(away[inside]) < 12 and np.median(away[ground]) > 12
    assert found > 20
