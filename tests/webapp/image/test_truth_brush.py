"""Strokes of the brush: what they cover, what they do to the truth, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refiner.files.run_lengths import decode_rle
from refiner.metrics import boundary_iou, iou
from refiner.types import BoolArray
from tests.fakes import disc
from tests.webapp.image.test_actions import click, edits
from tests.webapp.image.test_truth_curve import curve_value
from webapp.image import actions as image_actions
from webapp.image.actions import Studio
from webapp.image.reply import canvas_value
from webapp.image.state import ImageState, Truth
from webapp.image.truth_brush import MAX_POINTS, stroke_area
from webapp.shared import text
from webapp.shared.events import Outcome, guarded

SIZE = (300, 400)
DOT = disc(SIZE, 120, 150, 60)


def stroke(*points: Any, radius: Any = 60, erase: Any = False) -> dict[str, Any]:
    return {"type": "brush", "points": [*points], "radius": radius, "erase": erase}


def send(studio: Studio, state: ImageState, *actions: dict[str, Any]) -> Outcome[ImageState]:
    return guarded(state, lambda: image_actions.edit_picture(studio, state, edits(*actions)))


def mask_of(state: ImageState) -> BoolArray:
    assert state.truth is not None
    return state.truth.mask


def rows(state: ImageState) -> list[list[float]]:
    value = curve_value(state)
    assert value is not None
    return list(value["curves"]["1"])


def near_line(size_hw: tuple[int, int], points: list[list[float]], radius: float) -> BoolArray:
    """Measure each pixel centre's distance to each piece of the line."""
    rows, columns = np.mgrid[: size_hw[0], : size_hw[1]] + 0.5
    near = np.zeros(size_hw, dtype=np.bool_)
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        squared = (x1 - x0) ** 2 + (y1 - y0) ** 2
        along = ((columns - x0) * (x1 - x0) + (rows - y0) * (y1 - y0)) / squared
        along = np.clip(along, 0, 1)
        away = np.hypot(columns - x0 - along * (x1 - x0), rows - y0 - along * (y1 - y0))
        near |= away <= radius
    return near


@given(st.floats(0, 60), st.floats(0, 40), st.floats(1, 30))
def test_a_dot_is_a_disc(x: float, y: float, radius: float) -> None:
    got = stroke_area((40, 60), np.array([[x, y]]), radius)
    assert np.count_nonzero(got ^ disc((40, 60), x, y, radius)) <= 1


@pytest.mark.parametrize(
    "points",
    [
        [[10.5, 20], [70.2, 33.3]],
        [[10, 20], [70, 20]],
        [[30, 5], [30, 55]],
        [[5, 5], [40, 50], [75.25, 8], [75.25, 9]],
        [[0, 0], [80, 60]],
    ],
)
def test_a_stroke_is_all_within_the_radius_of_its_way(points: list[list[float]]) -> None:
    for radius in (1, 4.37, 12):
        got = stroke_area((60, 80), np.array(points), radius)
        assert np.array_equal(got, near_line((60, 80), points, radius))


def test_a_point_that_comes_twice_changes_nothing() -> None:
    once = stroke_area((60, 80), np.array([[10.0, 10], [50, 30]]), 5)
    again = stroke_area((60, 80), np.array([[10.0, 10], [10, 10], [50, 30], [50, 30]]), 5)
    assert np.array_equal(once, again)


def test_clicks_before_and_after_a_brushed_truth_have_the_scores_of_their_masks(
    studio: Studio, opened: ImageState
) -> None:
    state = send(studio, opened, click(90, 150)).state
    assert curve_value(state) is None
    state = send(studio, state, stroke([120, 150])).state
    assert np.array_equal(mask_of(state), DOT)
    assert [row[0] for row in rows(state)] == [1]
    state = send(studio, state, click(130, 150)).state
    answer = state.scene.find(1).answer
    assert answer is not None
    masks = decode_rle(answer.pair.base), decode_rle(answer.pair.refined)
    measured = [measure(mask, DOT) for mask in masks for measure in (iou, boundary_iou)]
    assert rows(state)[1] == [2, *measured]
    value = curve_value(state)
    assert value is not None
    assert value["label"] == text.BRUSHED_TRUTH


def test_a_further_stroke_measures_every_point_of_the_curve_anew(
    studio: Studio, opened: ImageState
) -> None:
    actions = click(90, 150), stroke([120, 150]), click(130, 150)
    state = send(studio, opened, *actions, stroke([200, 150])).state
    both = DOT | disc(SIZE, 200, 150, 60)
    assert np.array_equal(mask_of(state), both)
    known = replace(send(studio, opened, click(90, 150)).state, truth=Truth(both, "Known."))
    assert rows(state) == rows(send(studio, known, click(130, 150)).state)


def test_the_eraser_takes_away_and_what_it_leaves_empty_is_no_truth(
    studio: Studio, opened: ImageState
) -> None:
    state = send(studio, opened, stroke([120, 150])).state
    state = send(studio, state, stroke([150, 150], radius=20, erase=True)).state
    assert np.array_equal(mask_of(state), DOT & ~disc(SIZE, 150, 150, 20))
    assert send(studio, state, stroke([120, 150], radius=80, erase=True)).state.truth is None


def test_the_truth_there_is_is_touched_up_and_says_so(studio: Studio, opened: ImageState) -> None:
    state = opened.with_truth(DOT, text.UPLOADED_TRUTH)
    state = send(studio, state, stroke([300, 150], radius=9)).state
    assert np.array_equal(mask_of(state), DOT | disc(SIZE, 300, 150, 9))
    value = curve_value(state)
    assert value is not None
    assert "touched it up" in value["label"]


def test_strokes_are_undone_and_redone_apart_from_the_prompts(
    studio: Studio, opened: ImageState
) -> None:
    state = send(studio, opened, click(90, 150), stroke([120, 150])).state
    full = send(studio, state, stroke([200, 150]), click(130, 150)).state
    back = send(studio, full, {"type": "undo_truth"}).state
    assert np.array_equal(mask_of(back), DOT)
    assert back.scene is full.scene
    assert len(rows(back)) == 2
    gone = send(studio, back, {"type": "undo_truth"}, {"type": "undo_truth"}).state
    assert gone.truth is None
    assert not canvas_value(gone, 1)["can_undo_truth"]
    again = send(studio, gone, {"type": "redo_truth"}, {"type": "redo_truth"}).state
    assert curve_value(again) == curve_value(full)
    assert not canvas_value(again, 1)["can_redo_truth"]
    fewer = send(studio, again, {"type": "undo"}).state
    assert mask_of(fewer) is mask_of(again)
    assert len(rows(fewer)) == 1


def test_a_forgotten_truth_comes_back_with_undo(studio: Studio, opened: ImageState) -> None:
    state = send(studio, opened, stroke([120, 150])).state
    state = image_actions.drop_truth(studio, state, edits()).state
    assert state.truth is None
    assert np.array_equal(mask_of(send(studio, state, {"type": "undo_truth"}).state), DOT)


def test_a_stroke_that_changes_nothing_is_no_step(studio: Studio, opened: ImageState) -> None:
    assert send(studio, opened, stroke([120, 150], erase=True)).state is opened
    state = send(studio, opened, stroke([120, 150])).state
    assert send(studio, state, stroke([120, 150], radius=30)).state.truths_past == (None,)


def test_the_browser_is_sent_each_truth_once(studio: Studio, opened: ImageState) -> None:
    state = send(studio, opened, click(90, 150), stroke([120, 150])).state
    sent = canvas_value(state, 1)
    assert np.array_equal(decode_rle(sent["truth"]["rle"]), DOT)
    known = {sent["truth"]["id"], *(answer["id"] for answer in sent["answers"])}
    assert len(known) == 2
    assert "rle" not in canvas_value(state, 2, known)["truth"]


@pytest.mark.parametrize(
    "forged",
    [
        {"points": points}
        for points in (
            None,
            [],
            "1,1",
            {"0": [1, 1]},
            [5, 5],
            [[5]],
            [[5, 5, 5]],
            [["5", "5"]],
            [[5, None]],
            [[True, 5]],
            [[math.nan, 5]],
            [[5, math.inf]],
            [[-1, 5]],
            [[5, 300.5]],
            [[10**400, 5]],
            [[5, 5]] * (MAX_POINTS + 1),
        )
    ]
    + [
        {"radius": radius}
        for radius in (None, "5", True, 0, -3, math.nan, math.inf, 200.5, 10**400)
    ]
    + [{"erase": erase} for erase in (None, 0, "no", [])],
)
def test_forged_strokes_are_refused_in_words(
    studio: Studio, opened: ImageState, forged: dict[str, Any]
) -> None:
    outcome = send(studio, opened, {**stroke([120, 150]), **forged})
    assert outcome.state is opened
    assert outcome.message.endswith(".") or outcome.message.endswith(").")
    assert outcome.message != text.FAILED


def test_the_longest_stroke_with_the_widest_brush_is_drawn(
    studio: Studio, opened: ImageState
) -> None:
    way = [[number % 400, number % 300] for number in range(MAX_POINTS)]
    assert mask_of(send(studio, opened, stroke(*way, radius=200)).state).all()


def test_a_message_of_more_strokes_than_are_worth_a_step_is_refused_whole(
    studio: Studio, opened: ImageState
) -> None:
    long = stroke(*[[number % 400, 9] for number in range(MAX_POINTS)], radius=3)
    state = send(studio, opened, *[long] * 3).state
    assert mask_of(state).any()
    outcome = send(studio, opened, *[long] * 4)
    assert outcome.state is opened
    assert "may cost 4000" in outcome.message and "these cost 4800" in outcome.message
    assert send(studio, opened, *[click(9, 9)] * 40).message == ""
