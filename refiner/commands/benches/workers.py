"""Two workers of Ray of one thread each against one process of two threads, on the same clips.

Timings of a shared machine are noisy: only the ratio compares across runs.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from refiner.batch.jobs import InTurn, Job, Pool, Work
from refiner.batch.ray_pool import RayOptions, RayPool
from refiner.clips.clip import open_clip
from refiner.commands.benches.tracking import make_test_clip
from refiner.predict.loading import use_own_cores
from refiner.predict.segmenter import ImageSegmenter
from refiner.predict.tracker import load_tracker
from refiner.types import Box, Prompts
from refiner.video_types import FramePrompts

WORKERS = 2
CLIPS, FRAMES = 4, 6
EMPTY_JOBS = 50
_BOX = Box(200, 90, 440, 280)
_WAIT_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class _Meeting:
    """A job that ends once all workers are at it, so that none is still loading."""

    folder: Path
    size: int


def measure_workers(load: Callable[[], ImageSegmenter]) -> dict[str, float]:
    """Track the same clips with one process and with workers of Ray.

    Args:
        load: gives the model; goes to other processes.

    Returns:
        `workers_ratio`, clips a second of two workers to those of one process of two threads;
        `worker_overhead_ms`, what Ray takes for a job beside the job itself; `worker_memory_mb`,
        the resident memory of a worker that has tracked.

    Raises:
        InputError: Ray is not installed, or there are less than two CPUs.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = folder / "clip.mp4"
        make_test_clip(clip, FRAMES)
        jobs = [Job(str(number), clip) for number in range(CLIPS)]
        here = InTurn(partial(_work, load, WORKERS))
        alone = _seconds(here, jobs)
        with closing(RayPool(partial(_work, load, 1), RayOptions(gpus=False))) as pool:
            _meet(pool, folder / "before")
            shared = _seconds(pool, jobs)
            empty = [Job(str(number), None) for number in range(EMPTY_JOBS)]
            overhead = (_seconds(pool, empty) - _seconds(here, empty)) / EMPTY_JOBS
            memory = _meet(pool, folder / "after")
    return {
        "workers_ratio": alone / shared,
        "worker_overhead_ms": 1000 * overhead,
        "worker_memory_mb": memory,
    }


def _work(load: Callable[[], ImageSegmenter], threads: int) -> Work:
    use_own_cores(threads)
    tracker = load_tracker(load())
    prompts = [FramePrompts(0, 1, Prompts(box=_BOX))]

    def do(task: Path | _Meeting | None) -> float:
        if isinstance(task, _Meeting):
            _wait(task)
        elif task is not None:
            with open_clip(task) as clip:
                for _ in tracker.track(clip, prompts):
                    pass
        return float(psutil.Process().memory_info().rss) / 2**20

    return Work(do)


def _wait(meeting: _Meeting) -> None:
    meeting.folder.mkdir(exist_ok=True)
    (meeting.folder / str(os.getpid())).touch()
    until = time.monotonic() + _WAIT_SECONDS
    while len(list(meeting.folder.iterdir())) < meeting.size and time.monotonic() < until:
        time.sleep(0.01)


def _meet(pool: Pool, folder: Path) -> float:
    """Wait for all workers; return the memory of the largest in MB."""
    jobs = [Job(str(number), _Meeting(folder, WORKERS)) for number in range(WORKERS)]
    return max(float(outcome.value) for outcome in pool.outcomes(jobs))


def _seconds(pool: Pool, jobs: Sequence[Job]) -> float:
    started = time.perf_counter()
    errors = [outcome.error for outcome in pool.outcomes(jobs) if outcome.error is not None]
    if errors:
        raise RuntimeError(errors[0])
    return time.perf_counter() - started
