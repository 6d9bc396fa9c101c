"""Pictures of strangers, decoded in a process of its own that may die without harm to this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from refiner.files.decoding.sources import source_name
from refiner.files.pictures import Picture
from refiner.types import InputError

_MEMORY = 4_000_000_000
"""Bytes of address space; 40 megapixels with transparency take a third."""
SECONDS = 60.0
PIPE_BYTES = 1 << 20
_LONGEST_HEAD = 100_000
_ROOT = Path(__file__).parents[3]


class WalledReader:
    """Reads pictures as `pictures.read_picture` does, one at a time, in a process kept warm.

    The process has limits of memory, time and files and none of this one's environment. Whatever ends
    it, a damaged file above all, is an `InputError`; the next picture gets another process.
    """

    def __init__(self, memory: int = _MEMORY, seconds: float = SECONDS) -> None:
        """Start the process.

        Args:
            memory: bytes of address space that it may use.
            seconds: how long one picture may take.
        """
        self._memory, self._seconds = memory, seconds
        self._lock = threading.Lock()
        self._child = self._started()

    def __call__(self, source: Path, /, *, max_bytes: int, max_pixels: int) -> Picture:
        """Return a picture.

        Raises:
            InputError: as `pictures.read_picture`; or it takes too long, too much memory, or broke
                the decoder.
        """
        with self._lock:
            if self._child.poll() is not None:
                self._child = self._started()
            request = {"path": str(source), "max_bytes": max_bytes, "max_pixels": max_pixels}
            clock = threading.Timer(self._seconds, self._child.kill)
            clock.daemon = True
            clock.start()
            try:
                return self._answer(request)
            except InputError:
                raise
            except (OSError, ValueError, TypeError, KeyError) as error:
                self._child.kill()
                self._child.wait()
                raise InputError(
                    f"The picture {source_name(source)} could not be decoded: it takes too much time "
                    "or memory, or broke the decoder; save it again as PNG or JPEG."
                ) from error
            finally:
                clock.cancel()

    def _answer(self, request: dict[str, Any]) -> Picture:
        """Ask the process; any other error than InputError means that it is of no more use."""
        requests, answers = self._child.stdin, self._child.stdout
        assert requests is not None and answers is not None
        requests.write(json.dumps(request).encode() + b"\n")
        requests.flush()
        head = json.loads(answers.readline(_LONGEST_HEAD))
        if "error" in head:
            raise InputError(str(head["error"]))
        height, width, channels = (int(side) for side in head["shape"])
        if channels != 3 or not 0 < height * width <= request["max_pixels"]:
            raise ValueError("a shape that was not asked for")
        pixels = np.empty((height, width, channels), dtype=np.uint8)
        view = pixels.data.cast("B")
        done = 0
        while done < len(view):
            count = answers.readinto(view[done:])  # type: ignore[attr-defined]
            if not count:
                raise OSError("the process ended within an answer")
            done += count
        return Picture(pixels, tuple(str(notice) for notice in head["notices"]))

    def _started(self) -> subprocess.Popen[bytes]:
        kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
        path = os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])
        child = subprocess.Popen(
            [sys.executable, "-m", "refiner.files.decoding.decoder", str(self._memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # threads of numeric libraries would take address space that pictures need
            env={**kept, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
        _widen(child)
        weakref.finalize(self, _end, child)
        return child


def _widen(child: subprocess.Popen[bytes]) -> None:
    """Let the pixels of a large photo through in dozens of pieces, not in hundreds; Linux only."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        assert child.stdout is not None
        fcntl.fcntl(child.stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
