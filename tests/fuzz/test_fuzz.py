"""A smaller run of `make fuzz`."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.hostile import hostile
from tests.fuzz.raid import hosted, raid


def test_the_same_seed_gives_the_same_uploads() -> None:
    assert list(hostile(70, 3)) == list(hostile(70, 3)) != list(hostile(70, 4))


def test_hostile_uploads_and_kills_leave_nothing_behind(tmp_path: Path) -> None:
    with hosted(tmp_path / "host", seconds=3) as host:
        raid(host, 30, seed=7, rounds=1)
