"""How much memory there is, and is left."""

from __future__ import annotations

import platform
from pathlib import Path

import psutil
import pytest

from refiner.memory import hand_back, spare_bytes, usable_bytes

MACHINE = psutil.virtual_memory().total


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
@pytest.mark.parametrize(
    ("said", "usable"), [("1073741824\n", 2**30), ("max\n", MACHINE), (f"{2**63}\n", MACHINE)]
)
def test_a_containers_limit_counts_where_it_is_below_the_machines_memory(
    tmp_path: Path, name: str, said: str, usable: int
) -> None:
    assert usable_bytes(tmp_path) == MACHINE
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(said)
    assert usable_bytes(tmp_path) == usable


@pytest.mark.parametrize(
    ("limit", "usage", "stat", "files"),
    [
        ("memory.max", "memory.current", "memory.stat", "inactive_file"),
        (
            "memory/memory.limit_in_bytes",
            "memory/memory.usage_in_bytes",
            "memory/memory.stat",
            "total_inactive_file",
        ),
    ],
)
def test_what_a_container_has_left_leaves_out_files_kept_for_speed(
    tmp_path: Path, limit: str, usage: str, stat: str, files: str
) -> None:
    assert spare_bytes(tmp_path) > 2**20  # that of the machine
    (tmp_path / "memory").mkdir()
    (tmp_path / limit).write_text("5000\n")
    (tmp_path / usage).write_text("4000\n")
    assert spare_bytes(tmp_path) == 1000
    (tmp_path / stat).write_text(f"anon 1\n{files} 300\nactive_file 7\n")
    assert spare_bytes(tmp_path) == 1300
    (tmp_path / usage).write_text("6000\n")
    assert spare_bytes(tmp_path) == 0
    (tmp_path / limit).write_text("max\n")
    assert spare_bytes(tmp_path) > 2**20


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others keep no heaps")
def test_freed_memory_is_handed_back() -> None:
    process = psutil.Process()
    blocks = [bytes(100_000) for _ in range(2000)]
    last = blocks[-1]  # ends the heap, so that it cannot shrink by itself
    del blocks
    kept = process.memory_info().rss
    hand_back()
    assert process.memory_info().rss < kept - 100_000_000
    assert last is not None
