"""Jobs and what becomes of them: one that fails stops no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tqdm import tqdm

from refiner.types import InputError


@dataclass(frozen=True, slots=True)
class Work:
    """What is done with the task of every job.

    Attributes:
        do: takes the task and returns what comes of it; both go from process to process.
        info: what it is done with, the same in every process.
    """

    do: Callable[[Any], Any]
    info: Any = None


NewWork = Callable[[], Work]
"""Loads what the work needs, once for each process that works."""


@dataclass(frozen=True, slots=True)
class Job:
    """One input.

    Attributes:
        name: what messages call it.
        task: what `Work` takes.
        weight: how much work it is, compared with the others.
    """

    name: str
    task: Any
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job: a value, or the sentence that says why there is none."""

    job: Job
    value: Any = None
    error: str | None = None


def longest_first(jobs: Iterable[Job]) -> list[Job]:
    """Sort jobs so that none is left to run alone at the end; those alike keep their order."""
    return sorted(jobs, key=lambda job: -job.weight)


def attempt(work: Work, job: Job) -> Outcome:
    """Do one job; an error becomes a part of its outcome."""
    try:
        return Outcome(job, work.do(job.task))
    except InputError as error:
        return Outcome(job, error=str(error))
    except Exception as error:  # one input in a thousand must not cost the others
        return Outcome(job, error=f"{type(error).__name__}: {error}")


class Pool(Protocol):
    """Those who work."""

    @property
    def info(self) -> Any:
        """What they say of their work, see `Work.info`."""

    def outcomes(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Do the jobs, the longest first; yield each as it ends."""


class InTurn:
    """This process, one job after the other."""

    def __init__(self, new_work: NewWork) -> None:
        self._work = new_work()

    @property
    def info(self) -> Any:
        """What the work says of itself."""
        return self._work.info

    def outcomes(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Do the jobs, the longest first; yield each as it ends."""
        return (attempt(self._work, job) for job in longest_first(jobs))


def with_progress(
    outcomes: Iterable[Outcome], jobs: Sequence[Job], unit: str, shown: bool
) -> Iterator[Outcome]:
    """Show how much of the work is done and the time left on stderr, by the jobs' weights."""
    total = sum(job.weight for job in jobs)
    with tqdm(total=total, unit=unit, unit_scale=total > 10_000, disable=not shown) as bar:
        for number, outcome in enumerate(outcomes, start=1):
            bar.set_postfix_str(f"{number} of {len(jobs)} done", refresh=False)
            bar.update(outcome.job.weight)
            yield outcome
