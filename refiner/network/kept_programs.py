"""Compiled programs on disk, so that only the first start of all waits for their compilation."""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import suppress
from pathlib import Path

from refiner.files.atomic import replacing

MAX_BYTES = 512 * 2**20
"""What all programs may take; those not used for the longest time go first."""
_DIGEST = 32


def cache_folder() -> Path:
    """Return where programs are kept: the user's cache folder."""
    if sys.platform == "win32":
        fallback = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local"
    else:
        fallback = Path.home() / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or fallback) / "sam2refiner"


def kept(name: str) -> bytes | None:
    """Return a program by its name; None if there is none, or it is damaged."""
    try:
        file = cache_folder() / name
        data = file.read_bytes()
        os.utime(file)
    except (OSError, RuntimeError):  # RuntimeError: who has no home
        return None
    program = data[_DIGEST:]
    return program if hashlib.sha256(program).digest() == data[:_DIGEST] else None


def keep(name: str, program: bytes) -> None:
    """Keep a program where that is possible; nothing happens where it is not."""
    with suppress(OSError, RuntimeError):
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / name) as part:
            part.write_bytes(hashlib.sha256(program).digest() + program)
        _forget_oldest(folder)


def _forget_oldest(folder: Path) -> None:
    files = [(file.stat(), file) for file in folder.iterdir() if file.is_file()]
    total = sum(stat.st_size for stat, _ in files)
    for stat, file in sorted(files, key=lambda item: item[0].st_mtime):
        if total <= MAX_BYTES:
            return
        file.unlink(missing_ok=True)
        total -= stat.st_size
