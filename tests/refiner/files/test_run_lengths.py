import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refiner.files.run_lengths import PackedPair, decode_rle, encode_rle
from refiner.types import InputError, Mask, MaskPair

masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=24))


@pytest.fixture
def mask():
    mask = np.zeros((12, 17), bool)
    mask[2:5, 3:9] = True
    return mask


@given(masks)
def test_run_lengths_survive_json(mask):
    rle = json.loads(json.dumps(encode_rle(mask)))
    assert rle["size"] == list(mask.shape)
    back = decode_rle(rle)
    assert back.dtype == np.bool_
    assert np.array_equal(back, mask)


def test_run_lengths_are_those_of_cocos_own_coder():
    """The value is pycocotools 2.0's for this mask."""
    mask = np.zeros((5, 7), bool)
    mask[1:3, 2:5] = True
    assert encode_rle(mask) == {"size": [5, 7], "counts": ";230009"}


def test_run_lengths_take_a_mask_of_any_memory_layout(mask):
    flipped = mask.T[::-1]
    assert np.array_equal(decode_rle(encode_rle(flipped)), flipped)


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
        decode_rle(rle)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 250


@given(st.text(max_size=12))
def test_no_run_lengths_crash_the_decoder(counts):
    with contextlib.suppress(InputError):
        assert decode_rle({"size": [3, 5], "counts": counts}).shape == (3, 5)


def test_a_packed_pair_gives_its_masks_back(mask):
    pair = MaskPair(Mask(mask, np.float32(0.5)), Mask(mask ^ np.roll(mask, 2), 0.25))
    packed = PackedPair.of(pair)
    back = packed.masks()
    assert np.array_equal(back.base.mask, pair.base.mask)
    assert np.array_equal(back.refined.mask, pair.refined.mask)
    assert (back.base.quality, back.refined.quality) == (0.5, 0.25)
    json.dumps(packed.base)
