"""Shards of an evaluation: merged to the bytes of the whole, resumed after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from refiner.commands import evaluate as evaluate_command
from refiner.commands.measuring.options import Shard
from refiner.commands.parser import main
from tests.fakes import FakeSegmenter, FakeTracker
from tests.refiner.commands.evaluating import PHOTOS, VIDEOS, write_data

ROOT = Path(__file__).resolve().parents[3]
ASKED = ("--prompts", "box,points:1,noc,dilated", "--seeds", "2")
KILLED = """
import os, signal, sys
from refiner.commands import evaluate
from refiner.commands.parser import main
from tests.fakes import FakeSegmenter

class Killed(FakeSegmenter):
    def segment(self, image, objects, **options):
        if len(self.calls) == 6:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().segment(image, objects, **options)

evaluate.load_segmenters = lambda *_: {"sam2refiner": Killed()}
main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def segmenter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeSegmenter:
    """Let the command measure fakes, in a folder of the test's own."""
    fake = FakeSegmenter()
    monkeypatch.setattr(evaluate_command, "load_segmenters", lambda *_: {"sam2refiner": fake})
    trackers = {"sam2refiner": FakeTracker()}
    monkeypatch.setattr(evaluate_command, "load_trackers", lambda *_, **__: trackers)
    monkeypatch.chdir(tmp_path)
    return fake


def evaluate(manifest: Path, *arguments: str) -> None:
    assert main(["evaluate", "--manifest", str(manifest), *ASKED, *arguments]) == 0


def merge(*arguments: str) -> int:
    return main(["evaluate", "--merge", *arguments])


def test_ids_are_dealt_the_same_everywhere_and_to_every_shard() -> None:
    assert [Shard(number, 7).holds("photo") for number in range(1, 8)].index(True) == 5
    shares = Counter(
        number for i in range(7000) for number in range(1, 8) if Shard(number, 7).holds(f"id{i}")
    )
    assert sum(shares.values()) == 7000
    assert all(900 < count < 1100 for count in shares.values())


@pytest.mark.parametrize("count", [1, 3, 7])
def test_shards_merge_to_the_bytes_of_the_whole(
    manifest: Path, segmenter: FakeSegmenter, tmp_path: Path, count: int
) -> None:
    evaluate(manifest, "--json", "out.json", "--per-photo", "photos.csv", "--resume", "kept.jsonl")
    whole = [Path(name).read_bytes() for name in ("out.json", "photos.csv")]
    document = json.loads(whole[0])
    assert (document["config"]["rows"], document["config"]["videos"]) == (PHOTOS, VIDEOS)
    assert len({row["source"] for row in document["rows"]}) == 7
    names = [f"shard-{number}.json" for number in range(1, count + 1)]
    for number, name in enumerate(names, start=1):
        evaluate(manifest, "--json", name, "--shard", f"{number}/{count}")
    for name in ("out.json", "photos.csv"):
        Path(name).unlink()
    assert merge(*reversed(names), "--json", "out.json", "--per-photo", "photos.csv") == 0
    assert [Path(name).read_bytes() for name in ("out.json", "photos.csv")] == whole


def test_a_killed_shard_goes_on_where_it_was(
    manifest: Path, segmenter: FakeSegmenter, tmp_path: Path
) -> None:
    given = ["evaluate", "--manifest", str(manifest), "--prompts", "box", "--only", "photos"]
    given += ["--shard", "1/1", "--json", "a.json", "--resume", "kept.jsonl"]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *given],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not Path("a.json").exists()
    finished = len(Path("kept.jsonl").read_text().splitlines()) - 1
    assert finished == 6
    assert main(given) == 0
    assert len(segmenter.calls) == PHOTOS - finished
    resumed = Path("a.json").read_bytes()
    assert main([word for word in given if word not in ("--resume", "kept.jsonl")]) == 0
    assert Path("a.json").read_bytes() == resumed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["1.json"], "Of 2 shards 2 are missing; measure them with --shard 2/2"),
        (["1.json", "2.json", "1.json"], "1.json and 1.json are the same shard"),
        (["1.json", "other.json"], 'other.json was measured with prompts ["box"], 1.json with'),
        (["1.json", "third.json"], "third.json is one of 3 shards, 1.json one of 2"),
        (["1.json", "gone.json"], "Cannot read the shard gone.json"),
        (["1.json", "out.json"], "out.json is no shard"),
        (["1.json", "2.json", "--prompts", "box"], "--merge takes --json and --per-photo, got --p"),
    ],
)
def test_what_does_not_make_a_whole_is_refused(
    manifest: Path,
    segmenter: FakeSegmenter,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    for name, shard in (("1.json", "1/2"), ("2.json", "2/2"), ("third.json", "3/3")):
        evaluate(manifest, "--only", "photos", "--json", name, "--shard", shard)
    evaluate(manifest, "--only", "photos", "--json", "out.json")
    other = ["--prompts", "box", "--json", "other.json", "--shard", "2/2"]
    evaluate(manifest, "--only", "photos", *other)
    capsys.readouterr()
    assert merge(*arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "say where it goes with --json"),
        (["--json", "a.json", "--stability"], "--stability is not merged"),
        (["--json", "a.json", "--per-photo", "a.csv"], "give --per-photo to --merge"),
    ],
)
def test_what_a_shard_cannot_hold_is_refused(
    manifest: Path,
    segmenter: FakeSegmenter,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    given = ["evaluate", "--manifest", str(manifest), "--prompts", "box", "--shard", "1/2"]
    assert main([*given, *arguments]) == 2
    assert words in capsys.readouterr().err
    assert segmenter.calls == []


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_a_shard_is_a_part_of_a_whole(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", "--manifest", "m", f"--shard={text}"])
    assert "expected" in capsys.readouterr().err
