"""track(frames, prompts): equality with the sam2 package, memory, both directions, bad input."""

from __future__ import annotations

import copy
from collections import OrderedDict
from fractions import Fraction

import numpy as np
import pytest
import torch

import refiner.predict.frame
import refiner.predict.tracker
from refiner.config import HQConfig, RefinerConfig
from refiner.network.base_model import (
    build_official,
    mask_to_logits,
    normalise,
    reference_video_predictor,
)
from refiner.network.checkpoint import load_base
from refiner.network.hq_sam2 import HQSAM2
from refiner.network.lite import set_image_size
from refiner.network.sam2refiner import SAM2Refiner
from refiner.predict.loading import WEIGHTS
from refiner.predict.memory_bank import Memory, MemoryBank
from refiner.predict.segmenter import ImageSegmenter
from refiner.predict.tensors import to_mask, to_square
from refiner.predict.tracker import load_tracker
from refiner.types import Box, Click, InputError, Mask, MaskPair, ModelInfo, Prompts
from refiner.video_types import FramePrompts, VideoInfo

SIZE = 128
INFO = ModelInfo("random", "cpu", "random numbers", "random numbers")
CLICK = Prompts((Click(40, 50),))


class Clip:
    """Frames in memory that count how often each is read."""

    def __init__(self, frames):
        self.frames = frames
        self.read = []
        self.info = VideoInfo(frames[0].shape[:2], Fraction(25), len(frames))

    def __len__(self):
        return len(self.frames)

    def __getitem__(self, index):
        self.read.append(index)
        return self.frames[index]


@pytest.fixture(scope="module")
def new_clip(picture):
    def build(count, height=90, width=120):
        still = picture(height, width)
        return Clip([np.roll(still, (2 * i, 3 * i), (0, 1)) for i in range(count)])

    return build


def sees(base, bias):
    """Let a base find its object on every frame (or on none)."""
    base.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(bias)
    return base


def prepared_lite(lite_base, shake):
    base = copy.deepcopy(lite_base)
    shake(base.memory_encoder, 11)
    shake(base.memory_attention, 12)
    shake(base.obj_ptr_proj, 13)
    base.no_mem_embed.mul_(20)
    return sees(base, 10.0)


@pytest.fixture(scope="module")
def video_base(lite_base, shake):
    """The small random base, with memory modules that matter."""
    with torch.inference_mode():
        return prepared_lite(lite_base, shake)


@pytest.fixture(scope="module")
def bases(video_base, shake):
    """Three bases by name, all at S = 128 so that they are quick."""
    torch.manual_seed(21)
    official = build_official("sam2.1-tiny").requires_grad_(False)
    embedded = load_base(WEIGHTS / "sam2-lite.safetensors")[0].requires_grad_(False)
    for base in (official, embedded):
        shake(base.memory_encoder, 22)
        set_image_size(base, SIZE)
        sees(base, 10.0)
    return {"random lite": video_base, "official tiny": official, "embedded lite": embedded}


@pytest.fixture
def tracker_of(shake):
    """Build a tracker that keeps logits, on a base and a random refiner of the modules named."""

    def build(base, modules=("la", "pr", "mr"), trained=True, **options):
        torch.manual_seed(31)
        if modules == "hq":
            model = HQSAM2(HQConfig(base.hidden_dim, base.image_size)).eval()
        else:
            model = SAM2Refiner(RefinerConfig(base.hidden_dim, base.image_size, modules=modules))
        model = shake(model.eval(), 32) if trained else model.eval()
        return load_tracker(ImageSegmenter(base, model, INFO, torch.device("cpu")), **options)

    return build


@pytest.fixture(autouse=True)
def logits(monkeypatch):
    """Let all masks carry their logits."""
    monkeypatch.setattr(
        refiner.predict.tracker,
        "to_mask",
        lambda low, iou, size_hw, logits: to_mask(low, iou, size_hw, logits=True),
    )


def reference_state(base, clip):
    """What SAM2VideoPredictor.init_state makes of a folder, made of frames in memory."""
    images = [
        normalise(to_square(torch.from_numpy(frame).permute(2, 0, 1)[None] / 255, base.image_size))[
            0
        ]
        for frame in clip.frames
    ]
    height, width = clip.info.size_hw
    state = {
        "images": images,
        "num_frames": len(images),
        "video_height": height,
        "video_width": width,
        "device": torch.device("cpu"),
        "storage_device": torch.device("cpu"),
        "obj_id_to_idx": OrderedDict(),
        "obj_idx_to_id": OrderedDict(),
        "obj_ids": [],
    }
    per_object = ("point_inputs", "mask_inputs", "output_dict", "temp_output_dict")
    names = [f"{name}_per_obj" for name in (*per_object, "frames_tracked")]
    return state | {name: {} for name in (*names, "cached_features", "constants")}


def add_to_reference(predictor, state, item):
    prompts, box = item.prompts, item.prompts.box
    if prompts.mask is not None:
        predictor.add_new_mask(state, item.frame, item.object_id, prompts.mask)
        return
    clicks = {}
    if prompts.clicks:
        clicks["points"] = [[click.x, click.y] for click in prompts.clicks]
        clicks["labels"] = [int(click.positive) for click in prompts.clicks]
    corners = None if box is None else [box.x0, box.y0, box.x1, box.y1]
    predictor.add_new_points_or_box(state, item.frame, item.object_id, box=corners, **clicks)


@pytest.fixture
def reference(monkeypatch):
    """The base's logits (height, width) by frame and object, from the sam2 package itself."""
    monkeypatch.setattr("sam2.sam2_video_predictor.tqdm", lambda order, desc: order)

    def run(base, clip, prompts):
        predictor = reference_video_predictor(base)
        # without pointers the package hands bfloat16 memories to float32 layers; a GPU casts them
        cast = base.memory_attention.register_forward_pre_hook(
            lambda module, args, given: (args, given | {"memory": given["memory"].float()}),
            with_kwargs=True,
        )
        state = reference_state(base, clip)
        for item in prompts:
            add_to_reference(predictor, state, item)
        found = {}
        for backwards in (False, True):
            steps = predictor.propagate_in_video(state, reverse=backwards)
            for frame, objects, masks in steps:
                for number, mask in zip(objects, masks, strict=True):
                    found.setdefault((frame, number), mask[0].numpy())
        cast.remove()
        return found

    return run


def disc(y, x, radius, size_hw=(90, 120)):
    rows, columns = np.ogrid[: size_hw[0], : size_hw[1]]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


def logits_of(frames, model="base"):
    return {
        (frame.index, number): getattr(pair, model).logits
        for frame in frames
        for number, pair in frame.objects.items()
    }


def assert_same(found, expected, atol=1e-4):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, atol=atol, rtol=1e-4, err_msg=str(key))


BOX = Prompts(box=Box(20, 25, 80, 70))
TWO_CLICKS = Prompts((Click(30, 40), Click(90, 20, positive=False)))
SCENES = {
    "a click on the first frame": [FramePrompts(0, 1, CLICK)],
    "a box in the middle": [FramePrompts(3, 7, BOX)],
    "a mask": [FramePrompts(1, 1, Prompts(mask=disc(45, 60, 20)))],
    "prompts on two frames": [FramePrompts(1, 1, CLICK), FramePrompts(4, 1, TWO_CLICKS)],
    "two objects on one frame": [FramePrompts(2, 5, TWO_CLICKS), FramePrompts(2, 3, BOX)],
    "an object prompted later": [FramePrompts(2, 1, CLICK), FramePrompts(4, 2, BOX)],
}


SLOW = ("a mask", "prompts on two frames", "an object prompted later")


@pytest.mark.parametrize(
    ("name", "scene"),
    [(name, scene) for name in ("random lite", "embedded lite") for scene in SCENES]
    + [("official tiny", scene) for scene in SLOW],
)
def test_the_base_tracks_as_the_sam2_package_does(
    bases, name, scene, tracker_of, reference, new_clip
):
    clip, prompts = new_clip(6), SCENES[scene]
    tracker = tracker_of(bases[name], modules=("pr",))
    found = logits_of(tracker.track(clip, prompts))
    expected = reference(bases[name], clip, prompts)
    assert any((value > 0).any() for value in expected.values())
    assert_same(found, expected, atol=5e-3)  # rounding adds up from frame to frame


def test_forgetting_old_frames_changes_nothing(video_base, tracker_of, reference, new_clip):
    clip = new_clip(44)
    prompts = [FramePrompts(20, 1, CLICK), FramePrompts(22, 2, BOX), FramePrompts(40, 1, BOX)]
    found = logits_of(tracker_of(video_base, modules=("pr",)).track(clip, prompts))
    assert_same(found, reference(video_base, clip, prompts))


def test_clicks_correct_the_former_mask_as_in_the_sam2_package(
    video_base, tracker_of, reference, new_clip, monkeypatch
):
    clip, former = new_clip(4), disc(40, 50, 25)
    before = MaskPair(Mask(former, 0.5), Mask(disc(20, 30, 10), 0.5))
    prompts = [FramePrompts(1, 1, TWO_CLICKS, before)]
    found = logits_of(tracker_of(video_base).track(clip, prompts))

    low = mask_to_logits(torch.from_numpy(former.astype(np.float32))[None, None], SIZE // 4)
    add = add_to_reference

    def after_an_answer(predictor, state, item):
        add(predictor, state, item)
        state["temp_output_dict_per_obj"][0]["cond_frame_outputs"][1]["pred_masks"] = low
        add(predictor, state, item)

    monkeypatch.setitem(globals(), "add_to_reference", after_an_answer)
    assert_same(found, reference(video_base, clip, prompts))


def test_each_model_corrects_its_own_former_mask(video_base, tracker_of, new_clip):
    frame, tracker = new_clip(1)[0], tracker_of(video_base)

    def answer(base, refined):
        before = MaskPair(Mask(base, 0.5), Mask(refined, 0.5))
        return tracker.prompt(frame, [FramePrompts(0, 1, CLICK, before)]).objects[1]

    one, other = disc(40, 50, 25), disc(60, 90, 20)
    first, base_changed, refined_changed = answer(one, one), answer(other, one), answer(one, other)
    assert (first.base.logits != base_changed.base.logits).any()
    np.testing.assert_array_equal(first.refined.logits, base_changed.refined.logits)
    np.testing.assert_array_equal(first.base.logits, refined_changed.base.logits)
    assert (first.refined.logits != refined_changed.refined.logits).any()


@pytest.mark.parametrize("modules", [("la", "pr", "mr"), ("la", "pr"), ("la",)], ids=str)
def test_an_untrained_refiner_tracks_as_sam2_does(video_base, tracker_of, new_clip, modules):
    """Its own memory bank is then filled with the base's masks."""
    clip = new_clip(8, SIZE, SIZE)
    tracker = tracker_of(video_base, modules=modules, trained=False)
    prompts = [FramePrompts(3, 1, CLICK), FramePrompts(3, 2, BOX), FramePrompts(5, 2, TWO_CLICKS)]
    frames = list(tracker.track(clip, prompts))
    assert len(frames) == 8
    assert_same(logits_of(frames, "refined"), logits_of(frames))


def test_hq_sam2_tracks_in_the_refiners_place(video_base, tracker_of, new_clip):
    clip, prompts = new_clip(3), [FramePrompts(0, 1, CLICK), FramePrompts(0, 2, BOX)]
    tracker = tracker_of(video_base, modules="hq")
    found = list(tracker.track(clip, prompts))
    assert_same(logits_of(found), logits_of(tracker_of(video_base).track(clip, prompts)))
    for item in prompts:
        alone = logits_of(tracker.track(clip, [item]), "refined")
        assert_same({key: logits_of(found, "refined")[key] for key in alone}, alone)
    assert (found[2].objects[1].refined.logits != found[2].objects[1].base.logits).any()


def test_the_refiner_remembers_its_own_masks(video_base, tracker_of, new_clip, monkeypatch):
    clip, encoded = new_clip(3, SIZE, SIZE), []
    encode = type(video_base)._encode_new_memory

    def spy(self, **given):
        encoded.append(given["pred_masks_high_res"].clone())
        return encode(self, **given)

    monkeypatch.setattr(type(video_base), "_encode_new_memory", spy)
    monkeypatch.setattr(refiner.predict.frame, "MEMORY_LOGIT", 0.5)
    frames = list(tracker_of(video_base).track(clip, [FramePrompts(0, 1, CLICK)]))
    for masks, frame in zip(encoded, frames, strict=True):
        base, refined = masks[:, 0].numpy()
        np.testing.assert_allclose(base, frame.objects[1].base.logits, atol=1e-6)
        shown = frame.objects[1].refined.logits
        np.testing.assert_allclose(refined, np.clip(shown, -0.5, 0.5), atol=1e-6)
        assert np.abs(shown).max() > 0.5


def test_a_mask_prompt_is_sam2s_answer_and_what_the_refiner_starts_from(
    video_base, tracker_of, new_clip
):
    frame, mask = new_clip(1)[0], disc(45, 60, 25)
    tracker = tracker_of(video_base)
    pair = tracker.prompt(frame, [FramePrompts(0, 1, Prompts(mask=mask))]).objects[1]
    union, both = (pair.base.mask | mask).sum(), (pair.base.mask & mask).sum()
    assert both / union > 0.9
    assert pair.base.quality == 1
    other = Prompts(mask=disc(30, 30, 20))
    another = tracker.prompt(frame, [FramePrompts(0, 1, other)]).objects[1]
    assert (pair.refined.logits != another.refined.logits).any()


def test_an_object_that_is_not_there_has_an_empty_mask(video_base, tracker_of, new_clip):
    base = sees(copy.deepcopy(video_base), -10.0)
    for frame in tracker_of(base).track(new_clip(3), [FramePrompts(0, 1, CLICK)]):
        assert not frame.objects[1].base.mask.any()
        assert not frame.objects[1].refined.mask.any()


def test_a_prompted_frame_is_shown_as_it_was_answered(video_base, tracker_of, new_clip):
    clip, tracker = new_clip(3), tracker_of(video_base)
    prompts = [FramePrompts(1, 4, CLICK), FramePrompts(1, 2, BOX)]
    answered = tracker.prompt(clip[1], prompts)
    assert answered.index == 1
    tracked = {frame.index: frame for frame in tracker.track(clip, prompts)}
    for model in ("base", "refined"):
        shown, expected = logits_of([tracked[1]], model), logits_of([answered], model)
        assert_same(shown, expected, atol=0)


def test_each_frame_comes_once_onwards_and_then_back(video_base, tracker_of, new_clip):
    tracker = tracker_of(video_base, modules=("pr",))
    found = list(tracker.track(new_clip(6), [FramePrompts(2, 1, CLICK), FramePrompts(4, 9, BOX)]))
    assert [frame.index for frame in found] == [2, 3, 4, 5, 1, 0]
    assert all(list(frame.objects) == [1, 9] for frame in found)
    assert all(pair.base.mask.shape == (90, 120) for pair in found[0].objects.values())


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (3, None, [3, 4, 5, 6, 7]),
        (5, 7, [5, 6]),
        (None, 3, [2, 1, 0]),
        (1, 2, [1]),
        (0, 4, [2, 3, 1, 0]),
        (6, 6, []),
    ],
)
def test_a_part_of_a_clip_is_shown_as_the_whole_shows_it(
    video_base, tracker_of, new_clip, since, until, expected
):
    clip, tracker = new_clip(8), tracker_of(video_base, modules=("pr",))
    prompts = [FramePrompts(2, 1, CLICK), FramePrompts(6, 2, BOX)]
    whole = {frame.index: frame for frame in tracker.track(clip, prompts)}
    part = list(tracker.track(clip, prompts, since=since, until=until))
    assert [frame.index for frame in part] == expected
    for model in ("base", "refined"):
        known = logits_of([whole[index] for index in expected], model)
        assert_same(logits_of(part, model), known, atol=0)


def test_frames_are_read_in_order_and_once(video_base, tracker_of, new_clip):
    clip = new_clip(6)
    list(tracker_of(video_base, modules=("pr",)).track(clip, [FramePrompts(2, 1, CLICK)]))
    assert clip.read == [2, 3, 4, 5, 1, 0]


def test_stopping_leaves_the_models_free(video_base, tracker_of, new_clip):
    clip, tracker = new_clip(4), tracker_of(video_base, modules=("pr",))
    steps = tracker.track(clip, [FramePrompts(0, 1, CLICK)])
    next(steps)
    tracker.segmenter.segment(clip[2], [CLICK])  # between two frames nobody waits
    next(steps)
    steps.close()
    assert clip.read[-1] == 1
    assert tracker.prompt(clip[3], [FramePrompts(3, 1, CLICK)]).index == 3


def test_two_clips_at_once_do_not_disturb_each_other(video_base, tracker_of, new_clip):
    clip, other = new_clip(4), new_clip(4, 70, 60)
    tracker = tracker_of(video_base, modules=("pr",))
    prompts, others = [FramePrompts(0, 1, CLICK)], [FramePrompts(3, 1, CLICK)]
    alone = [list(tracker.track(clip, prompts)), list(tracker.track(other, others))]
    together = list(zip(tracker.track(clip, prompts), tracker.track(other, others), strict=True))
    for number, expected in enumerate(alone):
        assert_same(logits_of([pair[number] for pair in together]), logits_of(expected), atol=0)


def test_an_unreadable_frame_ends_tracking_and_frees_the_models(video_base, tracker_of, new_clip):
    clip, tracker = new_clip(3), tracker_of(video_base, modules=("pr",))
    clip.frames[1] = clip.frames[1][:50]
    steps = tracker.track(clip, [FramePrompts(0, 1, CLICK)])
    next(steps)
    with pytest.raises(InputError, match="Frame 1 is 120 x 50, the clip 120 x 90"):
        next(steps)
    tracker.prompt(clip[0], [FramePrompts(0, 1, CLICK)])


def test_fast_quarters_change_the_refined_masks_only(video_base, tracker_of, new_clip):
    clip, prompts = new_clip(3), [FramePrompts(0, 1, CLICK)]
    usual = list(tracker_of(video_base).track(clip, prompts))
    fast = list(tracker_of(video_base, fast=True).track(clip, prompts))
    assert_same(logits_of(fast), logits_of(usual), atol=0)
    assert (fast[2].objects[1].refined.logits != usual[2].objects[1].refined.logits).any()


def test_the_first_prompt_is_shown_to_the_refiner_again_if_asked(video_base, tracker_of, new_clip):
    clip = new_clip(4)
    prompts = [FramePrompts(0, 1, TWO_CLICKS), FramePrompts(0, 2, CLICK)]
    usual = list(tracker_of(video_base).track(clip, prompts))
    again = list(tracker_of(video_base, first_prompt=True).track(clip, prompts))
    assert_same(logits_of(again), logits_of(usual))
    for number in (1, 2):
        former, shown = usual[1].objects[number], again[1].objects[number]
        assert (former.refined.logits != shown.refined.logits).any()


def test_many_objects_are_tracked_a_few_at_a_time(video_base, tracker_of, new_clip, monkeypatch):
    monkeypatch.setattr(refiner.predict.tracker, "BATCH", 2)
    clip, tracker = new_clip(3), tracker_of(video_base, modules=("pr",))
    prompts = [FramePrompts(0, i, Prompts((Click(20 * i + 10, 40),))) for i in range(5)]
    found = list(tracker.track(clip, prompts))
    for item in prompts:
        alone = logits_of(tracker.track(clip, [item]))
        assert_same({key: logits_of(found)[key] for key in alone}, alone)


def test_a_memory_bank_stays_small(video_base):
    bank = MemoryBank(video_base, start=3)
    for frame in [*range(4, 200), *range(2, -1, -1)]:
        if frame == 2:
            assert sorted(bank.recent) == list(range(185, 200))
            bank.turn()
            assert sorted(bank.recent) == list(range(4, 19))
        bank.add(frame, Memory(torch.zeros(1), torch.zeros(1)))
        kept = [old for old, memory in bank.recent.items() if memory.features is not None]
        assert len(bank.recent) <= 15
        assert len(kept) <= 6
        assert frame in kept


def test_prompts_that_do_not_fit_are_refused(video_base, tracker_of, new_clip):
    clip, tracker = new_clip(3), tracker_of(video_base, modules=("pr",))
    small = Mask(np.zeros((9, 9), bool), 0.5)
    cases = {
        "prompt on frame 3, but the clip has 3 frames": [FramePrompts(3, 1, CLICK)],
        "1 to 64 objects, got 0": [],
        "1 to 64 objects, got 65": [FramePrompts(0, i, CLICK) for i in range(65)],
        "Object 1 has two sets of prompts on frame 2": [FramePrompts(2, 1, CLICK)] * 2,
        "lies outside the picture": [FramePrompts(0, 1, Prompts((Click(500, 5),)))],
        "former mask of object 1 is 9 x 9, the frame 120 x 90": [
            FramePrompts(0, 1, CLICK, MaskPair(small, small))
        ],
    }
    for message, prompts in cases.items():
        with pytest.raises(InputError, match=message):
            tracker.track(clip, prompts)
    with pytest.raises(InputError, match="prompts of one frame, got those of 2 frames"):
        tracker.prompt(clip[0], [FramePrompts(0, 1, CLICK), FramePrompts(1, 1, CLICK)])


def test_a_tracker_shares_what_the_segmenter_has_loaded(video_base, tracker_of):
    tracker = tracker_of(video_base)
    assert tracker.info is tracker.segmenter.info
    assert tracker.models.base is tracker.segmenter.base is video_base
