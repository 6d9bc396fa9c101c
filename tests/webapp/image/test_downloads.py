from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from refiner.files.results import decode_rle
from refiner.types import Click, InputError, Prompts
from tests.fakes import RADIUS, drawn
from webapp.image.actions import Studio, complete
from webapp.image.downloads import picture_file
from webapp.image.state import ImageState

PROMPTS = Prompts((Click(100, 150), Click(110, 150, False)))
MASKS = {
    "base": drawn((300, 400), PROMPTS, RADIUS),
    "refined": drawn((300, 400), PROMPTS, RADIUS * 1.2),
}


@pytest.fixture
def answered(studio: Studio, opened: ImageState) -> ImageState:
    state = opened.add_click(1, PROMPTS.clicks[0]).add_click(1, PROMPTS.clicks[1])
    return complete(studio, state)


def pixels(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)


@pytest.mark.parametrize("model", ["base", "refined"])
def test_a_mask_is_a_black_and_white_png(studio: Studio, answered: ImageState, model: str) -> None:
    wanted = {"kind": "mask", "model": model, "object": 1}
    _, content = picture_file(answered, studio.models.first.info, wanted)
    assert np.array_equal(pixels(content), MASKS[model].astype(np.uint8) * 255)


def test_a_cutout_is_transparent_outside_the_mask(studio: Studio, answered: ImageState) -> None:
    wanted = {"kind": "cutout", "model": "refined", "object": 1}
    _, content = picture_file(answered, studio.models.first.info, wanted)
    image = pixels(content)
    assert np.array_equal(image[..., 3] == 255, MASKS["refined"])
    assert (image[MASKS["refined"]][:, :3] == 120).all()


def test_an_overlay_changes_nothing_outside_the_masks(studio: Studio, answered: ImageState) -> None:
    _, content = picture_file(
        answered, studio.models.first.info, {"kind": "overlay", "model": "base"}
    )
    changed = (pixels(content) != 120).any(axis=2)
    assert np.array_equal(changed, MASKS["base"])


def test_the_json_has_prompts_and_run_lengths(studio: Studio, answered: ImageState) -> None:
    name, content = picture_file(answered, studio.models.first.info, {"kind": "json"})
    (item,) = json.loads(content)["objects"]
    assert item["prompts"]["clicks"] == [[100.0, 150.0, True], [110.0, 150.0, False]]
    for model, mask in MASKS.items():
        assert np.array_equal(decode_rle(item[model]["segmentation"]), mask)
    assert name == "sam2refiner-studio.json"


@pytest.mark.parametrize("kind", ["mask", "cutout", "overlay", "json"])
def test_file_names_are_plain(studio: Studio, answered: ImageState, kind: str) -> None:
    wanted = {"kind": kind, "model": "base", "object": 1}
    name, _ = picture_file(answered, studio.models.first.info, wanted)
    assert re.fullmatch(r"[a-z0-9-]+\.(png|json)", name)


@pytest.mark.parametrize("kind", ["mask", "cutout", "overlay", "json"])
def test_without_a_mask_there_is_nothing_to_download(
    studio: Studio, opened: ImageState, kind: str
) -> None:
    with pytest.raises(InputError, match="click on something first"):
        picture_file(opened, studio.models.first.info, {"kind": kind, "model": "base", "object": 1})
