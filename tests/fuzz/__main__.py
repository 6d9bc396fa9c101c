"""Send hostile uploads to a running app: `python -m tests.fuzz`, or `make fuzz`."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests.fuzz.raid import hosted, raid

KEPT_SECONDS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        hosted(Path(folder) / "host", KEPT_SECONDS) as host,
    ):
        grown = raid(host, options.count, options.seed)
    seconds = time.monotonic() - started
    print(f"{options.count} uploads in {seconds:.0f} s; memory grew by {grown / 1e6:.0f} MB")  # noqa: T201


if __name__ == "__main__":
    main()
