"""What servers that were killed have left: deleted when the next one starts on the same folder."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # on Windows, where nothing is deleted
    fcntl = None  # type: ignore[assignment]

_RUNNING = ".studio"
SCRATCH = "scratch"
_BEGAN = time.time()
_LEFT = re.compile(rf"uploads|photos|clips|{SCRATCH}|[0-9a-f]{{16}}|tmp\w{{8}}")
"""Names below the root that are the app's: gradio's own folders have longer ones."""


@contextmanager
def cleaned(root: Path) -> Iterator[None]:
    """Delete what was left below `root` before this process began, unless another server runs there.

    Temporary files lie there, too, from now on: they are found again after a kill.

    Args:
        root: the folder that gradio stores uploads under.
    """
    scratch = root / SCRATCH
    root.mkdir(parents=True, exist_ok=True)
    with (root / _RUNNING).open("a") as running:
        if _is_alone(running):
            _delete(root, _BEGAN)
        _share(running)
        scratch.mkdir(exist_ok=True)
        os.environ["GRADIO_TEMP_DIR"] = str(root)  # where it is by default follows `tempdir`
        tempfile.tempdir = str(scratch)
        yield


def _is_alone(running: IO[str]) -> bool:
    """Lock a file for this server alone; the lock goes with the process, however that ends."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(running, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _share(running: IO[str]) -> None:
    if fcntl is not None:
        fcntl.flock(running, fcntl.LOCK_SH)


def _delete(root: Path, before: float) -> None:
    for top in root.iterdir():
        if not _LEFT.fullmatch(top.name):
            continue
        own = top.name in ("uploads", "photos", "clips", SCRATCH)
        for path in top.iterdir() if own else [top]:
            if path.lstat().st_mtime >= before:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
