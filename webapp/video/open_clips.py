"""What the server holds of open clips: found by a random key, bounded in number, let go in time.

Nothing of a clip is in gradio's state: a page names its clip by a key that nobody can guess.
"""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from cachetools import TTLCache

from refiner.types import ImageArray, InputError
from refiner.video_types import Frames
from webapp.shared.examples import TrueMasks
from webapp.video.results import Results
from webapp.video.state import VideoState
from webapp.video.work import Work

_SWEEP_SECONDS = 30
_OPENS_WITHIN = 600


class ClipGone(InputError):
    """A clip is not held here any more: it was let go, or the server was started anew."""

    def __init__(self) -> None:
        super().__init__("That clip is no longer held here; open it again, please.")


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


OpenClip = Callable[[Path], Clip]
"""Opens a file as a clip; raises InputError if it is none or over a limit."""


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
        opening: the number of the message that opened it; 0 without one.
        asked: when that came, on the monotonic clock.
        caller: gradio's context of the visitor's last event, by which a lent GPU knows whom it is
            lent to; the calls that start work have none.
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
    truth: TrueMasks | None = None
    frame_bytes: int = 0
    results: Results = field(default_factory=Results)
    work: Work | None = None
    opening: int = 0
    asked: float = field(default_factory=time.monotonic)
    caller: Context = field(default_factory=copy_context)
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
                raise ClipGone
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
        try:
            with self.reading:
                self.closed = True
                self.clip.close()
                self.whole.close()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


class Store:
    """The open clips of all visitors: one each, at most `most`, `idle_seconds` without a sign."""

    def __init__(self, root: Path, most: int, idle_seconds: float) -> None:
        self.root = root
        self.most = most
        self.idle_seconds = idle_seconds
        self._jobs: dict[str, ClipJob] = {}
        self._left: TTLCache[str, float] = TTLCache(10_000, _OPENS_WITHIN)
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

    def opened(self, owner: str, opening: int) -> ClipJob | None:
        """Return the visitor's clip if a message of this number, or a later one, has opened it."""
        for job in list(self._jobs.values()):
            if job.owner == owner and 0 < opening <= job.opening:
                return job
        return None

    def add(self, job: ClipJob) -> ClipJob:
        """Hold a clip; the visitor's former one goes, and the longest idle one if all are taken.

        Returns:
            What the visitor has then: one that the same message or a later one has opened stays, and
            `job` is closed.

        Raises:
            InputError: the visitor has left meanwhile, or all places are taken by clips that are
                being worked on.
        """
        job.touched = time.monotonic()
        with self._lock:
            if self._left.get(job.owner, 0.0) > job.asked:
                raise ClipGone
            held = self.opened(job.owner, job.opening)
            if held is not None:
                job.close()
                return held
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
        return job

    def get(self, key: str, owner: str | None = None) -> ClipJob:
        """Return the clip of this key, and note that it is in use.

        Raises:
            ClipGone: there is none, or it is another visitor's.
        """
        job = self._jobs.get(key)
        if job is None or (owner is not None and job.owner != owner):
            raise ClipGone
        job.touched = time.monotonic()
        return job

    def free(self, owner: str) -> None:
        """Let a visitor's clip go, and one that is still being opened."""
        with self._lock:
            self._left[owner] = time.monotonic()
        self._drop(lambda job: job.owner == owner)

    def close(self) -> None:
        """Let all clips go, as the server ends."""
        self._drop(lambda job: True)

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
            self._timer = threading.Timer(_SWEEP_SECONDS, self._swept)
            self._timer.daemon = True
            self._timer.start()

    def _swept(self) -> None:
        self.sweep()
        with self._lock:
            self._timer = None
            self._arm()
