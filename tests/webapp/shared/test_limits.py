from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from refiner.types import InputError
from webapp.shared import limits as limiting
from webapp.shared.limits import Limits, check_spare


def test_defaults_without_an_environment() -> None:
    assert Limits.from_env({}) == Limits()


def test_the_environment_overrides_single_limits() -> None:
    limits = Limits.from_env({"STUDIO_LONG_SIDE": "4096", "STUDIO_OBJECTS": "2", "OTHER": "x"})
    assert (limits.long_side, limits.objects) == (4096, 2)
    assert limits.clicks == Limits().clicks


@pytest.mark.parametrize("text", ["", "0", "-1", "2.5", "many", "١٢"])
def test_values_that_are_no_positive_whole_numbers_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="STUDIO_CLICKS"):
        Limits.from_env({"STUDIO_CLICKS": text})


def test_nothing_new_is_opened_while_memory_or_disk_are_nearly_used_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits, free = Limits(spare_megabytes=100), {"memory": 100_000_000, "disk": 100_000_000}
    monkeypatch.setattr(limiting, "spare_bytes", lambda: free["memory"])
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free["disk"]))
    check_spare(limits, tmp_path)
    for what, word in (("memory", "memory is nearly used up"), ("disk", "no room")):
        free[what] -= 1
        with pytest.raises(InputError, match=word):
            check_spare(limits, tmp_path)
        free[what] += 1
