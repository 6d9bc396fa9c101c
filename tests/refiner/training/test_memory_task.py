"""Training of the memory: what clips show, what learns, and that pictures are answered as before."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from refiner.commands.parser import main
from refiner.network.base_model import encode, normalise
from refiner.network.checkpoint import VIDEO_ONLY, load_base, state_id
from refiner.network.decoding import decode
from refiner.training.loop import Stage, TrainOptions, train
from refiner.training.memory_steps import Tracked, new_bank
from refiner.training.memory_task import LEAST_FRAMES, MemoryTask, frame_iou, tracked_loss
from refiner.training.samples import clips, prompts
from refiner.training.samples.clips import CLIP_MIX, FRAMES, ClipData, Motion
from refiner.training.samples.photos import DataOptions, collate


def clip_data(manifest, size=64, masks=2, **changes):
    return ClipData(DataOptions((manifest,), size, size, masks, **changes))


def iou(a, b):
    return (a & b).sum() / max(1, (a | b).sum())


# Clips


def test_a_clip_depends_on_the_seed_and_its_number_alone(manifest):
    data, again = clip_data(manifest), clip_data(manifest)
    again[1]  # drawing others changes nothing
    for number in (0, 5, 1234567):
        for one, other in zip(data[number], again[number], strict=True):
            assert torch.equal(one, other)
    assert not torch.equal(data[5][0], data[6][0])
    assert not torch.equal(data[5][0], clip_data(manifest, seed=1)[5][0])


def test_clips_have_the_sizes_asked_for(manifest):
    frames, masks = clip_data(manifest, 96, 3)[0]
    assert (frames.shape, frames.dtype) == ((FRAMES, 3, 96, 96), torch.uint8)
    assert (masks.shape, masks.dtype) == ((FRAMES, 3, 96, 96), torch.uint8)


@pytest.mark.parametrize("kind", CLIP_MIX)
def test_masks_stay_on_their_things_while_all_moves(manifest, kind):
    """All things are white on black: camera, bending and pasting must move both alike."""
    data = clip_data(manifest, 64, 12)
    data.weights = {kind: 1.0}
    fits, moved = [], 0
    for number in range(8):
        frames, masks = data[number]
        for image, layers in zip(frames.numpy(), masks.numpy(), strict=True):
            fits.append(iou(image.mean(0) > 127, layers.max(0) > 127))
        moved += not torch.equal(masks[0], masks[-1])
    assert np.median(fits) > 0.85
    assert moved >= 7


def test_every_object_is_seen_on_the_first_frame_and_some_are_hidden_later(manifest):
    data = clip_data(manifest, 64, 4)
    gone = 0
    for number in range(60):
        _, masks = data[number]
        seen = (masks > 127).flatten(2).any(2)
        assert seen[0].all()
        gone += not seen.all()
    assert gone >= 1


def test_real_sequences_run_either_way_and_turn_at_their_ends():
    steps = set()
    for seed in range(60):
        places = clips._places(30, np.random.default_rng(seed))
        assert len(places) == FRAMES
        assert all(0 <= place < 30 for place in places)
        steps.add(places[1] - places[0])
    assert {-3, -2, -1, 1, 2, 3} <= steps
    assert clips._places(1, np.random.default_rng(0)) == [0] * FRAMES
    assert set(clips._places(2, np.random.default_rng(0))) <= {0, 1}


def test_a_motion_takes_each_value_from_its_start_to_its_end():
    still = np.zeros((2, 5, 5, 2), np.float32)
    pair = np.array([[10, 20], [30, 20]], np.float32)
    centre = np.array([[32, 32]] * 2, np.float32)
    zoom, angle = np.array([1, 2], np.float32), np.array([0, 90], np.float32)
    motion = Motion(pair, centre, zoom, angle, still)
    first, last = motion.maps(64, 0.0), motion.maps(64, 1.0)
    assert first[32, 32].tolist() == [10, 20]
    assert first[32, 35].tolist() == [13, 20]
    assert last[32, 32].tolist() == [30, 20]
    assert last[32, 35] == pytest.approx([30, 26], abs=1e-4)  # turned by 90 degrees, twice as far


# The video path


@pytest.fixture
def task(new_base):
    return MemoryTask(new_base())


def clip_batch(manifest, task, size=64):
    side = task.set_size(size)
    data = clip_data(manifest, side)
    return collate([data[0], data[1]])


def overfit(task, batch, steps):
    optimizer = torch.optim.AdamW(task.parameter_groups(2e-3))
    losses = []
    for _ in range(steps):
        torch.manual_seed(0)
        loss, _ = task.loss(*batch, np.random.default_rng(7), 0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def image_masks(base, size=128):
    images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    inside = torch.zeros(2, size, size, dtype=torch.bool)
    inside[:, 20:60, 30:70] = True
    features, _ = encode(base, normalise(images))
    given = prompts.box(inside, noise=0.0)
    return decode(base, features, torch.arange(2), given)


def test_training_the_memory_keeps_the_answers_on_pictures_and_the_id(task, manifest):
    base = task.base
    with torch.no_grad():
        before, own = image_masks(base.eval()), state_id(base)
    weights = {name: value.clone() for name, value in base.state_dict().items()}
    batch = clip_batch(manifest, task)
    base.train()
    overfit(task, batch, 2)
    task.set_size(128)
    with torch.no_grad():
        after = image_masks(base.eval())
    assert torch.equal(before.masks, after.masks)
    assert torch.equal(before.ious, after.ious)
    assert state_id(base) == own
    moved = {
        name for name, value in base.state_dict().items() if not torch.equal(value, weights[name])
    }
    assert all(name.startswith(VIDEO_ONLY) for name in moved)
    for prefix in ("memory_attention.", "memory_encoder.", "maskmem_tpos_enc", "obj_ptr_proj."):
        assert any(name.startswith(prefix) for name in moved), prefix


def test_the_memory_learns_one_batch(task, manifest):
    losses = overfit(task, clip_batch(manifest, task), 15)
    assert losses[-1] < 0.8 * losses[0]


def test_an_untrained_memory_passes_pictures_on_nearly_as_they_are(task):
    base = task.base.eval()
    images = torch.randint(0, 256, (6, 3, 128, 128), dtype=torch.uint8)
    images = torch.nn.functional.avg_pool2d(images.float(), 9, 1, 4).byte()
    task.settle(images)
    with torch.no_grad():
        s2 = task.encode(images[:, None]).levels[-1].flatten(0, 2)
        passed = base.memory_attention.norm(s2)
    wanted = s2 + base.no_mem_embed.flatten()
    error = ((passed - wanted) ** 2).mean(0) / wanted.var(0)
    assert error.mean() < 0.3
    assert (passed - wanted).mean(0).abs().max() < 1e-4


def test_an_untrained_memory_looks_first_at_the_same_place(task):
    """Of a memory that is empty but for one cell, that cell's place takes most."""
    task.set_size(128)
    task.settle(torch.randint(0, 256, (2, 3, 128, 128), dtype=torch.uint8))
    layer = task.base.eval().memory_attention.layers[0].cross_attn_image
    memory = torch.zeros(1, 64, 64)
    memory[0, 27] = 0.05  # row 3, column 3 of 8 x 8
    with torch.no_grad():
        queries = torch.zeros(1, 64, task.base.hidden_dim)
        found = layer(queries, memory, memory) - layer(queries, 0 * memory, 0 * memory)
    assert int(found.norm(dim=-1).argmax()) == 27


def test_tracking_equals_sam2s_own_track_step(task, manifest):
    """Golden values: `SAM2Base.track_step`, frame by frame, with a box and with a mask."""
    base = task.base.eval()
    video, masks = clip_batch(manifest, task)
    with torch.no_grad():
        encoded = task.encode(video)
        bank, targets = new_bank(masks)
        inside = targets[0] > 127
        boxes = prompts.box(inside, noise=0.0)
        for given, point_inputs, mask_inputs in (
            (
                {"points": boxes},
                {"point_coords": boxes.coords, "point_labels": boxes.labels},
                None,
            ),
            ({"mask": inside[:, None].float()}, None, inside[:, None].float()),
        ):
            found = task.answers(encoded, new_bank(masks)[0], given)
            outputs = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
            for frame in range(4):
                out = base.track_step(
                    frame_idx=frame,
                    is_init_cond_frame=frame == 0,
                    current_vision_feats=[level[:, bank.index, frame] for level in encoded.levels],
                    current_vision_pos_embeds=[encoded.positions.expand(-1, 4, -1)] * 3,
                    feat_sizes=encoded.sizes,
                    point_inputs=None if frame else point_inputs,
                    mask_inputs=None if frame else mask_inputs,
                    output_dict=outputs,
                    num_frames=100,
                )
                kind = "non_cond_frame_outputs" if frame else "cond_frame_outputs"
                outputs[kind][frame] = out
                torch.testing.assert_close(found[frame], out["pred_masks"].sigmoid())


def test_memory_attention_fits_every_grid(new_base, manifest):
    """A model used at one size answers at another as a model that only ever saw that one."""
    used, fresh = MemoryTask(new_base()), MemoryTask(new_base())
    answers = []
    for task, sizes in ((used, (96, 64)), (fresh, (64,))):
        task.base.eval()
        for size in sizes:
            video, masks = clip_batch(manifest, task, size)
            bank, targets = new_bank(masks)
            given = {"mask": (targets[0] > 127)[:, None].float()}
            with torch.no_grad():
                found = task.answers(task.encode(video), bank, given)
        answers.append(found)
    assert torch.equal(*answers)


def tracked(masks, score):
    ious = torch.full((len(masks), masks.shape[1]), 0.5)
    return Tracked(masks, ious, masks[:, :1], masks, torch.zeros(len(masks), 4), score)


def test_an_object_that_is_gone_has_only_its_score_to_learn():
    masks = torch.zeros(2, 3, 16, 16, requires_grad=True)
    score = torch.tensor([[2.0], [2.0]], requires_grad=True)
    targets = torch.zeros(2, 64, 64, dtype=torch.uint8)
    targets[0, 10:30, 10:30] = 255
    tracked_loss(tracked(masks, score), targets).backward()
    assert masks.grad[0].abs().sum() > 0
    assert masks.grad[1].abs().sum() == 0
    assert score.grad[0] < 0 < score.grad[1]


def test_iou_of_an_object_that_is_gone_is_one_where_nothing_is_answered():
    truth = torch.zeros(2, 64, 64, dtype=torch.uint8)
    truth[0, :32] = 255
    answer = torch.zeros(2, 1, 16, 16)
    answer[0, :, :8] = 1
    assert frame_iou(answer, truth) == 1.0
    answer[1] = 1
    assert frame_iou(answer, truth) == 0.5


# The loop


def run_options(manifest, out, **changes):
    stages = (Stage(0.6, 64, 2), Stage(1.0, 96, 1))
    standard = {"stages": stages, "masks": 2, "steps": 4, "warmup_steps": 2, "dev_samples": 2}
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


def test_an_interrupted_run_ends_with_the_same_weights(new_base, manifest, tmp_path):
    whole = MemoryTask(new_base())
    train(whole, run_options(manifest, tmp_path / "a"))
    broken = Interrupted(MemoryTask(new_base()), losses=2)
    with pytest.raises(KeyboardInterrupt):
        train(broken, run_options(manifest, tmp_path / "b", save_minutes=0.0))
    other = new_base()
    with torch.no_grad():
        other.maskmem_tpos_enc += 1  # other weights: all must come from the file
    resumed = MemoryTask(other)
    train(resumed, run_options(manifest, tmp_path / "b"), resume=True)
    state = resumed.module.state_dict()
    for name, value in whole.module.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_a_look_tells_how_tracking_goes(new_base, manifest, tmp_path):
    train(MemoryTask(new_base()), run_options(manifest, tmp_path, steps=1))
    lines = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert {"loss", "iou_second", "iou_last"} <= lines[0].keys()
    kinds = {f"{kind}_{part}" for kind in ("box", "mask") for part in ("first", "last", "tracked")}
    assert kinds | {"still"} <= lines[1].keys()
    assert lines[1]["mask_first"] > 0.8  # the mask given is the answer
    assert all(0 <= lines[1][kind] <= 1 for kind in kinds)
    assert (tmp_path / "look-000001.jpg").is_file()


def test_clips_are_cut_to_several_lengths(task, manifest):
    video, masks = clip_batch(manifest, task)
    seen = set()
    for seed in range(6):
        encode = task.encode
        task.encode = lambda part, encode=encode: seen.add(part.shape[1]) or encode(part)
        with torch.no_grad():
            task.loss(video[:1], masks[:1], np.random.default_rng(seed), 0.0)
        task.encode = encode
    assert len(seen) > 1
    assert min(seen) >= LEAST_FRAMES
    assert max(seen) <= FRAMES


def test_the_command_trains_the_memory_of_a_base_and_keeps_the_rest(
    manifest, weights, tmp_path, capsys
):
    out = tmp_path / "run"
    arguments = ["--manifest", manifest, "--from", weights[0], "--out", out, "--steps", 1]
    options = ["--stages", "1:64:1", "--masks", 1, "--workers", 0, "--device", "cpu"]
    assert main(["train", "memory", *map(str, arguments + options)]) == 0
    assert "sam2-lite.safetensors" in capsys.readouterr().out
    before, _ = load_base(weights[0])
    after, header = load_base(out / "sam2-lite.safetensors")
    assert state_id(after) == state_id(before)
    assert header.trained["summary"] == "a random base"
    assert header.trained["memory"]["steps"] == 1
    assert after.image_size == 128
    assert not torch.equal(
        after.state_dict()["maskmem_tpos_enc"], before.state_dict()["maskmem_tpos_enc"]
    )
    again = ["--manifest", manifest, "--from", out / "sam2-lite.safetensors", "--out", out / "b"]
    assert main(["train", "base", *map(str, [*again, "--steps", 1, *options])]) == 0
    further, kept = load_base(out / "b" / "sam2-lite.safetensors")
    assert kept.trained["memory"] == header.trained["memory"]
    assert torch.equal(
        after.state_dict()["maskmem_tpos_enc"], further.state_dict()["maskmem_tpos_enc"]
    )
