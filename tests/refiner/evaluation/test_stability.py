"""Stability: prompts and masks follow a changed picture there and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from refiner.data.manifest import read_manifest
from refiner.evaluation.prompts import parse_prompt_specs
from refiner.evaluation.stability import changes, measure_stability
from refiner.types import (
    Box,
    Click,
    ImageResult,
    InputError,
    Mask,
    MaskPair,
    ModelInfo,
    Prompts,
    Timings,
)


class BrightSegmenter:
    """Its `refined` is all that is bright; `base` the left half of the picture."""

    info = ModelInfo("fake", "cpu", "none", "none", {})

    def segment(self, image, objects, *, logits=False):
        height, width = image.shape[:2]
        for one in objects:
            one.check((height, width))
        left = np.zeros((height, width), bool)
        left[:, : width // 2] = True
        pair = MaskPair(Mask(left, 0.5), Mask(image[..., 0] > 127, 0.5))
        return ImageResult((pair,) * len(objects), Timings(0, 0, 0, 0))


def bright(image):
    """What is brighter than half of the brightest."""
    return image[..., 0] > image.max() / 2


@pytest.fixture
def picture():
    image = np.zeros((100, 150, 3), np.uint8)
    image[20:60, 30:90] = 255
    return image


def test_prompts_stay_on_what_they_were_on(picture):
    given = Prompts(clicks=(Click(30.5, 20.5), Click(2, 2, False)), box=Box(30, 20, 90, 60))
    for change in changes(picture).values():
        moved = change.prompts(given)
        assert bright(change.image)[int(moved.clicks[0].y), int(moved.clicks[0].x)]
        assert [one.positive for one in moved.clicks] == [True, False]
        box = moved.box
        found = np.argwhere(bright(change.image))
        wanted = [
            found[:, 1].min(),
            found[:, 0].min(),
            found[:, 1].max() + 1,
            found[:, 0].max() + 1,
        ]
        assert [box.x0, box.y0, box.x1, box.y1] == pytest.approx(wanted, abs=1)


def test_a_mask_comes_back_where_it_was(picture):
    truth = picture[..., 0] > 127
    for name, change in changes(picture).items():
        back = change.back(bright(change.image), truth.shape)
        assert (back & truth).sum() / (back | truth).sum() >= (0.95 if name == "smaller" else 1.0)


def test_a_model_that_follows_the_picture_is_stable_and_one_that_does_not_is_not(picture, tmp_path):
    Image.fromarray(picture).save(tmp_path / "a.png")
    Image.fromarray((picture[..., 0] > 127).astype(np.uint8)).save(tmp_path / "m.png")
    row = {"id": "a", "image": "a.png", "mask": "m.png", "kind": "object", "split": "val"}
    (tmp_path / "manifest.jsonl").write_text(json.dumps({**row, "w": 150, "h": 100}))
    rows = read_manifest(tmp_path / "manifest.jsonl")
    specs = parse_prompt_specs("box,points:2,mask")
    segmenters = {"sam2refiner": BrightSegmenter()}
    found = {
        (one["model"], one["prompts"], one["change"]): (one["iou"], one["lost"])
        for one in measure_stability(segmenters, rows, specs, ("sam2", "sam2refiner"))
    }
    assert len(found) == 2 * 2 * 7
    assert found["sam2refiner", "box", "mirrored"] == (1, 0)
    assert found["sam2refiner", "points:2", "smaller"][0] > 0.95
    assert found["sam2refiner", "box", "grey"] == (1, 0)
    assert found["sam2refiner", "box", "dark"] == (0, 1)  # nothing is bright any more
    assert found["sam2", "box", "mirrored"][0] == 0
    with pytest.raises(InputError, match="measured with box or points:N"):
        measure_stability(segmenters, rows, parse_prompt_specs("mask"), ("sam2",))
