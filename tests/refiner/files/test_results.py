import json
import subprocess
import sys

import numpy as np
import pytest

from refiner.files import results
from refiner.files.run_lengths import decode_rle
from refiner.types import Box, Click, InputError, Mask, MaskPair, ModelInfo, Prompts


@pytest.mark.parametrize("unwanted", ["torch", "gradio"])
def test_importing_exports_leaves_heavy_packages_out(unwanted):
    code = f"import sys, refiner.files.results; sys.exit({unwanted!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


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
    assert np.array_equal(decode_rle(clicked["refined"]["segmentation"]), mask)
    assert np.array_equal(decode_rle(coarse["prompts"]["mask"]), mask)
    assert coarse["base"]["bbox"] == [0, 0, 0, 0]
    assert coarse["iou"] == 0.0


def test_packages_that_are_not_installed_have_no_version():
    assert list(results.versions(("numpy", "no-such-package"))) == ["numpy"]


def test_each_object_needs_its_masks(mask):
    prompts, pairs, info = example(mask)
    with pytest.raises(InputError, match="one pair of masks"):
        results.result_document(mask.shape, prompts, pairs[:1], info, "00")


@pytest.fixture
def mask():
    mask = np.zeros((12, 17), bool)
    mask[2:5, 3:9] = True
    return mask


def test_masks_of_another_size_than_the_picture_are_refused(mask):
    with pytest.raises(InputError, match="same size"):
        results.result_document((17, 12), *example(mask), "00")
