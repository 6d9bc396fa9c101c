"""How much memory this machine or container has, and how much of it is left."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped]

CGROUPS = Path("/sys/fs/cgroup")
_FILES = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)
"""Where Linux says below `CGROUPS` what a container may use, what it uses, and how much of that are
files kept for speed alone: now, and in earlier releases."""


def usable_bytes(cgroups: Path = CGROUPS) -> int:
    """Return the memory of this machine, or what this container may use of it."""
    limits = [_number(cgroups / limit) for limit, *_ in _FILES]
    machine = int(psutil.virtual_memory().total)
    return min([machine, *(limit for limit in limits if limit is not None)])


def spare_bytes(cgroups: Path = CGROUPS) -> int:
    """Return how much of `usable_bytes` is left."""
    left = [int(psutil.virtual_memory().available)]
    for limit, usage, stat, name in _FILES:
        most, used = _number(cgroups / limit), _number(cgroups / usage)
        if most is not None and used is not None:
            left.append(most - used + _listed(cgroups / stat, name))
    return max(0, min(left))


def hand_back() -> None:
    """Hand freed memory back to the system; glibc keeps it in a heap for each of many threads."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)


def _number(file: Path) -> int | None:
    """Return what a file says; None if it is not there, or says `max`."""
    text = file.read_text().strip() if file.is_file() else ""
    return int(text) if text.isdigit() else None


def _listed(file: Path, name: str) -> int:
    lines = file.read_text().splitlines() if file.is_file() else []
    return next((int(line.split()[1]) for line in lines if line.split()[0] == name), 0)
