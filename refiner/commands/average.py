"""The average command: one model from those of several runs, each begun where another ended."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from refiner.commands.values import say
from refiner.network.checkpoint import CONFIGS, Header, read, write
from refiner.types import InputError


def add_average(parser: argparse.ArgumentParser) -> None:
    """Describe the files that go in and the one that comes out."""
    parser.add_argument("weights", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.set_defaults(run=_run)


def _run(flags: argparse.Namespace) -> None:
    average_weights(flags.weights, flags.out, flags.command)
    say(f"Wrote {flags.out}")


def average_weights(paths: Sequence[Path], out: Path, command: str) -> None:
    """Write the mean of the weights in `paths` (a model soup, arXiv 2203.05482).

    All hold a sam2-lite, a SAM2Refiner or an HQ-SAM2. The header takes its steps and minutes, and
    the memory's record, from the last.

    Raises:
        InputError: there are less than two files, one cannot be read, or their models differ.
    """
    if len(paths) < 2:
        raise InputError(f"Expected the weights of two runs or more, got {len(paths)}.")
    headers, states = zip(*(read(path) for path in paths), strict=True)
    header, last = headers[-1], states[-1]
    for path, other, state in zip(paths, headers, states, strict=True):
        if (_settings(other), _shapes(state)) != (_settings(header), _shapes(last)):
            raise InputError(
                f"{path} has the settings {other.kind} {other.config}, {paths[-1]} has "
                f"{header.kind} {header.config}; only weights of one shape have a mean."
            )
        if other.base_id != header.base_id:
            raise InputError(
                f"{path} was trained on the base {other.base_id}, {paths[-1]} on {header.base_id}; "
                "only refiners of one base have a mean."
            )
    mean = {name: torch.stack([state[name] for state in states]).mean(0) for name in last}
    summary = f"the mean of {len(paths)} runs, the last of {header.trained['summary']}"
    trained = {**header.trained, "summary": summary, "command": command}
    write(out, mean, replace(header, trained=trained))


def _settings(header: Header) -> object:
    """Return the model's configuration: a setting that is not in an older file has its default."""
    return CONFIGS[header.kind](**header.config)


def _shapes(state: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in state.items()}
