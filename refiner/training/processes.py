"""Several processes training one model: started by torchrun, alone otherwise."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn


@dataclass(frozen=True)
class Team:
    """This process among those of a run; it holds the same weights as the others at every step."""

    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls, device: str) -> Team:
        """Join the processes torchrun started (gloo on CPUs, nccl on GPUs), or work alone."""
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        if not dist.is_initialized():
            dist.init_process_group("nccl" if device == "cuda" else "gloo")
        if device == "cuda":
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        return cls(dist.get_rank(), size)

    def leave(self) -> None:
        """Wait for the others, then end together: one that goes first takes the rest with it."""
        if self.size > 1:
            dist.barrier()
            dist.destroy_process_group()

    @property
    def leads(self) -> bool:
        """True for the process that writes files."""
        return self.rank == 0

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by the sum over the team."""
        if self.size == 1:
            return
        for parameter in parameters:
            if parameter.requires_grad:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                dist.all_reduce(parameter.grad)

    def mean(self, values: dict[str, float], device: str) -> dict[str, float]:
        """Return the mean of each value over the team."""
        if self.size == 1:
            return values
        shared = torch.tensor(list(values.values()), dtype=torch.float64, device=device)
        dist.all_reduce(shared)
        return dict(zip(values, (shared / self.size).tolist(), strict=True))

    def agree(self, value: float, device: str) -> float:
        """Return the leader's value to everybody."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=device)
        dist.broadcast(shared, 0)
        return float(shared)
