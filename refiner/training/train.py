"""The training loop, the same for every task; reads top to bottom."""

from __future__ import annotations

import itertools
import json
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from refiner.training import prompts
from refiner.training.data import DataOptions, TrainingData, collate
from refiner.training.losses import flatten, mean_iou
from refiner.training.team import Team

Rng = np.random.Generator


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

    manifest: Path
    """A manifest.jsonl, or a folder laid out as HQSeg-44K."""
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
    seed: int = 0
    device: str = "cpu"
    workers: int = 1
    save_minutes: float = 5.0
    look_minutes: float = 10.0
    """Minutes between two looks at the kept-back groups, with rendered masks."""
    dev_samples: int = 16


class Task(Protocol):
    """What is trained: `BaseTask`, `RefinerTask`."""

    module: nn.Module
    """Holds the parameters that are trained and saved."""

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """Return the optimizer's groups for the peak learning rate."""

    def set_size(self, size: int) -> int:
        """Set S; return the side of the pictures wanted."""

    def loss(
        self, images: Tensor, masks: Tensor, rng: Rng, share: float
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of a batch and values for the log."""

    def encode(self, images: Tensor) -> Any:
        """Return what the models keep of uint8 pictures (B, 3, ., .)."""

    def answers(
        self, encoded: Any, masks: Tensor, given: prompts.TrainingPrompts
    ) -> dict[str, Tensor]:
        """Return each model's probability maps (N, 1, ., .) for the given prompts."""


@dataclass
class Progress:
    """How far a run is; saved with the weights, so that a resumed run continues exactly."""

    step: int = 0
    samples: int = 0
    minutes: float = 0.0

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
    optimizer = torch.optim.AdamW(
        task.parameter_groups(options.rate), betas=(0.9, 0.99), weight_decay=0.01
    )
    dev_data(options, 32, 32)  # a manifest that has none ends here, not after the first minutes
    progress = load(task, optimizer, options.out) if resume else Progress()
    saved = looked = progress.minutes
    while (share := progress.share(options)) < 1:
        stage = next(part for part in options.stages if share < part.until)
        image_size = task.set_size(stage.size)
        loader = iter(batches(options, stage, image_size, progress, team))
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
                save(task, optimizer, progress, options.out)
    last = options.stages[-1].size
    image_size = task.set_size(last)
    if team.leads:
        save(task, optimizer, progress, options.out)
        note(options, progress, look(task, options, last, image_size, progress))
    team.leave()
    return progress


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
        with torch.autocast(options.device, torch.bfloat16, enabled=options.device == "cuda"):
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
    options: TrainOptions, stage: Stage, image_size: int, progress: Progress, team: Team
) -> DataLoader[tuple[Tensor, Tensor]]:
    """Return this process's parts of the batches from the first sample not yet seen."""
    data = TrainingData(
        DataOptions(options.manifest, image_size, stage.size, options.masks, options.seed)
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


def save(task: Task, optimizer: torch.optim.Optimizer, progress: Progress, out: Path) -> None:
    """Write the whole state to `state.pt`, replacing it only once it is complete."""
    state = {
        "module": task.module.state_dict(),
        "optimizer": optimizer.state_dict(),
        "progress": asdict(progress),
    }
    torch.save(state, out / "state.tmp")
    (out / "state.tmp").replace(out / "state.pt")


def load(task: Task, optimizer: torch.optim.Optimizer, out: Path) -> Progress:
    """Continue from `state.pt` if there is one."""
    path = out / "state.pt"
    if not path.is_file():
        return Progress()
    state = torch.load(path, map_location="cpu", weights_only=True)
    task.module.load_state_dict(state["module"])
    optimizer.load_state_dict(state["optimizer"])
    return Progress(**state["progress"])


def note(options: TrainOptions, progress: Progress, values: dict[str, float]) -> None:
    """Append a line to the learning curve, `curve.jsonl`."""
    line = {"step": progress.step, "minutes": round(progress.minutes, 3)}
    line |= {key: round(value, 5) for key, value in values.items()}
    with (options.out / "curve.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def dev_data(options: TrainOptions, image_size: int, size: int) -> TrainingData:
    """Return the kept-back groups, two masks a picture."""
    return TrainingData(
        DataOptions(options.manifest, image_size, size, 2, seed=options.seed + 1, dev=True)
    )


@torch.no_grad()
def look(
    task: Task, options: TrainOptions, size: int, image_size: int, progress: Progress
) -> dict[str, float]:
    """Score the kept-back groups for every kind of prompt and render some masks.

    `*_wrong` is the IoU of the answer to another object's prompt: near the right one's, the model
    does not listen.
    """
    data = dev_data(options, image_size, size)
    task.module.eval()
    sums: dict[str, list[float]] = {}
    tiles = []
    for start in range(0, options.dev_samples, 4):
        images, masks = collate([data[number] for number in range(start, start + 4)])
        images, masks = images.to(options.device), masks.to(options.device)
        _, targets, truth = flatten(masks)
        inside = targets > 127
        other = truth.reshape(-1, 2, *truth.shape[1:]).flip(1).reshape_as(truth)
        differs = ((truth - other).abs().mean((1, 2, 3)) > 1e-3).nonzero()[:, 0]
        encoded = task.encode(images)
        for kind, given in dev_prompts(inside, start).items():
            for model, answer in task.answers(encoded, masks, given).items():
                side = answer.shape[-1]
                wanted = nn.functional.interpolate(
                    targets[:, None] / 255, (side, side), mode="area"
                )
                sums.setdefault(f"{model}_{kind}", []).append(mean_iou(answer, wanted))
                if kind == "box":
                    wrong = nn.functional.interpolate(other, (side, side))[differs]
                    if len(differs):
                        sums.setdefault(f"{model}_wrong", []).append(
                            mean_iou(answer[differs], wrong)
                        )
                    if start < 24:
                        tiles += [(images[i // 2], answer[i], inside[i]) for i in (0, 2, 4, 6)]
    task.module.train()
    render(tiles, options.out / f"look-{progress.step:06d}.jpg")
    return {"size": size, **{key: float(np.mean(values)) for key, values in sums.items()}}


def dev_prompts(inside: Tensor, seed: int) -> dict[str, prompts.TrainingPrompts]:
    """Return fixed prompts of every kind for masks (N, S, S)."""
    rng = np.random.default_rng(seed)
    points = prompts.random_points(inside, 10, rng, negative_share=0.0)
    first = replace(points, coords=points.coords[:, :1], labels=points.labels[:, :1])
    three = replace(points, coords=points.coords[:, :3], labels=points.labels[:, :3])
    return {
        "box": prompts.TrainingPrompts(prompts.box(inside, noise=0.0), None),
        "1": prompts.TrainingPrompts(first, None),
        "3": prompts.TrainingPrompts(three, None),
        "10": prompts.TrainingPrompts(points, None),
    }


def render(tiles: list[tuple[Tensor, Tensor, Tensor]], path: Path) -> None:
    """Write pictures with the answer in orange and the true outline in white, 8 a row."""
    drawn = []
    for image, answer, truth in tiles:
        picture = cv2.resize(
            image.permute(1, 2, 0).cpu().numpy(), (256, 256), interpolation=cv2.INTER_AREA
        )
        share = cv2.resize(answer[0].float().cpu().numpy(), (256, 256))
        outline = cv2.resize(
            truth.byte().cpu().numpy(), (256, 256), interpolation=cv2.INTER_NEAREST
        )
        picture[share > 0.5] = picture[share > 0.5] // 2 + np.array([115, 80, 0], np.uint8)
        picture[cv2.morphologyEx(outline, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) > 0] = 255
        drawn.append(picture)
    rows = [np.hstack(drawn[i : i + 8]) for i in range(0, len(drawn) - len(drawn) % 8, 8)]
    if rows:
        cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))
