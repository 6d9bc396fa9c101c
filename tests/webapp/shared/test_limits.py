from __future__ import annotations

import pytest

from refiner.types import InputError
from webapp.shared.limits import Limits


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
