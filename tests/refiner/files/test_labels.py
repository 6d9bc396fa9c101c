"""Pictures of labels: what is understood, what is said of it, and what is refused."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from refiner.files import painting
from refiner.files.labels.picture import numbered_map
from refiner.files.labels.records import LabelChoice
from refiner.files.mask_files import read_mask, read_masks
from refiner.types import InputError


def saved(image, kind="PNG", **options):
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


MASK = np.zeros((6, 9), bool)
MASK[1:4, 2:5] = True


def levels(low, high, dtype=np.uint8):
    return Image.fromarray(np.where(MASK, high, low).astype(dtype))


def mask_palette(colors):
    image = levels(0, 1)
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette([value for color in colors for value in color])
    return image


def alpha_mask(mode):
    image = Image.new(mode, (9, 6), 90 if mode == "LA" else (9, 9, 9))
    image.putalpha(levels(0, 255))
    return image


GOOD_MASKS = {
    "8-bit grey": saved(levels(0, 255)),
    "8-bit grey, soft": saved(levels(127, 128)),
    "8-bit grey of 0 and 1": saved(levels(0, 1)),
    "16-bit grey": saved(levels(0, 65535, np.uint16)),
    "16-bit grey, soft": saved(levels(127 * 257, 128 * 257, np.uint16)),
    "16-bit grey of 0 and 1": saved(levels(0, 1, np.uint16)),
    "1-bit": saved(levels(0, 255).convert("1")),
    "rgb": saved(levels(0, 255).convert("RGB")),
    "one channel": saved(Image.merge("RGB", [levels(0, 255), levels(0, 0), levels(0, 0)])),
    "index": saved(mask_palette([(0, 0, 0), (128, 0, 0)])),
    "index without black": saved(mask_palette([(68, 1, 84), (253, 231, 37)])),
    "index, black last": saved(
        Image.eval(mask_palette([(255, 255, 255), (0, 0, 0)]), lambda index: 1 - index)
    ),
    "rgba": saved(alpha_mask("RGBA")),
    "grey and alpha": saved(alpha_mask("LA")),
    "opaque rgba": saved(levels(0, 255).convert("RGBA")),
    "webp": saved(levels(0, 255), "WEBP", lossless=True),
    "bmp": saved(levels(0, 255), "BMP"),
    "tiff": saved(levels(0, 255), "TIFF"),
    "dark": saved(levels(20, 120)),
    "float": saved(levels(0, 1, np.float32), "TIFF"),
    "gif": saved(levels(0, 255), "GIF"),
}


@pytest.mark.parametrize("name", GOOD_MASKS)
def test_masks_of_every_kind_are_read(name):
    mask = read_mask(GOOD_MASKS[name], (6, 9))
    assert mask.dtype == np.bool_
    assert np.array_equal(mask, MASK)


@given(hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=24)))
def test_a_mask_png_of_the_project_is_read_back(mask):
    mask[0, 0] = True
    assert np.array_equal(read_mask(painting.mask_png(mask), mask.shape), mask)


def test_a_cutout_of_the_project_serves_as_a_mask():
    image = np.full((6, 9, 3), 250, np.uint8)
    assert np.array_equal(read_mask(painting.cutout_png(image, MASK), (6, 9)), MASK)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        pytest.param(
            saved(levels(0, 255).transpose(Image.Transpose.TRANSPOSE)), "6 x 9", id="size"
        ),
        pytest.param(saved(levels(0, 0)), "marks no pixel", id="black"),
        pytest.param(b"mask", "text", id="text"),
        pytest.param(saved(levels(0, 255))[:40], "damaged", id="truncated"),
    ],
)
def test_masks_that_cannot_serve_are_refused(data, word):
    with pytest.raises(InputError, match=word) as error:
        read_mask(data, (6, 9))
    assert "\n" not in str(error.value)


SIZE = (120, 160)
ROWS, COLUMNS = np.mgrid[: SIZE[0], : SIZE[1]]
DISC = (COLUMNS - 50) ** 2 + (ROWS - 60) ** 2 <= 30**2
BLOCK = np.zeros(SIZE, bool)
BLOCK[30:95, 100:145] = True
COLOURS = np.zeros((*SIZE, 3), np.uint8)
COLOURS[DISC], COLOURS[BLOCK] = (64, 0, 0), (0, 128, 0)
RING = (cv2.dilate((DISC | BLOCK).astype(np.uint8), np.ones((9, 9))) > 0) & ~(DISC | BLOCK)


def numbers(first=1, second=2, dtype=np.uint8):
    return (DISC * first + BLOCK * second).astype(dtype)


def soft(image, sigma):
    return np.rint(cv2.GaussianBlur(image.astype(np.float32), (0, 0), sigma)).astype(np.uint8)


def indexed(pixels, palette, **options):
    image = Image.frombytes("P", pixels.shape[::-1], pixels.tobytes())
    image.putpalette(palette)
    return saved(image, **options)


def ringed(void, dtype=np.uint8):
    return np.where(RING, void, numbers()).astype(dtype)


VOC = [0, 0, 0, 128, 0, 0, 0, 128, 0, *[90, 90, 0] * 252, 224, 224, 192]
TWO_OBJECTS = {
    "small numbers": saved(numbers()),
    "numbers of 16 bits": saved(numbers(1001, 1002, np.uint16)),
    "numbers above a class": saved(
        np.where(DISC | BLOCK, numbers(26001, 26002, np.uint16), 7).astype(np.uint16)
    ),
    "numbers of 32 bits": saved(numbers(5, 2_000_000_000, np.int32), "TIFF"),
    "float numbers": saved(numbers(1, 2, np.float32), "TIFF"),
    "-1 around": saved(numbers(1, 2, np.int32) - 1, "TIFF"),
    "a ring of 255": saved(ringed(255)),
    "a ring of 65535": saved(ringed(65535, np.uint16)),
    "a ring of 255 in a palette": indexed(ringed(255), VOC),
    "an area of 255": saved(np.where(ROWS < 20, 255, numbers(11, 13)).astype(np.uint8)),
    "a palette": indexed(numbers(), [0, 0, 0, 128, 0, 0, 0, 128, 0]),
    "a palette like the numbers": indexed(numbers(), [0, 0, 0, 1, 1, 1, 2, 2, 2]),
    "a grey palette": indexed(numbers(), [0, 0, 0, 127, 127, 127, 255, 255, 255]),
    "a palette with a transparent colour": indexed(
        numbers(), [0, 0, 0, 255, 0, 0, 0, 255, 0], transparency=0
    ),
    "colours": saved(COLOURS),
    "colours in a BMP": saved(COLOURS, "BMP"),
    "colours on white": saved(np.where((DISC | BLOCK)[..., None], COLOURS, 255).astype(np.uint8)),
    "colours with alpha": saved(np.dstack([COLOURS, (DISC | BLOCK) * np.uint8(255)])),
    "colours with alpha in a TIFF": saved(
        np.dstack([COLOURS, (DISC | BLOCK) * np.uint8(255)]), "TIFF"
    ),
    "a ring of PASCAL VOC's colour": saved(
        np.where(RING[..., None], (224, 224, 192), COLOURS).astype(np.uint8)
    ),
    "two greys": saved(numbers(100, 200)),
}


def read(content, **choice):
    return read_masks(content, SIZE, choice=LabelChoice(**choice))


def close(mask, expected, least=0.98):
    return (mask & expected).sum() >= least * (mask | expected).sum()


@pytest.mark.parametrize("name", TWO_OBJECTS)
def test_objects_are_told_apart(name):
    found = read(TWO_OBJECTS[name])
    first, second = sorted(found.masks, key=lambda item: item.mask[60, 50], reverse=True)
    assert np.array_equal(first.mask, DISC)
    assert np.array_equal(second.mask, BLOCK)
    assert any(notice.startswith("2 objects") for notice in found.notices)
    assert np.array_equal(read_mask(TWO_OBJECTS[name], SIZE), DISC | BLOCK)


@pytest.mark.parametrize("name", [name for name in TWO_OBJECTS if "ring" in name])
def test_what_is_ignored_is_told(name):
    (told,) = [notice for notice in read(TWO_OBJECTS[name]).notices if "ignored" in notice]
    assert f"{RING.sum():,} pixels" in told


@pytest.mark.parametrize("top", [20, 60, 180, 255])
@pytest.mark.parametrize("sigma", [0.7, 2, 4])
def test_a_smoothed_mask_is_one_object_however_dim(top, sigma):
    (item,) = read(saved(soft(DISC * top, sigma))).masks
    assert close(item.mask, DISC, 0.95)


@pytest.mark.parametrize("sigma", [0.7, 1.5])
def test_smoothed_greys_and_colours_are_their_areas(sigma):
    strong = COLOURS * 1
    strong[DISC] = (200, 30, 30)
    for image in (numbers(100, 200), numbers(127, 255), strong):
        first, second = sorted(
            read(saved(soft(image, sigma))).masks, key=lambda item: item.mask[60, 50], reverse=True
        )
        assert close(first.mask, DISC)
        assert close(second.mask, BLOCK)


@pytest.mark.parametrize("quality", [30, 75, 95])
def test_a_jpeg_has_objects_by_colour_but_not_by_number(quality):
    strong = np.where(DISC[..., None], (220, 40, 40), COLOURS).astype(np.uint8)
    found = read(saved(strong, "JPEG", quality=quality)).masks
    assert len(found) == 2
    assert close(found[0].mask | found[1].mask, DISC | BLOCK, 0.9)
    (item,) = read(saved(DISC * np.uint8(255), "JPEG", quality=quality)).masks
    assert close(item.mask, DISC)
    with pytest.raises(InputError, match="save it as PNG, or say 'binary'"):
        read(saved(numbers(), "JPEG", quality=quality))
    decoded = np.asarray(
        Image.open(io.BytesIO(saved(DISC * np.uint8(255), "JPEG", quality=quality)))
    )
    assert len(read(saved(decoded)).masks) == 1


def test_small_and_thin_objects_are_kept():
    image = numbers(3, 7)
    image[5, 5], image[10:60, 2:4] = 5, 9
    areas = {item.label: item.mask.sum() for item in read(saved(image)).masks}
    assert areas == {"3": DISC.sum(), "5": 1, "7": BLOCK.sum(), "9": 100}


def test_stray_pixels_make_no_objects_of_a_black_and_white_mask():
    image = DISC * np.uint8(255)
    image[60, 50], image[3, 3] = 254, 1
    (item,) = read(saved(image)).masks
    assert (item.mask != DISC).sum() <= 1


@pytest.mark.parametrize("top", [1, 60, 255])
def test_two_levels_of_any_depth_are_one_object(top):
    for dtype, kind in ((np.uint8, "PNG"), (np.uint16, "PNG"), (np.int32, "TIFF")):
        (item,) = read(saved((DISC * top).astype(dtype), kind)).masks
        assert np.array_equal(item.mask, DISC)


def test_floats_are_probabilities_logits_or_numbers():
    probable = cv2.GaussianBlur(DISC.astype(np.float32), (0, 0), 3)
    for image in (probable, probable * 20 - 10):
        assert close(read(saved(image, "TIFF")).masks[0].mask, DISC, 0.95)
    holes = np.where(BLOCK, np.nan, DISC).astype(np.float32)
    found = read(saved(holes, "TIFF"))
    assert np.array_equal(found.masks[0].mask, DISC)
    assert f"{BLOCK.sum():,} pixels hold no number" in found.notices[0]


def trimap():
    kernel = np.ones((13, 13), np.uint8)
    disc = DISC.astype(np.uint8)
    return np.where(cv2.erode(disc, kernel), 255, cv2.dilate(disc, kernel) * 128).astype(np.uint8)


UNCLEAR = {
    "a trimap": (saved(trimap()), "as a band around 255: say 'binary'"),
    "2 around 1": (saved((2 - DISC).astype(np.uint8)), "lies all around: say 'binary'"),
    "noise": (
        saved(np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)),
        "thousands of colours",
    ),
    "100 numbers": (
        saved((ROWS // 12 * 10 + COLUMNS // 16 + 1).astype(np.uint16)),
        "than 64 objects",
    ),
    "black": (saved(np.zeros(SIZE, np.uint8)), "marks no pixel"),
    "another shape": (saved(numbers()[:60]), "160 x 60, the picture 160 x 120"),
    "turned": (saved(numbers().T.copy()), "turn it upright"),
    "one pixel": (saved(np.full((1, 1), 255, np.uint8)), "the picture's own shape"),
    "cut off": (saved(COLOURS)[:200], "damaged or incomplete"),
    "empty": (b"", "is empty"),
}


@pytest.mark.parametrize("name", UNCLEAR)
def test_what_is_not_clear_is_refused_with_the_reason(name):
    content, reason = UNCLEAR[name]
    with pytest.raises(InputError, match=reason) as error:
        read(content)
    assert "\n" not in str(error.value)


def test_a_choice_decides():
    assert [item.label for item in read(saved(trimap()), labels="ids").masks] == ["128", "255"]
    (item,) = read(saved(trimap()), labels="binary").masks
    assert np.array_equal(item.mask, trimap() > 127)
    assert len(read(saved((2 - DISC).astype(np.uint8)), labels="ids").masks) == 2
    assert len(read(saved(ringed(255)), labels="ids").masks) == 3
    panoptic = np.dstack([numbers(5, 7), DISC * np.uint8(1), DISC * np.uint8(0)])
    assert {item.label for item in read(saved(panoptic), labels="ids").masks} == {"261", "7"}
    assert {item.label for item in read(saved(COLOURS), labels="colours").masks} == {
        "#400000",
        "#008000",
    }
    (item,) = read(saved(COLOURS), labels="binary").masks
    assert np.array_equal(item.mask, BLOCK)


def test_an_inverted_mask_is_told_of_and_can_be_turned_round():
    content = saved(~DISC * np.uint8(255))
    found = read(content)
    assert np.array_equal(found.masks[0].mask, ~DISC)
    assert "invert it" in found.notices[-1]
    assert np.array_equal(read(content, invert=True).masks[0].mask, DISC)
    with pytest.raises(InputError, match="one object can be inverted, this one has 2"):
        read(saved(numbers()), invert=True)


@pytest.mark.parametrize("value", ["", "id", None, 3, ["ids"]])
def test_a_choice_is_one_of_those_there(value):
    with pytest.raises(InputError, match="Labels are read as one of auto"):
        LabelChoice(value)


@pytest.mark.parametrize("size", [(80, 60), (320, 240), (107, 80)])
def test_a_mask_of_another_size_is_scaled_and_said_so(size):
    stored = Image.fromarray(numbers()).resize(size, Image.Resampling.NEAREST)
    found = read(saved(stored))
    assert close(found.masks[0].mask, DISC, 0.93)
    assert close(found.masks[1].mask, BLOCK, 0.93)
    assert found.notices[-1] == f"scaled from {size[0]} x {size[1]} to the picture's 160 x 120"


def test_an_object_lost_by_scaling_is_named():
    large = np.kron(numbers(), np.ones((4, 4), np.uint8))
    large[1, 1] = 9
    assert "nothing is left of them when scaled: 9" in read(saved(large)).notices[-1]


@pytest.mark.parametrize("name", ["a ring of 255", "a ring of 255 in a palette", "small numbers"])
def test_a_map_of_numbers_keeps_them_but_for_the_unknown(name):
    assert np.array_equal(numbered_map(Image.open(io.BytesIO(TWO_OBJECTS[name]))), numbers())


@pytest.mark.parametrize("name", ["numbers of 16 bits", "numbers of 32 bits", "colours"])
def test_a_map_of_other_numbers_counts_them_from_one(name):
    labels = numbered_map(Image.open(io.BytesIO(TWO_OBJECTS[name])))
    assert set(np.unique(labels)) == {0, 1, 2}
    assert len({*labels[DISC]}) == len({*labels[BLOCK]}) == 1


@given(st.data())
def test_any_picture_is_read_or_refused_in_words(data):
    dtype = data.draw(st.sampled_from([np.uint8, np.uint16, np.int32, np.float32]))
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))
    if dtype is np.uint8 and data.draw(st.booleans()):
        shape = (*shape, data.draw(st.sampled_from([3, 4])))
    image = data.draw(hnp.arrays(dtype, shape))
    kind = "PNG" if dtype in (np.uint8, np.uint16) else "TIFF"
    try:
        found = read_masks(saved(image, kind), shape[:2])
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert all(item.mask.any() and item.mask.shape == shape[:2] for item in found.masks)
