"""Workers of Ray, on this machine or on a cluster: an actor for each GPU, or for so many CPUs.

What a worker loads it loads once. One that dies is replaced, and its job is done again by whoever is
free. The dashboard and the reports of usage that Ray would send are off.
"""

from __future__ import annotations

import logging
import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from refiner.batch.jobs import Job, NewWork, Outcome, Work, attempt, longest_first
from refiner.types import InputError

MOST_DEATHS = 2
"""Workers that may die of a job before it is given up, or at the start before the run is."""
_STORE_BYTES = 2**27


@dataclass(frozen=True, slots=True)
class RayOptions:
    """How many workers there are, and where.

    Attributes:
        address: of a cluster that runs; this machine if None.
        cpus: CPU threads of a worker.
        gpus: whether workers take a GPU each where there are any.
    """

    address: str | None = None
    cpus: int = 1
    gpus: bool = True


class _Worker:
    """One process of Ray; what it loads can be waited for."""

    def __init__(self, new_work: NewWork) -> None:
        self._new_work = new_work
        self._work: Work | None = None

    def start(self) -> tuple[Any, str | None]:
        """Load; return what the work says of itself, or why it cannot be done."""
        try:
            self._work = self._new_work()
        except InputError as error:
            return None, str(error)
        return self._work.info, None

    def do(self, job: Job) -> Outcome:
        assert self._work is not None
        return attempt(self._work, job)


class RayPool:
    """A `Pool` of workers of Ray; `close` ends them.

    A cluster that this process is connected to already is used as it is, and left so.
    """

    def __init__(self, new_work: NewWork, options: RayOptions) -> None:
        """Connect and load the first worker.

        Raises:
            InputError: Ray is not installed or reached, the machines have less than a worker
                needs, or the model cannot be loaded.
        """
        self._ray = _import_ray()
        self._own = not self._ray.is_initialized()
        if self._own:
            _connect(self._ray, options.address)
        self._new_work, self._options = new_work, options
        self._running: dict[Any, tuple[Any, Job | None]] = {}
        self._actors: list[Any] = []
        self._deaths: Counter[str] = Counter()
        try:
            self._size, self._needs = _share_out(self._ray.cluster_resources(), options)
            self._hire()
            self._info = self._first()
        except BaseException:
            self.close()
            raise

    @property
    def info(self) -> Any:
        """What the work of the first worker says of itself."""
        return self._info

    def outcomes(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Do the jobs, the longest first; yield each as it ends.

        A job whose worker dies is done once more, and given up if that one dies, too.

        Raises:
            InputError: workers die before they have anything to do.
        """
        waiting = deque(longest_first(jobs))
        busy = [actor for actor, _ in self._running.values()]
        idle = [actor for actor in self._actors if actor not in busy]
        while len(self._actors) < min(self._size, len(waiting)):
            self._hire()
        while waiting or any(job for _, job in self._running.values()):
            while idle and waiting:
                self._give(idle.pop(0), waiting.popleft())
            (done,), _ = self._ray.wait(list(self._running), num_returns=1)
            actor, job = self._running.pop(done)
            try:
                result = self._ray.get(done)
            except self._ray.exceptions.RayActorError:
                self._replace(actor, job)
                if job is not None and self._deaths[job.name] < MOST_DEATHS:
                    waiting.appendleft(job)
                elif job is not None:
                    yield Outcome(job, error=f"{MOST_DEATHS} workers died of it")
                continue
            idle.append(actor)
            if job is None:
                _checked(result)
            else:
                yield result

    def close(self) -> None:
        """End the workers, and Ray if it was started here."""
        for actor in self._actors:
            self._ray.kill(actor)
        self._actors.clear()
        if self._own:
            self._ray.shutdown()

    def _hire(self) -> None:
        """Start a worker; it is among those running until it has loaded."""
        actor = self._ray.remote(_Worker).options(**self._needs).remote(self._new_work)
        self._actors.append(actor)
        self._running[actor.start.remote()] = actor, None

    def _give(self, actor: Any, job: Job) -> None:
        self._running[actor.do.remote(job)] = actor, job

    def _replace(self, actor: Any, job: Job | None) -> None:
        """Note a death; start another worker."""
        self._deaths["" if job is None else job.name] += 1
        if self._deaths[""] >= MOST_DEATHS:
            raise InputError(
                "Workers of Ray die while they load; the memory may be too small for so many: give "
                "each more with --cpus."
            )
        self._actors.remove(actor)
        self._hire()

    def _first(self) -> Any:
        ((ready, _),) = list(self._running.items())
        try:
            return _checked(self._ray.get(ready))
        except self._ray.exceptions.RayActorError as error:
            raise InputError(f"A worker of Ray died while it loaded: {error}.") from error
        finally:
            self._running.clear()


def _import_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise InputError("--ray needs Ray; install it with 'pip install \".[ray]\"'.") from error
    return ray


def _connect(ray: Any, address: str | None) -> None:
    """Start Ray on the cores of this process, or join a cluster."""
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address is not None:
            ray.init(address=address, **quiet)
            return
        ray.init(
            num_cpus=_own_cpus(),
            object_store_memory=_STORE_BYTES,
            include_dashboard=False,
            **quiet,
        )
    except (ConnectionError, ValueError) as error:
        raise InputError(
            f"There is no cluster of Ray at {address}: {error}; start one with 'ray start --head', or "
            "leave out --address."
        ) from error


def _own_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _share_out(resources: dict[str, float], options: RayOptions) -> tuple[int, dict[str, float]]:
    """Return how many workers there is room for, and what each takes."""
    cpus, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    room = cpus // options.cpus
    if room == 0:
        raise InputError(
            f"--cpus {options.cpus} is more than the {cpus} there are; give a worker fewer."
        )
    if options.gpus and gpus:
        return min(room, gpus), {"num_cpus": options.cpus, "num_gpus": 1}
    return room, {"num_cpus": options.cpus, "num_gpus": 0}


def _checked(started: tuple[Any, str | None]) -> Any:
    info, error = started
    if error is not None:
        raise InputError(error)
    return info
