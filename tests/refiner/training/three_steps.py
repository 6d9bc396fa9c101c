"""What each process of a small training run does."""

from __future__ import annotations

import os
import signal
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import torch

from refiner.config import LiteConfig
from refiner.network.base_model import build_lite
from refiner.training.base_task import BaseTask
from refiner.training.loop import Stage, TrainOptions, train


class Killed(BaseTask):
    """Ends the process whose rank is $KILLED in the third step."""

    def loss(self, images: Any, masks: Any, rng: Any, share: float) -> Any:
        if share > 0.6 and os.environ.get("KILLED") == os.environ.get("RANK", "0"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().loss(images, masks, rng, share)


def three_steps(manifest: str, out: str, accumulate: int, environment: Any = ()) -> None:
    """Train as one process of a team; messages go to a file beside `out`."""
    os.environ.update(environment)
    rank = os.environ.get("RANK", "0")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    base = build_lite(LiteConfig("tf_efficientnet_lite0", hidden_dim=64, image_size=64))
    options = TrainOptions(
        (Path(manifest),),
        Path(out),
        (Stage(1.0, 64, 2),),
        masks=2,
        accumulate=accumulate,
        steps=3,
        warmup_steps=1,
        workers=0,
        dev_samples=4,
        save_minutes=0.0,
    )
    with Path(f"{out}-{rank}.txt").open("w", buffering=1) as log, redirect_stderr(log):
        train(Killed(base), options, resume=True)
