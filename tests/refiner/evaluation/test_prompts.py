import numpy as np
import pytest

from refiner.evaluation.prompts import (
    DEGRADED,
    PromptSpec,
    degraded,
    parse_prompt_specs,
    sample_prompts,
    simulate_clicks,
    stable_seed,
    tight_box,
)
from refiner.types import Box, Click, InputError


def test_specs_are_read_in_order_and_taken_once():
    specs = parse_prompt_specs("box, points:10,noc,points:010")
    assert specs == (PromptSpec("box"), PromptSpec("points:10", 10), PromptSpec("noc"))
    assert [spec.seeded for spec in specs] == [False, True, False]


@pytest.mark.parametrize(
    "text", ["", "box,", "point:3", "points", "points:0", "points:-1", "points:1001", "points:²"]
)
def test_unknown_specs_are_refused(text):
    with pytest.raises(InputError, match="Unknown prompts .*; expected box, points:K"):
        parse_prompt_specs(text)


def test_the_box_runs_along_the_outer_edges_of_the_pixels():
    mask = np.zeros((9, 12), bool)
    mask[3, 4] = True
    assert tight_box(mask) == Box(4, 3, 5, 4)
    mask[8, 11] = True
    (box,) = parse_prompt_specs("box")
    prompts = sample_prompts(box, mask, 0)
    assert (prompts.box, prompts.clicks) == (Box(4, 3, 12, 9), ())
    prompts.check((9, 12))


def test_points_are_distinct_pixel_centres_of_the_object_and_nested():
    mask = np.random.default_rng(0).random((40, 60)) > 0.7
    clicks = {
        k: sample_prompts(PromptSpec(f"points:{k}", k), mask, seed=5).clicks for k in (1, 5, 10)
    }
    assert clicks[10][:5] == clicks[5] and clicks[5][:1] == clicks[1]
    assert len(set(clicks[10])) == 10
    assert all(click.positive and mask[int(click.y), int(click.x)] for click in clicks[10])
    assert all(click.x % 1 == 0.5 and click.y % 1 == 0.5 for click in clicks[10])
    assert sample_prompts(PromptSpec("points:10", 10), mask, seed=6).clicks != clicks[10]


def test_points_are_drawn_uniformly():
    mask = np.zeros((2, 4), bool)
    mask[:, 1:3] = True
    spec = PromptSpec("points:1", 1)
    drawn = [sample_prompts(spec, mask, seed).clicks[0] for seed in range(2000)]
    counts = [drawn.count(Click(x, y)) for x in (1.5, 2.5) for y in (0.5, 1.5)]
    assert sum(counts) == 2000
    assert all(abs(count - 500) < 100 for count in counts)  # five standard deviations


def test_an_object_of_fewer_pixels_repeats_them():
    mask = np.zeros((3, 3), bool)
    mask[0, :2] = True
    clicks = sample_prompts(PromptSpec("points:5", 5), mask, seed=1).clicks
    assert len(clicks) == 5
    assert set(clicks[:2]) == {Click(0.5, 0.5), Click(1.5, 0.5)}
    assert clicks[2:4] == clicks[:2]


def test_an_empty_mask_and_sampled_noc_clicks_are_refused():
    with pytest.raises(InputError, match="empty one"):
        sample_prompts(PromptSpec("box"), np.zeros((3, 3), bool), 0)
    with pytest.raises(InputError, match="noc follow the model's answers"):
        sample_prompts(PromptSpec("noc"), np.ones((3, 3), bool), 0)
    with pytest.raises(InputError, match="empty one"):
        simulate_clicks(lambda asked: [], [np.zeros((3, 3), bool)])


def test_seeds_are_the_same_in_every_process():
    # numbers written down: what Python hashes of a string differs from process to process
    assert stable_seed(1, "a", 2) == 4187283149632587389
    assert len({stable_seed(1, "a", 2), stable_seed(2, "a", 2), stable_seed(1, "a", 3)}) == 3


def test_clicking_stops_at_a_good_mask_and_asks_only_for_the_rest():
    good = np.zeros((10, 10), bool)
    good[2:8, 2:8] = True
    asked_for = []

    def answer(asked):
        asked_for.append([index for index, _ in asked])
        # Object 0 is right after its second click, object 1 never.
        return [
            good if index == 0 and len(prompts.clicks) == 2 else np.zeros_like(good)
            for index, prompts in asked
        ]

    curves = simulate_clicks(answer, [good, good])
    assert curves == [[0.0] + [1.0] * 19, [0.0] * 20]
    assert asked_for == [[0, 1], [0, 1]] + [[1]] * 18


def square(size=60, low=20, high=50):
    mask = np.zeros((size, size), bool)
    mask[low:high, low:high] = True
    return mask


def test_degraded_masks_are_mask_prompts():
    for spec in parse_prompt_specs(",".join(DEGRADED)):
        prompts = sample_prompts(spec, square(), 0)
        assert not spec.seeded
        assert np.array_equal(prompts.mask, degraded(square(), spec.name))
        assert (prompts.clicks, prompts.box) == ((), None)


def test_dilation_and_erosion_move_the_rim_by_eight_pixels():
    assert np.array_equal(degraded(square(), "dilated"), square(low=12, high=58))
    assert np.array_equal(degraded(square(), "eroded"), square(low=28, high=42))
    assert np.array_equal(degraded(square(low=0, high=60), "eroded"), square(low=0, high=60))


def test_erosion_leaves_something_of_thin_objects():
    mask = np.zeros((60, 60), bool)
    mask[10:16, 5:55] = True
    left = degraded(mask, "eroded")
    assert left.any()
    assert (left & ~mask).sum() == 0


def test_a_simplified_polygon_loses_detail_and_holes_but_no_part():
    rows, columns = np.ogrid[:200, :200]
    mask = (rows - 90) ** 2 + (columns - 90) ** 2 <= 70**2
    mask[70:110, 70:110] = False
    mask[195:197, 190:193] = True
    simple = degraded(mask, "polygon")
    assert simple[90, 90]
    assert simple[195:197, 190:193].all()
    outer = mask.copy()
    outer[70:110, 70:110] = True
    assert 0.8 < (simple & outer).sum() / (simple | outer).sum() < 0.99


def test_an_unknown_degradation_is_refused():
    with pytest.raises(InputError, match="Unknown degradation 'melted'; .*dilated"):
        degraded(square(), "melted")
