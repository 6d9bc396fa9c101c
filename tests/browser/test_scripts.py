"""The page's scripts beside what a linter of single files sees: which names they give each other."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from webapp.browser import component

SCRIPTS = sorted(component.FOLDER.rglob("*.js"))
ROOT = component.FOLDER.parents[1]
LINTER = Path(sys.executable).with_name("oxlint")


def exports(script: str) -> dict[str, set[str]]:
    """The names that a script puts under `studio`; none if it puts one function there."""
    module = re.search(r"^studio\.(\w+) = ", script, re.MULTILINE)
    given = re.search(r"^  return (\{[^}]*\}|\w+);\n\}\)\(\);$", script, re.MULTILINE)
    if module is None or given is None:
        return {}
    return {module[1]: set(re.findall(r"\w+", given[1])) if given[1].startswith("{") else set()}


def imports(script: str) -> set[tuple[str, str]]:
    """The names that a script takes from others, by module."""
    taken = re.findall(r"const \{([^}]*)\} = studio\.(\w+);", script)
    names = {(module, name) for part, module in taken for name in re.findall(r"\w+", part)}
    return names | set(re.findall(r"studio\.(\w+)\.(\w+)", script))


@pytest.mark.parametrize("folder", ["picture", "clip"])
def test_scripts_take_what_others_before_them_give_and_all_of_it(folder: str) -> None:
    names = component.PICTURE if folder == "picture" else component.CLIP
    files = [f"panes/{name}.js" for name in component.PANES]
    files += [f"{folder}/{name}.js" for name in names]
    given: dict[str, set[str]] = {}
    for file in files:
        script = (component.FOLDER / file).read_text(encoding="utf-8")
        for module, name in imports(script):
            assert name in given.get(module, set()), f"{file} takes {module}.{name}"
        assert not given.keys() & exports(script).keys()
        given |= exports(script)


def test_nothing_is_given_that_nobody_takes() -> None:
    scripts = [file.read_text(encoding="utf-8") for file in SCRIPTS]
    taken = {pair for script in scripts for pair in imports(script)}
    given = {
        (module, name)
        for script in scripts
        for module, names in exports(script).items()
        for name in names
    }
    assert given == taken


def test_every_script_is_part_of_the_page() -> None:
    parts = {f"panes/{name}.js" for name in component.PANES}
    parts |= {f"picture/{name}.js" for name in component.PICTURE}
    parts |= {f"clip/{name}.js" for name in component.CLIP}
    found = {str(file.relative_to(component.FOLDER)) for file in SCRIPTS}
    assert found == parts | {"calm.js", "download.js", "grid/grid.js"}


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [("studio.x = (() => missing())();", "no-undef"), ("function idle() {}", "no-unused-vars")],
)
def test_the_linter_refuses_undefined_names_and_unused_functions(
    wrong: str, rule: str, tmp_path: Path
) -> None:
    (tmp_path / "wrong.js").write_text(wrong)
    done = subprocess.run(
        [LINTER, "--config", ROOT / ".oxlintrc.json", tmp_path], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert rule in done.stdout
