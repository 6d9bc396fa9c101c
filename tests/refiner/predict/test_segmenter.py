"""segment(image, prompts): sizes, batching, the cache of embeddings, threads, bad input."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import refiner.predict.segmenter
from refiner.network.base_model import BaseFeatures, normalise
from refiner.network.mask_refinement import RefinerFeatures
from refiner.predict.embedding_cache import CACHE_BYTES, Embedding, EmbeddingCache
from refiner.predict.loading import load_segmenter
from refiner.types import MAX_CLICKS, MAX_OBJECTS, Box, Click, InputError, Prompts

CLICK = Prompts((Click(20, 30),))


def embedding(nbytes):
    """An embedding whose tensors take that many bytes."""
    nothing = torch.empty(0)
    return Embedding(
        BaseFeatures((nothing, nothing), torch.zeros(nbytes // 4)),
        RefinerFeatures(nothing, (nothing, nothing, nothing), nothing, nothing),
    )


def same(result, other, atol=0.0):
    for pair, second in zip(result.objects, other.objects, strict=True):
        np.testing.assert_allclose(pair.base.logits, second.base.logits, atol=atol, rtol=0)
        np.testing.assert_allclose(pair.refined.logits, second.refined.logits, atol=atol, rtol=0)
    return True


def test_a_forked_process_waits_for_no_thread_that_was_not_forked_along() -> None:
    cache = EmbeddingCache()
    with cache._lock:
        cache.renew()
        assert cache.get((object(), "picture")) is None


def test_the_cache_drops_what_was_not_used_for_longest():
    cache = EmbeddingCache(limit=1000)
    for name in "abc":
        cache.put((0, name), embedding(400))
        assert cache.nbytes <= 1000
    assert cache.get((0, "a")) is None
    assert cache.get((0, "b")) is not None  # now the newest
    cache.put((0, "d"), embedding(400))
    assert cache.get((0, "c")) is None
    assert cache.get((0, "b")) is not None
    assert len(cache) == 2


def test_the_cache_does_not_keep_what_is_larger_than_it():
    cache = EmbeddingCache(limit=1000)
    small = embedding(100)
    cache.put((0, "small"), small)
    cache.put((0, "big"), embedding(5000))
    assert cache.get((0, "big")) is None
    assert cache.get((0, "small")) is small


def test_models_share_one_budget_and_leave_nothing_behind(new_segmenter, picture):
    gc.collect()
    one, other = new_segmenter(), new_segmenter()
    shared = one.cache
    assert other.cache is shared
    before = shared.nbytes
    one.prepare(picture(50, 60))
    size = shared.nbytes - before
    answer = other.segment(picture(50, 60), [CLICK])  # the same picture, another model
    assert answer.timings.encode > 0
    assert shared.nbytes == before + 2 * size <= CACHE_BYTES
    del other
    gc.collect()
    assert shared.nbytes == before + size


def test_a_picture_put_twice_counts_once():
    cache = EmbeddingCache(limit=1000)
    for _ in range(3):
        cache.put((0, "a"), embedding(400))
    assert cache.nbytes == 400


def test_an_embedding_counts_all_its_tensors(segmenter, picture):
    segmenter.prepare(picture(50, 60))
    (item,) = segmenter.cache._items.values()
    tensors = [item.base.g, *item.base.high_res]
    tensors += [item.refined.g, item.refined.fine, item.refined.low_level, *item.refined.levels]
    assert item.nbytes == sum(tensor.numel() * 4 for tensor in tensors) == segmenter.cache.nbytes


def test_the_cache_stays_whole_when_threads_use_it_together():
    cache = EmbeddingCache(limit=40 * 400)
    items = [embedding(400) for _ in range(50)]
    barrier = threading.Barrier(4)

    def work(seed):
        rng = np.random.default_rng(seed)
        barrier.wait()
        for number in rng.integers(0, 50, 1000):
            cache.put((0, str(number)), items[number])
            assert cache.get((0, str(number))) in (None, items[number])
            assert cache.nbytes <= 41 * 400

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len(cache) == 40
    assert cache.nbytes == 40 * 400


def test_a_known_picture_costs_no_encoding(segmenter, picture, monkeypatch):
    encoded = []
    encode = refiner.predict.segmenter.encode
    monkeypatch.setattr(
        refiner.predict.segmenter, "encode", lambda *given: encoded.append(1) or encode(*given)
    )
    image = picture(90, 70)
    first = segmenter.segment(image, [CLICK], logits=True)
    again = segmenter.segment(image.copy(), [CLICK], logits=True)
    assert len(encoded) == 1
    assert first.timings.encode > 0
    assert first.timings.augment > 0
    assert (again.timings.encode, again.timings.augment) == (0, 0)
    assert again.timings.base > 0
    assert again.timings.refine > 0
    assert same(first, again)
    segmenter.segment(picture(90, 70, seed=1), [CLICK])
    assert len(encoded) == 2


def test_pictures_of_the_same_bytes_and_another_shape_are_not_confused(segmenter, picture):
    image = picture(60, 40)
    segmenter.segment(image, [CLICK])
    other = segmenter.segment(image.reshape(40, 60, 3), [CLICK])
    assert other.timings.encode > 0
    assert len(segmenter.cache) == 2


def test_a_prepared_picture_costs_a_click_only(segmenter, picture):
    image = picture(90, 70)
    segmenter.prepare(image)
    assert segmenter.segment(image, [CLICK]).timings.encode == 0


def test_a_full_cache_changes_no_answer(segmenter, new_segmenter, picture):
    images = [picture(60, 80, seed) for seed in range(3)]
    segmenter.cache = EmbeddingCache(limit=1)
    for image in (*images, *images):
        found = segmenter.segment(image, [CLICK], logits=True)
        assert found.timings.encode > 0
        assert same(found, new_segmenter().segment(image, [CLICK], logits=True))
    assert len(segmenter.cache) == 0


def test_objects_with_different_prompts_come_back_in_order(segmenter, picture):
    image = picture(90, 70)
    disc = np.zeros((90, 70), bool)
    disc[20:60, 10:50] = True
    objects = [
        Prompts((Click(10, 80),)),
        Prompts(box=Box(5, 5, 60, 50)),
        Prompts((Click(60, 10),)),
        Prompts((Click(60, 10), Click(3, 3, False), Click(40, 50))),
        Prompts(mask=disc),
        Prompts((Click(30, 40), Click(9, 70, False))),
        Prompts((Click(60, 10),), mask=disc),
    ]
    together = segmenter.segment(image, objects, logits=True)
    assert len(together.objects) == len(objects)
    for number, prompts in enumerate(objects):
        alone = segmenter.segment(image, [prompts], logits=True).objects[0]
        pair = together.objects[number]
        for model in ("base", "refined"):
            one, many = getattr(alone, model), getattr(pair, model)
            np.testing.assert_allclose(many.logits, one.logits, atol=1e-4, rtol=0)
            assert many.quality == pytest.approx(one.quality, abs=1e-5)
    answers = [pair.refined.logits for pair in together.objects]
    for i, answer in enumerate(answers):
        assert all(np.abs(answer - other).max() > 1e-3 for other in answers[i + 1 :])


@pytest.mark.parametrize(
    "size_hw", [(90, 40), (40, 90), (1, 1), (1, 300), (300, 1), (3, 500), (700, 520)]
)
def test_masks_have_the_size_of_the_picture(segmenter, picture, size_hw):
    height, width = size_hw
    mask = np.ones(size_hw)
    objects = [
        Prompts((Click(width / 2, height / 2),)),
        Prompts((Click(0, 0), Click(width, height, False))),
        Prompts(box=Box(0, 0, width, height)),
        Prompts(mask=mask),
    ]
    for pair in segmenter.segment(picture(*size_hw), objects, logits=True).objects:
        for answer in (pair.base, pair.refined):
            assert answer.mask.shape == answer.logits.shape == size_hw
            assert (answer.mask.dtype, answer.logits.dtype) == (np.bool_, np.float32)
            assert np.isfinite(answer.logits).all()
            assert (answer.mask == (answer.logits > 0)).all()
            assert 0 <= answer.quality <= 1


def test_logits_are_returned_only_when_asked_for(segmenter, picture):
    image = picture(40, 50)
    quiet = segmenter.segment(image, [CLICK]).objects[0]
    loud = segmenter.segment(image, [CLICK], logits=True).objects[0]
    assert quiet.base.logits is None
    assert quiet.refined.logits is None
    assert (quiet.refined.mask == loud.refined.mask).all()


def test_a_mask_prompt_matters_and_its_type_does_not(segmenter, picture):
    image = picture(60, 80)
    left, right = np.zeros((60, 80), bool), np.zeros((60, 80), bool)
    left[:, :40], right[:, 40:] = True, True
    found = segmenter.segment(
        image,
        [Prompts(mask=mask) for mask in (left, right, left.astype(np.float64), left * 0.5)],
        logits=True,
    )
    logits = [pair.base.logits for pair in found.objects]
    assert np.abs(logits[0] - logits[1]).max() > 0.1
    np.testing.assert_allclose(logits[0], logits[2], atol=1e-5)
    assert np.abs(logits[0] - logits[3]).max() > 0.01


def test_the_order_of_a_boxs_corners_and_the_side_of_a_click_matter_as_they_should(
    segmenter, picture
):
    image = picture(60, 80)
    found = segmenter.segment(
        image,
        [
            Prompts(box=Box(10, 20, 50, 40)),
            Prompts(box=Box(50, 40, 10, 20)),
            Prompts((Click(10, 20),)),
            Prompts((Click(70, 20),)),
        ],
        logits=True,
    )
    logits = [pair.refined.logits for pair in found.objects]
    np.testing.assert_allclose(logits[0], logits[1], atol=1e-5)
    assert np.abs(logits[2] - logits[3]).max() > 1e-2


def test_the_same_input_gives_the_same_answer_bit_for_bit(new_segmenter, picture):
    image = picture(77, 131)
    objects = [CLICK, Prompts(box=Box(1, 2, 100, 70)), Prompts((Click(1, 1), Click(9, 9, False)))]
    first, second = (new_segmenter().segment(image, objects, logits=True) for _ in range(2))
    assert same(first, second)


def test_quarters_come_from_the_pictures_own_pixels(segmenter, picture, monkeypatch):
    """Of a picture twice as large as S every pixel is seen, as in no view of S x S."""
    seen = []
    local_features = refiner.predict.segmenter.local_features
    monkeypatch.setattr(
        refiner.predict.segmenter,
        "local_features",
        lambda base, doubled: seen.append(doubled.clone()) or local_features(base, doubled),
    )
    image = picture(256, 256)
    segmenter.segment(image, [CLICK])
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
    torch.testing.assert_close(seen[0], normalise(pixels))


def test_arrays_with_any_strides_are_read(segmenter, picture):
    image = picture(40, 50)
    mask = np.zeros((40, 50))
    mask[10:30, 5:20] = 1
    prompts = [Prompts((Click(20, 30),), mask=mask)]
    expected = segmenter.segment(image, prompts, logits=True)
    segmenter.cache = EmbeddingCache()
    mirrored = np.ascontiguousarray(image[:, ::-1])[:, ::-1]
    other = [Prompts((Click(20, 30),), mask=np.asfortranarray(mask[::-1])[::-1])]
    assert same(segmenter.segment(mirrored, other, logits=True), expected)
    segmenter.cache = EmbeddingCache()
    frozen = image.copy()
    frozen.setflags(write=False)
    assert same(segmenter.segment(frozen, prompts, logits=True), expected)


def test_the_picture_and_the_prompts_are_not_changed(segmenter, picture):
    image, mask = picture(40, 50), np.eye(40, 50)
    before = image.copy()
    segmenter.segment(image, [Prompts(mask=mask)])
    assert (image == before).all()
    assert (mask == np.eye(40, 50)).all()


def test_two_threads_get_what_each_would_get_alone(segmenter, new_segmenter, picture):
    images = [picture(80, 60, seed) for seed in (1, 2)]
    objects = [[CLICK, Prompts(box=Box(5, 5, 50, 70))], [Prompts((Click(50, 10), Click(5, 70)))]]
    alone = [
        new_segmenter().segment(*given, logits=True) for given in zip(images, objects, strict=True)
    ]
    segmenter.cache = EmbeddingCache(limit=1)  # each call encodes anew
    barrier = threading.Barrier(2)

    def work(number):
        barrier.wait()
        return [segmenter.segment(images[number], objects[number], logits=True) for _ in range(5)]

    with ThreadPoolExecutor(2) as pool:
        for expected, found in zip(alone, pool.map(work, range(2)), strict=True):
            assert all(same(result, expected) for result in found)


def test_a_failed_call_leaves_the_model_usable(segmenter, picture, monkeypatch):
    image = picture(40, 50)

    def broken(*given):
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(refiner.predict.segmenter, "local_features", broken)
        with pytest.raises(RuntimeError, match="out of memory"):
            segmenter.segment(image, [CLICK])
    assert len(segmenter.cache) == 0
    assert segmenter.segment(image, [CLICK]).timings.encode > 0


def test_neither_model_keeps_gradients(segmenter, picture):
    assert not any(p.requires_grad for p in segmenter.base.parameters())
    assert not any(p.requires_grad for p in segmenter.refiner.parameters())
    assert not segmenter.base.training
    assert not segmenter.refiner.training


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        (Prompts(), "no prompt"),
        (Prompts((Click(50.1, 10),)), r"\(50.1, 10\) lies outside"),
        (Prompts((Click(3, 3), Click(-0.5, 10, False))), r"\(-0.5, 10\) lies outside"),
        (Prompts(box=Box(1, 1, 20, 41)), r"\(20, 41\) lies outside"),
        (Prompts(mask=np.ones((50, 40))), "the picture 50 x 40"),
    ],
)
def test_prompts_that_do_not_fit_the_picture_are_refused(segmenter, picture, prompts, message):
    with pytest.raises(InputError, match=message):
        segmenter.segment(picture(40, 50), [CLICK, prompts])
    assert len(segmenter.cache) == 0  # nothing was computed in vain


def test_numbers_that_are_none_are_refused():
    for x in (float("nan"), float("inf"), "3", None):
        with pytest.raises(InputError, match="must be a"):
            Click(x, 3)
        with pytest.raises(InputError, match="must be a"):
            Box(0, x, 3, 4)


def test_no_objects_and_too_many_are_refused(segmenter, picture):
    image = picture(40, 50)
    with pytest.raises(InputError, match="1 to 64 objects, got 0"):
        segmenter.segment(image, [])
    with pytest.raises(InputError, match="1 to 64 objects, got 65"):
        segmenter.segment(image, [CLICK] * (MAX_OBJECTS + 1))
    assert len(segmenter.segment(image, [CLICK] * MAX_OBJECTS).objects) == MAX_OBJECTS


def test_as_many_clicks_as_allowed_are_answered(segmenter, picture):
    clicks = tuple(Click(i % 50, i % 40, i % 3 > 0) for i in range(MAX_CLICKS))
    found = segmenter.segment(picture(40, 50), [Prompts(clicks)], logits=True).objects[0]
    assert np.isfinite(found.refined.logits).all()
    with pytest.raises(InputError, match="at most 1000 clicks, got 1001"):
        Prompts((*clicks, Click(1, 1)))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 5), np.uint8),
        np.zeros((4, 5, 4), np.uint8),
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((4, 5, 3), np.float32),
        [[1, 2, 3]],
        None,
    ],
)
def test_what_is_no_rgb_picture_is_refused(segmenter, image):
    with pytest.raises(InputError, match="The picture must"):
        segmenter.segment(image, [CLICK])
    with pytest.raises(InputError, match="The picture must"):
        segmenter.prepare(image)


def test_loaded_weights_give_the_masks_of_the_models_saved(weights, segmenter, picture):
    loaded = load_segmenter(device="cpu", weights=weights[0], refiner=weights[1])
    image = picture(90, 70)
    found = loaded.segment(image, [CLICK], logits=True).objects[0]
    expected = segmenter.segment(image, [CLICK], logits=True).objects[0]
    for model in ("base", "refined"):
        logits = getattr(expected, model).logits
        difference = np.abs(getattr(found, model).logits - logits).max()
        assert difference < 0.05 * logits.std(), model  # half precision
    assert (loaded.info.backbone, loaded.info.device) == ("sam2-lite", "cpu")
    assert (loaded.info.base_weights, loaded.info.refiner_weights) == (
        "trained by this project, a random base",
        "trained by this project, a random refiner",
    )
    assert loaded.info.details["image_size"] == 128


def test_a_backbone_or_device_that_is_not_there_is_refused(weights):
    with pytest.raises(InputError, match="Unknown backbone 'sam9'; choose one of sam2-lite"):
        load_segmenter("sam9")
    for device in ("cuda:77", "abacus", "meta-cpu"):
        with pytest.raises(InputError, match=f"device '{device}' is not available"):
            load_segmenter(device=device, weights=weights[0], refiner=weights[1])


def test_an_official_backbone_without_refiner_weights_is_refused():
    with pytest.raises(InputError, match="train refiner --backbone sam2.1-tiny"):
        load_segmenter("sam2.1-tiny")


def test_a_refiner_of_another_base_never_passes(weights, tmp_path, new_base, lite_config):
    from refiner.network.checkpoint import save_base

    other = new_base()
    with torch.no_grad():
        other.no_mem_embed += 1
    save_base(tmp_path / "other.safetensors", other, lite_config, {})
    with pytest.raises(InputError, match="was trained on the base"):
        load_segmenter(device="cpu", weights=tmp_path / "other.safetensors", refiner=weights[1])


@pytest.mark.parametrize(
    "mask",
    [
        np.full((4, 4), 255, np.uint8),
        np.full((4, 4), np.nan),
        np.full((4, 4), 1.5, np.float32),
        np.full((4, 4), "a"),
        np.zeros((4, 4, 1), bool),
    ],
    ids=["uint8", "nan", "above one", "text", "three axes"],
)
def test_a_mask_prompt_that_is_no_mask_is_refused(mask):
    with pytest.raises(InputError, match="mask prompt"):
        Prompts(mask=mask)


def test_openvino_gives_the_masks_that_torch_gives_and_the_build_names_it(
    weights, picture, tmp_path, monkeypatch
):
    pytest.importorskip("openvino", reason="not installed here")
    monkeypatch.delenv("SAM2REFINER_ENGINE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    base, refiner = weights
    slow, fast = (load_segmenter("sam2-lite", "cpu", base, refiner, on) for on in (False, None))
    assert "engine" not in slow.info.details["build"]
    assert fast.info.details["build"]["engine"].startswith("openvino ")
    assert slow.info.details["refiner_id"] == fast.info.details["refiner_id"]
    image = picture(90, 120)
    objects = [Prompts((Click(30, 40),)), Prompts((Click(60, 50),), Box(10, 10, 80, 70))]
    results = [model.segment(image, objects, logits=True) for model in (slow, fast)]
    assert same(*results, atol=0.02)
