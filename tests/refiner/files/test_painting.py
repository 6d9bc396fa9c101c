import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from PIL import Image

from refiner.files import painting
from refiner.files.run_lengths import encode_rle
from refiner.types import InputError

masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=24))


def decoded(png):
    with Image.open(io.BytesIO(png)) as image:
        return image.mode, np.asarray(image)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(1, 256, (12, 17, 3), dtype=np.uint8)


@given(masks)
def test_a_mask_png_is_8_bit_and_survives(mask):
    mode, pixels = decoded(painting.mask_png(mask))
    assert mode == "L"
    assert np.array_equal(pixels, mask * np.uint8(255))


def test_a_cutout_keeps_the_object_and_nothing_else(image, mask):
    mode, pixels = decoded(painting.cutout_png(image, mask))
    assert mode == "RGBA"
    assert np.array_equal(pixels[mask, :3], image[mask])
    assert np.array_equal(pixels[..., 3], mask * np.uint8(255))
    assert not pixels[~mask].any()


def test_an_overlay_changes_nothing_outside_the_masks(image, mask):
    other = np.roll(mask, 4, axis=0)
    before = image.copy()
    mode, pixels = decoded(painting.overlay_png(image, [mask, other], [(255, 0, 0), (0, 0, 255)]))
    assert mode == "RGB"
    assert np.array_equal(pixels[~(mask | other)], image[~(mask | other)])
    assert np.array_equal(image, before)


@pytest.mark.parametrize(("opacity", "expected"), [(0.0, 100), (0.5, 150), (1.0, 200)])
def test_opacity_is_the_share_of_the_colour(opacity, expected):
    image = np.full((2, 2, 3), 100, np.uint8)
    mask = np.array([[True, False], [False, False]])
    painted = painting.overlay(image, [mask], [(200, 200, 200)], opacity)
    assert painted[0, 0].tolist() == [expected] * 3
    assert painted[1, 1].tolist() == [100] * 3


@pytest.mark.parametrize("opacity", [-0.1, 1.1, float("nan")])
def test_an_opacity_beyond_the_ends_is_refused(image, mask, opacity):
    with pytest.raises(InputError, match="between 0 and 1"):
        painting.overlay(image, [mask], [(1, 2, 3)], opacity)


def test_each_mask_needs_a_colour(image, mask):
    with pytest.raises(InputError, match="one colour"):
        painting.overlay(image, [mask], [])


def test_object_colours_are_distinct_and_repeat():
    count = len(painting.OBJECT_COLORS)
    assert len(set(painting.OBJECT_COLORS)) == count == 5
    assert painting.object_color(0) == painting.object_color(count) == painting.OBJECT_COLORS[0]


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
        painting.mask_png,
        encode_rle,
        lambda mask: painting.cutout_png(image, mask),
        lambda mask: painting.overlay(image, [mask], [(1, 2, 3)]),
    ):
        with pytest.raises(InputError, match="A mask must"):
            use(bad)


def test_masks_of_another_size_are_refused(image, mask):
    for use in (
        lambda: painting.cutout_png(image, mask.T),
        lambda: painting.overlay_png(image, [mask.T], [(1, 2, 3)]),
    ):
        with pytest.raises(InputError, match="same size"):
            use()


@pytest.fixture
def mask():
    mask = np.zeros((12, 17), bool)
    mask[2:5, 3:9] = True
    return mask
