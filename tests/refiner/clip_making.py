"""Small clips made by ffmpeg, and what must not be left behind by reading and writing them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from refiner.clips.ffmpeg import executable

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def run_ffmpeg(*arguments: str | Path) -> str:
    """Run ffmpeg with `arguments` and return what it prints."""
    command = [executable(), "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def picture(size: str = "64x48", rate: str = "25", seconds: float = 1.0) -> tuple[str, ...]:
    """Return an input of ffmpeg: a moving test picture."""
    return ("-f", "lavfi", "-i", f"testsrc=size={size}:rate={rate}:duration={seconds}")


def tone(seconds: float = 1.0, layout: str = "mono") -> tuple[str, ...]:
    """Return an input of ffmpeg: a sound of `layout`."""
    source = f"sine=duration={seconds},aformat=channel_layouts={layout}"
    return ("-f", "lavfi", "-i", source)


def printed_frames(path: Path, stream: str, *options: str) -> list[str]:
    """Return `framecrc`'s line of every frame of `stream` of `path`."""
    text = run_ffmpeg(*options, "-i", path, "-map", f"0:{stream}", "-f", "framecrc", "-")
    return [line for line in text.splitlines() if not line.startswith("#")]


def header(path: Path, stream: str) -> dict[str, str]:
    """Return what `framecrc` says of `stream` of `path` as it is stored."""
    text = run_ffmpeg("-i", path, "-map", f"0:{stream}", "-c", "copy", "-f", "framecrc", "-")
    lines = [line for line in text.splitlines() if line.startswith("#") and " 0: " in line]
    return {line.split()[0][1:]: line.split(": ")[1] for line in lines}


@contextmanager
def nothing_left(folder: Path, *expected: str) -> Iterator[None]:
    """Assert that the block leaves no child process, and in `folder` the `expected` files only."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    after = {child.pid for child in psutil.Process().children(recursive=True)}
    assert after <= before, "a process was left"
    assert {path.name for path in folder.iterdir()} == set(expected)
