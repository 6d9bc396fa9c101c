"""The embedded refiner leaves alone what its base has right: plain shapes, as in drawings."""

from __future__ import annotations

import numpy as np
import pytest

from refiner.metrics import iou
from refiner.predict.loading import load_segmenter
from refiner.types import Box, Prompts, Segmenter


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return load_segmenter(device="cpu")


@pytest.mark.parametrize("left", [20, 60])
@pytest.mark.parametrize("ground", [90, 220])
def test_a_plain_rectangle_is_not_torn(segmenter: Segmenter, left: int, ground: int) -> None:
    image = np.full((240, 320, 3), ground, np.uint8)
    mask = np.zeros((240, 320), bool)
    mask[60:160, left : left + 120] = True
    image[mask] = 200, 60, 60
    box = Box(left, 60, left + 119, 159)
    pair = segmenter.segment(image, [Prompts(box=box)]).objects[0]
    assert iou(pair.refined.mask, mask) > iou(pair.base.mask, mask) - 0.02
