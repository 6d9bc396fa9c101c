"""What importing a part of the project loads, asked of one fresh process step by step."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STEPS = ("refiner", "refiner.commands.parser", "webapp.page")
SCRIPT = """
import importlib, json, sys
loaded = {}
for name in sys.argv[1:]:
    importlib.import_module(name)
    loaded[name] = sorted({module.partition(".")[0] for module in sys.modules})
print(json.dumps(loaded))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[str]]:
    """The top-level packages in memory after each step, on top of those before it."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *STEPS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_the_library_and_its_command_line_start_without_torch_or_gradio(
    loaded: dict[str, list[str]],
) -> None:
    assert "refiner" in loaded["refiner"]
    assert "numpy" in loaded["refiner.commands.parser"]
    assert not {"torch", "sam2", "timm", "gradio"} & set(loaded["refiner.commands.parser"])


def test_the_page_is_built_without_torch_and_writes_nothing_beside_its_source(
    loaded: dict[str, list[str]],
) -> None:
    assert {"gradio", "webapp"} <= set(loaded["webapp.page"])
    assert not {"torch", "sam2", "timm"} & set(loaded["webapp.page"])
    assert not list((ROOT / "webapp").rglob("*.pyi"))
