"""The wheel, installed: it brings its weights and works from any folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("refiner", "webapp", "assets/weights")
FILES = ("pyproject.toml", "setup.py", "requirements.txt", "LICENSE")
CODE = """
import runpy, sys
import refiner
assert refiner.__file__.startswith(sys.prefix), refiner.__file__
model = refiner.load()
image = refiner.read_image("a.jpg")
pair = model.segment(image, [refiner.Prompts((refiner.Click(320, 240),))]).objects[0]
assert pair.base.mask.shape == pair.refined.mask.shape == image.shape[:2]
assert pair.refined.mask[240, 320]
sys.argv = ["sam2refiner", "segment", "a.jpg", "--point", "320,240", "--out", "out"]
runpy.run_path(sys.prefix + "/bin/sam2refiner", run_name="__main__")
"""


def run(*command: str | Path, **options: object) -> None:
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, check=False, **options
    )  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel, and the packages of this one."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for part in PARTS:
        shutil.copytree(
            ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__", "ablation")
        )
    for name in FILES:
        shutil.copy(ROOT / name, source / name)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, source)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv/bin/python"
    run(*pip, "--python", python, "install", "--no-deps", "--no-index", wheel)
    (packages,) = (folder / "venv/lib").glob("python*/site-packages")
    (packages / "present.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def test_the_installed_wheel_segments_from_any_folder(installed: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "assets/examples/wheel.jpg", tmp_path / "a.jpg")
    surroundings = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    run(installed, "-c", CODE, cwd=tmp_path, env=surroundings)
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"sam2_mask.png", "sam2refiner_mask.png", "result.json"} <= written
    assert len(json.loads((tmp_path / "out/result.json").read_text())["objects"]) == 1
    (packages,) = installed.parents[1].glob("lib/python*/site-packages")
    assert (packages / "refiner/py.typed").is_file() and (packages / "webapp/py.typed").is_file()
    assert (packages / "webapp/page.css").is_file()
    held = {path.name for path in (packages / "refiner/weights").iterdir()}
    assert held == {path.name for path in (ROOT / "assets/weights").glob("*.safetensors")}
