"""Many visitors at once at the real app: `python -m tests.load`, or `make load`."""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.request import urlopen

from tests.fuzz.raid import ROOT, Host, running
from tests.load.crowd import Crowd, gather
from tests.load.visitors import masks_alone

AT_ONCE = (0.0, 0.0)
HEXADECIMAL = re.compile("[0-9a-f]+")
CROWDS = (
    Crowd(32, 180, trackers=2),
    Crowd(16, 30, AT_ONCE),
    Crowd(32, 30, AT_ONCE),
    Crowd(64, 60),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--visitors", type=int, help="one crowd of so many only, two of them tracking"
    )
    parser.add_argument("--seconds", type=float, help="how long each crowd stays")
    parser.add_argument("--at-once", action="store_true", help="that one crowd makes no pauses")
    parser.add_argument("--pictures", type=int, default=64, help="that the visitors click on")
    options = parser.parse_args()
    crowds = CROWDS
    if options.visitors:
        pause = (
            {"pause": AT_ONCE} if options.at_once else {"trackers": min(2, options.visitors - 1)}
        )
        crowds = (Crowd(options.visitors, 180, **pause),)
    with tempfile.TemporaryDirectory() as folder:
        cache = str(Path.home() / ".cache")  # what OpenVINO has compiled
        ask = [str(ROOT / "app.py"), "--device", "cpu", "--port", "{port}"]
        with running(Path(folder) / "host", ask, XDG_CACHE_HOME=cache) as host:
            _visit(host, crowds, options)
        _say(f"files left after the end: {_places(host)}")


def _visit(host: Host, crowds: tuple[Crowd, ...], options: argparse.Namespace) -> None:
    _say(f"files before: {_places(host)}")
    started = time.monotonic()
    known = masks_alone(host.url, options.pictures)
    seconds = time.monotonic() - started
    _say(f"alone: {len(known)} clicks on {options.pictures} pictures in {seconds:.0f} s")
    for crowd in crowds:
        seconds = options.seconds or crowd.seconds
        load = os.getloadavg()[0]
        for line in gather(
            host, Crowd(crowd.visitors, seconds, crowd.pause, crowd.trackers), known
        ):
            _say(line)
        _say(f"  the machine's load before: {load:.1f}, after: {os.getloadavg()[0]:.1f}")
        with urlopen(host.url + "/healthz") as reply:
            _say(f"  alive after: {reply.status == 200}; files: {_places(host)}")
    said = host.log.read_text(errors="replace")
    _say(f"failures in the server's log: {said.count('Traceback')}")
    if "Traceback" in said:
        _say(said[-3000:])


def _places(host: Host) -> dict[str, int]:
    """Count the files by the folder that they lie in."""
    ways = (Path(file).parts for file in host.files())
    tops = [next((part for part in way[1:-1] if "studio-" not in part), way[-1]) for way in ways]
    return dict(Counter("published" if HEXADECIMAL.fullmatch(top) else top for top in tops))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
