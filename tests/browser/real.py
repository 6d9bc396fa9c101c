"""The whole app with real models, as `python app.py` serves it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[2]
STARTS_WITHIN = 120


@contextmanager
def running_app(*flags: str, **environ: str) -> Iterator[str]:
    """Start the app with `flags` on a free port, `environ` added, and give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "app.py", *flags],
        cwd=ROOT,
        env={**os.environ, **environ, "PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, process)
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    process.kill()
    said = process.communicate()[0].decode(errors="replace")
    raise RuntimeError(f"The app did not start within {STARTS_WITHIN} s; it said: {said}")
