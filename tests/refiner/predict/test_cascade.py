"""The cascade: any mask, refined by a SAM2Refiner that takes it as its prompt."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from refiner.config import LITE
from refiner.predict.cascade import CascadeSegmenter, refine
from refiner.predict.loading import load_any
from refiner.predict.segmenter import BaseSegmenter, ImageSegmenter
from refiner.types import Box, Click, InputError, ModelInfo, Prompts
from tests.fakes import FakeSegmenter

INFO = ModelInfo("random", "cpu", "random numbers", "random numbers")
MASK = np.zeros((30, 40), dtype=np.bool_)
MASK[5:15, 10:30] = True
GREY = np.full((30, 40, 3), 120, dtype=np.uint8)


@pytest.fixture
def fakes():
    return FakeSegmenter(), FakeSegmenter()


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory, tiny_base):
    """A weights folder with a file like the official one of tiny."""
    folder = tmp_path_factory.mktemp("official")
    torch.save({"model": tiny_base.state_dict()}, folder / "sam2.1_hiera_tiny.pt")
    return folder


def test_refine_is_the_refined_answer_to_the_mask_and_the_clicks(segmenter, picture):
    image = picture(30, 40)
    clicks = (Click(12, 8), Click(35, 25, False))
    pair = segmenter.segment(image, [Prompts(clicks, mask=MASK)]).objects[0]
    assert np.array_equal(refine(segmenter, image, MASK, clicks).mask, pair.refined.mask)


def test_refine_refuses_a_mask_of_another_size():
    with pytest.raises(InputError, match="20 x 30.*40 x 30"):
        refine(FakeSegmenter(), GREY, MASK[:, :20])


def test_the_refiner_gets_the_bases_mask_and_the_clicks_but_not_the_box(fakes):
    base, fine = fakes
    prompts = Prompts((Click(3, 4), Click(20, 20, False)), Box(1, 2, 30, 20))
    pair = CascadeSegmenter(base, fine, INFO).segment(GREY, [prompts]).objects[0]
    ((asked,),) = fine.calls
    assert np.array_equal(asked.mask, pair.base.mask)
    assert asked.clicks == prompts.clicks
    assert asked.box is None
    assert base.calls == [(prompts,)]


def test_a_mask_of_the_prompts_is_refined_itself(fakes):
    CascadeSegmenter(*fakes, INFO).segment(GREY, [Prompts((Click(3, 4),), mask=MASK)])
    ((asked,),) = fakes[1].calls
    assert asked.mask is MASK


def test_objects_keep_their_order_and_times_add_up(fakes):
    objects = [Prompts((Click(3, 4),)), Prompts(box=Box(1, 2, 30, 20))]
    cascade = CascadeSegmenter(*fakes, INFO)
    result = cascade.segment(GREY, objects)
    single = [cascade.segment(GREY, [one]).objects[0] for one in objects]
    for one, other in zip(result.objects, single, strict=True):
        assert np.array_equal(one.base.mask, other.base.mask)
        assert np.array_equal(one.refined.mask, other.refined.mask)
    assert result.timings.total == 24.0 + 3.0 + 4.0 + 9.0


def test_an_official_base_without_a_refiner_gets_the_cascade(
    tiny_folder, tiny_base, weights, picture, monkeypatch
):
    monkeypatch.setenv("SAM2_WEIGHTS_DIR", str(tiny_folder))
    embedded = load_any(LITE, "cpu", *weights)
    loaded = load_any("sam2.1-tiny", "cpu", embedded=embedded)
    image, prompts = picture(60, 80), Prompts((Click(30, 20),))
    pair = loaded.segment(image, [prompts]).objects[0]
    alone = BaseSegmenter(tiny_base, INFO, torch.device("cpu")).segment(image, [prompts])
    assert np.array_equal(pair.base.mask, alone.objects[0].base.mask)
    assert pair.base.mask.any()
    expected = refine(embedded, image, pair.base.mask, prompts.clicks)
    assert np.array_equal(pair.refined.mask, expected.mask)
    details = loaded.info.details
    assert details["titles"]["refined"] == "SAM2.1-T + cascade of sam2refiner-lite"
    assert {"base", "cascade_base", "cascade_refiner"} == set(details["files"])


def test_weights_that_are_not_there_are_told(tmp_path):
    with pytest.raises(InputError, match=r"sam2.1_hiera_large.pt for sam2.1-large"):
        load_any("sam2.1-large", "cpu", tmp_path)


def test_sam2_alone_gives_its_own_mask_twice(segmenter: ImageSegmenter, picture):
    image, prompts = picture(60, 80), Prompts((Click(30, 20),))
    alone = BaseSegmenter(segmenter.base, INFO, segmenter.device)
    pair = alone.segment(image, [prompts]).objects[0]
    expected = segmenter.segment(image, [prompts]).objects[0].base
    assert np.array_equal(pair.base.mask, expected.mask)
    assert pair.refined is pair.base
