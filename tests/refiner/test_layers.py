"""Fresh processes: what importing a part of the package loads."""

from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest

import refiner

ROOT = Path(refiner.__file__).parent
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages([str(ROOT)], "refiner.")
    if not module.name.endswith("__main__")
)


@lru_cache
def loaded_by(*modules: str) -> frozenset[str]:
    """The top-level packages in memory after importing `modules` in a fresh process."""
    code = "import importlib, sys\n"
    code += f"for name in {modules!r}: importlib.import_module(name)\n"
    code += "print({name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return frozenset(ast.literal_eval(done.stdout.splitlines()[-1]))


def imported_names(path: Path) -> set[str]:
    """The top-level packages a file imports anywhere, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").split(".")[0])
    return names


def test_the_whole_package_is_looked_at():
    assert {
        "refiner.types",
        "refiner.predict.segmenter",
        "refiner.training.loop",
        "refiner.commands.parser",
    } <= set(MODULES)


def test_no_module_of_refiner_loads_gradio_or_the_app():
    loaded = loaded_by(*MODULES)
    assert {"torch", "sam2", "numpy"} <= loaded
    assert not {"gradio", "webapp"} & loaded


@pytest.mark.parametrize(
    "module",
    [
        "types",
        "files.results",
        "files.pictures",
        "config",
        "data.manifest",
        "commands.parser",
        "files.mask_files",
        "predict.cascade",
        "files.session",
    ],
)
def test_records_and_files_need_no_torch(module):
    loaded = loaded_by(f"refiner.{module}")
    assert "refiner" in loaded
    assert not {"torch", "sam2", "timm", "gradio"} & loaded


def test_sam2_is_imported_in_two_files_only():
    users = {path.stem for path in ROOT.rglob("*.py") if "sam2" in imported_names(path)}
    assert users == {"base_model", "lite"}


def test_nothing_in_refiner_names_gradio_or_the_app():
    for path in ROOT.rglob("*.py"):
        assert not imported_names(path) & {"gradio", "webapp"}, path


ROOMS = {
    "files": {"files"},
    "data": {"files", "data"},
    "clips": {"files", "clips"},
    "network": {"files", "network"},
    "predict": {"network", "predict"},
    "training": {"files", "data", "network", "training"},
    "evaluation": {"files", "data", "clips", "evaluation"},
}
"""The rooms that each room may import; all may import the files beside the rooms."""


def imported_rooms(path: Path) -> set[str]:
    """The rooms of refiner that a file imports from, inside functions too."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("refiner."):
            rooms.add((node.module or "").split(".")[1])
    return {room for room in rooms if (ROOT / room).is_dir()}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_below_it(room):
    files = list((ROOT / room).rglob("*.py"))
    assert files
    for path in files:
        assert imported_rooms(path) <= ROOMS[room], path
