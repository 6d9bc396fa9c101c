"""Checkpoints: what is saved comes back whole, and nothing loads in part or in the wrong place."""

from __future__ import annotations

import json
import re

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from refiner.config import COMPARED, LITE, LiteConfig, RefinerConfig, weights_name
from refiner.network.checkpoint import (
    HQ,
    REFINER,
    VIDEO_ONLY,
    build_refiner,
    fill_refiner,
    load_base,
    load_refiner,
    save_base,
    save_refiner,
    state_id,
)
from refiner.network.sam2refiner import SAM2Refiner
from refiner.predict.loading import WEIGHTS
from refiner.types import InputError


def header_of(path):
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["header"])


def rewrite(source, target, tensors=None, **changes):
    """Copy a checkpoint with other tensors or another header."""
    header = header_of(source) | changes
    save_file(
        load_file(source) if tensors is None else tensors,
        target,
        metadata={"header": json.dumps(header)},
    )
    return target


def assert_same_to_half_precision(module, other):
    state, found = module.state_dict(), other.state_dict()
    assert list(state) == list(found)
    for name, value in state.items():
        assert torch.equal(value.half().float(), found[name]), name


def test_a_base_comes_back_with_its_settings_and_its_id(weights, lite_base, lite_config):
    base, header = load_base(weights[0])
    assert_same_to_half_precision(lite_base, base)
    assert state_id(base) == state_id(lite_base)
    assert LiteConfig(**header.config) == lite_config
    assert (base.hidden_dim, base.image_size) == (64, 128)
    assert (header.kind, header.base_id) == ("sam2-lite", "")
    assert header.trained == {"summary": "a random base"}
    assert not base.training


def test_a_refiner_comes_back_on_its_base(weights, new_refiner):
    base, _ = load_base(weights[0])
    refiner, header = load_refiner(weights[1], base)
    assert_same_to_half_precision(new_refiner(), refiner)
    assert state_id(refiner) == state_id(new_refiner())
    assert (header.kind, header.base_id) == ("sam2refiner", state_id(base))
    assert header.trained == {"summary": "a random refiner"}
    assert not refiner.training


def test_a_loaded_refiner_has_the_settings_it_was_saved_with(tmp_path, lite_base):
    config = RefinerConfig(64, 128, widths=(64, 32, 32, 16, 16), heads=4, mlp_dim=512)
    path = tmp_path / "refiner.safetensors"
    save_refiner(path, SAM2Refiner(config), state_id(lite_base), {})
    assert load_refiner(path, lite_base)[0].config == config


def test_checkpoints_hold_half_precision(weights):
    for path in weights:
        assert {tensor.dtype for tensor in load_file(path).values()} == {torch.float16}


def test_saving_twice_gives_the_same_model_and_leaves_no_other_file(tmp_path, weights, lite_config):
    base, _ = load_base(weights[0])
    path = tmp_path / "deep" / "folder" / "base.safetensors"
    for _ in range(2):
        save_base(path, base, lite_config, {"summary": "a random base"})
    assert [file.name for file in path.parent.iterdir()] == ["base.safetensors"]
    assert path.read_bytes() == weights[0].read_bytes()


def test_the_id_tells_every_change_and_no_change_of_layout(new_refiner):
    refiner = new_refiner()
    own = state_id(refiner)
    assert len(own) == 16
    assert state_id(refiner.to(memory_format=torch.channels_last)) == own
    with torch.no_grad():
        refiner.mask_refinement.heads[2].bias += 0.25
    assert state_id(refiner) != own


@pytest.mark.parametrize("name", VIDEO_ONLY)
def test_training_the_memory_keeps_the_id_and_the_refiner(weights, new_base, name):
    base = new_base()
    own = state_id(base)
    parts = [value for key, value in base.named_parameters() if key.startswith(name)]
    assert parts
    with torch.no_grad():
        for value in parts:
            value += 0.5
    assert state_id(base) == own
    load_refiner(weights[1], base)


@pytest.mark.parametrize(
    "name",
    ["no_mem_embed", "sam_mask_decoder.iou_token.weight", "sam_prompt_encoder.no_mask_embed"],
)
def test_every_part_that_answers_on_pictures_is_in_the_id(new_base, name):
    base = new_base()
    own = state_id(base)
    with torch.no_grad():
        for key, value in base.named_parameters():
            if key.startswith(name):
                value += 0.5
    assert state_id(base) != own


def test_a_refiner_of_another_base_is_refused_with_both_ids(weights, new_base):
    other = new_base()
    with torch.no_grad():
        other.no_mem_embed += 0.5
    with pytest.raises(InputError) as error:
        load_refiner(weights[1], other)
    assert header_of(weights[1])["base_id"] in str(error.value)
    assert state_id(other) in str(error.value)
    assert "base it was trained on" in str(error.value)


def test_a_checkpoint_of_the_other_kind_is_refused(weights, lite_base):
    with pytest.raises(InputError, match="holds a sam2refiner, expected a sam2-lite"):
        load_base(weights[1])
    with pytest.raises(InputError, match="holds a sam2-lite, expected a sam2refiner"):
        load_refiner(weights[0], lite_base)


@pytest.mark.parametrize("share", [0.0, 0.00001, 0.01, 0.5, 0.999])
def test_a_truncated_checkpoint_is_refused(tmp_path, weights, lite_base, share):
    for source, load in zip(
        weights, (load_base, lambda p: load_refiner(p, lite_base)), strict=True
    ):
        content = source.read_bytes()
        path = tmp_path / source.name
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(InputError, match=f"{source.name} is not a checkpoint of this project"):
            load(path)


def test_random_bytes_are_refused(tmp_path):
    path = tmp_path / "noise.safetensors"
    generator = torch.Generator().manual_seed(0)
    for length in (1, 8, 9, 100, 5000):
        noise = torch.randint(0, 256, (length,), dtype=torch.uint8, generator=generator)
        path.write_bytes(noise.numpy().tobytes())
        with pytest.raises(InputError, match="noise.safetensors is not a checkpoint"):
            load_base(path)


def test_a_missing_file_or_a_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="no checkpoint .*gone.safetensors"):
        load_base(tmp_path / "gone.safetensors")
    with pytest.raises(InputError, match="not a checkpoint of this project"):
        load_base(tmp_path)


def test_safetensors_without_our_header_are_refused(tmp_path, weights):
    path = tmp_path / "other.safetensors"
    for metadata in (
        None,
        {},
        {"format": "pt"},
        {"header": "{"},
        {"header": "[1]"},
        {"header": "{}"},
    ):
        save_file(load_file(weights[0]), path, metadata=metadata)
        with pytest.raises(InputError, match="not a checkpoint of this project"):
            load_base(path)


@pytest.mark.parametrize("change", ["missing", "extra", "shape"])
def test_tensors_that_do_not_fit_are_refused_and_named(tmp_path, weights, lite_base, change):
    for source, load in zip(
        weights, (load_base, lambda p: load_refiner(p, lite_base)), strict=True
    ):
        tensors = load_file(source)
        name = sorted(tensors)[3]
        if change == "missing":
            del tensors[name]
        elif change == "extra":
            name = "stranger.weight"
            tensors[name] = torch.zeros(1)
        else:
            tensors[name] = torch.zeros(7, 7, 7)
        path = rewrite(source, tmp_path / source.name, tensors)
        with pytest.raises(InputError, match="do not fit its model") as error:
            load(path)
        assert name in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_dim": 100},
        {"image_size": "big"},
        {"stranger": 1},
        {"trunk": "no_such_network"},
    ],
)
def test_settings_no_base_can_have_are_refused(tmp_path, weights, changes):
    config = header_of(weights[0])["config"] | changes
    path = rewrite(weights[0], tmp_path / "base.safetensors", config=config)
    with pytest.raises(InputError, match="The settings inside .*base.safetensors cannot be used"):
        load_base(path)


@pytest.mark.parametrize("changes", [{"widths": [1, 2]}, {"stranger": 1}, {"heads": "many"}])
def test_settings_no_refiner_can_have_are_refused(tmp_path, weights, lite_base, changes):
    config = header_of(weights[1])["config"] | changes
    path = rewrite(weights[1], tmp_path / "refiner.safetensors", config=config)
    with pytest.raises(
        InputError, match="The settings inside .*refiner.safetensors cannot be used"
    ):
        load_refiner(path, lite_base)


def test_a_gate_is_trained_from_weights_without_one(tmp_path, new_refiner):
    refiner = new_refiner()
    path = tmp_path / "refiner.safetensors"
    save_refiner(path, refiner, "base", {})
    gated = build_refiner(REFINER, {"hidden_dim": 64, "image_size": 128, "gate": True})
    fresh = {name: tensor.clone() for name, tensor in gated.state_dict().items()}
    fill_refiner(gated, path)
    old = refiner.state_dict()
    for name, tensor in gated.state_dict().items():
        wanted = old[name].half().float() if name in old else fresh[name]
        torch.testing.assert_close(tensor, wanted, rtol=0, atol=0)
    assert fresh.keys() - old.keys() == {
        f"mask_refinement.{name}"
        for name in ("plain.weight", "plain.bias", "gate.weight", "gate.bias")
    }
    save_refiner(path, gated, "base", {})
    with pytest.raises(InputError, match="do not fit its model"):
        fill_refiner(new_refiner(), path)


def test_the_weights_that_come_along_are_small_and_belong_together():
    files = sorted(WEIGHTS.rglob("*.safetensors"))
    assert [file.name for file in files if file.parent == WEIGHTS] == [
        "hq-sam2-lite.safetensors",
        "sam2-lite.safetensors",
        "sam2refiner-lite.safetensors",
    ]
    assert max(file.stat().st_size for file in files) < 30e6
    assert sum(file.stat().st_size for file in files) < 60e6
    base, _ = load_base(WEIGHTS / "sam2-lite.safetensors")
    for file in files:
        if file.name != "sam2-lite.safetensors":
            _, header = load_refiner(file, base)
            assert header.kind == ("hq-sam2" if "hq" in file.name else "sam2refiner")
            assert header.trained["steps"] > 0


def test_what_is_compared_was_trained_with_equal_budgets():
    for folder, names in ((WEIGHTS, (REFINER, HQ)), (WEIGHTS / "ablation", COMPARED)):
        budgets = []
        for file in (weights_name(name, LITE) for name in names):
            trained = header_of(folder / file)["trained"]
            keys = ("steps", "pictures", "minutes", "machine", "torch")
            # a mean of one model's own weights trains no step more; both end with the same run
            run = (
                re.findall(r"runs/(?:\d+-steps|run\d+)", trained["command"])[-1:]
                or trained["command"]
            )
            budgets.append([*(trained[key] for key in keys), run])
        assert budgets == budgets[:1] * len(names), folder
