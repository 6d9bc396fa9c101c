"""Twins in OpenVINO: what torch computes, beside a model that is as before."""

from __future__ import annotations

import copy

import pytest
import torch

from refiner.config import RefinerConfig
from refiner.network import accelerated, openvino_engine
from refiner.network.accelerated import accelerated_base, accelerated_refiner, speed_up
from refiner.network.base_model import PointPrompts, encode, set_image_size
from refiner.network.checkpoint import state_id
from refiner.network.decoding import decode
from refiner.network.quarters import local_features
from refiner.network.sam2refiner import SAM2Refiner

pytest.importorskip("openvino", reason="not installed here")


@pytest.fixture(autouse=True, scope="module")
def programs(engine, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SAM2REFINER_ENGINE")
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("programs")))
        yield


def answers(base, refiner, points, labels):
    """All that a picture, two objects in it and a memory make of both models."""
    generator = torch.Generator().manual_seed(2)
    doubled = torch.randn(1, 3, 256, 256, generator=generator)
    picture = torch.nn.functional.avg_pool2d(doubled, 2)
    prompts = PointPrompts(torch.tensor(points), torch.tensor(labels, dtype=torch.int32))
    index = torch.zeros(len(points), dtype=torch.int64)
    with torch.inference_mode():
        features, fpn = encode(base, picture)
        local = local_features(base, doubled)
        prepared = refiner.prepare(base, features.g, fpn, picture, local)
        plain = decode(base, features, index, prompts)
        output = refiner(base, features, prepared, index, prompts, plain=plain.best)
        memory = base.memory_encoder(fpn[2], picture[:, :1], skip_mask_sigmoid=True)
    found = [features.g, *features.high_res, *fpn, plain.best, plain.best_iou, plain.token]
    found += [plain.tokens, plain.embedding, plain.upscaled, output.logits]
    return [*found, output.decoded.best_iou, *memory["vision_pos_enc"], memory["vision_features"]]


@pytest.mark.parametrize("settings", [{}, {"gate": True}, {"modules": ("la",)}, {"skips": False}])
def test_twins_answer_as_the_models_they_are_made_of(lite_base, shake, settings):
    config = RefinerConfig(lite_base.hidden_dim, lite_base.image_size, **settings)
    refiner = shake(SAM2Refiner(config).eval().requires_grad_(False), 3)
    twins = accelerated_base(lite_base), accelerated_refiner(refiner)
    boxes = [[[20.0, 30.0], [90.0, 100.0]], [[5.0, 6.0], [50.0, 60.0]]], [[2, 3], [2, 3]]
    for prompts in (([[[40.0, 50.0]]], [[1]]), boxes):
        wanted = answers(lite_base, refiner, *prompts)
        for one, other in zip(wanted, answers(*twins, *prompts), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-3)


def test_the_model_of_a_twin_stays_torchs(lite_base, new_refiner):
    refiner = new_refiner()
    before = dict(lite_base.named_modules()), dict(refiner.named_modules())
    assert accelerated_base(lite_base).image_encoder is not lite_base.image_encoder
    assert accelerated_refiner(refiner).mask_refinement is not refiner.mask_refinement
    assert (dict(lite_base.named_modules()), dict(refiner.named_modules())) == before


def maps(base, size):
    set_image_size(base, size)
    with torch.no_grad():
        features, fpn = encode(base, torch.randn(2, 3, size, size, generator=torch.manual_seed(1)))
    return [features.g, *features.high_res, *fpn]


def test_a_base_in_training_is_sped_up_at_every_size(new_base):
    base = new_base().eval().requires_grad_(False)
    before = state_id(base)
    wanted = [maps(base, size) for size in (64, 128)]
    assert speed_up(base)
    assert state_id(base) == before
    for size, ours in zip((64, 128), wanted, strict=True):
        for one, other in zip(ours, maps(base, size), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-2)


def test_an_encoder_that_answers_otherwise_is_not_used(new_base, monkeypatch, capsys):
    base = new_base().eval().requires_grad_(False)
    own = base.image_encoder.forward
    monkeypatch.setattr(openvino_engine, "TOLERANCE", -1.0)
    assert not speed_up(base)
    assert base.image_encoder.forward == own
    assert "more than" in capsys.readouterr().err


def test_without_openvino_training_goes_on_in_torch(new_base, monkeypatch):
    base = new_base().eval().requires_grad_(False)
    monkeypatch.setattr(accelerated, "engine_version", lambda: None)
    assert not speed_up(copy.copy(base))
