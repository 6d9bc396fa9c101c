"""Two processes of one run do what one process with twice the batch does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from refiner.training.processes import Team, changed_batch
from refiner.types import InputError

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import os, signal, sys
from pathlib import Path
import torch
from refiner.network.base_model import build_lite
from refiner.config import LiteConfig
from refiner.training.base_task import BaseTask
from refiner.training.loop import Stage, TrainOptions, train

class Killed(BaseTask):
    def loss(self, images, masks, rng, share):
        if share > 0.6 and os.environ["KILLED"] == os.environ.get("RANK"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().loss(images, masks, rng, share)

torch.set_num_threads(1)
torch.manual_seed(0)
base = build_lite(LiteConfig("tf_efficientnet_lite0", hidden_dim=64, image_size=64))
manifest, out, accumulate = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
train(Killed(base), TrainOptions(
    (manifest,), out, (Stage(1.0, 64, 2),), masks=2, accumulate=accumulate, steps=3,
    warmup_steps=1, workers=0, dev_samples=4, save_minutes=0.0), resume=True)
"""
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


def run(
    launcher: list[str], manifest: Path, out: Path, accumulate: int, killed: str = ""
) -> tuple[int, str]:
    """Train, and be killed in the third step where `killed` is a rank; return code and messages."""
    script = out.with_suffix(".py")
    script.write_text(SCRIPT)
    done = subprocess.run(
        [*launcher, str(script), str(manifest), str(out), str(accumulate)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "KILLED": killed},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stderr


def state_of(out: Path) -> dict[str, Any]:
    return torch.load(out / "state.pt", weights_only=True)


@pytest.fixture(scope="module")
def two(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes train in three steps."""
    out = tmp_path_factory.mktemp("run") / "two"
    code, messages = run(TORCHRUN, manifest, out, accumulate=1)
    assert code == 0, messages[-2000:]
    return out


def test_two_processes_over_gloo_equal_one_with_twice_the_batch(
    manifest: Path, two: Path, tmp_path: Path
) -> None:
    one = tmp_path / "one"
    code, messages = run([sys.executable], manifest, one, accumulate=2)
    assert code == 0, messages[-2000:]
    losses = [
        [json.loads(line).get("loss") for line in (out / "curve.jsonl").read_text().splitlines()]
        for out in (one, two)
    ]
    assert all(isinstance(loss, float) for loss in losses[0][:3])
    assert len(losses[0]) == 4
    assert losses[0][:3] == pytest.approx(losses[1][:3], abs=1e-4)
    progress = [state_of(out)["progress"] for out in (one, two)]
    assert progress[0]["samples"] == progress[1]["samples"] == 12


def test_two_processes_killed_and_resumed_end_with_the_weights_of_a_whole_run(
    manifest: Path, two: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    code, _ = run(TORCHRUN, manifest, out, accumulate=1, killed="1")
    assert code != 0
    assert 0 < state_of(out)["progress"]["step"] < 3
    code, messages = run(TORCHRUN, manifest, out, accumulate=1)
    assert code == 0, messages[-2000:]
    assert "Resumed with" not in messages
    whole, resumed = state_of(two), state_of(out)
    assert resumed["progress"]["step"] == 3
    for name, value in whole["module"].items():
        assert torch.equal(value, resumed["module"][name]), name


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ((0, 0), (2, 1), ""),
        ((2, 1), (2, 4), ""),
        ((8, 1), (2, 4), "a batch has as many parts as before, 8, summed in another order."),
        ((3, 1), (2, 1), "parts of a batch: 2, before: 3, at the same learning rate."),
        ((8, 2), (4, 2), "rate; --accumulate 4 keeps the batch."),
    ],
)
def test_another_number_of_processes_is_told_if_it_changes_anything(
    before: tuple[int, int], now: tuple[int, int], words: str
) -> None:
    said = changed_batch(before, now)
    assert words in said
    assert bool(said) == bool(words)


def test_processes_of_different_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = [torch.nn.Parameter(torch.ones(3))]
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda sums, kind: None)
    Team(0, 2).check_same(weights)
    other = iter([3.0, 4.0])
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda sums, kind: sums.fill_(next(other)))
    with pytest.raises(InputError, match="The 2 processes hold different weights"):
        Team(0, 2).check_same(weights)


def test_a_process_alone_is_a_team(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    team = Team.join("cpu")
    assert team.leads
    assert team.size == 1
    assert team.agree(1.5, "cpu") == 1.5
    assert team.mean({"loss": 2.0}, "cpu") == {"loss": 2.0}
