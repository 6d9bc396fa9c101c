"""What the server holds of open clips: found by a random key, bounded in number, let go in time.

Nothing of a clip is in gradio's state: a page names its clip by a key that nobody can guess.
Long work runs in a few threads of its own, so that clicks of others get through.
"""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Literal, Protocol

from refiner.types import BoolArray, ImageArray, InputError
from refiner.video_types import Frames
from webapp.video.results import Results
from webapp.video.state import VideoState

Truth = Callable[[int], Mapping[int, BoolArray]]
"""The true masks of a frame, by object."""

Status = Literal["waiting", "running", "done", "cancelled", "failed"]
SWEEP_SECONDS = 30


class Clip(Frames, Protocol):
    """A clip that is read from a file. Reading one part does not disturb reading another."""

    def part(self, start: int = 0, stop: int | None = None, long_side: int | None = None) -> Clip:
        """Return the frames from `start` to before `stop` as a clip of its own.

        Args:
            start: the first frame.
            stop: the frame after the last; None is all.
            long_side: scale frames down to this; None is the file's own size.
        """

    def close(self) -> None:
        """End the decoder."""


class Cancelled(Exception):
    """The visitor gave the work up."""


@dataclass(eq=False)
class Work:
    """One run over a clip. One thread writes it, any may read it or set `cancel`."""

    kind: Literal["track", "export"]
    total: int = 0
    done: int = 0
    status: Status = "waiting"
    message: str = ""
    started: float = 0.0
    ended: float = 0.0
    file: Path | None = None
    cancel: threading.Event = field(default_factory=threading.Event)

    @property
    def active(self) -> bool:
        """Whether it is still to be done, or being done."""
        return self.status in ("waiting", "running")

    @property
    def remaining(self) -> float | None:
        """Seconds until the end at the pace so far; None before there is one."""
        if self.status != "running" or not self.done:
            return None
        return (time.monotonic() - self.started) / self.done * (self.total - self.done)

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


@dataclass(eq=False)
class ClipJob:
    """One open clip. `lock` guards what changes and is held shortly; `reading` guards `clip`.

    Attributes:
        key: its name, not to be guessed.
        owner: the visitor.
        folder: where its files lie; deleted with it.
        whole: the clip at its own size.
        clip: its frames at the size worked at, for looking and prompting.
        long_side: that size.
        state: what was said.
        results: what tracking gave.
        span: the frames that are tracked and exported.
        label: what to call it on the page.
        licence: whose it is; empty for a visitor's own.
        name: how the names of its downloads begin.
        notes: what is shown otherwise than the file has it, a sentence each.
        truth: the true masks, where they are known.
        frame_bytes: about how many bytes of one frame a browser gets.
        work: what is being done, or was done last.
    """

    key: str
    owner: str
    folder: Path
    whole: Clip
    clip: Clip
    long_side: int
    state: VideoState
    span: range
    label: str = ""
    licence: str = ""
    name: str = "clip"
    notes: tuple[str, ...] = ()
    truth: Truth | None = None
    frame_bytes: int = 0
    results: Results = field(default_factory=Results)
    work: Work | None = None
    touched: float = 0.0
    closed: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock)
    reading: threading.Lock = field(default_factory=threading.Lock)

    def read(self, index: int) -> ImageArray:
        """Return a frame, uint8 RGB (height, width, 3).

        Raises:
            InputError: there is no such frame, or it cannot be decoded.
        """
        with self.reading:
            if self.closed:
                raise InputError(GONE)
            if not 0 <= index < len(self.clip):
                raise InputError(f"The clip has the frames 0 to {len(self.clip) - 1}.")
            return self.clip[index]

    def reader(self) -> Clip:
        """Return the frames at the size worked at, to be read beside `clip`."""
        return self.whole.part(long_side=self.long_side)

    def snapshot(self) -> tuple[VideoState, range, Results]:
        """Return state, span and results as they are now."""
        with self.lock:
            return self.state, self.span, replace(self.results, frames=dict(self.results.frames))

    def close(self) -> None:
        """End the decoder and any work, and delete the files."""
        if self.work:
            self.work.cancel.set()
        with self.reading:
            self.closed = True
            self.clip.close()
            self.whole.close()
        shutil.rmtree(self.folder, ignore_errors=True)


GONE = "That clip is no longer held here; open it again, please."


class Store:
    """The open clips of all visitors: one each, at most `most`, `idle_seconds` without a sign."""

    def __init__(self, root: Path, most: int, idle_seconds: float) -> None:
        self.root = root
        self.most = most
        self.idle_seconds = idle_seconds
        self._jobs: dict[str, ClipJob] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def __len__(self) -> int:
        return len(self._jobs)

    def folder(self) -> tuple[str, Path]:
        """Make a folder for a clip's files; return its name, which is the clip's key, and it."""
        key = secrets.token_hex(16)
        folder = self.root / key
        folder.mkdir(parents=True)
        return key, folder

    def add(self, job: ClipJob) -> None:
        """Hold a clip; the visitor's former one goes, and the longest idle one if all are taken.

        Raises:
            InputError: all places are taken by clips that are being worked on.
        """
        job.touched = time.monotonic()
        with self._lock:
            gone = [old for old in self._jobs.values() if old.owner == job.owner]
            rest = [old for old in self._jobs.values() if old.owner != job.owner]
            if len(rest) >= self.most:
                idle = [old for old in rest if not (old.work and old.work.active)]
                if not idle:
                    raise InputError("All places for clips are taken; try again in some minutes.")
                gone.append(min(idle, key=lambda old: old.touched))
            for old in gone:
                del self._jobs[old.key]
            self._jobs[job.key] = job
            self._arm()
        for old in gone:
            old.close()

    def get(self, key: str, owner: str | None = None) -> ClipJob:
        """Return the clip of this key, and note that it is in use.

        Raises:
            InputError: there is none, or it is another visitor's.
        """
        job = self._jobs.get(key)
        if job is None or (owner is not None and job.owner != owner):
            raise InputError(GONE)
        job.touched = time.monotonic()
        return job

    def free(self, owner: str) -> None:
        """Let a visitor's clip go."""
        self._drop(lambda job: job.owner == owner)

    def sweep(self) -> None:
        """Let the clips go that nobody has asked for in a while."""
        oldest = time.monotonic() - self.idle_seconds
        self._drop(lambda job: job.touched < oldest)

    def _drop(self, chosen: Callable[[ClipJob], bool]) -> None:
        with self._lock:
            gone = [job for job in self._jobs.values() if chosen(job)]
            for job in gone:
                del self._jobs[job.key]
        for job in gone:
            job.close()

    def _arm(self) -> None:
        if self._timer is None and self._jobs:
            self._timer = threading.Timer(SWEEP_SECONDS, self._swept)
            self._timer.daemon = True
            self._timer.start()

    def _swept(self) -> None:
        self.sweep()
        with self._lock:
            self._timer = None
            self._arm()


class Workers:
    """Threads that do one work each at a time, first come, first served."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._queue: SimpleQueue[tuple[Work, Callable[[], None]]] = SimpleQueue()
        self._waiting: list[Work] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def submit(
        self, work: Work, run: Callable[[], None], explain: Callable[[Exception], str]
    ) -> None:
        """Have `run` called soon.

        Args:
            work: is told how it goes.
            run: does it; raises Cancelled if it was given up.
            explain: says in words what went wrong.
        """
        with self._lock:
            self._waiting.append(work)
            self._queue.put((work, lambda: _carry_out(work, run, explain)))
            if len(self._threads) < self._count:
                thread = threading.Thread(target=self._loop, daemon=True, name="clip-work")
                self._threads.append(thread)
                thread.start()

    def ahead(self, work: Work) -> int:
        """Return how many works wait before this one."""
        with self._lock:
            return self._waiting.index(work) if work in self._waiting else 0

    def _loop(self) -> None:
        while True:
            work, run = self._queue.get()
            with self._lock:
                self._waiting.remove(work)
            run()


def _carry_out(work: Work, run: Callable[[], None], explain: Callable[[Exception], str]) -> None:
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
            work.message = explain(error)
    finally:
        work.ended = time.monotonic()
        work.status = status
