"""Training: samples, prompts, losses, exact resume, what learns and what does not."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from refiner.config import OPTIMIZERS, RefinerConfig
from refiner.data.manifest import Row
from refiner.network.base_model import SAM2Base, build_lite, sample_box_points
from refiner.network.checkpoint import state_id
from refiner.network.decoding import decode
from refiner.network.sam2refiner import SAM2Refiner
from refiner.training.base_task import BaseTask
from refiner.training.loop import (
    Progress,
    Stage,
    TrainOptions,
    look,
    new_optimizer,
    set_rate,
    train,
)
from refiner.training.losses import answer_loss, bce_dice, flatten, mean_iou, shrink, soft_iou
from refiner.training.refiner_task import RefinerTask
from refiner.training.samples import augment, prompts
from refiner.training.samples.photos import (
    MIX,
    OBJECT_MIX,
    DataOptions,
    TrainingData,
    _shares,
    collate,
    cut_out,
    is_dev,
)
from refiner.types import InputError


def options(manifest, size=64, masks=3, **changes):
    return DataOptions((manifest,), size, changes.pop("mask_size", size), masks, **changes)


def iou(a, b):
    return (a & b).sum() / max(1, (a | b).sum())


# Samples


def test_a_sample_depends_on_the_seed_and_its_number_alone(manifest):
    data, again = TrainingData(options(manifest)), TrainingData(options(manifest))
    for _ in range(3):
        again[1]  # drawing others changes nothing
    for number in (0, 5, 1234567):
        for one, other in zip(data[number], again[number], strict=True):
            assert torch.equal(one, other)
    assert not torch.equal(data[5][0], data[6][0])
    assert not torch.equal(data[5][0], TrainingData(options(manifest, seed=1))[5][0])


@pytest.mark.parametrize(("size", "mask_size"), [(64, 64), (128, 64)])
def test_samples_have_the_sizes_asked_for(manifest, size, mask_size):
    image, masks = TrainingData(options(manifest, size, 5, mask_size=mask_size))[3]
    assert (image.shape, image.dtype) == ((3, size, size), torch.uint8)
    assert (masks.shape, masks.dtype) == ((5, mask_size, mask_size), torch.uint8)
    images, many = collate([(image, masks), (image, masks)])
    assert images.shape == (2, 3, size, size)
    assert many.shape == (2, 5, mask_size, mask_size)


@pytest.mark.parametrize("source", ["plain_manifest", "manifest"])
@pytest.mark.parametrize("size", [64, 128])
def test_masks_lie_on_their_things(source, size, request):
    """All things are white on black: crops, flips and pasting must move picture and masks alike."""
    data = TrainingData(options(request.getfixturevalue(source), size, 12, mask_size=64))
    fits = []
    for number in range(40):
        image, masks = data[number]
        white = cv2.resize(image.float().mean(0).numpy(), (64, 64), interpolation=cv2.INTER_AREA)
        covered = masks.numpy().max(0) > 127
        fits.append(iou(white > 127, covered))
    assert np.median(fits) > 0.95
    assert np.mean(np.array(fits) > 0.8) > 0.9  # a thing below the least area has no mask


def test_pasted_things_hide_what_is_below_them(manifest):
    data = TrainingData(options(manifest, masks=12))
    data.weights = {"composite": 1.0}
    several = 0
    for number in range(12):
        _, masks = data[number]
        layers = {mask.numpy().tobytes(): mask.numpy() for mask in masks}.values()
        total = sum(layer.astype(int) for layer in layers)
        assert total.max() <= 255 + 2
        several += len(layers) > 1
    assert several > 6


def test_every_target_is_a_thing_that_can_be_seen(manifest):
    data = TrainingData(options(manifest))
    for number in range(60):
        assert ((data[number][1] > 127).float().mean((1, 2)) >= 0.0015).all()


@pytest.mark.parametrize("mix", [MIX, OBJECT_MIX], ids=("all", "objects"))
def test_pictures_are_drawn_in_the_shares_asked_for(manifest, mix):
    weights = TrainingData(options(manifest, mix=mix)).weights
    assert weights == mix and sum(weights.values()) == pytest.approx(1)


def test_a_refiner_learns_mostly_from_objects(manifest, new_base, new_refiner):
    weights = refiner_task(new_base(), new_refiner()).data(options(manifest)).weights
    assert weights == OBJECT_MIX


def test_pictures_of_every_kind_are_drawn_and_kinds_that_lack_are_left_out(
    manifest, plain_manifest
):
    assert set(TrainingData(options(manifest)).weights) == set(MIX)
    assert set(TrainingData(options(plain_manifest)).weights) == {"object", "regions"}
    kept_back = TrainingData(options(plain_manifest, dev=True))
    rows = [row for pool, _ in kept_back.pools.values() for row in pool]
    assert len(rows) == 2
    assert all(is_dev(row.group) for row in rows)


def test_training_never_sees_the_groups_kept_back(manifest):
    train_groups, dev_groups = (
        {
            row.group
            for pool, _ in TrainingData(options(manifest, dev=dev)).pools.values()
            for row in pool
        }
        for dev in (False, True)
    )
    assert len(train_groups) == 28
    assert len(dev_groups) == 4
    assert not train_groups & dev_groups


def test_a_twentieth_of_all_groups_is_kept_back():
    share = np.mean([is_dev(f"group {number}") for number in range(4000)])
    assert 0.04 < share < 0.06


def test_pictures_kept_back_are_shown_as_they_are(plain_manifest):
    image, _ = TrainingData(options(plain_manifest, dev=True))[0]
    values = image.unique()
    assert values.min() == 0
    assert values.max() == 255  # no change of colour


def test_a_manifest_without_training_rows_is_refused(tmp_path, plain_manifest):
    rows = [json.loads(line) for line in plain_manifest.read_text().splitlines()]
    path = tmp_path / "manifest.jsonl"
    only_dev = [row for row in rows if is_dev(row["group"])]
    path.write_text("".join(json.dumps(row) + "\n" for row in only_dev))
    with pytest.raises(InputError, match="no rows of split train"):
        TrainingData(options(path))


def test_pictures_without_things_end_with_a_message(tmp_path, plain_manifest):
    root = tmp_path / "data"
    shutil.copytree(plain_manifest.parent, root)
    for path in (root / "masks").rglob("*.png"):
        cv2.imwrite(str(path), np.zeros_like(cv2.imread(str(path), cv2.IMREAD_UNCHANGED)))
    with pytest.raises(InputError, match="no object; check the manifest's masks"):
        TrainingData(options(root / "manifest.jsonl"))[0]


def test_things_thinner_than_a_pixel_of_the_mask_are_no_targets(tmp_path, plain_manifest):
    """One pixel wide at twice the size, a line may vanish from the mask: nothing to prompt."""
    root = tmp_path / "data"
    shutil.copytree(plain_manifest.parent, root)
    for path in (root / "masks").rglob("*.png"):
        labels = np.zeros_like(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))
        labels[20:40, 10:30] = 1
        labels[5::8, 40:41] = 2  # specks
        cv2.imwrite(str(path), labels)
    data = TrainingData(options(root / "manifest.jsonl", 64, mask_size=32))
    rng = np.random.default_rng(0)
    for number in range(30):
        _, masks = data[number]
        assert (masks > 127).any(-1).any(-1).all()
        prompts.random_points(masks > 127, 2, rng)


# Augmentation


def test_a_window_beyond_the_edges_repeats_pixels_and_has_no_mask():
    image = np.full((20, 30, 3), 200, np.uint8)
    mask = np.full((20, 30), 255, np.uint8)
    crop = augment.Crop(-10, -10, 50, 30)
    image, (mask,) = augment.take(image, [mask], crop, 60)
    assert (image == 200).all()
    ys, xs = np.nonzero(mask > 127)
    assert (xs.min(), xs.max()) == (10, 39)  # 60 pixels wide, so no change of scale
    assert (ys.min(), ys.max()) == (15, 44)  # 40 pixels high: scaled by 1.5


def test_windows_are_never_empty():
    rng = np.random.default_rng(0)
    mask = np.zeros((50, 40), bool)
    mask[10:12, 5:6] = True
    for _ in range(300):
        crop = augment.random_crop(mask, rng)
        assert crop.x1 - crop.x0 >= 32
        assert crop.y1 - crop.y0 >= 32
        window = augment.random_window((50, 40), rng)
        assert 0 <= window.x0 < window.x1 <= 40
        assert 0 <= window.y0 < window.y1 <= 50


# Prompts


@pytest.fixture
def masks():
    """Two things and a line one pixel wide, bool (3, 64, 64)."""
    masks = torch.zeros(3, 64, 64, dtype=torch.bool)
    masks[0, 10:30, 20:50] = True
    masks[1, 40:60, 4:14] = True
    masks[1, 45:50, 8:10] = False
    masks[2, 5:60, 33] = True
    return masks


def label_at(masks, points):
    x, y = points.coords.long().unbind(-1)
    rows = torch.arange(len(masks))[:, None].expand_as(x)
    return masks[rows, y, x]


def test_prompts_of_every_kind_are_drawn(masks):
    kinds = set()
    for seed in range(120):
        given = prompts.draw_prompts(masks, np.random.default_rng(seed))
        points = given.points
        if given.mask_logits is not None:
            assert given.mask_logits.shape == (3, 1, 16, 16)
            kinds.add("mask" if points is None else "mask and points")
        elif points.labels[0].tolist() == [2, 3]:
            kinds.add("box")
        else:
            assert points.coords.shape == (3, points.labels.shape[1], 2)
            kinds.add(points.labels.shape[1])
    assert kinds == {"mask", "mask and points", "box", *range(1, 11)}


def test_no_point_lies_on_a_soft_edge(masks):
    coverage = cv2.GaussianBlur(masks[0].numpy().astype(np.float32), (0, 0), 1.5)
    soft = torch.from_numpy((255 * coverage).astype(np.uint8))[None]
    edges = prompts.soft_edges(soft)
    assert edges.any()
    for seed in range(20):
        rng = np.random.default_rng(seed)
        points = prompts.random_points(soft > 127, 10, rng, 0.5, edges)
        share = label_at(soft, points) / 255
        assert (share[points.labels == 1] > 0.89).all()
        assert (share[points.labels == 0] < 0.06).all()
    thin = torch.zeros(1, 64, 64, dtype=torch.uint8)
    thin[:, 30] = 140  # no pixel is covered fully: the thing is all edge
    assert not prompts.soft_edges(thin).any()


def test_what_is_unsure_is_no_error_to_be_corrected(masks):
    edges = torch.zeros_like(masks)
    edges[:, :, :40] = True
    answer = torch.full((3, 1, 16, 16), -5.0)
    for seed in range(8):
        torch.manual_seed(seed)
        none = prompts.TrainingPrompts(None, None)
        points = prompts.corrected(none, masks, answer, np.random.default_rng(seed), edges).points
        assert (points.coords[0, points.labels[0] == 1, 0] >= 40).all()


def test_boxes_move_by_a_few_pixels_and_stay_in_the_picture(masks):
    exact = prompts.box(masks, noise=0.0)
    moves = []
    for seed in range(40):
        moved = prompts.shifted(exact, 64, np.random.default_rng(seed)).coords
        assert moved.min() >= 0 and moved.max() <= 63
        moves.append((moved - exact.coords)[0].abs().max())
    assert 10 < sum(move == 0 for move in moves) < 30
    assert 2 < max(moves) <= 4


def test_positive_points_lie_inside_and_negative_ones_outside(masks):
    negatives = 0
    for seed in range(20):
        points = prompts.random_points(masks, 10, np.random.default_rng(seed))
        assert (label_at(masks, points) == points.labels.bool()).all()
        assert points.labels[:, 0].all()  # the first point says what is meant
        negatives += int((points.labels == 0).sum())
    assert 0.1 < negatives / (20 * 3 * 9) < 0.3


def test_negative_points_are_near_the_thing(masks):
    for seed in range(20):
        points = prompts.random_points(masks, 10, np.random.default_rng(seed))
        outside = points.coords[0][points.labels[0] == 0]
        assert (outside[:, 0] >= 20 - 18).all()
        assert (outside[:, 1] <= 30 + 18).all()


def test_a_mask_that_fills_the_picture_gets_positive_points_only():
    points = prompts.random_points(
        torch.ones(1, 16, 16, dtype=torch.bool), 10, np.random.default_rng(0), negative_share=1.0
    )
    assert points.labels.all()


def test_boxes_are_those_of_the_masks(masks):
    """Golden values: sam2's own sample_box_points."""
    points = prompts.box(masks, noise=0.0)
    assert points.labels.tolist() == [[2, 3]] * 3
    assert points.coords[0].tolist() == [[20, 10], [49, 29]]
    torch.testing.assert_close(
        points.coords, sample_box_points(masks[:, None], noise=0.0)[0].float()
    )


def test_coarse_masks_are_never_empty_and_near_the_thing(masks):
    for seed in range(40):
        coarse = prompts.coarse_masks(masks, np.random.default_rng(seed))
        assert coarse.shape == (3, 1, 16, 16)
        assert coarse.flatten(1).any(1).all()
        assert set(coarse.unique().tolist()) <= {0.0, 1.0}
        grown = F.max_pool2d(masks[:, None].float(), 33, 1, 16)
        near = F.interpolate(grown, (16, 16)) > 0
        assert (coarse.bool() & near)[:2].any()


def test_corrections_lie_where_the_answer_is_wrong(masks):
    answer = torch.full((3, 1, 16, 16), -5.0)
    answer[0, :, 3:7, 9:12] = 5.0  # right, but too small
    answer[1, :, :4, :4] = 5.0  # wrong and missed
    full = F.interpolate(answer, (64, 64), mode="bilinear", align_corners=False)[:, 0] > 0
    first = prompts.TrainingPrompts(prompts.box(masks, noise=0.0), None)
    shown = set()
    for seed in range(12):
        torch.manual_seed(seed)
        second = prompts.corrected(first, masks, answer, np.random.default_rng(seed))
        assert torch.equal(second.points.coords[:, :2], first.points.coords)
        clicks = replace(
            second.points, coords=second.points.coords[:, 2:], labels=second.points.labels[:, 2:]
        )
        assert clicks.labels.shape[1] in (1, 2)
        assert (label_at(masks, clicks) == clicks.labels.bool()).all()
        assert (label_at(full, clicks) != clicks.labels.bool()).all()
        shown.add(second.mask_logits is not None)
        if second.mask_logits is not None:
            assert torch.equal(second.mask_logits, answer)
    assert shown == {True, False}


def test_a_correction_keeps_the_mask_prompt(masks):
    given = torch.randn(3, 1, 16, 16)
    first = prompts.TrainingPrompts(None, given)
    second = prompts.corrected(first, masks, torch.randn(3, 1, 16, 16), np.random.default_rng(0))
    assert torch.equal(second.mask_logits, given)
    assert second.points.labels.shape[1] in (1, 2)


# Losses


def test_losses_are_small_for_the_truth_and_large_for_its_opposite():
    truth = (torch.rand(2, 1, 8, 8) > 0.5).float()
    right = (2 * truth - 1) * 20
    assert bce_dice(right, truth).max() < 1e-3
    assert bce_dice(-right, truth).min() > 10
    assert soft_iou(right, truth).tolist() == [[1.0], [1.0]]
    assert soft_iou(-right, truth).tolist() == [[0.0], [0.0]]
    assert mean_iou(right.sigmoid(), truth) == 1.0


def test_bce_dice_is_what_its_name_says():
    """Golden values: the two formulas over one mask in numpy."""
    logits, truth = torch.randn(1, 1, 4, 4), torch.rand(1, 1, 4, 4)
    x, t = logits.numpy().astype(float), truth.numpy().astype(float)
    p = 1 / (1 + np.exp(-x))
    bce = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    dice = 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
    assert float(bce_dice(logits, truth)) == pytest.approx(bce + dice, rel=1e-5)


def test_targets_are_flattened_picture_by_picture():
    masks = torch.zeros(2, 3, 16, 16, dtype=torch.uint8)
    masks[1, 2, :4, :4] = 255
    index, targets, truth = flatten(masks)
    assert index.tolist() == [0, 0, 0, 1, 1, 1]
    assert targets[5, 0, 0] == 255
    assert truth.shape == (6, 1, 4, 4)
    assert truth[5, 0, 0, 0] == 1
    assert truth.sum() == 1
    half = torch.zeros(1, 8, 8, dtype=torch.uint8)
    half[0, :, :2] = 255
    assert shrink(half, 2)[0, 0, 0, 0] == 0.5


def test_only_the_best_candidate_gets_the_mask_loss(lite_base):
    features = torch.randn(2, 3, 16, 16, requires_grad=True)
    truth = (features[:, 1:2].detach() > 0).float()
    fields = {"masks": features, "ious": torch.rand(2, 3), "object_score": torch.zeros(2, 1)}
    answer = type("Answer", (), {**fields, "best": features[:, 1:2]})()
    loss, value = answer_loss(answer, truth)
    loss.backward()
    assert features.grad[:, 1].abs().sum() > 0
    assert features.grad[:, 0].abs().sum() == 0
    assert features.grad[:, 2].abs().sum() == 0
    assert value == 1.0


# Soft masks, sources, degraded pictures


def soft_rows(root, names, hard=""):
    """Write soft masks for photos of a manifest in `root`: discs that fade."""
    rows, columns = np.ogrid[:64, :64]
    alpha = np.clip(30 - np.hypot(rows - 32, columns - 32), 0, 12) / 12 * 255
    lines = []
    for name in names:
        cv2.imwrite(str(root / f"{name}.png"), alpha.astype(np.uint8))
        row = {"id": f"soft-{name}", "image": f"{name}.png", "mask": f"{name}.png"}
        row |= {"kind": "object", "split": "train", "group": name, "w": 64, "h": 64, "alpha": True}
        lines.append(row | ({"hard": name} if hard else {}))
    (root / "soft.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def soft_manifest(tmp_path, plain_manifest):
    root = shutil.copytree(plain_manifest.parent, tmp_path / "soft")
    lines = [json.loads(line) for line in (root / "manifest.jsonl").read_text().splitlines()]
    soft_rows(root, [line["id"] for line in lines if line["kind"] == "object"], hard="yes")
    return root / "manifest.jsonl"


def test_soft_masks_are_targets_as_they_are(soft_manifest):
    data = TrainingData(options(soft_manifest, 64, 1, mix={"object": 1.0}, dev=True))
    _, masks = data[0]
    assert ((masks > 40) & (masks < 215)).float().mean() > 0.05
    hard = TrainingData(options(soft_manifest, 64, 1, mix={"regions": 1.0}, dev=True))[0][1]
    assert ((hard > 40) & (hard < 215)).float().mean() < 0.02


def test_things_are_cut_out_of_photos_by_their_soft_masks(soft_manifest):
    data = TrainingData(options(soft_manifest))
    assert data.exact and all(row.alpha for row in data.exact)
    rgba = cut_out(data.exact[0])
    assert rgba.shape == (59, 59, 4)
    assert rgba[..., 3].max() == 255 and len(np.unique(rgba[..., 3])) > 10
    assert (rgba[..., 0] == rgba[..., 3]).all()  # these photos are their own masks


def test_several_manifests_are_drawn_from(manifest, plain_manifest):
    both = DataOptions((manifest, plain_manifest), 64, 64)
    count = sum(len(pool) for pool, _ in TrainingData(both).pools.values())
    apart = [TrainingData(options(path)) for path in (manifest, plain_manifest)]
    assert count == sum(len(pool) for data in apart for pool, _ in data.pools.values())


def test_no_source_has_more_than_its_share_and_thin_ones_come_more_often():
    def rows(source, count):
        path = Path(source)
        return [Row(source, path, path, "object", source, "train", source)] * count

    members = [*rows("large", 80), *rows("cwfid", 5), *rows("small", 15)]
    shares = _shares(members, 0.5)
    assert shares[:80].sum() == pytest.approx(0.5)
    assert shares[80:85].sum() == pytest.approx(0.5 * 20 / 35)  # four times as often
    assert shares.sum() == pytest.approx(1)
    assert _shares(rows("alone", 4), 0.25).sum() == pytest.approx(1)


def test_degraded_pictures_keep_their_size_and_what_they_show():
    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.integers(0, 256, (48, 48, 3)).astype(np.uint8), (0, 0), 4)
    picture = cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX)
    changed = 0
    for seed in range(60):
        other = augment.degrade(picture, np.random.default_rng(seed))
        assert (other.shape, other.dtype) == (picture.shape, picture.dtype)
        assert np.corrcoef(other.ravel(), picture.ravel())[0, 1] > 0.5
        changed += not np.array_equal(other, picture)
    assert 30 < changed < 60


# Tasks and the loop


def base_task(base, trunk_from=2.0):
    return BaseTask(base, trunk_from)


def refiner_task(base, refiner):
    return RefinerTask(base, {"refined": refiner}, resizable=True)


def run_options(manifest, out, **changes):
    standard = {
        "stages": (Stage(0.6, 64, 2), Stage(1.0, 128, 1)),
        "masks": 2,
        "rate": 1e-3,
        "steps": 4,
        "warmup_steps": 2,
        "dev_samples": 2,
    }
    return TrainOptions((manifest,), out, **(standard | changes))


class Interrupted:
    """A task that stops, as by Ctrl-C, when it has been asked for so many losses."""

    def __init__(self, task, losses):
        self.task, self.left = task, losses

    def __getattr__(self, name):
        return getattr(self.task, name)

    def loss(self, *given):
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return self.task.loss(*given)


def curve(folder):
    return [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]


@pytest.fixture(params=["base", "refiner"])
def new_task(request, new_base, new_refiner):
    """Build a task; `seed` changes the weights it starts from."""

    def build(seed=0):
        torch.manual_seed(seed)
        base = new_base()
        if request.param == "base":
            if seed:
                with torch.no_grad():
                    base.sam_mask_decoder.iou_token.weight += 1
            return base_task(base)
        return refiner_task(base, new_refiner(seed=3 + seed))

    return build


@pytest.mark.parametrize(
    ("new_task", "optimizer"),
    [("base", "adamw"), ("refiner", "adamw"), ("refiner", "muon")],
    indirect=["new_task"],
)
def test_a_run_that_was_interrupted_ends_with_the_same_weights(
    new_task, manifest, tmp_path, optimizer
):
    def run(task, folder, resume=False, **changes):
        options = run_options(manifest, tmp_path / folder, optimizer=optimizer, **changes)
        return train(task, options, resume)

    whole = new_task()
    once = run(whole, "a", look_minutes=0.0)
    with pytest.raises(KeyboardInterrupt):
        run(Interrupted(new_task(), losses=2), "b", save_minutes=0.0)
    resumed = new_task(seed=1)  # other weights: all must come from the file
    twice = run(resumed, "b", resume=True)
    assert (once.step, once.samples) == (twice.step, twice.samples) == (4, 3 * 2 + 1)
    other = resumed.module.state_dict()
    for name, value in whole.module.state_dict().items():
        assert torch.equal(value, other[name]), name
    losses = [
        [line["loss"] for line in curve(tmp_path / name) if "loss" in line] for name in ("a", "b")
    ]
    assert len(losses[0]) == 4
    assert losses[0] == losses[1]


@pytest.mark.parametrize(("first", "then"), [OPTIMIZERS, OPTIMIZERS[::-1]])
def test_a_run_is_not_resumed_with_another_optimizer(
    new_base, new_refiner, manifest, tmp_path, first, then
):
    task = refiner_task(new_base(), new_refiner())
    train(task, run_options(manifest, tmp_path, steps=1, optimizer=first))
    with pytest.raises(InputError, match=f"(?i)another optimizer than {then}.*--optimizer"):
        train(task, run_options(manifest, tmp_path, steps=2, optimizer=then), resume=True)


def test_another_number_of_processes_says_what_changes(new_base, manifest, tmp_path, capsys):
    train(base_task(new_base()), run_options(manifest, tmp_path, steps=1))
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    state["progress"]["processes"] = 2
    torch.save(state, tmp_path / "state.pt")
    capsys.readouterr()
    train(base_task(new_base()), run_options(manifest, tmp_path, steps=1), resume=True)
    assert capsys.readouterr().err == (
        "Resumed with processes: 1, before: 2; parts of a batch: 1, before: 2, at the same learning "
        "rate; --accumulate 2 keeps the batch.\n"
    )


def test_another_seed_trains_other_weights(new_task, manifest, tmp_path):
    ids = set()
    for seed in (0, 0, 1):
        task = new_task()
        train(task, run_options(manifest, tmp_path / "a", seed=seed, steps=1))
        ids.add(state_id(task.module))
    assert len(ids) == 2


def test_a_run_writes_a_curve_and_pictures(new_task, manifest, tmp_path):
    train(new_task(), run_options(manifest, tmp_path / "run", steps=3, dev_samples=8))
    lines = curve(tmp_path / "run")
    steps = [line for line in lines if "loss" in line]
    looks = [line for line in lines if "loss" not in line]
    assert [line["step"] for line in steps] == [1, 2, 3]
    assert [line["size"] for line in steps] == [64, 64, 128]
    assert all(np.isfinite(line["loss"]) for line in steps)
    assert len(looks) == 1
    kinds = {"sam2_box", "sam2_1", "sam2_3", "sam2_10", "sam2_wrong"}
    assert kinds <= looks[0].keys()
    assert all(0 <= looks[0][kind] <= 1 for kind in kinds)
    (path,) = (tmp_path / "run").glob("look-*.jpg")
    assert path.name == "look-000003.jpg"
    height, width = cv2.imread(str(path)).shape[:2]
    assert width == 8 * 256
    assert height % 256 == 0
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == [
        "curve.jsonl",
        "look-000003.jpg",
        "state.pt",
    ]


def test_a_look_scores_what_the_model_answers(new_base, manifest, tmp_path):
    """An oracle scores 1 for each prompt of the right object and less for a wrong one's."""

    class Oracle(BaseTask):
        def answers(self, encoded, masks, given):
            return {"sam2": flatten(masks)[2]}

    task = Oracle(new_base())
    (tmp_path / "run").mkdir()
    found = look(task, run_options(manifest, tmp_path / "run"), 64, task.set_size(64), Progress())
    assert {found[f"sam2_{kind}"] for kind in ("box", "1", "3", "10")} == {1.0}
    assert found["sam2_wrong"] < 0.5
    assert task.module.training


def test_a_finished_run_resumed_does_nothing_more(new_task, manifest, tmp_path):
    task = new_task()
    train(task, run_options(manifest, tmp_path, steps=2))
    before = state_id(task.module)
    again = train(task, run_options(manifest, tmp_path, steps=2), resume=True)
    assert again.step == 2
    assert state_id(task.module) == before


def test_resuming_without_a_state_starts_anew(new_task, manifest, tmp_path):
    assert train(new_task(), run_options(manifest, tmp_path, steps=1), resume=True).step == 1


def test_a_process_that_loads_data_loads_the_same(new_base, manifest, tmp_path):
    ids = set()
    for workers in (0, 1):
        task = base_task(new_base())
        train(task, run_options(manifest, tmp_path, steps=2, workers=workers))
        ids.add(state_id(task.module))
    assert len(ids) == 1


def changed(base, before):
    """The top-level parts whose parameters moved, with the trunk and the neck told apart."""
    parts = set()
    for name, value in base.named_parameters():
        if not torch.equal(value, before[name]):
            parts.add(".".join(name.split(".")[: 2 if name.startswith("image_enc") else 1]))
    return parts


HEAD = {"image_encoder.neck", "no_mem_embed", "sam_prompt_encoder", "sam_mask_decoder"}


@pytest.mark.parametrize(
    ("trunk_from", "trunk_learns"), [(2.0, False), (0.0, True), (0.5, True), (0.9, False)]
)
def test_the_trunk_learns_only_from_its_share_of_the_run_on(
    new_base, manifest, tmp_path, trunk_from, trunk_learns
):
    base = new_base()
    before = {name: value.clone() for name, value in base.named_parameters()}
    task = base_task(base, trunk_from)
    train(task, run_options(manifest, tmp_path, steps=4, stages=(Stage(1.0, 64, 2),)))
    expected = HEAD | {"image_encoder.trunk"} if trunk_learns else HEAD
    assert changed(base, before) == expected


def test_the_trunk_learns_at_a_fifth_of_the_rate(new_base):
    task = base_task(new_base())
    head, trunk = task.parameter_groups(1e-3)
    assert (head["lr"], trunk["lr"]) == (1e-3, 2e-4)
    both = [id(parameter) for group in (head, trunk) for parameter in group["params"]]
    assert len(both) == len(set(both))
    assert {id(p) for p in task.base.image_encoder.trunk.parameters()} == {
        id(p) for p in trunk["params"]
    }


def test_each_mask_of_a_picture_is_prompted_in_a_way_of_its_own(
    new_base, new_refiner, plain_manifest, monkeypatch
):
    asked = []

    def draw(masks, rng, edges):
        asked.append((masks.clone(), kind := ("box", "point")[len(asked) % 2]))
        return prompts_draw(masks, rng, kind, edges)

    prompts_draw = prompts.draw_prompts
    monkeypatch.setattr(prompts, "draw_prompts", draw)
    task = refiner_task(new_base(), new_refiner())
    images, masks = batch(plain_manifest, task.set_size(64), 64)
    loss, log = task.loss(images, masks, np.random.default_rng(0), 0.0)
    assert [kind for _, kind in asked] == ["box", "point"]
    for place, (inside, _) in enumerate(asked):
        assert torch.equal(inside, masks[:, place] > 127)
    loss.backward()
    assert all(
        torch.isfinite(one.grad).all() for one in task.module.parameters() if one.grad is not None
    )


@pytest.mark.parametrize("bf16", [False, True])
def test_mixed_precision_on_a_cpu_is_asked_for(new_base, manifest, tmp_path, bf16):
    task, seen = base_task(new_base()), []
    loss = task.loss

    def watched(*given):
        seen.append(torch.is_autocast_enabled("cpu"))
        return loss(*given)

    task.loss = watched
    train(task, run_options(manifest, tmp_path, steps=1, bf16=bf16))
    assert seen == [bf16]


def test_the_refiners_base_never_changes(new_base, new_refiner, manifest, tmp_path):
    base, refiner = new_base(), new_refiner(trained=False)
    before, own = state_id(base), state_id(refiner)
    train(refiner_task(base, refiner), run_options(manifest, tmp_path, steps=1))
    assert state_id(base) == before
    assert state_id(refiner) != own


def batch(manifest, size, mask_size):
    data = TrainingData(options(manifest, size, 2, mask_size=mask_size, dev=True))
    return collate([data[0], data[1]])


def overfit(task, images, masks, steps, rate, name="adamw"):
    optimizer = new_optimizer(task.parameter_groups(rate), name)
    losses = []
    for _ in range(steps):
        torch.manual_seed(0)
        loss, _ = task.loss(images, masks, np.random.default_rng(0), 0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_refiner_learns_one_batch_from_sam2s_own_masks_on(
    new_base, new_refiner, plain_manifest, optimizer
):
    task = refiner_task(new_base(), new_refiner(trained=False))
    side = task.set_size(64)
    assert side == 128  # twice S, of which the quarters are cut
    images, masks = batch(plain_manifest, side, 64)
    losses = overfit(task, images, masks, 20, 3e-3, optimizer)
    assert losses[-1] < 0.6 * losses[0]


def test_an_untrained_refiner_answers_as_its_base(new_base, new_refiner, plain_manifest):
    task = refiner_task(new_base(), new_refiner(trained=False))
    images, masks = batch(plain_manifest, task.set_size(64), 64)
    given = prompts.draw_prompts(flatten(masks)[1] > 127, np.random.default_rng(0), "box")
    with torch.no_grad():
        answers = task.answers(task.encode(images), masks, given)
    assert torch.equal(answers["sam2"], answers["refined"])
    assert answers["sam2"].shape == (4, 1, 64, 64)


def test_models_trained_side_by_side_are_those_trained_alone(
    new_base, new_refiner, plain_manifest, tmp_path
):
    config = RefinerConfig(64, 128, modules=("la", "pr"), quarters="half")

    def run(folder, names):
        torch.manual_seed(1)
        models = {"all": new_refiner(trained=False), "some": SAM2Refiner(config)}
        task = RefinerTask(new_base(), {name: models[name] for name in names}, resizable=True)
        train(task, run_options(plain_manifest, tmp_path / folder, steps=2))
        return {name: state_id(model) for name, model in task.refiners}

    together = run("together", ("all", "some"))
    assert together == run("first", ("all",)) | run("second", ("some",))


def test_the_base_in_training_computes_the_features_it_is_used_with(lite_base, new_base):
    """Golden values: the features of `backbone.encode`."""
    from refiner.network.base_model import encode, normalise

    images = torch.randint(0, 256, (1, 3, 128, 128), dtype=torch.uint8)
    trained = base_task(new_base()).encode(images)
    expected, _ = encode(lite_base, normalise(images / 255))
    torch.testing.assert_close(trained.g, expected.g)
    for level, other in zip(trained.high_res, expected.high_res, strict=True):
        torch.testing.assert_close(level, other)


def test_the_rate_warms_up_and_falls_to_a_fiftieth(manifest, tmp_path):
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([{"params": [weight], "lr": 1.0}])
    chosen = run_options(manifest, tmp_path, steps=1000, warmup_steps=10)
    rates = []
    for step in range(1000):
        set_rate(optimizer, chosen, Progress(step=step))
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates[0] == pytest.approx(0.1)
    assert rates[4] == pytest.approx(0.5, rel=1e-3)
    assert max(rates) == pytest.approx(1.0, rel=1e-2)
    assert np.argmax(rates) in (9, 10)
    assert rates[-1] == pytest.approx(0.02, rel=1e-2)
    assert all(a >= b for a, b in zip(rates[10:], rates[11:], strict=False))


def test_a_budget_of_minutes_is_shared_out_like_one_of_steps(manifest, tmp_path):
    chosen = run_options(manifest, tmp_path, steps=None, minutes=10.0)
    assert Progress(step=99, minutes=2.5).share(chosen) == 0.25
    assert Progress(minutes=11.0).share(chosen) == 1.0
    assert Progress(step=1).share(run_options(manifest, tmp_path)) == 0.25


def test_the_base_learns_one_batch_and_answers_with_the_truth(
    new_base, plain_manifest, lite_config
):
    task = base_task(new_base())
    images, masks = batch(plain_manifest, task.set_size(64), 64)
    losses = overfit(task, images, masks, 40, 2e-3)
    assert losses[-1] < 0.6 * losses[0]
    rebuilt: SAM2Base = build_lite(replace(lite_config, image_size=64))
    rebuilt.load_state_dict(task.base.state_dict())
    index, targets, truth = flatten(masks)
    with torch.no_grad():
        given = prompts.box(targets > 127, noise=0.0)
        found, before = (
            decode(base, base_task(base).encode(images), index, given).best
            for base in (rebuilt, new_base_of_size(new_base, 64))
        )
    assert soft_iou(found, truth).mean() > soft_iou(before, truth).mean() + 0.1


def new_base_of_size(new_base, size):
    base = new_base()
    base_task(base).set_size(size)
    return base
