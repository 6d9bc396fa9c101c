from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def load() -> Any:
    spec = importlib.util.spec_from_file_location("audit", ROOT / "assets" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


audit = load()


def record(*events: dict[str, str], name: str = "Some_Package", **more: Any) -> dict[str, Any]:
    span = {"type": "ECOSYSTEM", "events": list(events)}
    package = {"ecosystem": "PyPI", "name": name}
    affected = [{"package": package, "ranges": [span]}]
    return {"id": "A-1", "summary": "Something", "affected": affected, **more}


def test_the_lock_has_what_the_requirements_pin() -> None:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    asked = audit.locked(re.sub(r"\[\w+\]", "", text))
    pins = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(asked) == len(pins)
    assert asked <= audit.locked(LOCK), "make lock"


def test_every_pin_has_hashes_and_no_host_is_named() -> None:
    entries = re.split(r"^(?=\w)", LOCK.partition("\n\n")[2] or LOCK, flags=re.M)
    entries = [entry for entry in entries if audit.PIN.match(entry)]
    assert len(entries) > 100
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"https?://|file:|--(extra-)?index-url|--find-links|--trusted-host", LOCK)


@pytest.mark.parametrize(
    ("events", "inside", "outside"),
    [
        ([{"introduced": "0"}, {"fixed": "2.1"}], ["0.1", "2.0.9", "2.1rc1"], ["2.1", "3"]),
        ([{"introduced": "1.5"}, {"last_affected": "2"}], ["1.5", "2.0"], ["1.4", "2.0.1"]),
        (
            [{"introduced": "1"}, {"fixed": "2"}, {"introduced": "3"}, {"fixed": "4"}],
            ["1", "3.5"],
            ["2.5", "4", "0.9"],
        ),
        ([{"introduced": "9"}], ["9", "10"], ["8.9"]),
    ],
)
def test_versions_are_compared_as_versions(
    events: list[dict[str, str]], inside: list[str], outside: list[str]
) -> None:
    found = record(*events)
    assert all(audit.affects(found, "some-package", version) for version in inside)
    assert not any(audit.affects(found, "some-package", version) for version in outside)
    assert not audit.affects(found, "another", inside[0])


def test_what_is_open_has_to_say_why() -> None:
    events = ({"introduced": "0"}, {"fixed": "2"})
    pins = {("some-package", "1")}
    ((line, explained),) = audit.findings(pins, [record(*events)])
    assert "A-1" in line
    assert not explained
    told = record(*events, database_specific={"open": "It is not used."})
    ((line, explained),) = audit.findings(pins, [told])
    assert "It is not used." in line
    assert explained
    assert not list(audit.findings({("some-package", "2")}, [told]))


def test_the_committed_advisories_are_about_locked_packages_and_all_explained(
    capsys: pytest.CaptureFixture[str],
) -> None:
    records = json.loads((ROOT / "assets" / "advisories.json").read_text(encoding="utf-8"))
    names = {name for name, _ in audit.locked(LOCK)}
    assert {one["affected"][0]["package"]["name"] for one in records} <= names
    assert len({one["id"] for one in records}) == len(records)
    assert audit.main() == 0
    assert "0 of them unexplained" in capsys.readouterr().out
