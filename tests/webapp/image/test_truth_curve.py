from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from refiner.files.run_lengths import decode_rle
from refiner.metrics import boundary, boundary_iou, iou
from refiner.types import BoolArray, InputError
from tests.fakes import FakeSegmenter, disc
from tests.webapp.image.test_actions import click, edits, upload
from webapp.image import actions, truth_curve
from webapp.image.actions import Studio
from webapp.image.reply import canvas_value
from webapp.image.state import CURVE_STEPS, ImageState, Truth
from webapp.shared.events import Message, read_message

TRUTH = disc((300, 400), 120, 150, 60)


def png(mask: BoolArray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    return buffer.getvalue()


def truth_upload(studio: Studio, content: bytes, picture: str = "key") -> Message:
    path = upload(studio, content).values["path"]
    return read_message({"seq": 2, "path": path, "picture": picture})


def curve_value(state: ImageState) -> dict[str, Any] | None:
    """What a browser draws, as the reply says it."""
    truth = canvas_value(state, 0)["truth"]
    return truth and {key: truth[key] for key in ("label", "curves")}


@pytest.fixture
def known(opened: ImageState) -> ImageState:
    """The plain picture with a ground truth."""
    return replace(opened, truth=Truth(TRUTH, "Known."))


def counts(state: ImageState, object_id: int = 1) -> list[int]:
    value = curve_value(state)
    assert value is not None
    return [row[0] for row in value["curves"][str(object_id)]]


def test_every_click_adds_a_point_with_the_scores_of_its_masks(
    studio: Studio, known: ImageState
) -> None:
    state, expected = known, []
    for number, x in enumerate((90, 130, 170), start=1):
        state = actions.edit_picture(studio, state, edits(click(x, 150))).state
        answer = state.scene.find(1).answer
        assert answer is not None
        masks = decode_rle(answer.pair.base), decode_rle(answer.pair.refined)
        row = [measure(mask, TRUTH) for mask in masks for measure in (iou, boundary_iou)]
        expected.append([number, *row])
    value = curve_value(state)
    assert value == {"label": "Known.", "curves": {"1": expected}}


def test_clicks_that_came_together_have_a_point_each_as_if_they_came_alone(
    studio: Studio, known: ImageState
) -> None:
    state = actions.edit_picture(
        studio, known, edits(click(90, 150), click(130, 150), click(9, 9))
    ).state
    assert counts(state) == [1, 2, 3]
    assert isinstance(studio.models.first, FakeSegmenter)
    assert [len(call) for call in studio.models.first.calls] == [1, 1, 1]


def test_one_message_asks_the_model_only_so_often(studio: Studio, known: ImageState) -> None:
    objects = [{"type": "add_object"}] * 4
    many = [click(5 * x, 9 * one, target=one) for one in range(1, 6) for x in range(1, 35)]
    state = actions.edit_picture(studio, known, edits(*objects, *many)).state
    assert isinstance(studio.models.first, FakeSegmenter)
    assert len(studio.models.first.calls) == 5 + CURVE_STEPS
    assert all(item.answer for item in state.scene.objects)


def test_the_rim_of_a_truth_is_found_once(
    studio: Studio, known: ImageState, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[BoolArray] = []

    def counted(mask: BoolArray) -> BoolArray:
        seen.append(mask)
        return boundary(mask)

    monkeypatch.setattr(truth_curve, "boundary", counted)
    state = known
    for x in (90, 130, 170):
        state = actions.edit_picture(studio, state, edits(click(x, 150))).state
    assert len(seen) == 1 + 2 * 3
    brush = {"type": "brush", "points": [[9, 9]], "radius": 5, "erase": False}
    state = actions.edit_picture(studio, state, edits(brush)).state
    assert state.truth is not None and state.truth.rim is not None
    assert np.array_equal(state.truth.rim, boundary(state.truth.mask))


def test_undo_takes_points_away_and_redo_brings_them_back(
    studio: Studio, known: ImageState
) -> None:
    state = known
    for x in (90, 130, 170):
        state = actions.edit_picture(studio, state, edits(click(x, 150))).state
    full = curve_value(state)
    state = actions.edit_picture(studio, state, edits({"type": "undo"}, {"type": "undo"})).state
    assert counts(state) == [1]
    state = actions.edit_picture(studio, state, edits({"type": "redo"}, {"type": "redo"})).state
    assert curve_value(state) == full


def test_what_was_deleted_cleared_or_removed_is_not_on_the_curve(
    studio: Studio, known: ImageState
) -> None:
    box = {"type": "box", "object": 1, "box": [10, 10, 90, 90]}
    state = actions.edit_picture(studio, known, edits(click(90, 150), box, click(130, 150))).state
    assert counts(state) == [1, 2, 3]
    state = actions.edit_picture(
        studio, state, edits({"type": "delete", "object": 1, "index": 0})
    ).state
    assert counts(state) == [1, 2]
    state = actions.edit_picture(studio, state, edits({"type": "clear", "object": 1})).state
    assert counts(state) == []


def test_each_object_has_its_own_curve(studio: Studio, known: ImageState) -> None:
    first = edits(click(90, 150), {"type": "add_object"}, click(9, 9, target=2))
    state = actions.edit_picture(studio, known, first).state
    state = actions.edit_picture(studio, state, edits(click(50, 50, target=2))).state
    assert counts(state) == [1]
    assert counts(state, 2) == [1, 2]


def test_a_truth_that_comes_late_measures_the_clicks_before_it(
    studio: Studio, opened: ImageState
) -> None:
    state = opened
    for x in (90, 130):
        state = actions.edit_picture(studio, state, edits(click(x, 150))).state
    assert curve_value(state) is None
    state = actions.open_truth(studio, state, truth_upload(studio, png(TRUTH))).state
    assert counts(state) == [1, 2]
    assert curve_value(actions.drop_truth(studio, state, read_message({})).state) is None


def test_a_truth_of_the_size_before_scaling_is_scaled_with_the_picture(studio: Studio) -> None:
    large = np.zeros((1536, 4096, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(large).save(buffer, "PNG")
    state = actions.upload_picture(studio, ImageState(), upload(studio, buffer.getvalue())).state
    for size_hw in ((1536, 4096), (768, 2048)):
        mask = np.zeros(size_hw, dtype=np.bool_)
        mask[:, : size_hw[1] // 2] = True
        message = truth_upload(studio, png(mask), state.current_picture.key)
        truth = actions.open_truth(studio, state, message).state.truth
        assert truth is not None
        assert truth.mask.shape == (768, 2048)
        assert truth.mask[:, :1024].all() and not truth.mask[:, 1024:].any()


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        (np.ones((30, 50), np.bool_), "picture's own shape"),
        (np.zeros((300, 400), np.bool_), "no pixel"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(
    studio: Studio, opened: ImageState, mask: BoolArray, reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        actions.open_truth(studio, opened, truth_upload(studio, png(mask)))


def test_a_truth_for_another_picture_is_left_out(studio: Studio, opened: ImageState) -> None:
    message = truth_upload(studio, png(TRUTH), "older")
    assert actions.open_truth(studio, opened, message).state is opened


def test_the_truth_goes_with_the_picture(studio: Studio, known: ImageState) -> None:
    message = upload(studio, png(TRUTH))
    assert actions.upload_picture(studio, known, message).state.truth is None
