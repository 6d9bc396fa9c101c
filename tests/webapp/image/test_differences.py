from __future__ import annotations

import json

import numpy as np
import pytest

from refiner.files.run_lengths import decode_rle
from refiner.metrics import iou
from refiner.types import BoolArray
from tests.fakes import disc
from tests.webapp.image.test_actions import click, edits
from webapp.image import actions
from webapp.image.actions import Studio
from webapp.image.differences import MOST, Differences, differences, differences_value
from webapp.image.reply import canvas_value
from webapp.image.state import ImageState
from webapp.shared.events import Message, read_message

SIZE = (60, 80)


def rectangles(*corners: tuple[int, int, int, int]) -> BoolArray:
    mask = np.zeros(SIZE, dtype=np.bool_)
    for x, y, width, height in corners:
        mask[y : y + height, x : x + width] = True
    return mask


EMPTY = rectangles()


def test_regions_come_by_area_the_largest_first() -> None:
    patches = [(2, 3, 2, 5), (20, 10, 30, 1), (60, 40, 7, 6)]
    found = differences(rectangles(*patches), EMPTY)
    assert found.regions == ((60, 40, 7, 6, 42), (20, 10, 30, 1, 30), (2, 3, 2, 5, 10))
    assert (found.smaller, found.pixels) == (0, 82)


def test_of_equal_regions_the_topmost_then_the_leftmost_comes_first() -> None:
    patches = [(50, 20, 3, 3), (10, 20, 3, 3), (70, 1, 3, 3)]
    found = differences(EMPTY, rectangles(*patches))
    assert [region[:2] for region in found.regions] == [(70, 1), (10, 20), (50, 20)]


def test_only_what_one_of_the_masks_has_counts() -> None:
    one, other = rectangles((10, 10, 20, 20)), rectangles((20, 10, 20, 20))
    found = differences(one, other)
    assert found.regions == ((10, 10, 10, 20, 200), (30, 10, 10, 20, 200))


def test_pixels_that_touch_at_a_corner_are_one_region() -> None:
    found = differences(rectangles((5, 5, 2, 2), (7, 7, 2, 2)), EMPTY)
    assert found.regions == ((5, 5, 4, 4, 8),)


def test_patches_of_either_mask_that_touch_are_one_region() -> None:
    found = differences(rectangles((5, 5, 4, 4)), rectangles((9, 5, 4, 4)))
    assert found.regions == ((5, 5, 8, 4, 32),)


def test_a_ring_has_the_box_of_its_outer_rim() -> None:
    one, other = disc(SIZE, 40, 30, 10), disc(SIZE, 40, 30, 20)
    (ring,) = differences(one, other).regions
    assert ring[:4] == (20, 10, 40, 40)
    assert ring.area == np.count_nonzero(one != other)


@pytest.mark.parametrize(
    ("patches", "middle"),
    [
        (((60, 40, 7, 7), (20, 10, 30, 3)), (63, 43)),  # the larger one is thinner
        (((0, 0, 5, 5),), (2, 2)),  # what lies at an edge ends there
        (((30, 20, 1, 1), (10, 20, 1, 1)), (10, 20)),
    ],
)
def test_masks_differ_most_in_the_middle_of_the_thickest_patch(
    patches: tuple[tuple[int, int, int, int], ...], middle: tuple[int, int]
) -> None:
    assert differences(rectangles(*patches), EMPTY).thickest == middle


def test_specks_are_counted_but_not_listed() -> None:
    found = differences(rectangles((5, 5, 2, 2), (20, 20, 3, 1), (79, 59, 1, 1)), EMPTY)
    assert found.regions == ((5, 5, 2, 2, 4),)
    assert (found.smaller, found.pixels) == (2, 8)


def test_no_more_than_the_largest_are_listed() -> None:
    patches = [(x, y, 2, 2) for y in range(0, 30, 4) for x in range(0, 40, 4)]
    found = differences(rectangles(*patches), EMPTY)
    assert len(found.regions) == MOST
    assert found.smaller == len(patches) - MOST


@pytest.mark.parametrize("mask", [EMPTY, ~EMPTY, disc(SIZE, 20, 20, 9)])
def test_equal_masks_differ_nowhere(mask: BoolArray) -> None:
    assert differences(mask, mask.copy()) == Differences((), 0, 0, None, 1.0)


@pytest.fixture
def two(studio: Studio, opened: ImageState) -> ImageState:
    """Two objects, the first with the answer 1, the second with the answer 2."""
    clicked = edits(click(100, 150), {"type": "add_object"}, click(300, 150, target=2))
    return actions.edit_picture(studio, opened, clicked).state


def asked(answers: object) -> Message:
    return read_message({"seq": 3, "answers": answers})


def test_an_edit_s_reply_has_the_masks_and_nothing_measured_of_them(two: ImageState) -> None:
    for answer in canvas_value(two, 1)["answers"]:
        assert answer.keys() == {"id", "base", "refined", "timings"}


def test_answers_are_measured_when_they_are_asked_about(two: ImageState) -> None:
    found = differences_value(two, asked([1]))
    answer = canvas_value(two, 1)["answers"][0]
    base, refined = decode_rle(answer["base"]), decode_rle(answer["refined"])
    area = np.count_nonzero(base != refined)
    thickest = found["1"]["thickest"]
    assert 40 < np.hypot(thickest[0] - 100, thickest[1] - 150) < 48  # within the ring
    assert found == {
        "1": {
            "regions": [[52, 102, 96, 96, area]],
            "smaller": 0,
            "pixels": area,
            "thickest": thickest,
            "iou": iou(base, refined),
        }
    }
    json.dumps(found)
    assert differences_value(two, asked([2, 1, 1])).keys() == {"1", "2"}


@pytest.mark.parametrize("answers", [None, [], "1", 1, {"1": 1}, [7], ["1", None, True, 1.0, -1]])
def test_what_no_object_has_is_not_measured(two: ImageState, answers: object) -> None:
    assert differences_value(two, asked(answers)) == {}


def test_an_answer_that_another_one_has_replaced_is_not_measured(
    studio: Studio, two: ImageState
) -> None:
    later = actions.edit_picture(studio, two, edits(click(120, 150))).state
    assert differences_value(later, asked([1, 2])).keys() == {"2"}
