"""What the tests need of the machine and pip does not bring: a Chromium and OpenCV's libraries.

`python -m tests.machine` finds them, or gets them where it may, and says in a line what is used or
what to install.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from refiner.libraries import SYSTEM_PACKAGES, missing_library

COMMANDS = (
    "chromium-headless-shell",
    "chrome-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
"""What it may be called, the quickest first: those without windows open a page in half the time."""
DOWNLOAD_SECONDS = 300
CONNECT_MILLISECONDS = 5000
START_SECONDS = 60


class Lacking(Exception):
    """Something is not here and cannot be had; the message says what to do."""


def find_chromium() -> str | None:
    """Return a Chromium that starts: the one in $CHROMIUM, on the path, or playwright's own.

    Raises:
        Lacking: the one in $CHROMIUM does not start.
    """
    named = os.environ.get("CHROMIUM")
    if named:
        if not _starts(named):
            raise Lacking(f"CHROMIUM is {named!r}, which does not start; name another or unset it.")
        return named
    on_path = next(filter(_starts, filter(None, map(shutil.which, COMMANDS))), None)
    return on_path or next(filter(_starts, _of_playwright()), None)


def get_chromium() -> str:
    """Return a Chromium that starts, fetching one if there is none.

    Raises:
        Lacking: there is none to be had.
    """
    found = find_chromium()
    for fetch in (_download, _install_chromium, _install_dependencies):
        if found is None and fetch():
            found = find_chromium()
    if found is None:
        raise Lacking(
            "There is no Chromium for the browser tests and none could be fetched; install one "
            "(as root: apt-get install chromium) or name one in the variable CHROMIUM."
        )
    return found


def get_libraries() -> None:
    """See that OpenCV can be imported, installing its libraries if they are missing.

    Raises:
        Lacking: it cannot.
    """
    line = _cv2_lacks()
    if line and _install(*SYSTEM_PACKAGES):
        line = _cv2_lacks()
    if line:
        raise Lacking(line)


def _starts(path: str) -> bool:
    """Return whether it runs: a file may be a stub, or lack libraries."""
    return _succeeds([path, "--version"], START_SECONDS)


def _of_playwright() -> list[str]:
    """Return where playwright keeps its Chromium, once it has been downloaded."""
    # in a process of its own: a second playwright in one that has one already is an error
    code = (
        "from playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as playwright: print(playwright.chromium.executable_path)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    path = done.stdout.strip()
    return [path] if os.path.exists(path) else []


def _download() -> bool:
    command = [sys.executable, "-m", "playwright", "install", "--no-shell", "chromium"]
    wait = {"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": str(CONNECT_MILLISECONDS)}
    return _succeeds(command, DOWNLOAD_SECONDS, {**os.environ, **wait})


def _install_chromium() -> bool:
    return _install("chromium-headless-shell") or _install("chromium")


def _install_dependencies() -> bool:
    """Install what playwright's Chromium needs, where the system has no package of its own."""
    root = _as_root()
    if root is None or not _of_playwright():
        return False
    return _succeeds([*root, sys.executable, "-m", "playwright", "install-deps", "chromium"])


def _install(*packages: str) -> bool:
    root = _as_root()
    if root is None or shutil.which("apt-get") is None:
        return False
    apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    _succeeds([*apt, "update"])
    return _succeeds([*apt, "install", "-y", "--no-install-recommends", *packages])


def _as_root() -> list[str] | None:
    """Return what to put before a command so that root runs it; None if that needs a password."""
    if os.geteuid() == 0:
        return []
    return ["sudo", "-n"] if _succeeds(["sudo", "-n", "true"]) else None


def _cv2_lacks() -> str | None:
    done = subprocess.run([sys.executable, "-c", "import cv2"], capture_output=True, text=True)
    return missing_library(done.stderr)


def _succeeds(
    command: Sequence[str], seconds: float = 900, env: dict[str, str] | None = None
) -> bool:
    try:
        done = subprocess.run(
            command, env=env, timeout=seconds, capture_output=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def main() -> int:
    """Get everything; return 1 if something lacks."""
    try:
        get_libraries()
        sys.stdout.write(f"The browser tests use {get_chromium()}.\n")
    except Lacking as lacking:
        sys.stderr.write(f"{lacking}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
