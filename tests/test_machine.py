"""Commands named like the real ones stand in for them: a Chromium, apt-get, sudo, playwright."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import machine

GL = "ImportError: libGL.so.1: cannot open shared object file: No such file or directory"

Command = Callable[[str, str], Path]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Put a shell script on a path that has nothing else but a shell's own tools."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("sh", "env", "touch", "chmod", "cat"):
        (folder / tool).symlink_to(Path("/bin") / tool)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "playwright"))
    monkeypatch.delenv("CHROMIUM", raising=False)

    def write(name: str, lines: str) -> Path:
        file = folder / name
        file.write_text(f"#!/bin/sh\n{lines}\n")
        file.chmod(0o755)
        return file

    return write


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_download", lambda: False)


def installing(folder: Path, log: Path) -> str:
    """An apt-get that notes what it is asked and, asked for it, makes a Chromium."""
    return (
        f'echo "$DEBIAN_FRONTEND $@" >> {log}\n'
        f'case "$*" in *install*chromium*) echo "#!/bin/sh" > {folder}/chromium;'
        f" chmod +x {folder}/chromium;; esac"
    )


def test_the_named_chromium_goes_before_the_one_on_the_path(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("chromium", "exit 0")
    mine = command("mine", "exit 0")
    monkeypatch.setenv("CHROMIUM", str(mine))
    assert machine.get_chromium() == str(mine)


def test_a_named_chromium_that_does_not_start_is_said_and_nothing_fetched(
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = tmp_path / "log"
    command("apt-get", installing(tmp_path / "bin", log))
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    monkeypatch.setattr(machine, "get_libraries", lambda: None)
    assert machine.main() == 1
    said = capsys.readouterr().err
    assert "/nowhere/chromium" in said and said.count("\n") == 1
    assert not log.exists()


def test_a_stub_on_the_path_is_passed_over(command: Command) -> None:
    command("chromium-browser", "echo 'requires the chromium snap'; exit 1")
    chrome = command("google-chrome", "exit 0")
    assert machine.find_chromium() == str(chrome)


def test_playwrights_own_is_found(command: Command, tmp_path: Path) -> None:
    assert machine.find_chromium() is None
    own = tmp_path / "own"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    # where it lies differs between systems and versions, so ask playwright itself
    place = Path(_place())
    place.parent.mkdir(parents=True)
    own.rename(place)
    assert machine.find_chromium() == str(place)


def _place() -> str:
    code = (
        "from playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as playwright: print(playwright.chromium.executable_path)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.usefixtures("offline")
def test_root_gets_the_package(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    command("apt-get", installing(tmp_path / "bin", log))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert machine.get_chromium() == str(tmp_path / "bin" / "chromium")
    assert log.read_text().splitlines() == [
        "noninteractive -qq update",
        "noninteractive -qq install -y --no-install-recommends chromium-headless-shell",
    ]


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("password", [False, True])
def test_who_is_not_root_gets_it_by_sudo_without_a_password_only(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: bool
) -> None:
    log = tmp_path / "log"
    command("apt-get", installing(tmp_path / "bin", log))
    command("sudo", "exit 1" if password else 'shift; [ "$1" = true ] || exec "$@"')
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    if password:
        with pytest.raises(machine.Lacking, match="apt-get install chromium"):
            machine.get_chromium()
        assert not log.exists()
    else:
        assert machine.get_chromium() == str(tmp_path / "bin" / "chromium")


def test_a_download_that_hangs_is_given_up(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = command("hanging", "exec /bin/sleep 60")
    monkeypatch.setattr(sys, "executable", str(hanging))
    monkeypatch.setattr(machine, "DOWNLOAD_SECONDS", 0.2)
    assert not machine._download()


def test_missing_libraries_are_installed(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "there"
    command("apt-get", f'case "$*" in *install*libgl1*libglib2.0-0*) touch {there};; esac')
    python = command("python", f'[ -e {there} ] || {{ echo "{GL}" >&2; exit 1; }}')
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    machine.get_libraries()
    assert there.exists()


def test_missing_libraries_that_cannot_be_had_are_said(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    python = command("python", f'echo "{GL}" >&2; exit 1')
    monkeypatch.setattr(sys, "executable", str(python))
    assert machine.main() == 1
    line = "The system library libGL.so.1 is missing; apt-get install libgl1 libglib2.0-0.\n"
    assert capsys.readouterr().err == line
