from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from refiner.files.run_lengths import decode_rle
from refiner.types import ImageArray, ImageResult, InputError, Prompts
from tests.fakes import FakeSegmenter
from tests.webapp.image.test_actions import click, edits, fake
from webapp.image import actions
from webapp.image.actions import Studio
from webapp.image.probabilities import probability_png, soft_pair
from webapp.image.state import ImageState
from webapp.shared.backbones import Models
from webapp.shared.events import Message, read_message


def asked(item: object = 1, answer: object = 1) -> Message:
    return read_message({"seq": 3, "object": item, "answer": answer})


def grey(png: bytes) -> ImageArray:
    image = Image.open(io.BytesIO(png))
    assert image.mode == "L"
    return np.asarray(image)


@pytest.fixture
def clicked(studio: Studio, opened: ImageState) -> ImageState:
    return actions.edit_picture(studio, opened, edits(click(100, 150))).state


def test_a_probability_is_a_grey_value() -> None:
    logits = np.array([[-1e9, -20, 0, 20, 1e9], [-1, 1, -3, 3, 0.001]], np.float32)
    values = grey(probability_png(logits)).tolist()
    assert values[0] == [0, 0, 128, 255, 255]
    assert values[1] == [69, 186, 12, 243, 128]


def test_an_answer_s_probabilities_are_those_of_both_its_masks(
    studio: Studio, clicked: ImageState
) -> None:
    answer = clicked.scene.find(1).answer
    assert answer is not None
    pair = soft_pair(studio, clicked, asked(1, answer.id))
    assert pair is not None
    assert pair.answer == answer.id
    for png, rle, inside in (
        (pair.base, answer.pair.base, 186),
        (pair.refined, answer.pair.refined, 243),
    ):
        assert np.array_equal(grey(png) > 127, decode_rle(rle))
        assert set(np.unique(grey(png))) == {255 - inside, inside}


def test_an_answer_that_is_no_longer_there_asks_nothing_of_the_model(
    studio: Studio, clicked: ImageState
) -> None:
    later = actions.edit_picture(studio, clicked, edits(click(200, 150))).state
    calls = len(fake(studio).calls)
    assert soft_pair(studio, later, asked(1, 1)) is None
    cleared = actions.edit_picture(studio, clicked, edits({"type": "clear", "object": 1})).state
    assert soft_pair(studio, cleared, asked(1, 1)) is None
    assert len(fake(studio).calls) == calls


@pytest.mark.parametrize(("item", "answer"), [(7, 1), (None, 1), (1, None), ("1", 1), (1, -1)])
def test_a_forged_wish_is_refused(
    studio: Studio, clicked: ImageState, item: object, answer: object
) -> None:
    with pytest.raises(InputError):
        soft_pair(studio, clicked, asked(item, answer))


def test_a_model_without_probabilities_says_so(studio: Studio, clicked: ImageState) -> None:
    class MasksOnly(FakeSegmenter):
        def segment(
            self, image: ImageArray, objects: Sequence[Prompts], *, logits: bool = False
        ) -> ImageResult:
            return super().segment(image, objects)

    with pytest.raises(InputError, match="no probabilities"):
        soft_pair(replace(studio, models=Models(MasksOnly())), clicked, asked())
