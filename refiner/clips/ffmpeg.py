"""Which ffmpeg is run, and how: argument lists only, watched by a clock, never left behind.

The system's ffmpeg is taken if it is recent and has the encoders used here, because its owner keeps
it patched; else the one that the imageio-ffmpeg package brings. No ffprobe is needed: what a clip is
comes from ffmpeg's own `framecrc` output, which both have.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import IO, Any

import imageio_ffmpeg
import numpy as np

from refiner.types import InputError

OLDEST = (5, 1)
ENCODERS = ("libx264", "libvpx-vp9", "prores_ks", "aac", "libopus")
KEPT_LINES = 400
_MEMORY = 8_000_000_000
"""Bytes of address space for decoding; 8K takes about a third."""
END_SECONDS = 10.0


class Run:
    """A running ffmpeg: bytes in, bytes out, its messages kept.

    It has a session of its own, so that Ctrl-C in a terminal reaches Python only and Python decides
    how files end. It is killed when a read or write outlasts its time, on `stop`, when this object
    is no longer used, and when Python exits; if Python is killed its pipes break and it ends.
    """

    def __init__(self, stream: Any, *, feed: bool = False) -> None:
        """Start it.

        Args:
            stream: an output of ffmpeg-python.
            feed: whether bytes will be written to its standard input.
        """
        self._process = subprocess.Popen(
            stream.compile(cmd=executable()),
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if feed else subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        if not feed:
            _limit(self._process.pid)
        self._messages: deque[str] = deque(maxlen=KEPT_LINES)
        self._late = threading.Event()
        self._listener = threading.Thread(
            target=_listen, args=(self._process.stderr, self._messages), daemon=True
        )
        self._listener.start()
        self._end = weakref.finalize(self, _end, self._process, self._listener)

    @property
    def messages(self) -> tuple[str, ...]:
        """The newest lines that ffmpeg wrote to its standard error."""
        return tuple(self._messages)

    def lines(self, seconds: float) -> Iterator[str]:
        """Yield the lines of its output; all together may take `seconds`."""
        assert self._process.stdout is not None
        with self._watched(seconds):
            for line in self._process.stdout:
                yield line.decode("utf-8", "replace")

    def fill(self, array: np.ndarray[Any, np.dtype[np.uint8]], seconds: float) -> bool:
        """Fill the contiguous `array` from its output; False if that ends before."""
        assert self._process.stdout is not None
        view = array.data.cast("B")
        done = 0
        with self._watched(seconds):
            while done < len(view):
                count = self._process.stdout.readinto(view[done:])  # type: ignore[attr-defined]
                if not count:
                    return False
                done += count
        return True

    def write(self, data: memoryview, seconds: float) -> None:
        """Give it bytes.

        Raises:
            BrokenPipeError: it has ended.
            InputError: it took too long.
        """
        assert self._process.stdin is not None
        with self._watched(seconds):
            self._process.stdin.write(data)

    def finish(self, seconds: float) -> int:
        """End its input, wait, and return its exit code."""
        with self._watched(seconds):
            if self._process.stdin is not None:
                with suppress(BrokenPipeError):
                    self._process.stdin.close()
            code = self._process.wait()
        self._listener.join(END_SECONDS)
        return code

    def stop(self) -> None:
        """End it now, whatever it is doing."""
        self._end()

    @contextmanager
    def _watched(self, seconds: float) -> Iterator[None]:
        # a clock that knew this object would keep it, and so its process, alive
        clock = threading.Timer(seconds, _expire, (self._process, self._late))
        clock.daemon = True
        clock.start()
        try:
            yield
        except BrokenPipeError:
            if not self._late.is_set():
                raise
        finally:
            clock.cancel()
        if self._late.is_set():
            raise InputError(
                f"ffmpeg took longer than {seconds:g} s for one step and was ended; try a shorter "
                "or smaller clip."
            )


def _limit(pid: int) -> None:
    """Bound the memory of a process that decodes a stranger's file; Linux only."""
    with suppress(ImportError, AttributeError, OSError):
        import resource

        resource.prlimit(pid, resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _expire(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    process.kill()


def _listen(stderr: IO[bytes], messages: deque[str]) -> None:
    with suppress(ValueError, OSError):
        while line := stderr.readline(4096):
            messages.append(line.decode("utf-8", "replace").rstrip())


def _end(process: subprocess.Popen[bytes], listener: threading.Thread) -> None:
    process.kill()
    process.wait()
    listener.join(END_SECONDS)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


@lru_cache(maxsize=1)
def executable() -> str:
    """Return the path of the ffmpeg to run.

    Raises:
        InputError: there is none.
    """
    found = shutil.which("ffmpeg")
    if found is not None and _usable(found):
        return found
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise InputError(
            "No ffmpeg was found; install it, or the imageio-ffmpeg package of this platform."
        ) from error


def _usable(path: str) -> bool:
    """Return whether the ffmpeg at `path` knows the options and encoders used here."""
    try:
        done = subprocess.run(
            [path, "-nostdin", "-encoders"], capture_output=True, timeout=END_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return False
    version = re.search(rb"ffmpeg version n?(\d+)\.(\d+)", done.stderr)
    listed = done.stdout.decode("utf-8", "replace").split()
    recent = version is not None and (int(version[1]), int(version[2])) >= OLDEST
    return recent and all(encoder in listed for encoder in ENCODERS)
