"""Two processes of one run do what one process with twice the batch does."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from refiner.training.processes import Team, changed_batch
from refiner.types import InputError
from tests.browser.serving import free_port
from tests.refiner.training.three_steps import three_steps

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = f"""
import sys
from {three_steps.__module__} import three_steps
three_steps(sys.argv[1], sys.argv[2], 1)
"""
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
FORKS = multiprocessing.get_context("forkserver")
"""Processes that have torch from the start: importing it takes longer than the three steps."""
FORKS.set_forkserver_preload([three_steps.__module__])


def team(size: int, manifest: Path, out: Path, accumulate: int, killed: str = "") -> list[int]:
    """Train as `size` processes; return their exit codes."""
    shared = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    processes = [
        FORKS.Process(
            target=three_steps,
            args=(
                str(manifest),
                str(out),
                accumulate,
                shared | {"RANK": str(rank), "KILLED": killed},
            ),
        )
        for rank in range(size)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
    return [process.exitcode or 0 for process in processes]


def state_of(out: Path) -> dict[str, Any]:
    return torch.load(out / "state.pt", weights_only=True)


@pytest.fixture(scope="module")
def two(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes that torchrun started train in three steps."""
    out = tmp_path_factory.mktemp("run") / "two"
    script = out.with_suffix(".py")
    script.write_text(SCRIPT)
    done = subprocess.run(
        [*TORCHRUN, str(script), str(manifest), str(out)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return out


def test_two_processes_over_gloo_equal_one_with_twice_the_batch(
    manifest: Path, two: Path, tmp_path: Path
) -> None:
    one = tmp_path / "one"
    assert team(1, manifest, one, accumulate=2) == [0]
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
    codes = team(2, manifest, out, accumulate=1, killed="1")
    assert codes[0] != 0
    assert codes[1] == -signal.SIGKILL
    assert 0 < state_of(out)["progress"]["step"] < 3
    assert team(2, manifest, out, accumulate=1) == [0, 0]
    assert "Resumed with" not in Path(f"{out}-0.txt").read_text()
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
