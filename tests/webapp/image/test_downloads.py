from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from refiner.files.painting import object_color, overlay
from refiner.files.run_lengths import decode_rle
from refiner.metrics import iou
from refiner.types import Click, ImageArray, InputError, ModelInfo, Prompts
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


def download(state: ImageState, info: ModelInfo, wanted: dict[str, Any]) -> tuple[str, bytes]:
    return picture_file(state, info, wanted, lambda: state.current_picture.pixels)


def pixels(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)


@pytest.mark.parametrize("model", ["base", "refined"])
def test_a_mask_is_a_black_and_white_png(studio: Studio, answered: ImageState, model: str) -> None:
    wanted = {"kind": "mask", "model": model, "object": 1}
    _, content = download(answered, studio.models.first.info, wanted)
    assert np.array_equal(pixels(content), MASKS[model].astype(np.uint8) * 255)


def test_a_cutout_is_transparent_outside_the_mask(studio: Studio, answered: ImageState) -> None:
    wanted = {"kind": "cutout", "model": "refined", "object": 1}
    _, content = download(answered, studio.models.first.info, wanted)
    image = pixels(content)
    assert np.array_equal(image[..., 3] == 255, MASKS["refined"])
    assert (image[MASKS["refined"]][:, :3] == 120).all()


def test_an_overlay_changes_nothing_outside_the_masks(studio: Studio, answered: ImageState) -> None:
    _, content = download(answered, studio.models.first.info, {"kind": "overlay", "model": "base"})
    changed = (pixels(content) != 120).any(axis=2)
    assert np.array_equal(changed, MASKS["base"])


def test_the_json_has_prompts_and_run_lengths(studio: Studio, answered: ImageState) -> None:
    name, content = download(answered, studio.models.first.info, {"kind": "json"})
    (item,) = json.loads(content)["objects"]
    assert item["prompts"]["clicks"] == [[100.0, 150.0, True], [110.0, 150.0, False]]
    for model, mask in MASKS.items():
        assert np.array_equal(decode_rle(item[model]["segmentation"]), mask)
    assert name == "picture_sam2refiner.json"


def test_files_are_called_after_the_photo_the_model_and_the_object(
    studio: Studio, answered: ImageState
) -> None:
    state = replace(answered, picture=replace(answered.current_picture, name="Фото 1"))
    info = studio.models.first.info
    wanted = {"kind": "mask", "model": "refined", "object": 1}
    assert download(state, info, wanted)[0] == "Фото 1_sam2refiner_mask.png"
    assert download(state, info, {**wanted, "kind": "json"})[0] == "Фото 1_sam2refiner.json"
    overlay = {**wanted, "kind": "overlay", "model": "base"}
    assert download(state, info, overlay)[0] == "Фото 1_sam2_overlay.png"
    state = complete(studio, state.add_object().add_click(2, Click(300, 200)))
    two = {**wanted, "kind": "cutout", "object": 2}
    assert download(state, info, two)[0] == "Фото 1_sam2refiner_object2_cutout.png"


LARGE_HW = (900, 1200)


@pytest.fixture
def photo(answered: ImageState) -> tuple[ImageState, ImageArray]:
    """A photo of three times the size worked at, and the state over it."""
    noise = np.random.default_rng(0).integers(0, 256, (*LARGE_HW, 3), dtype=np.uint8)
    return replace(answered, picture=replace(answered.current_picture, original_hw=LARGE_HW)), noise


def test_downloads_have_the_photos_own_pixels(
    studio: Studio, photo: tuple[ImageState, ImageArray]
) -> None:
    state, noise = photo
    info = studio.models.first.info

    def made(kind: str) -> np.ndarray:
        wanted = {"kind": kind, "model": "base", "object": 1}
        return pixels(picture_file(state, info, wanted, lambda: noise)[1])

    mask = made("mask") == 255
    expected = drawn(LARGE_HW, Prompts((Click(300, 450), Click(330, 450, False))), 3 * RADIUS)
    assert mask.shape == LARGE_HW
    assert iou(mask, expected) > 0.97
    cutout = made("cutout")
    assert np.array_equal(cutout[..., 3] == 255, mask)
    assert np.array_equal(cutout[mask][:, :3], noise[mask])
    painted = made("overlay")
    assert np.array_equal(painted[~mask], noise[~mask])
    assert np.array_equal(painted, overlay(noise, [mask], [object_color(0)]))


def test_the_json_is_in_pixels_of_the_photo(
    studio: Studio, photo: tuple[ImageState, ImageArray]
) -> None:
    state, noise = photo
    _, content = picture_file(state, studio.models.first.info, {"kind": "json"}, lambda: noise)
    document = json.loads(content)
    assert (document["image"]["width"], document["image"]["height"]) == LARGE_HW[::-1]
    assert document["image"]["worked"] == {"width": 400, "height": 300}
    assert document["image"]["sha256"] == hashlib.sha256(noise.tobytes()).hexdigest()
    (item,) = document["objects"]
    assert item["prompts"]["clicks"] == [[300.0, 450.0, True], [330.0, 450.0, False]]
    assert decode_rle(item["base"]["segmentation"]).shape == LARGE_HW


@pytest.mark.parametrize("kind", ["mask", "cutout", "overlay", "json"])
def test_without_a_mask_there_is_nothing_to_download(
    studio: Studio, opened: ImageState, kind: str
) -> None:
    with pytest.raises(InputError, match="click on something first"):
        download(opened, studio.models.first.info, {"kind": kind, "model": "base", "object": 1})
