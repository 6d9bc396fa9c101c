"""Two processes of one run do what one process with twice the batch does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from refiner.training.processes import Team

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import sys
from pathlib import Path
import torch
from refiner.network.base_model import build_lite
from refiner.config import LiteConfig
from refiner.training.base_task import BaseTask
from refiner.training.loop import Stage, TrainOptions, train
torch.set_num_threads(1)
torch.manual_seed(0)
base = build_lite(LiteConfig("tf_efficientnet_lite0", hidden_dim=64, image_size=64))
manifest, out, accumulate = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
train(BaseTask(base), TrainOptions(
    (manifest,), out, (Stage(1.0, 64, 2),), masks=2, accumulate=accumulate, steps=3,
    warmup_steps=1, workers=0, dev_samples=4))
"""


def run(launcher: list[str], manifest: Path, out: Path, accumulate: int) -> None:
    script = out.with_suffix(".py")
    script.write_text(SCRIPT)
    done = subprocess.run(
        [*launcher, str(script), str(manifest), str(out), str(accumulate)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_two_processes_over_gloo_equal_one_with_twice_the_batch(
    manifest: Path, tmp_path: Path
) -> None:
    two = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    run([sys.executable], manifest, tmp_path / "one", accumulate=2)
    run(two, manifest, tmp_path / "two", accumulate=1)
    losses = [
        [json.loads(line).get("loss") for line in (out / "curve.jsonl").read_text().splitlines()]
        for out in (tmp_path / "one", tmp_path / "two")
    ]
    assert len(losses[0]) == 4
    assert losses[0][:3] == pytest.approx(losses[1][:3], abs=1e-4)
    progress = [
        torch.load(out / "state.pt", weights_only=True)["progress"]
        for out in (tmp_path / "one", tmp_path / "two")
    ]
    assert progress[0]["samples"] == progress[1]["samples"] == 12


def test_a_process_alone_is_a_team(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    team = Team.join("cpu")
    assert team.leads
    assert team.size == 1
    assert team.agree(1.5, "cpu") == 1.5
    assert team.mean({"loss": 2.0}, "cpu") == {"loss": 2.0}
