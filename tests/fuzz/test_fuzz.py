"""A smaller run of `make fuzz`."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.hostile import hostile
from tests.fuzz.raid import hosted, raid


def test_the_same_seed_gives_the_same_uploads() -> None:
    one, again, other = (list(hostile(70, seed)) for seed in (3, 3, 4))
    same, differ = one == again, one != other  # said in a word: the files are many megabytes
    assert same
    assert differ


def test_hostile_uploads_and_kills_leave_nothing_behind(tmp_path: Path) -> None:
    with hosted(tmp_path / "host", seconds=3) as host:
        raid(host, 30, seed=7, rounds=1)
