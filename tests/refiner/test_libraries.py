from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from refiner.libraries import missing_library

ROOT = Path(__file__).resolve().parents[2]


def test_other_failing_imports_are_not_about_libraries() -> None:
    assert missing_library("No module named 'cv2'") is None


def test_an_unknown_library_is_named() -> None:
    said = missing_library("libz3.so.4.8: cannot open shared object file: No such file")
    assert said is not None and "libz3.so.4.8" in said


@pytest.mark.parametrize("program", [["app.py"], ["-m", "refiner"]])
def test_a_program_without_a_library_says_so_in_one_line(
    program: list[str], tmp_path: Path
) -> None:
    broken = 'raise ImportError("libGL.so.1: cannot open shared object file: No such file")\n'
    (tmp_path / "numpy.py").write_text(broken)
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, *program, "--help"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 1
    line = "The system library libGL.so.1 is missing; apt-get install libgl1 libglib2.0-0.\n"
    assert done.stderr == line
