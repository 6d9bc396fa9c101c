from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from refiner.files.painting import mask_png
from refiner.files.run_lengths import decode_rle, encode_rle
from refiner.types import Click, InputError
from tests.fakes import FakeSegmenter, disc
from tests.webapp.image.test_actions import click, edits, upload
from webapp.image import actions
from webapp.image.actions import Studio
from webapp.image.mask_prompts import give_mask
from webapp.image.reply import canvas_value
from webapp.image.state import ImageState, Picture
from webapp.shared.events import Message, read_message
from webapp.shared.limits import Limits

SIZE = (300, 400)
ONE, TWO = disc(SIZE, 120, 150, 60), disc(SIZE, 300, 100, 30)


def given(studio: Studio, content: bytes, target: int = 1, picture: str = "key") -> Message:
    path = upload(studio, content).values["path"]
    return read_message({"seq": 2, "path": path, "picture": picture, "object": target})


def coco(*masks: np.ndarray) -> bytes:
    return json.dumps([{"segmentation": encode_rle(mask)} for mask in masks]).encode()


def test_an_uploaded_mask_is_a_prompt_and_is_answered(studio: Studio, opened: ImageState) -> None:
    state = give_mask(studio, opened, given(studio, mask_png(ONE))).state
    item = state.scene.find(1)
    assert np.array_equal(item.prompts.mask, ONE)
    assert item.answer is not None
    assert np.array_equal(decode_rle(item.answer.pair.base), ONE)


def test_clicks_correct_the_mask(studio: Studio, opened: ImageState) -> None:
    state = give_mask(studio, opened, given(studio, mask_png(ONE))).state
    state = actions.edit_picture(studio, state, edits(click(120, 150, False))).state
    assert isinstance(studio.models.first, FakeSegmenter)
    ((asked,),) = studio.models.first.calls[1:]
    assert asked.clicks == (Click(120, 150, False),)
    assert np.array_equal(asked.mask, ONE)


def test_every_object_of_a_file_becomes_one_in_a_single_step(
    studio: Studio, opened: ImageState
) -> None:
    state = give_mask(studio, opened, given(studio, coco(ONE, TWO))).state
    first, second = state.scene.objects
    assert np.array_equal(first.prompts.mask, ONE)
    assert np.array_equal(second.prompts.mask, TWO)
    ids = [first.mask_record.id, second.mask_record.id, first.answer.id, second.answer.id]  # type: ignore[union-attr]
    assert len(set(ids)) == 4
    assert len(state.undo().scene.objects) == 1


def test_the_mask_can_be_removed_undone_and_cleared(studio: Studio, opened: ImageState) -> None:
    state = give_mask(studio, opened, given(studio, mask_png(ONE))).state
    removed = actions.edit_picture(studio, state, edits({"type": "delete_mask", "object": 1})).state
    cleared = actions.edit_picture(studio, state, edits({"type": "clear", "object": 1})).state
    for gone in (removed, cleared):
        assert gone.scene.find(1).prompts.mask is None
        assert canvas_value(gone, 3)["objects"][0]["given"] is None
    undone = actions.edit_picture(studio, removed, edits({"type": "undo"})).state
    assert np.array_equal(undone.scene.find(1).prompts.mask, ONE)


def test_the_outline_is_sent_once(studio: Studio, opened: ImageState) -> None:
    state = give_mask(studio, opened, given(studio, mask_png(ONE))).state
    sent = canvas_value(state, 3)["objects"][0]["given"]
    assert np.array_equal(decode_rle(sent["rle"]), ONE)
    assert "rle" not in canvas_value(state, 4, {sent["id"]})["objects"][0]["given"]


def test_a_mask_of_the_original_size_is_scaled_with_the_picture(
    studio: Studio, opened: ImageState
) -> None:
    picture = Picture("key", opened.current_picture.pixels, (600, 800), "picture.jpg")
    large = disc((600, 800), 240, 300, 120)
    state = give_mask(studio, ImageState().open(picture), given(studio, mask_png(large))).state
    mask = state.scene.find(1).prompts.mask
    assert mask is not None
    assert (mask & ONE).sum() / (mask | ONE).sum() > 0.97


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (mask_png(ONE[:200]), "400 x 200"),
        (b"{", "damaged JSON"),
        (coco(*[ONE] * 6), "has 6 objects and there is room for 5"),
    ],
)
def test_what_does_not_fit_is_refused(
    studio: Studio, opened: ImageState, content: bytes, reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        give_mask(studio, opened, given(studio, content))


def test_masks_for_another_picture_or_object_are_left_out(
    studio: Studio, opened: ImageState
) -> None:
    message = given(studio, mask_png(ONE), picture="older")
    assert give_mask(studio, opened, message).state is opened
    with pytest.raises(InputError, match="no longer there"):
        give_mask(studio, opened, given(studio, mask_png(ONE), target=9))


def test_only_uploaded_files_are_read(studio: Studio, opened: ImageState) -> None:
    message = read_message({"path": "/etc/passwd", "picture": "key", "object": 1})
    with pytest.raises(InputError, match="did not arrive"):
        give_mask(studio, opened, message)


def test_the_limit_counts_objects_that_are_there(studio: Studio, opened: ImageState) -> None:
    small = Studio(studio.models, studio.reader, studio.publish, studio.uploads, Limits(objects=2))
    state = opened.add_object()
    with pytest.raises(InputError, match="room for 1"):
        give_mask(small, state, given(small, coco(ONE, TWO)))


def labels(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_what_was_understood_is_said_on_the_page(studio: Studio, opened: ImageState) -> None:
    outcome = give_mask(studio, opened, given(studio, labels(ONE * 1 + TWO * 2)))
    assert len(outcome.state.scene.objects) == 2
    assert (outcome.message, outcome.notice) == ("", "Mask: 2 objects (1, 2).")
    assert give_mask(studio, opened, given(studio, mask_png(ONE))).notice == ""


def test_the_page_may_say_how_to_read_a_mask(studio: Studio, opened: ImageState) -> None:
    message = given(studio, mask_png(~ONE))
    chosen = replace(message, values={**message.values, "labels": "binary", "invert": True})
    state = give_mask(studio, opened, chosen).state
    assert np.array_equal(state.scene.find(1).prompts.mask, ONE)
    odd = replace(message, values={**message.values, "labels": 7})
    with pytest.raises(InputError, match="Labels are read as one of"):
        give_mask(studio, opened, odd)


def test_an_annotation_file_of_several_pictures_is_searched_by_name(
    studio: Studio, opened: ImageState
) -> None:
    images = [
        {"id": n, "file_name": f"x/{name}.jpg", "height": 300, "width": 400}
        for n, name in enumerate(("cat", "dog"))
    ]
    rows = [{"image_id": n, "segmentation": encode_rle(mask)} for n, mask in enumerate((ONE, TWO))]
    content = json.dumps({"images": images, "annotations": rows}).encode()
    picture = replace(opened.current_picture, file_name="dog.jpg")
    state = give_mask(studio, ImageState().open(picture), given(studio, content)).state
    assert np.array_equal(state.scene.find(1).prompts.mask, TWO)
    with pytest.raises(InputError, match="several pictures"):
        give_mask(studio, opened, given(studio, content))


def test_a_truth_is_all_objects_of_a_file_but_what_is_ignored(
    studio: Studio, opened: ImageState
) -> None:
    image = ONE * 1 + TWO * 2
    image[:20] = 255
    outcome = actions.open_truth(studio, opened, given(studio, labels(image)))
    assert outcome.state.truth is not None
    assert np.array_equal(outcome.state.truth.mask, ONE | TWO)
    assert "255 is ignored" in outcome.notice
