import cv2
import numpy as np
import pytest
from faster_coco_eval.core import mask as coco
from hypothesis import given
from hypothesis import strategies as st

from refiner.metrics import boundary, boundary_iou, failed, iou, next_click, noc
from refiner.types import Click, InputError


def hq_sam_boundary(mask, ratio):
    """HQ-SAM's `utils/misc.py` mask_to_boundary (from the Boundary IoU API), step by step."""
    h, w = mask.shape
    dilation = int(round(ratio * np.sqrt(h**2 + w**2)))
    dilation = max(dilation, 1)
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    eroded = cv2.erode(padded, np.ones((3, 3), dtype=np.uint8), iterations=dilation)
    return mask - eroded[1 : h + 1, 1 : w + 1]


def ritm_distances(pred, truth):
    """RITM's `isegm/inference/clicker.py` _get_next_click: distances in missed and false pixels."""
    regions = np.logical_and(truth, ~pred), np.logical_and(~truth, pred)
    return [
        cv2.distanceTransform(np.pad(region, 1).astype(np.uint8), cv2.DIST_L2, 0)[1:-1, 1:-1]
        for region in regions
    ]


def blobs(seed, height, width, share=0.5):
    noise = np.random.default_rng(seed).random((height, width))
    return cv2.GaussianBlur(noise, (0, 0), 3).reshape(height, width) > np.quantile(noise, share)


def square(size=10, first=2, last=8):
    mask = np.zeros((size, size), bool)
    mask[first:last, first:last] = True
    return mask


sizes = st.tuples(st.integers(1, 90), st.integers(1, 90))


def test_iou_is_the_share_of_the_union():
    pred, truth = np.zeros((4, 5), bool), np.zeros((4, 5), bool)
    pred[0, :4] = True
    truth[0, 1:] = True
    assert iou(pred, truth) == pytest.approx(3 / 5)


def test_two_empty_masks_agree_and_one_does_not():
    empty = np.zeros((10, 10), bool)
    for measure in (iou, boundary_iou):
        assert measure(empty, empty) == 1.0
        assert measure(empty, square()) == 0.0
        assert measure(square(), empty) == 0.0
        assert measure(square(), square()) == 1.0


def test_masks_of_two_shapes_or_not_bool_are_refused():
    for measure in (iou, boundary_iou, next_click):
        with pytest.raises(InputError, match=r"same shape .* got \(10, 10\) and \(4, 4\)"):
            measure(square(), np.zeros((4, 4), bool))
        with pytest.raises(InputError, match="must be bool, got uint8"):
            measure(square().astype(np.uint8), square())


def test_boundary_iou_of_a_shifted_square_is_that_of_its_rims():
    # Diagonal 14.1: rims one pixel wide. Of 20 rim pixels each, two columns of the squares'
    # top and bottom rows (5 each) are shared, the vertical sides are not.
    pred = np.roll(square(), 1, axis=1)
    assert boundary(square()).sum() == 20
    assert boundary_iou(pred, square()) == pytest.approx(10 / 30)


@given(sizes, st.integers(0, 1000), st.sampled_from([0.02, 0.008, 0.1]))
def test_the_rim_is_bit_for_bit_hq_sams(size, seed, ratio):
    mask = blobs(seed, *size)
    reference = hq_sam_boundary(mask.astype(np.uint8), ratio)
    np.testing.assert_array_equal(boundary(mask, ratio), reference.astype(bool))


@pytest.mark.parametrize("ratio", [0.02, 0.008])
@pytest.mark.parametrize("size", [(480, 640), (75, 100), (640, 400)])
def test_the_rim_is_bit_for_bit_faster_coco_evals(size, ratio):
    mask = blobs(1, *size)
    rle = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    reference = coco.decode(coco.rleToBoundary(rle, ratio)).astype(bool)
    np.testing.assert_array_equal(boundary(mask, ratio), reference)


def test_the_border_of_the_picture_is_rim_and_memory_order_does_not_matter():
    full = np.ones((30, 40), bool)  # diagonal 50: one pixel
    assert boundary(full).sum() == 2 * 40 + 2 * 28
    mask = blobs(3, 60, 40)
    np.testing.assert_array_equal(boundary(np.asfortranarray(mask), 0.1), boundary(mask, 0.1))


def test_clicks_are_counted_to_the_first_that_reaches_the_threshold():
    curve = [0.5, 0.85, 0.8, 0.92]
    assert noc(curve, 0.85) == 2
    assert noc(curve, 0.9) == 4
    assert noc(curve, 0.95) == 20
    assert noc(curve, 0.9, max_clicks=3) == 3
    assert not failed(curve, 0.9)
    assert failed(curve, 0.9, max_clicks=3)
    assert failed(curve, 0.95)


def test_the_first_click_is_the_middle_of_the_object():
    mask = np.zeros((11, 21), bool)
    mask[3:8, 10:15] = True
    assert next_click(np.zeros_like(mask), mask) == Click(12.5, 5.5, True)


def test_a_false_region_larger_than_the_missed_one_is_clicked_away():
    truth, pred = np.zeros((20, 40), bool), np.zeros((20, 40), bool)
    truth[1:4, 1:4] = True
    pred[5:14, 20:29] = True
    assert next_click(pred, truth) == Click(24.5, 9.5, False)


def test_no_pixel_is_clicked_twice_and_a_perfect_mask_never():
    truth = np.zeros((5, 5), bool)
    truth[2, 1:3] = True
    pred = np.zeros_like(truth)
    first = next_click(pred, truth)
    second = next_click(pred, truth, [first])
    assert (first, second) == (Click(1.5, 2.5), Click(2.5, 2.5))
    assert next_click(pred, truth, [first, second]) is None
    assert next_click(truth, truth) is None


@given(sizes, st.integers(0, 1000))
def test_the_click_is_where_ritms_distance_is_largest(size, seed):
    pred, truth = blobs(seed, *size), blobs(seed + 1, *size)
    missed, false = ritm_distances(pred, truth)
    click = next_click(pred, truth)
    if click is None:
        assert (pred == truth).all()
        return
    depth = (missed if click.positive else false)[int(click.y), int(click.x)]
    assert depth == pytest.approx(max(missed.max(), false.max()), abs=1e-4)
