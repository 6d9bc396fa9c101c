"""Whole folders: track, segment and refine do every input once, and one that is broken stops none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import refiner.commands.refine
import refiner.commands.segment
import refiner.commands.track
import refiner.predict.tracker
from refiner.commands.parser import main
from refiner.files.painting import mask_png
from tests.fakes import FakeSegmenter, FakeTracker
from tests.refiner.clip_making import X264, picture, run_ffmpeg

Tree = Callable[[Path], dict[str, bytes]]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips of 2 to 8 frames, one of them frames in a folder, a broken one and a text."""
    folder = tmp_path_factory.mktemp("clips")
    for name, seconds in (("short.mp4", 0.3), ("long.mov", 0.8)):
        run_ffmpeg(*picture("64x48", "10", seconds), *X264, folder / name)
    (folder / "day" / "walk").mkdir(parents=True)
    for number in range(2):
        frame = Image.new("RGB", (64, 48), (90, 80 * number, 90))
        frame.save(folder / "day" / "walk" / f"{number}.png")
    (folder / "broken.mp4").write_bytes(b"no clip")
    (folder / "notes.txt").write_text("notes")
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures, one broken, and a text."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "more").mkdir()
    for number, name in enumerate(("a.png", "b.png", "more/a.png")):
        Image.new("RGB", (64, 48), (90, 80 * number, 90)).save(folder / name)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (folder / "notes.txt").write_text("notes")
    return folder


@pytest.fixture
def masks(pictures: Path, tmp_path: Path) -> Path:
    """A mask for each picture; that of a.png has two objects."""
    numbers = np.zeros((48, 64), np.uint8)
    numbers[5:20, 5:30], numbers[25:40, 5:30] = 1, 2
    for name in ("a.png", "b.png", "more/a.png", "broken.png"):
        (tmp_path / "masks" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "masks" / name).write_bytes(mask_png(numbers > 0))
    Image.fromarray(numbers).save(tmp_path / "masks" / "a.png")
    return tmp_path / "masks"


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> FakeTracker:
    fake = FakeTracker()
    monkeypatch.setattr(refiner.commands.track, "load_models", lambda flags: None)
    monkeypatch.setattr(refiner.predict.tracker, "load_tracker", lambda segmenter, **flags: fake)
    return fake


@pytest.fixture
def segmenter(monkeypatch: pytest.MonkeyPatch) -> FakeSegmenter:
    fake = FakeSegmenter()
    for command in (refiner.commands.segment, refiner.commands.refine):
        monkeypatch.setattr(command, "load_models", lambda flags: fake)
    return fake


def track(clips: Path, out: Path, *more: str, click: str = "0:20,24") -> int:
    given = ["track", str(clips), "--prompt", click, "--export", "rle,comparison,masks"]
    return main([*given, "--out", str(out), *more])


def test_every_clip_of_a_folder_is_tracked_once(
    clips: Path,
    tracker: FakeTracker,
    tmp_path: Path,
    tree: Tree,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert track(clips, tmp_path) == 1
    said = capsys.readouterr()
    assert f"Wrote {tmp_path}: 3 clips\n" in said.out
    assert "Left out broken.mp4: The file 'broken.mp4'" in said.out
    assert "Notice: day/walk: The folder's pictures are shown as 25 frames a second." in said.out
    assert "Not used: notes.txt: no clip" in said.out
    assert "4 of 4 done" in said.err
    files = tree(tmp_path)
    assert {name for name in files if name.endswith(".json")} == {
        "short-rle.json",
        "long-mov-rle.json",
        "day/walk-frames-rle.json",
    }
    assert len(files) == 9
    for name, content in files.items():
        if name.endswith(".json"):
            frames = {"short": 3, "long-mov": 8, "day/walk-frames": 2}[name[: -len("-rle.json")]]
            assert len(json.loads(content)["frames"]) == frames
    tracker.calls.clear()
    assert track(clips, tmp_path) == 1
    assert tracker.calls == []
    assert "3 clips, 3 of them before" in capsys.readouterr().out
    assert tree(tmp_path) == files


def test_a_clip_alone_and_in_a_folder_give_the_same_files(
    clips: Path, tracker: FakeTracker, tmp_path: Path, tree: Tree
) -> None:
    track(clips, tmp_path / "all")
    track(clips / "long.mov", tmp_path / "one")
    alone = tree(tmp_path / "one")
    assert len(alone) == 3
    assert alone.items() <= tree(tmp_path / "all").items()


def test_other_prompts_or_another_clip_are_tracked_again(
    clips: Path, tracker: FakeTracker, tmp_path: Path
) -> None:
    shutil.copytree(clips, tmp_path / "clips")
    track(tmp_path / "clips", tmp_path / "out")
    tracker.calls.clear()
    shutil.copy(tmp_path / "clips" / "short.mp4", tmp_path / "clips" / "broken.mp4")
    assert track(tmp_path / "clips", tmp_path / "out") == 0
    assert len(tracker.calls) == 1
    (tmp_path / "out" / "broken-comparison.mp4").unlink()
    assert track(tmp_path / "clips", tmp_path / "out") == 0
    assert len(tracker.calls) == 2
    assert track(tmp_path / "clips", tmp_path / "out", click="0:20,25") == 0
    assert len(tracker.calls) == 6
    assert track(tmp_path / "clips", tmp_path / "out", "--fast", click="0:20,25") == 0
    assert len(tracker.calls) == 10


def test_an_interrupted_folder_keeps_whole_clips_only(
    clips: Path, tracker: FakeTracker, tmp_path: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = FakeTracker._work
    left = iter([False] * 9)

    def interrupted(self: FakeTracker) -> None:
        if next(left, True):
            raise KeyboardInterrupt
        work(self)

    monkeypatch.setattr(FakeTracker, "_work", interrupted)
    assert track(clips, tmp_path) == 130
    assert {name.split("-")[0] for name in tree(tmp_path)} == {"long"}
    monkeypatch.setattr(FakeTracker, "_work", work)
    tracker.calls.clear()
    track(clips, tmp_path)
    assert len(tracker.calls) == 2
    assert len(tree(tmp_path)) == 9


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--prompt FRAME:X,Y"),
        (["--prompt", "0:1,1", "--export", "gif"], "There is no export 'gif'"),
    ],
)
def test_what_no_clip_can_be_asked_for_ends_before_anything_is_loaded(
    clips: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    given = ["track", str(clips), "--out", str(tmp_path / "out"), "--weights", "gone", *arguments]
    assert main(given) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_without_clips_is_refused(
    tracker: FakeTracker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "notes.txt").write_text("notes")
    assert track(tmp_path / "clips", tmp_path / "out") == 2
    assert "has neither clips nor the frames of one" in capsys.readouterr().err


def test_every_picture_of_a_folder_is_segmented_once(
    pictures: Path,
    segmenter: FakeSegmenter,
    tmp_path: Path,
    tree: Tree,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ["segment", str(pictures), "--point", "20,24", "--out", str(tmp_path)]
    assert main(given) == 1
    said = capsys.readouterr().out
    assert f"Wrote {tmp_path}: 3 pictures\n" in said
    assert "Left out broken.png: The picture 'broken.png' is damaged" in said
    assert "Not used: notes.txt: no picture" in said
    files = tree(tmp_path)
    assert len(files) == 3 * 7
    assert "more/a.png/sam2refiner_cutout.png" in files
    document = json.loads(files["more/a.png/result.json"])
    assert "milliseconds" not in document
    assert main([*given, "--model", "sam2"]) == 1
    assert len(segmenter.calls) == 6
    assert main(given) == 1
    assert main(given) == 1
    assert len(segmenter.calls) == 9
    assert "3 pictures, 3 of them before" in capsys.readouterr().out
    assert tree(tmp_path) == files


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Say what to segment in every picture"),
        (["--mask", "m.png"], "A mask is of one picture; for a folder use refine FOLDER"),
    ],
)
def test_what_no_picture_can_be_asked_for_is_refused(
    pictures: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    assert main(["segment", str(pictures), "--out", str(tmp_path / "out"), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_every_picture_of_a_folder_is_refined_once(
    pictures: Path,
    masks: Path,
    segmenter: FakeSegmenter,
    tmp_path: Path,
    tree: Tree,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    given = ["refine", str(pictures), "--mask", str(masks), "--out", str(out)]
    assert main(given) == 1
    said = capsys.readouterr().out
    assert "4 objects of 3 pictures, and result.json" in said
    assert "Left out broken.png" in said
    files = tree(out)
    assert sorted(files) == ["a.png", "a_2.png", "b.png", "more/a.png", "result.json"]
    assert main(given) == 1
    assert len(segmenter.calls) == 4
    assert "4 objects of 3 pictures (3 done before)" in capsys.readouterr().out
    assert tree(out) == files
    (masks / "b.png").write_bytes((masks / "a.png").read_bytes())
    assert main(given) == 1
    assert len(segmenter.calls) == 6
