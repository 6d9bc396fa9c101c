"""Who runs a comparison: one a visitor, few at the same time, each with a deadline."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from refiner.types import InputError
from webapp.shared.limits import Limits


@dataclass(eq=False)
class Job:
    """One run; `cancelled` is set from outside, `deadline` is on the monotonic clock."""

    visitor: str
    deadline: float
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def late(self) -> bool:
        """Whether its time is over."""
        return time.monotonic() > self.deadline


class Jobs:
    """All runs, in the order they came. Safe from several threads."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._jobs: list[Job] = []
        self._lock = threading.Lock()

    def start(self, visitor: str) -> Job:
        """Queue a run.

        Raises:
            InputError: this visitor has one already, or too many visitors have.
        """
        with self._lock:
            if any(job.visitor == visitor for job in self._jobs):
                raise InputError("A run of yours is under way; cancel it or wait for its end.")
            if len(self._jobs) >= self._limits.compare_waiting:
                raise InputError("Many comparisons are waiting already; try again in some minutes.")
            job = Job(visitor, time.monotonic() + self._limits.compare_seconds)
            self._jobs.append(job)
            return job

    def has_turn(self, job: Job) -> bool:
        """Whether it may run now; until it does its time does not count."""
        with self._lock:
            turn = self._jobs.index(job) < self._limits.compare_running
        if not turn:
            job.deadline = time.monotonic() + self._limits.compare_seconds
        return turn

    def end(self, job: Job) -> None:
        """Take a run off the list."""
        with self._lock:
            self._jobs.remove(job)

    def cancel(self, visitor: str) -> None:
        """Tell the visitor's run, if there is one, to end after its next step."""
        with self._lock:
            for job in self._jobs:
                if job.visitor == visitor:
                    job.cancelled.set()
