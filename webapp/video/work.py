"""Long work over clips: a record of how each goes, and the few threads that do it.

The threads are their own, so that clicks of others get through.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Literal

from webapp.shared import text
from webapp.shared.events import explain

Status = Literal["waiting", "running", "done", "cancelled", "failed"]


class Cancelled(Exception):
    """The visitor gave the work up."""


@dataclass(eq=False)
class Work:
    """One run over a clip. Who carries it out writes it, any may read it or set `cancel`."""

    kind: Literal["track", "export"]
    total: int = 0
    done: int = 0
    status: Status = "waiting"
    message: str = ""
    started: float = 0.0
    file: Path | None = None
    cancel: threading.Event = field(default_factory=threading.Event)

    @property
    def active(self) -> bool:
        """Whether it is still to be done, or being done."""
        return self.status in ("waiting", "running")

    @property
    def remaining(self) -> float | None:
        """Seconds until the end at the pace so far; None before there is one."""
        pace = self.frame_seconds
        return None if self.status != "running" or pace is None else pace * (self.total - self.done)

    @property
    def frame_seconds(self) -> float | None:
        """Seconds that a frame has taken so far; None before the first."""
        return (time.monotonic() - self.started) / self.done if self.done else None

    def step(self, done: int) -> None:
        """Note how far it is.

        Raises:
            Cancelled: it is to end.
        """
        self.check()
        self.done = done

    def check(self) -> None:
        """Raise Cancelled if it is to end."""
        if self.cancel.is_set():
            raise Cancelled


class Workers:
    """Threads that do one work each at a time, first come, first served."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._queue: SimpleQueue[tuple[Work, Callable[[], None]]] = SimpleQueue()
        self._waiting: list[Work] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def submit(self, work: Work, run: Callable[[], None]) -> None:
        """Have `run` called soon.

        Args:
            work: is told how it goes.
            run: does it; raises Cancelled if it was given up.
        """
        with self._lock:
            self._waiting.append(work)
            self._queue.put((work, lambda: _carry_out(work, run)))
            if len(self._threads) < self._count:
                thread = threading.Thread(target=self._loop, daemon=True, name="clip-work")
                self._threads.append(thread)
                thread.start()

    def ahead(self, work: Work) -> int:
        """Return how many works wait before this one."""
        with self._lock:
            return self._waiting.index(work) if work in self._waiting else 0

    def withdraw(self, work: Work) -> None:
        """End a work that has not begun."""
        with self._lock:
            if work in self._waiting:
                self._waiting.remove(work)
                work.status = "cancelled"

    def _loop(self) -> None:
        while True:
            work, run = self._queue.get()
            with self._lock:
                waits = work in self._waiting
                if waits:
                    self._waiting.remove(work)
            if waits:
                run()


def _carry_out(work: Work, run: Callable[[], None]) -> None:
    work.started = time.monotonic()
    status: Status = "failed"
    try:
        work.check()
        work.status = "running"
        run()
        status = "done"
    except Exception as error:
        if work.cancel.is_set():
            status = "cancelled"
        else:
            work.message = explain(error, text.VIDEO_FAILED)
    finally:
        work.status = status
