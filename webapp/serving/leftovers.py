"""A folder for all that one server writes; after a kill the next server deletes it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # on Windows, where a killed server's folder stays
    fcntl = None  # type: ignore[assignment]

_NAME, _UNREADY = "studio-", "new-studio-"
_LOCKED = ".running"


@contextmanager
def own_folder(root: Path) -> Iterator[Path]:
    """Make a folder below `root` for this server's files, temporary ones too, and delete it at the end.

    Those of servers that were killed are deleted first. A lock tells them from those in use: it goes
    with its process, however that ends.
    """
    root.mkdir(parents=True, exist_ok=True)
    _delete_unused(root)
    unready = Path(tempfile.mkdtemp(prefix=_UNREADY, dir=root))
    with (unready / _LOCKED).open("w") as running:
        _is_locked_here(running)
        folder = unready.rename(root / unready.name.replace(_UNREADY, _NAME))
        (folder / "scratch").mkdir()
        os.environ["GRADIO_TEMP_DIR"] = str(folder)
        tempfile.tempdir = str(folder / "scratch")
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _delete_unused(root: Path) -> None:
    for folder in root.glob(f"{_NAME}*"):
        try:
            with (folder / _LOCKED).open("r+") as running:
                unused = _is_locked_here(running)
        except OSError:  # it is no server's, or another one is just deleting it
            continue
        if unused:
            shutil.rmtree(folder, ignore_errors=True)


def _is_locked_here(running: IO[str]) -> bool:
    """Lock a file, unless it is locked; return whether that was done."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(running, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
