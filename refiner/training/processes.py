"""Several processes training one model: started by torchrun, alone otherwise."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn

from refiner.types import InputError


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

    def check_same(self, parameters: Iterable[nn.Parameter]) -> None:
        """Raise unless every process holds the same weights.

        Raises:
            InputError: they do not; machines that read different files do not train one model.
        """
        if self.size == 1:
            return
        sums = [parameter.detach().double().sum() for parameter in parameters]
        own = torch.stack(sums)
        least, most = own.clone(), own.clone()
        dist.all_reduce(least, dist.ReduceOp.MIN)
        dist.all_reduce(most, dist.ReduceOp.MAX)
        if not torch.equal(least, most):
            raise InputError(
                f"The {self.size} processes hold different weights; start all of them with the same "
                "options, and with --out and the weights on a disk that all machines share."
            )

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


def changed_batch(before: tuple[int, int], now: tuple[int, int]) -> str:
    """Say in a line what it changes that a run goes on with another number of processes.

    Args:
        before: how many processes, each with how many parts of a batch; 0 if it is not known.
        now: the same of those that go on.
    """
    if before[0] in (0, now[0]):
        return ""
    was, parts = before[0] * before[1], now[0] * now[1]
    start = f"Resumed with processes: {now[0]}, before: {before[0]}; "
    if was == parts:
        return f"{start}a batch has as many parts as before, {parts}, summed in another order.\n"
    keeps = f"; --accumulate {was // now[0]} keeps the batch" if was % now[0] == 0 else ""
    return f"{start}parts of a batch: {parts}, before: {was}, at the same learning rate{keeps}.\n"
