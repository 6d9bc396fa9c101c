"""Compare `requirements.lock` with the advisories in `advisories.json`; no network is needed.

The advisories are records in OSV's format, as far as they are known to matter here. One that still
affects a locked version has to say in `database_specific.open` why it stays, and what it can reach.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.M)

Record = Mapping[str, Any]


def locked(text: str) -> set[tuple[str, str]]:
    """Return the names and versions that a lock file pins; some names have several."""
    return {(canonicalize_name(name), version) for name, version in PIN.findall(text)}


def affects(record: Record, name: str, version: str) -> bool:
    """Return whether an advisory is about this version of a package."""
    return any(
        canonicalize_name(affected["package"]["name"]) == name
        and any(_inside(span["events"], Version(version)) for span in affected["ranges"])
        for affected in record["affected"]
    )


def findings(pins: set[tuple[str, str]], records: list[Record]) -> Iterator[tuple[str, bool]]:
    """Yield a line for each advisory that affects a pin, and whether it says why it stays open."""
    for record in records:
        for name, version in sorted(pins):
            if affects(record, name, version):
                reason = record.get("database_specific", {}).get("open", "")
                line = f"{record['id']}  {name} {version}: {record['summary']}."
                yield f"{line}\n    {reason or 'Nothing says why this stays open.'}", bool(reason)


def _inside(events: list[Mapping[str, str]], version: Version) -> bool:
    inside = False
    for event in events:
        if "introduced" in event:
            inside = inside or version >= Version(event["introduced"])
        elif "fixed" in event:
            inside = inside and version < Version(event["fixed"])
        elif "last_affected" in event:
            inside = inside and version <= Version(event["last_affected"])
    return inside


def main() -> int:
    """Print what is open; return 1 if something is that should not be."""
    pins = locked((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    text = (Path(__file__).parent / "advisories.json").read_text(encoding="utf-8")
    records = json.loads(text)
    open_lines = list(findings(pins, records))
    for line, _ in open_lines:
        sys.stdout.write(line + "\n")
    unexplained = sum(not explained for _, explained in open_lines)
    sys.stdout.write(
        f"{len(records)} advisories, {len(pins)} pins: {len(open_lines)} open, "
        f"{unexplained} of them unexplained.\n"
    )
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
