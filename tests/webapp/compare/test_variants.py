"""Variants of the refiner on the open picture: what is painted, marked and said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from refiner.metrics import iou
from refiner.types import Click, InputError, Prompts
from tests.fakes import RADIUS, FakeSegmenter, disc
from webapp.compare.variants import Variants, run_variants
from webapp.image.state import ImageState, Picture, Scene, SceneObject, Truth

GREY = np.full((120, 160, 3), 120, dtype=np.uint8)
SMALL, LARGE = (disc((120, 160), 80, 60, RADIUS * factor) for factor in (1, 1.2))
RING = LARGE & ~SMALL
ORANGE, BLUE = (np.array(color) for color in ((230, 159, 0), (47, 143, 216)))


@pytest.fixture
def state() -> ImageState:
    scene = Scene((SceneObject(1, 0, Prompts((Click(80, 60),))),))
    return ImageState().open(Picture("key", GREY, (120, 160), "none"), scene)


def test_what_differs_from_the_full_model_is_marked_and_measured(state: ImageState) -> None:
    variants = Variants({"LA + PR": FakeSegmenter})
    base, full, other = run_variants(FakeSegmenter(), variants, state)
    assert base.caption == f"SAM2 · agreement with SAM2Refiner {100 * iou(SMALL, LARGE):.1f} %"
    assert full.caption == "SAM2Refiner"
    assert full.marked is None
    assert other.caption == "LA + PR · agreement with SAM2Refiner 100.0 %"
    assert np.array_equal((base.pixels != GREY).any(2), SMALL)
    assert base.marked is not None
    assert other.marked is not None
    assert np.abs(base.marked[RING] - BLUE).max() < 30
    assert (base.marked[~RING] == 60).all()
    assert (other.marked == 60).all()


def test_what_only_a_variant_sees_has_the_other_colour(state: ImageState) -> None:
    class Swapped(FakeSegmenter):
        def segment(self, image, objects, *, logits=False):
            found = super().segment(image, objects, logits=logits)
            pairs = tuple(replace(pair, refined=pair.base) for pair in found.objects)
            return replace(found, objects=pairs)

    *_, other = run_variants(Swapped(), Variants({"all": FakeSegmenter}), state)
    assert other.marked is not None
    assert np.abs(other.marked[RING] - ORANGE).max() < 30


def test_scores_against_a_true_mask_stand_in_the_captions(state: ImageState) -> None:
    scored = replace(state, truth=Truth(LARGE, "mine"))
    _, full = run_variants(FakeSegmenter(), Variants({}), scored)
    assert full.caption == "SAM2Refiner · IoU 100.0 %, boundary IoU 100.0 %"


def test_without_prompts_it_is_said_where_to_give_them(state: ImageState) -> None:
    empty = state.open(state.current_picture)
    with pytest.raises(InputError, match="click an object there first"):
        next(run_variants(FakeSegmenter(), Variants({}), empty))
