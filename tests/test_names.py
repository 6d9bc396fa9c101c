"""No two modules of a package give different things the same public name."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def public_names(path: Path) -> Iterator[str]:
    """What a file defines at its top level."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        else:
            continue
        yield from (name for name in names if not name.startswith("_"))


@pytest.mark.parametrize("package", ["refiner", "webapp"])
def test_public_names_are_unique(package):
    places = defaultdict(list)
    for path in sorted((ROOT / package).rglob("*.py")):
        for name in public_names(path):
            places[name].append(str(path.relative_to(ROOT)))
    assert len(places) > 150
    assert {name: files for name, files in places.items() if len(files) > 1} == {}
