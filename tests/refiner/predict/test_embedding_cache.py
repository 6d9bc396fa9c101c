"""How much memory the embeddings may take."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from refiner.predict.embedding_cache import usable_bytes

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
