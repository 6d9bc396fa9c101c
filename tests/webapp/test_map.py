from __future__ import annotations

import pkgutil
import re
from pathlib import Path

import pytest

import webapp

ROOT = Path(webapp.__file__).parent
NAMES = re.findall(r"`([^`]+)`", webapp.__doc__ or "")
DOTTED = sorted({name for name in NAMES if name.startswith(("webapp.", "refiner."))})
FILES = sorted({name for name in NAMES if "/" in name})


@pytest.mark.parametrize("name", DOTTED)
def test_what_the_map_names_is_there(name: str) -> None:
    assert pkgutil.resolve_name(name) is not None


@pytest.mark.parametrize("name", FILES)
def test_the_scripts_and_pages_that_the_map_names_are_there(name: str) -> None:
    assert (ROOT / "browser" / name).is_file()


def test_every_room_is_on_the_map() -> None:
    rooms = {f"webapp.{module.name}" for module in pkgutil.iter_modules([str(ROOT)])}
    assert rooms == {name for name in DOTTED if re.fullmatch(r"webapp\.\w+", name)}
