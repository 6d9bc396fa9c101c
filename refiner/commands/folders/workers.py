"""Who does the work of a command: this process, or workers of Ray."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from refiner.batch.jobs import InTurn, NewWork, Pool
from refiner.batch.ray_pool import RayOptions, RayPool
from refiner.types import InputError


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """Who works.

    Attributes:
        ray: workers of Ray, an actor for each GPU or for so many CPUs, and not this process.
        address: of a cluster of Ray that runs; one of this machine's own if None.
        cpus: CPU threads of a worker of Ray, 1 if None; without `ray` those of this process, all
            its cores if None. They decide the last bits of a mask.
        device: where the models run; a worker takes a GPU unless it is `cpu`.
    """

    ray: bool = False
    address: str | None = None
    cpus: int | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        if self.address is not None and not self.ray:
            raise InputError("--address names a cluster of Ray; give --ray, too.")
        if self.cpus is not None and self.cpus < 1:
            raise InputError(f"--cpus must be at least 1, got {self.cpus}.")

    @property
    def threads(self) -> int | None:
        """How many threads torch takes; None for all cores."""
        return self.cpus or (1 if self.ray else None)


HERE_ALONE = WorkerOptions()
"""This process."""


def check_folder(path: Path, workers: WorkerOptions) -> None:
    """Raise InputError if workers of Ray were to share the one input `path`."""
    if workers.ray:
        raise InputError(f"--ray shares out a folder, and {path} is a single input; leave it out.")


def add_worker_options(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `WorkerOptions` but for the device."""
    parser.add_argument("--ray", action="store_true", help="share the work out with Ray")
    parser.add_argument("--address", help="of a cluster of Ray; else one is started here")
    parser.add_argument("--cpus", type=int, metavar="N", help="CPU threads of a worker")


@contextmanager
def open_pool(new_work: NewWork, workers: WorkerOptions) -> Iterator[Pool]:
    """Let the workers load, and end them afterwards.

    Raises:
        InputError: the model cannot be loaded, or as `RayPool`.
    """
    if not workers.ray:
        yield InTurn(new_work)
        return
    options = RayOptions(workers.address, workers.cpus or 1, workers.device != "cpu")
    with closing(RayPool(new_work, options)) as pool:
        yield pool
