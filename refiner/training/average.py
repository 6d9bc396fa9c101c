"""The average command: one sam2-lite from those of several runs, each begun where another ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from refiner.checkpoint import load_base, save_base
from refiner.config import LiteConfig
from refiner.types import InputError


def average(paths: Sequence[Path], out: Path, command: str) -> None:
    """Write the mean of the weights in `paths` (a model soup, arXiv 2203.05482).

    The header takes its steps and minutes, and the memory's record, from the last.

    Raises:
        InputError: there are less than two files, one cannot be read, or their settings differ.
    """
    if len(paths) < 2:
        raise InputError(f"Expected the weights of two runs or more, got {len(paths)}.")
    loaded = [load_base(path) for path in paths]
    base, header = loaded[-1]
    for path, (_, other) in zip(paths, loaded, strict=True):
        if other.config != header.config:
            raise InputError(
                f"{path} has the settings {other.config}, {paths[-1]} has {header.config}; only "
                "weights of one shape have a mean."
            )
    states = [one.state_dict() for one, _ in loaded]
    base.load_state_dict(
        {name: torch.stack([state[name] for state in states]).mean(0) for name in states[-1]}
    )
    last = header.trained["summary"]
    summary = f"the mean of {len(paths)} runs, the last of {last}"
    trained = {**header.trained, "summary": summary, "command": command}
    save_base(out, base, LiteConfig(**header.config), trained)
