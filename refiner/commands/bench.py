"""The bench command: speed and memory of pictures, of tracking and of workers of Ray."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch

from refiner.commands.benches import tracking
from refiner.commands.benches.pictures import measure_clicks
from refiner.commands.benches.workers import measure_workers
from refiner.commands.measuring.document import measuring_versions
from refiner.commands.values import ModelOptions, add_model_options, say, to_options
from refiner.predict.loading import load_segmenter, use_own_cores
from refiner.types import InputError


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """What `python -m refiner bench` does: `frames` are those of the clip that is tracked."""

    json: Path | None = None
    frames: int = 2000
    command: str = ""


def add_bench(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `BenchOptions` and the model's."""
    parser.add_argument("--json", type=Path, metavar="OUT.json")
    parser.add_argument("--frames", type=int, metavar="N", help="of the clip that is tracked")
    add_model_options(parser)
    parser.set_defaults(run=_run)


def _run(flags: argparse.Namespace) -> None:
    """Measure and print milliseconds, ratios and megabytes, a line each."""
    options = to_options(BenchOptions, flags)
    if options.frames <= tracking.SETTLED:
        raise InputError(f"--frames must be more than {tracking.SETTLED}, got {options.frames}.")
    use_own_cores()
    load = partial(load_segmenter, **asdict(to_options(ModelOptions, flags)))
    segmenter, threads = load(), torch.get_num_threads()
    numbers = measure_clicks(segmenter)
    numbers |= tracking.measure_tracking(segmenter, options.frames)
    numbers |= measure_workers(load)
    say("\n".join(f"{name:44} {value:10.3f}" for name, value in numbers.items()))
    if options.json is not None:
        document = {
            "numbers": numbers,
            "command": options.command,
            "threads": threads,
            "versions": measuring_versions(),
        }
        options.json.write_text(json.dumps(document, indent=2) + "\n")
