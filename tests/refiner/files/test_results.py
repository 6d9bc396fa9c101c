import contextlib
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from refiner.files import results
from refiner.types import Box, Click, InputError, Mask, MaskPair, ModelInfo, Prompts

masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=24))


def decoded(png):
    with Image.open(io.BytesIO(png)) as image:
        return image.mode, np.asarray(image)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(1, 256, (12, 17, 3), dtype=np.uint8)


@pytest.fixture
def mask():
    mask = np.zeros((12, 17), bool)
    mask[2:5, 3:9] = True
    return mask


@pytest.mark.parametrize("unwanted", ["torch", "gradio"])
def test_importing_exports_leaves_heavy_packages_out(unwanted):
    code = f"import sys, refiner.files.results; sys.exit({unwanted!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(masks)
def test_a_mask_png_is_8_bit_and_survives(mask):
    mode, pixels = decoded(results.mask_png(mask))
    assert mode == "L"
    assert np.array_equal(pixels, mask * np.uint8(255))


@given(masks)
def test_run_lengths_survive_json(mask):
    rle = json.loads(json.dumps(results.encode_rle(mask)))
    assert rle["size"] == list(mask.shape)
    back = results.decode_rle(rle)
    assert back.dtype == np.bool_
    assert np.array_equal(back, mask)


def test_run_lengths_are_those_of_cocos_own_coder():
    """The value is pycocotools 2.0's for this mask."""
    mask = np.zeros((5, 7), bool)
    mask[1:3, 2:5] = True
    assert results.encode_rle(mask) == {"size": [5, 7], "counts": ";230009"}


def test_run_lengths_take_a_mask_of_any_memory_layout(mask):
    flipped = mask.T[::-1]
    assert np.array_equal(results.decode_rle(results.encode_rle(flipped)), flipped)


@pytest.mark.parametrize(
    "rle",
    [
        pytest.param(None, id="nothing"),
        pytest.param({"size": [2, 2]}, id="no counts"),
        pytest.param({"counts": "04"}, id="no size"),
        pytest.param({"size": "22", "counts": "04"}, id="size of text"),
        pytest.param({"size": 4, "counts": "04"}, id="size of one number"),
        pytest.param({"size": [2], "counts": "04"}, id="size of one side"),
        pytest.param({"size": [2.0, 2.0], "counts": "04"}, id="size of fractions"),
        pytest.param({"size": [True, True], "counts": "04"}, id="size of booleans"),
        pytest.param({"size": [0, 2], "counts": ""}, id="empty size"),
        pytest.param({"size": [-2, -2], "counts": "04"}, id="negative size"),
        pytest.param({"size": [10**6, 10**6], "counts": "04"}, id="enormous size"),
        pytest.param({"size": [10**5000, 1], "counts": "04"}, id="size of too many digits"),
        pytest.param({"size": [2, 2], "counts": [0, 4]}, id="uncompressed"),
        pytest.param({"size": [2, 2], "counts": b"04"}, id="bytes"),
        pytest.param({"size": [2, 2], "counts": ""}, id="no runs"),
        pytest.param({"size": [2, 2], "counts": "03"}, id="too few pixels"),
        pytest.param({"size": [2, 2], "counts": "05"}, id="too many pixels"),
        pytest.param({"size": [2, 2], "counts": "o" * 100}, id="a run without end"),
        pytest.param({"size": [2, 2], "counts": "é"}, id="not ascii"),
        pytest.param({"size": [2, 2], "counts": "\x00"}, id="control character"),
    ],
)
def test_damaged_run_lengths_are_refused(rle):
    with pytest.raises(InputError, match=r"^A run|^The size|^The \"counts|^The run") as error:
        results.decode_rle(rle)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 250


@given(st.text(max_size=12))
def test_no_run_lengths_crash_the_decoder(counts):
    with contextlib.suppress(InputError):
        assert results.decode_rle({"size": [3, 5], "counts": counts}).shape == (3, 5)


def test_a_cutout_keeps_the_object_and_nothing_else(image, mask):
    mode, pixels = decoded(results.cutout_png(image, mask))
    assert mode == "RGBA"
    assert np.array_equal(pixels[mask, :3], image[mask])
    assert np.array_equal(pixels[..., 3], mask * np.uint8(255))
    assert not pixels[~mask].any()


def test_an_overlay_changes_nothing_outside_the_masks(image, mask):
    other = np.roll(mask, 4, axis=0)
    before = image.copy()
    mode, pixels = decoded(results.overlay_png(image, [mask, other], [(255, 0, 0), (0, 0, 255)]))
    assert mode == "RGB"
    assert np.array_equal(pixels[~(mask | other)], image[~(mask | other)])
    assert np.array_equal(image, before)


@pytest.mark.parametrize(("opacity", "expected"), [(0.0, 100), (0.5, 150), (1.0, 200)])
def test_opacity_is_the_share_of_the_colour(opacity, expected):
    image = np.full((2, 2, 3), 100, np.uint8)
    mask = np.array([[True, False], [False, False]])
    painted = results.overlay(image, [mask], [(200, 200, 200)], opacity)
    assert painted[0, 0].tolist() == [expected] * 3
    assert painted[1, 1].tolist() == [100] * 3


@pytest.mark.parametrize("opacity", [-0.1, 1.1, float("nan")])
def test_an_opacity_beyond_the_ends_is_refused(image, mask, opacity):
    with pytest.raises(InputError, match="between 0 and 1"):
        results.overlay(image, [mask], [(1, 2, 3)], opacity)


def test_each_mask_needs_a_colour(image, mask):
    with pytest.raises(InputError, match="one colour"):
        results.overlay(image, [mask], [])


def test_object_colours_are_distinct_and_repeat():
    count = len(results.OBJECT_COLORS)
    assert len(set(results.OBJECT_COLORS)) == count == 5
    assert results.object_color(0) == results.object_color(count) == results.OBJECT_COLORS[0]


def test_iou_counts_pixels_and_two_empty_masks_agree(mask):
    half = mask.copy()
    half[2:5, 6:9] = False
    assert results.iou(mask, half) == 0.5
    assert results.iou(mask, mask) == 1.0
    assert results.iou(mask, ~mask) == 0.0
    assert results.iou(mask & ~mask, mask & ~mask) == 1.0


@given(masks)
def test_iou_lies_between_0_and_1_and_is_symmetric(mask):
    other = np.roll(mask, 1, axis=1)
    assert 0 <= results.iou(mask, other) == results.iou(other, mask) <= 1


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(None, id="nothing"),
        pytest.param([[True]], id="list"),
        pytest.param(np.zeros((12, 17), np.uint8), id="numbers"),
        pytest.param(np.zeros((12, 17, 1), bool), id="three axes"),
        pytest.param(np.zeros((0, 17), bool), id="empty"),
    ],
)
def test_what_is_no_mask_is_refused_everywhere(image, bad):
    for use in (
        results.mask_png,
        results.encode_rle,
        lambda mask: results.iou(mask, mask),
        lambda mask: results.cutout_png(image, mask),
        lambda mask: results.overlay(image, [mask], [(1, 2, 3)]),
    ):
        with pytest.raises(InputError, match="A mask must"):
            use(bad)


def test_masks_of_another_size_are_refused(image, mask):
    for use in (
        lambda: results.iou(mask, mask.T),
        lambda: results.cutout_png(image, mask.T),
        lambda: results.overlay_png(image, [mask.T], [(1, 2, 3)]),
        lambda: results.result_document((17, 12), *example(mask), "00"),
    ):
        with pytest.raises(InputError, match="same size"):
            use()


def example(mask):
    prompts = [
        Prompts((Click(3, 4.5), Click(np.float32(8), 2, False)), Box(9, 5, 3, 2)),
        Prompts(mask=mask * np.float32(0.75)),
    ]
    empty = np.zeros_like(mask)
    pairs = [
        MaskPair(Mask(mask, np.float32(0.5)), Mask(mask, 1.0)),
        MaskPair(Mask(empty, 0.0), Mask(mask, 0.25)),
    ]
    info = ModelInfo("sam2-lite", "cpu", "base.safetensors", "refiner.safetensors", {"step": 7})
    return prompts, pairs, info


def test_a_result_document_tells_the_whole_result_in_plain_json(mask):
    document = results.result_document(mask.shape, *example(mask), "ab" * 32)
    document = json.loads(json.dumps(document, allow_nan=False))
    assert document["image"] == {"width": 17, "height": 12, "sha256": "ab" * 32}
    assert document["model"]["backbone"] == "sam2-lite"
    assert document["model"]["details"] == {"step": 7}
    assert document["versions"]["numpy"] == np.__version__

    clicked, coarse = document["objects"]
    assert clicked["prompts"] == {
        "clicks": [[3.0, 4.5, True], [8.0, 2.0, False]],
        "box": [3.0, 2.0, 9.0, 5.0],
        "mask": None,
    }
    assert clicked["base"]["bbox"] == [3, 2, 6, 3]
    assert clicked["base"]["area"] == 18
    assert clicked["base"]["predicted_iou"] == 0.5
    assert clicked["iou"] == 1.0
    assert np.array_equal(results.decode_rle(clicked["refined"]["segmentation"]), mask)
    assert np.array_equal(results.decode_rle(coarse["prompts"]["mask"]), mask)
    assert coarse["base"]["bbox"] == [0, 0, 0, 0]
    assert coarse["iou"] == 0.0


def test_a_result_document_leaves_out_packages_that_are_not_installed(mask, monkeypatch):
    monkeypatch.setattr(results, "PACKAGES", ("numpy", "no-such-package"))
    document = results.result_document(mask.shape, *example(mask), "00")
    assert list(document["versions"]) == ["numpy"]


def test_each_object_needs_its_masks(mask):
    prompts, pairs, info = example(mask)
    with pytest.raises(InputError, match="one pair of masks"):
        results.result_document(mask.shape, prompts, pairs[:1], info, "00")
