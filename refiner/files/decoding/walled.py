"""Files of strangers, decoded in a process of its own that may die without harm to this one."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refiner.files.decoding.sources import Source, source_name
from refiner.files.labels.records import AUTO, LabelChoice, MaskFile, NamedMask
from refiner.files.pictures import Picture
from refiner.types import MAX_OBJECTS, InputError

_MEMORY = 4_000_000_000
"""Bytes of address space; 40 megapixels with transparency take a third."""
SECONDS = 60.0
PIPE_BYTES = 1 << 20
_LONGEST_HEAD = 1_000_000
_ROOT = Path(__file__).parents[3]


class WalledReader:
    """A `reading.Reader`: reads one file at a time, in a process kept warm.

    The process has limits of memory, time and files and none of this one's environment. Whatever ends
    it, a damaged file above all, is an `InputError`; the next file gets another process.
    """

    def __init__(self, memory: int = _MEMORY, seconds: float = SECONDS) -> None:
        """Start the process.

        Args:
            memory: bytes of address space that it may use.
            seconds: how long one file may take.
        """
        self._memory, self._seconds = memory, seconds
        self._lock = threading.Lock()
        self._child = self._started()

    def __call__(self, source: Source, /, *, max_bytes: int, max_pixels: int) -> Picture:
        """Return a picture.

        Raises:
            InputError: as `pictures.read_picture`; or it takes too long, too much memory, or broke
                the decoder.
        """
        bounds = {"max_bytes": max_bytes, "max_pixels": max_pixels}
        (pixels,), told = self._ask("picture", source, bounds, 3 * max_pixels)
        return Picture(pixels, tuple(map(str, told["notices"])))

    def masks(
        self,
        source: Source,
        size_hw: tuple[int, int],
        /,
        *,
        max_bytes: int,
        max_pixels: int,
        picture: str = "",
        choice: LabelChoice = AUTO,
        drawn_hw: tuple[int, int] | None = None,
    ) -> MaskFile:
        """Return the masks of a file.

        Raises:
            InputError: as `mask_files.read_masks`; or it takes too long, too much memory, or broke the
                decoder.
        """
        options = {
            "size_hw": size_hw,
            "picture": picture,
            "choice": (choice.labels, choice.invert),
            "drawn_hw": drawn_hw,
            "max_bytes": max_bytes,
            "max_pixels": max_pixels,
        }
        height, width = size_hw
        bits, told = self._ask("masks", source, options, MAX_OBJECTS * height * width)
        masks = [np.unpackbits(one, count=height * width).reshape(size_hw) for one in bits]
        named = zip(told["labels"], masks, strict=True)
        return MaskFile(
            tuple(NamedMask(str(label), mask.astype(np.bool_)) for label, mask in named),
            tuple(map(str, told["notices"])),
        )

    def numbers(self, source: Source, /, *, max_bytes: int, max_pixels: int) -> NDArray[np.uint8]:
        """Return a map that numbers its objects.

        Raises:
            InputError: as `labels.numbered_map`; or it takes too long, too much memory, or broke the
                decoder.
        """
        bounds = {"max_bytes": max_bytes, "max_pixels": max_pixels}
        (numbers,), _ = self._ask("numbers", source, bounds, max_pixels)
        return numbers

    def _ask(
        self, what: str, source: Source, options: Mapping[str, Any], most: int
    ) -> tuple[list[NDArray[np.uint8]], dict[str, Any]]:
        """Return the arrays that answer a request, of `most` bytes together, and what is told of them."""
        content = source if isinstance(source, bytes) else b""
        file = {"bytes": len(content)} if content is source else {"path": os.fsdecode(source)}
        request = json.dumps({"what": what, "options": options, **file}).encode() + b"\n"
        with self._lock:
            if self._child.poll() is not None:
                self._child = self._started()
            clock = threading.Timer(self._seconds, self._child.kill)
            clock.daemon = True
            clock.start()
            try:
                return self._answer(request + content, most)
            except InputError:
                raise
            except (OSError, ValueError, TypeError, KeyError) as error:
                self._child.kill()
                self._child.wait()
                raise InputError(
                    f"The file {source_name(source)} could not be decoded: it takes too much time or "
                    "memory, or broke the decoder; save it again, a picture as PNG or JPEG."
                ) from error
            finally:
                clock.cancel()

    def _answer(self, request: bytes, most: int) -> tuple[list[NDArray[np.uint8]], dict[str, Any]]:
        """Ask the process; any other error than InputError means that it is of no more use."""
        requests, answers = self._child.stdin, self._child.stdout
        assert requests is not None and answers is not None
        requests.write(request)
        requests.flush()
        head = json.loads(answers.readline(_LONGEST_HEAD))
        if "error" in head:
            raise InputError(str(head["error"]))
        shapes = [tuple(int(side) for side in shape) for shape in head["shapes"]]
        sizes = [math.prod(shape) for shape in shapes]
        if not shapes or min(sizes) <= 0 or sum(sizes) > most:
            raise ValueError("a shape that was not asked for")
        return [_received(answers, shape) for shape in shapes], head

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


def _received(answers: Any, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    array = np.empty(shape, dtype=np.uint8)
    view = array.data.cast("B")
    done = 0
    while done < len(view):
        count = answers.readinto(view[done:])
        if not count:
            raise OSError("the process ended within an answer")
        done += count
    return array


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
