"""The mean of several runs' weights."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from refiner.commands.parser import main
from refiner.network.base_model import build_lite
from refiner.network.checkpoint import (
    HQ,
    build_refiner,
    load_base,
    read,
    save_base,
    save_refiner,
    write,
)


@pytest.fixture
def runs(tmp_path, lite_config):
    """Write what two runs left, the second with a memory."""
    paths = [tmp_path / "first.safetensors", tmp_path / "second.safetensors"]
    for seed, path in enumerate(paths):
        torch.manual_seed(seed)
        trained = {"summary": f"{seed + 1} steps", "steps": seed + 1, "memory": {"steps": seed}}
        save_base(path, build_lite(lite_config), lite_config, trained)
    return paths


def test_every_weight_is_the_mean_and_the_record_tells_of_it(runs, tmp_path, capsys):
    out = tmp_path / "mean.safetensors"
    assert main(["average", *map(str, runs), "--out", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    first, second, mean = (load_base(path)[0].state_dict() for path in (*runs, out))
    for name, tensor in mean.items():
        torch.testing.assert_close(tensor, (first[name] + second[name]) / 2, atol=1e-3, rtol=1e-3)
    assert not torch.equal(mean["no_mem_embed"], second["no_mem_embed"])
    trained = load_base(out)[1].trained
    assert trained["summary"] == "the mean of 2 runs, the last of 2 steps"
    assert trained["memory"] == {"steps": 1}
    assert trained["command"].startswith("python -m refiner average ")


def test_one_run_has_no_mean(runs, tmp_path, capsys):
    assert main(["average", str(runs[0]), "--out", str(tmp_path / "mean")]) == 2
    assert "two runs or more, got 1" in capsys.readouterr().err


def test_models_of_other_shapes_have_no_mean(runs, tmp_path, lite_config, capsys):
    other = dataclasses.replace(lite_config, memory_layers=lite_config.memory_layers + 1)
    path = tmp_path / "other.safetensors"
    save_base(path, build_lite(other), other, {"summary": "1 step"})
    assert main(["average", str(path), str(runs[0]), "--out", str(tmp_path / "mean")]) == 2
    line = capsys.readouterr().err
    assert f"{path} has the settings" in line
    assert "one shape" in line
    assert not (tmp_path / "mean").exists()


@pytest.fixture
def refiners(tmp_path):
    """Write two baselines of one base and a third of another."""
    paths = []
    for seed, base_id in enumerate(("ours", "ours", "theirs")):
        torch.manual_seed(seed)
        paths.append(tmp_path / f"{seed}.safetensors")
        refiner = build_refiner(HQ, {"hidden_dim": 64, "image_size": 64})
        save_refiner(paths[-1], refiner, base_id, {"summary": f"{seed + 1} steps"})
    return paths


def test_refiners_of_one_base_have_a_mean(refiners, tmp_path):
    out = tmp_path / "mean.safetensors"
    assert main(["average", *map(str, refiners[:2]), "--out", str(out)]) == 0
    (_, first), (_, second), (header, mean) = (read(path) for path in (*refiners[:2], out))
    torch.testing.assert_close(
        mean["token.weight"],
        (first["token.weight"] + second["token.weight"]) / 2,
        atol=1e-3,
        rtol=0,
    )
    assert (header.kind, header.base_id) == (HQ, "ours")


def test_a_setting_that_an_older_file_lacks_has_its_default(new_refiner, tmp_path):
    paths = [tmp_path / "older.safetensors", tmp_path / "newer.safetensors"]
    for path in paths:
        save_refiner(path, new_refiner(), "ours", {"summary": "1 step"})
    header, state = read(paths[0])
    older = {name: value for name, value in header.config.items() if name not in ("gate", "widths")}
    write(paths[0], state, dataclasses.replace(header, config=older))
    assert main(["average", *map(str, paths), "--out", str(tmp_path / "mean.safetensors")]) == 0


def test_refiners_of_two_bases_have_no_mean(refiners, tmp_path, capsys):
    assert main(["average", *map(str, refiners[1:]), "--out", str(tmp_path / "mean")]) == 2
    assert "trained on the base ours" in capsys.readouterr().err


def test_a_base_and_a_refiner_have_no_mean(refiners, runs, tmp_path, capsys):
    assert main(["average", str(runs[0]), str(refiners[0]), "--out", str(tmp_path / "mean")]) == 2
    assert "one shape" in capsys.readouterr().err
