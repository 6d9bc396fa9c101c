"""The training loop, the same for every task; reads top to bottom."""

from __future__ import annotations

import itertools
import json
import math
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from timm.optim import Muon
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from refiner.files.atomic import replacing
from refiner.training.arrays import Rng
from refiner.training.look import Tile, render_tiles
from refiner.training.processes import Team, changed_batch
from refiner.training.samples.photos import DataOptions, collate
from refiner.types import InputError


@dataclass(frozen=True)
class Stage:
    """A part of a run at one resolution."""

    until: float
    """Share of the run's budget at which the stage ends."""
    size: int
    """S in this stage."""
    pictures: int
    """Pictures in a part of a batch; a batch has `accumulate` parts on each process."""


@dataclass(frozen=True)
class TrainOptions:
    """One training run. The budget is a number of steps, or of minutes of training."""

    manifests: tuple[Path, ...]
    """Each a manifest.jsonl, or a folder laid out as HQSeg-44K."""
    out: Path
    stages: tuple[Stage, ...]
    masks: int = 3
    """Target masks a picture."""
    accumulate: int = 1
    """Parts of a batch that a process works through before a step."""
    rate: float = 8e-4
    """Peak learning rate, after the warm-up and before the cosine to a fiftieth of it."""
    minutes: float | None = None
    steps: int | None = None
    warmup_steps: int = 100
    optimizer: str = "adamw"
    """One of `config.OPTIMIZERS`; see `new_optimizer`."""
    seed: int = 0
    device: str = "cpu"
    bf16: bool = False
    """Mixed precision on a CPU, for one that multiplies bfloat16; a GPU always uses it."""
    workers: int = 1
    save_minutes: float = 5.0
    look_minutes: float = 10.0
    """Minutes between two looks at the kept-back groups, with rendered masks."""
    dev_samples: int = 16


class Task(Protocol):
    """What is trained: `BaseTask`, `RefinerTask`, `MemoryTask`."""

    module: nn.Module
    """Holds the parameters that are trained and saved."""

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """Return the optimizer's groups for the peak learning rate."""

    def set_size(self, size: int) -> int:
        """Set S; return the side of the pictures wanted."""

    def data(self, options: DataOptions) -> Dataset[tuple[Tensor, Tensor]]:
        """Return the samples to train on: pictures and masks, both uint8."""

    def loss(
        self, images: Tensor, masks: Tensor, rng: Rng, share: float
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of a batch and values for the log."""

    def look(
        self, data: Dataset[tuple[Tensor, Tensor]], count: int, device: str
    ) -> tuple[dict[str, float], list[Tile]]:
        """Score `count` samples of the kept-back groups; return values and what to render_tiles."""


@dataclass
class Progress:
    """How far a run is; saved with the weights, so that a resumed run continues exactly."""

    step: int = 0
    samples: int = 0
    minutes: float = 0.0
    processes: int = 0
    """That took the last step, each with `accumulate` parts of the batch; 0 if that is not known."""
    accumulate: int = 0

    def share(self, options: TrainOptions) -> float:
        """Return the share of the budget that is used, in [0, 1]."""
        if options.steps is not None:
            return min(1.0, self.step / options.steps)
        return min(1.0, self.minutes / (options.minutes or 60.0))


def train(task: Task, options: TrainOptions, resume: bool = False) -> Progress:
    """Train until the budget is used; checkpoints, a curve and pictures go to `options.out`."""
    team = Team.join(options.device)
    options.out.mkdir(parents=True, exist_ok=True)
    task.module.to(options.device).train()
    optimizer = new_optimizer(task.parameter_groups(options.rate), options.optimizer)
    dev_data(
        task, options, 32, 32
    )  # a manifest that has none ends here, not after the first minutes
    progress = load_state(task, optimizer, options.out) if resume else Progress()
    if team.leads:
        before = progress.processes, progress.accumulate
        sys.stderr.write(changed_batch(before, (team.size, options.accumulate)))
    progress.processes, progress.accumulate = team.size, options.accumulate
    team.check_same(task.module.parameters())
    saved = looked = progress.minutes
    while (share := progress.share(options)) < 1:
        stage = next(part for part in options.stages if share < part.until)
        image_size = task.set_size(stage.size)
        loader = iter(batches(task, options, stage, image_size, progress, team))
        while share < min(1.0, stage.until):
            started = time.monotonic()
            set_rate(optimizer, options, progress)
            parts = itertools.islice(loader, options.accumulate)
            log = step(task, optimizer, options, progress, list(parts), team)
            progress.step += 1
            progress.samples += stage.pictures * options.accumulate * team.size
            spent = (time.monotonic() - started) / 60
            progress.minutes = team.agree(progress.minutes + spent, options.device)
            share = progress.share(options)
            if not team.leads:
                continue
            note(options, progress, {"size": stage.size, **log})
            if progress.minutes - looked >= options.look_minutes:
                looked = progress.minutes
                note(options, progress, look(task, options, stage.size, image_size, progress))
            if progress.minutes - saved >= options.save_minutes:
                saved = progress.minutes
                save_state(task, optimizer, progress, options.out)
    team.check_same(task.module.parameters())
    last = options.stages[-1].size
    image_size = task.set_size(last)
    if team.leads:
        save_state(task, optimizer, progress, options.out)
        note(options, progress, look(task, options, last, image_size, progress))
    team.leave()
    return progress


def new_optimizer(groups: list[dict[str, Any]], name: str) -> torch.optim.Optimizer:
    """Return AdamW or Muon (arXiv 2502.16982) for parameter groups with rates of their own.

    Muon orthogonalises the update of each weight matrix and kernel; biases, norms and gates are left
    to AdamW at half the rate.
    """
    if name == "muon":
        muon: torch.optim.Optimizer = Muon(
            groups, betas=(0.9, 0.99), weight_decay=0.01, nesterov=True, fallback_lr_scale=0.5
        )
        return muon
    return torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=0.01)


def step(
    task: Task,
    optimizer: torch.optim.Optimizer,
    options: TrainOptions,
    progress: Progress,
    parts: list[tuple[Tensor, Tensor]],
    team: Team,
) -> dict[str, float]:
    """Take one step on this process's parts of the batch; return its values for the log.

    The prompts of a part depend on the step and on the part's place in the whole batch, so two
    processes with a part each do what one process with two parts does.
    """
    total = options.accumulate * team.size
    logs: list[dict[str, float]] = []
    optimizer.zero_grad(set_to_none=True)
    for i, (images, masks) in enumerate(parts):
        place = team.rank * options.accumulate + i
        rng = np.random.default_rng((options.seed, progress.step, place))
        torch.manual_seed(int(rng.integers(2**62)))
        mixed = options.bf16 or options.device == "cuda"
        with torch.autocast(options.device, torch.bfloat16, enabled=mixed):
            loss, log = task.loss(
                images.to(options.device),
                masks.to(options.device),
                rng,
                progress.share(options),
            )
        (loss / total).backward()  # type: ignore[no-untyped-call]
        logs.append({"loss": float(loss.detach()), **log})
    team.add_gradients(task.module.parameters())
    for group in optimizer.param_groups:  # by group: models side by side do not touch each other
        nn.utils.clip_grad_norm_(group["params"], 1.0)
    optimizer.step()
    means = {key: float(np.mean([log[key] for log in logs])) for key in logs[0]}
    return team.mean(means, options.device)


def batches(
    task: Task,
    options: TrainOptions,
    stage: Stage,
    image_size: int,
    progress: Progress,
    team: Team,
) -> DataLoader[tuple[Tensor, Tensor]]:
    """Return this process's parts of the batches from the first sample not yet seen."""
    data = task.data(
        DataOptions(options.manifests, image_size, stage.size, options.masks, options.seed)
    )
    total = options.accumulate * team.size
    mine = range(team.rank * options.accumulate, (team.rank + 1) * options.accumulate)
    order = (
        list(range(start + place * stage.pictures, start + (place + 1) * stage.pictures))
        for start in itertools.count(progress.samples, total * stage.pictures)
        for place in mine
    )
    return DataLoader(data, batch_sampler=order, num_workers=options.workers, collate_fn=collate)


def set_rate(optimizer: torch.optim.Optimizer, options: TrainOptions, progress: Progress) -> None:
    """Warm up linearly, then follow a cosine down to a fiftieth of the peak rate."""
    warm = min(1.0, (progress.step + 1) / options.warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * progress.share(options)))
    for group in optimizer.param_groups:
        group.setdefault("peak", group["lr"])
        group["lr"] = group["peak"] * warm * (0.02 + 0.98 * cosine)


def save_state(task: Task, optimizer: torch.optim.Optimizer, progress: Progress, out: Path) -> None:
    """Write the whole state to `state.pt`, replacing it only once it is complete."""
    state = {
        "module": task.module.state_dict(),
        "optimizer": optimizer.state_dict(),
        "progress": asdict(progress),
    }
    with replacing(out / "state.pt") as part:
        torch.save(state, part)


def load_state(task: Task, optimizer: torch.optim.Optimizer, out: Path) -> Progress:
    """Continue from `state.pt` if there is one.

    Raises:
        InputError: another optimizer wrote it.
    """
    path = out / "state.pt"
    if not path.is_file():
        return Progress()
    state = torch.load(path, map_location="cpu", weights_only=True)
    if not optimizer.defaults.keys() <= state["optimizer"]["param_groups"][0].keys():
        raise InputError(
            f"{path} is of a run with another optimizer than {type(optimizer).__name__}; resume with "
            "the same --optimizer or give another --out."
        )
    task.module.load_state_dict(state["module"])
    optimizer.load_state_dict(state["optimizer"])
    return Progress(**state["progress"])


def note(options: TrainOptions, progress: Progress, values: dict[str, float]) -> None:
    """Append a line to the learning curve, `curve.jsonl`."""
    line = {"step": progress.step, "minutes": round(progress.minutes, 3)}
    line |= {key: round(value, 5) for key, value in values.items()}
    with (options.out / "curve.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def dev_data(
    task: Task, options: TrainOptions, image_size: int, size: int
) -> Dataset[tuple[Tensor, Tensor]]:
    """Return the kept-back groups, two masks a picture."""
    return task.data(
        DataOptions(options.manifests, image_size, size, 2, seed=options.seed + 1, dev=True)
    )


@torch.no_grad()
def look(
    task: Task, options: TrainOptions, size: int, image_size: int, progress: Progress
) -> dict[str, float]:
    """Score the kept-back groups and render_tiles some masks."""
    data = dev_data(task, options, image_size, size)
    task.module.eval()
    values, tiles = task.look(data, options.dev_samples, options.device)
    task.module.train()
    render_tiles(tiles, options.out / f"look-{progress.step:06d}.jpg")
    return {"size": size, **values}
