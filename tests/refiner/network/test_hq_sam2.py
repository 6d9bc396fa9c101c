"""The HQ-SAM2 baseline and the refiner's ablations on the same frozen base."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from refiner.config import HQConfig, LiteConfig, RefinerConfig
from refiner.network.base_model import PointPrompts, encode
from refiner.network.checkpoint import load_refiner, save_refiner, state_id
from refiner.network.decoding import decode
from refiner.network.hq_sam2 import HQSAM2
from refiner.network.quarters import local_features
from refiner.network.sam2refiner import SAM2Refiner
from refiner.predict.segmenter import ImageSegmenter
from refiner.training.refiner_task import RefinerTask
from refiner.types import Click, Prompts

SETS = [("la",), ("la", "pr"), ("la", "mr"), ("pr", "mr"), ("la", "pr", "mr")]


@pytest.fixture
def points(lite_config: LiteConfig) -> PointPrompts:
    coords = torch.tensor([[[0.3, 0.4], [0.8, 0.7]]]) * lite_config.image_size
    return PointPrompts(coords, torch.tensor([[1, 0]]))


def answer(base, refiner, points):
    size = base.image_size
    generator = torch.Generator().manual_seed(0)
    doubled = torch.randn(1, 3, 2 * size, 2 * size, generator=generator)
    image = F.avg_pool2d(doubled, 2)
    features, fpn = encode(base, image)
    local = local_features(base, doubled) if refiner.quarters else None
    prepared = refiner.prepare(base, features.g, fpn, image, local)
    index = torch.zeros(1, dtype=torch.int64)
    low = decode(base, features, index, points).best
    return refiner(base, features, prepared, index, points), low


def hq_model(base) -> HQSAM2:
    torch.manual_seed(0)
    return HQSAM2(HQConfig(base.hidden_dim, base.image_size)).eval()


@pytest.mark.parametrize("modules", SETS, ids="+".join)
def test_every_ablation_starts_as_sam2(lite_base, points, modules):
    refiner = SAM2Refiner(RefinerConfig(64, 128, modules=modules)).eval()
    output, low = answer(lite_base, refiner, points)
    grown = F.interpolate(low, (128, 128), mode="bilinear", align_corners=False)
    assert torch.equal(output.logits, grown)
    assert len(output.intermediate) == (3 if "mr" in modules else 0)


@pytest.mark.parametrize("modules", SETS, ids="+".join)
def test_every_parameter_of_an_ablation_matters(lite_base, points, modules, shake):
    refiner = shake(SAM2Refiner(RefinerConfig(64, 128, modules=modules)), 1)
    output, _ = answer(lite_base, refiner, points)
    (output.logits.mean() + sum(part.mean() for part in output.intermediate)).backward()
    idle = [name for name, parameter in refiner.named_parameters() if parameter.grad is None]
    assert idle == []


@pytest.mark.parametrize("modules", [(), ("xx",), ("la", "xx")])
def test_unknown_modules_are_refused(modules):
    with pytest.raises(ValueError, match="modules must be some of"):
        RefinerConfig(64, 128, modules=modules)


def test_hq_sam2_learns_and_leaves_the_base_alone(lite_base, points, new_base):
    base = new_base()
    before = state_id(base)
    model = hq_model(base)
    task = RefinerTask(base, {"hq-sam2": model}, resizable=True)
    optimizer = torch.optim.Adam(task.parameter_groups(1e-2))
    truth = torch.zeros(1, 1, 128, 128)
    truth[..., 30:90, 30:90] = 1
    losses = []
    for _ in range(8):
        output, _ = answer(base, model, points)
        loss = F.binary_cross_entropy_with_logits(output.logits, truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert state_id(base) == before


def test_hq_sam2_is_saved_loaded_and_shown_like_a_refiner(
    lite_base, tmp_path: Path, shake, picture
):
    model = shake(hq_model(lite_base), 2)
    path = tmp_path / "hq.safetensors"
    save_refiner(path, model, state_id(lite_base), {"summary": "random"})
    loaded, header = load_refiner(path, lite_base)
    assert header.kind == "hq-sam2"
    assert state_id(loaded) == state_id(model)
    segmenter = ImageSegmenter(lite_base, loaded, None, torch.device("cpu"))
    result = segmenter.segment(picture(40, 60), [Prompts((Click(10, 10),))], logits=True)
    pair = result.objects[0]
    assert pair.refined.logits.shape == (40, 60)
    assert not (pair.base.logits == pair.refined.logits).all()
