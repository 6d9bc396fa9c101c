"""How the two packages are laid out: one name for one thing, and folders that can be overlooked."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MOST_FILES = 14


def public_names(path: Path) -> Iterator[str]:
    """What a file defines at its top level."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        else:
            names = []
        yield from (name for name in names if not name.startswith("_"))


@pytest.mark.parametrize("package", ["refiner", "webapp"])
def test_no_two_files_of_a_package_define_the_same_public_name(package: str) -> None:
    places = defaultdict(list)
    for path in sorted((ROOT / package).rglob("*.py")):
        for name in public_names(path):
            places[name].append(str(path.relative_to(ROOT)))
    assert len(places) > 100
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


@pytest.mark.parametrize("package", ["refiner", "webapp"])
def test_no_folder_has_too_many_files(package: str) -> None:
    folders = [path.parent for path in (ROOT / package).rglob("*.py")]
    crowded = {str(folder.relative_to(ROOT)): folders.count(folder) for folder in set(folders)}
    assert {name: count for name, count in crowded.items() if count > MOST_FILES} == {}
