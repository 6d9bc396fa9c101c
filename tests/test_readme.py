"""What the README says is true: its tables, its commands, its code."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from refiner.commands.parser import build_parser, main

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS = (ROOT / "assets/RESULTS.md").read_text(encoding="utf-8")
SCALE = (ROOT / "assets/SCALE.md").read_text(encoding="utf-8")
COMMANDS = re.findall(
    r"-m refiner (\w[^`\n…#]*)",
    # a variable of a shell stands for a number
    re.sub(r"\$\w+", "1", (README + SCALE).replace("\\\n", " ")) + RESULTS,
)


def test_tables_come_from_the_measured_results(capsys: pytest.CaptureFixture[str]) -> None:
    results, readme = str(ROOT / "assets/results"), str(ROOT / "README.md")
    assert main(["report", "--check", "--results", results, "--readme", readme]) == 0
    assert "up to date" in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_understood(command: str) -> None:
    arguments = shlex.split(command)
    if len(arguments) == 1:
        arguments.append("--help")
        with pytest.raises(SystemExit) as ended:
            build_parser().parse_args(arguments)
        assert ended.value.code == 0
    else:
        assert build_parser().parse_args(arguments).verb == arguments[0]


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("target", ["run", "test", "bench", "results", "report"])
def test_make_targets_exist(target: str) -> None:
    assert shutil.which("make"), "make is needed to run and test the project; install it"
    assert f"make {target}" in README
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_make_results_is_what_measured_every_result() -> None:
    make = ["make", "-n", "results", "MANIFEST=../shared/data/manifest.jsonl"]
    printed = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    commands = re.findall(r"python -m refiner .* --json assets/results/\S+", printed)
    results = sorted((ROOT / "assets/results").glob("*.json"))
    measured = [json.loads(file.read_text(encoding="utf-8")) for file in results]
    assert sorted(one.get("config", one)["command"] for one in measured) == sorted(commands)


def test_the_library_example_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shutil.copy(ROOT / "assets/examples/wheel.jpg", tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    code = re.search(r"```python\n(.*?)```", README, re.S)
    assert code
    names: dict[str, object] = {}
    exec(code[1], names)
    assert names["sam2"].shape == names["refined"].shape == (720, 960)  # type: ignore[attr-defined]


def test_the_amounts_say_where_each_recipe_runs() -> None:
    for tool in ("--ray", "--address", "torchrun --nnodes 2", "#SBATCH --array", "hf jobs run"):
        assert tool in SCALE


def test_pictures_and_files_the_readme_names_exist() -> None:
    for path in re.findall(r"\]\(((?:assets|refiner|webapp)/[^)]+)\)", README):
        assert (ROOT / path).is_file(), path
