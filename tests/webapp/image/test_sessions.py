from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from refiner.files.painting import mask_png
from refiner.files.session import read_session
from refiner.types import ImageArray, InputError
from tests.fakes import disc
from tests.webapp.image.test_actions import click, edits, upload
from tests.webapp.image.test_mask_prompts import given
from webapp.image import actions
from webapp.image.actions import Studio
from webapp.image.mask_prompts import give_mask
from webapp.image.sessions import open_session, session_file
from webapp.image.state import ImageState, Picture
from webapp.shared.events import Message, read_message
from webapp.shared.limits import Limits


@pytest.fixture
def worked(studio: Studio, opened: ImageState) -> ImageState:
    """Two objects: one of clicks, one of a mask and a click."""
    state = actions.edit_picture(
        studio, opened, edits(click(90.125, 150), {"type": "add_object"})
    ).state
    mask = mask_png(disc((300, 400), 300, 100, 30))
    state = give_mask(studio, state, given(studio, mask, target=2)).state
    return actions.edit_picture(studio, state, edits(click(300, 100, False, target=2))).state


def saved(studio: Studio, state: ImageState) -> bytes:
    return session_file(state, studio.models.first.info, studio.limits)


def message(studio: Studio, content: bytes) -> Message:
    path = upload(studio, content).values["path"]
    return read_message({"seq": 2, "path": path, "picture": "key"})


def changed(studio: Studio, state: ImageState, **values: Any) -> Message:
    document = json.loads(saved(studio, state))
    for key, value in values.items():
        document[key] = {**document[key], **value}
    return message(studio, json.dumps(document).encode())


def test_a_session_opened_again_has_the_same_prompts_and_masks(
    studio: Studio, opened: ImageState, worked: ImageState
) -> None:
    outcome = open_session(studio, opened, message(studio, saved(studio, worked)))
    assert outcome.message == ""
    for old, new in zip(worked.scene.objects, outcome.state.scene.objects, strict=True):
        assert new.prompts.clicks == old.prompts.clicks
        assert old.answer is not None
        assert new.answer is not None
        assert new.answer.pair.refined == old.answer.pair.refined
    assert np.array_equal(
        outcome.state.scene.objects[1].prompts.mask, worked.scene.find(2).prompts.mask
    )
    assert outcome.state.scene.objects[1].mask_record is not None
    assert outcome.state.undo().scene is opened.scene


def test_masks_that_come_out_otherwise_are_told(
    studio: Studio, opened: ImageState, worked: ImageState
) -> None:
    document = json.loads(saved(studio, worked))
    document["objects"][0]["sha256"]["sam2"] = 64 * "0"
    outcome = open_session(studio, opened, message(studio, json.dumps(document).encode()))
    assert "1 of its 4 masks" in outcome.notice
    assert len(outcome.state.scene.objects) == 2


def test_a_session_of_another_picture_is_refused(
    studio: Studio, worked: ImageState, grey: ImageArray
) -> None:
    other = ImageState().open(Picture("key", grey + np.uint8(1), (300, 400), "picture.jpg"))
    with pytest.raises(InputError, match="another picture, of 400 x 300"):
        open_session(studio, other, message(studio, saved(studio, worked)))


def test_a_session_of_another_model_is_refused(
    studio: Studio, opened: ImageState, worked: ImageState
) -> None:
    with pytest.raises(InputError, match="made with other, loaded is fake"):
        open_session(studio, opened, changed(studio, worked, model={"backbone": "other"}))
    details = {"details": {"refiner_id": "0123"}}
    with pytest.raises(InputError, match="another checkpoint"):
        open_session(studio, opened, changed(studio, worked, model=details))


def test_a_session_over_the_limits_is_refused(
    studio: Studio, opened: ImageState, worked: ImageState
) -> None:
    small = replace(studio, limits=Limits(objects=1))
    with pytest.raises(InputError, match="2 objects and 1 clicks"):
        open_session(small, opened, message(studio, saved(studio, worked)))


def test_without_a_mask_there_is_no_session(studio: Studio, opened: ImageState) -> None:
    with pytest.raises(InputError, match="no mask yet"):
        saved(studio, opened)


def test_the_file_says_what_pictures_are_scaled_to(studio: Studio, worked: ImageState) -> None:
    session = read_session(saved(studio, worked))
    assert session.long_side == studio.limits.long_side
