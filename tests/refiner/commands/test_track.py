"""The track command: prompts from the command line, files in the order of the frames."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import refiner.commands.track
import refiner.predict.tracker
from refiner.commands.parser import main
from refiner.commands.track import Prompt, TrackOptions, ascending, collect, track_clip
from refiner.files.run_lengths import decode_rle
from refiner.types import Box, Click, InputError
from tests.fakes import FakeFrames, FakeTracker, follow
from tests.refiner.clip_making import X264, picture, printed_frames, run_ffmpeg

SIZE = (48, 64)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "walk.mp4"
    run_ffmpeg(*picture("64x48", "10", 0.8), *X264, path)
    return path


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeTracker:
    """Let the command load a fake tracker."""
    tracker = FakeTracker()
    monkeypatch.setattr(refiner.commands.track, "load_models", lambda flags: None)
    monkeypatch.setattr(refiner.predict.tracker, "load_tracker", lambda segmenter, **flags: tracker)
    return tracker


def track(clip: Path, out: Path, *arguments: str) -> int:
    return main(["track", str(clip), "--out", str(out), *arguments])


def test_the_clip_is_tracked_both_ways_and_written(
    clip: Path, fake: FakeTracker, tmp_path: Path
) -> None:
    prompts = ["--prompt", "3:20,24", "--prompt", "3:40,24,-", "--box", "2@5:5,5,20,30"]
    assert track(clip, tmp_path, *prompts, "--export", "rle,comparison") == 0
    assert len(printed_frames(tmp_path / "walk-comparison.mp4", "v:0")) == 8
    document = json.loads((tmp_path / "walk-rle.json").read_text())
    given = collect(
        [
            Prompt(3, 1, Click(20, 24)),
            Prompt(3, 1, Click(40, 24, False)),
            Prompt(5, 2, Box(5, 5, 20, 30)),
        ]
    )
    for index, frame in enumerate(document["frames"]):
        for own in given:
            expected = follow(SIZE, [own], index).base.mask
            found = next(item for item in frame["objects"] if item["id"] == own.object_id)
            np.testing.assert_array_equal(decode_rle(found["base"]["segmentation"]), expected)


def test_frames_come_in_order_whatever_is_prompted() -> None:
    frames = FakeFrames()
    for frame in (0, 5, 11):
        prompts = collect([Prompt(frame, 1, Click(50, 60))])
        found = list(ascending(FakeTracker(), frames, prompts))
        assert [item.index for item in found] == list(range(12))
        for item in found:
            expected = follow(frames.size_hw, prompts, item.index)
            np.testing.assert_array_equal(item.objects[1].refined.mask, expected.refined.mask)
            assert item.objects[1].base.quality == expected.base.quality


def test_an_interrupted_run_leaves_finished_files(clip: Path, tmp_path: Path) -> None:
    class Interrupted(FakeTracker):
        def _work(self) -> None:
            self.left = getattr(self, "left", 5) - 1
            if not self.left:
                raise KeyboardInterrupt

    options = TrackOptions(clip, (Prompt(0, 1, Click(20, 24)),), tmp_path, progress=False)
    with pytest.raises(KeyboardInterrupt):
        track_clip(Interrupted, options)
    assert len(printed_frames(tmp_path / "walk-comparison.mp4", "v:0")) == 4
    assert not list(tmp_path.glob(".writing-*"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--prompt FRAME:X,Y"),
        (["--prompt", "8:1,1"], "prompt on frame 8"),
        (["--prompt", "1:1,1", "--start", "2"], "the frames 2 to 7 are tracked"),
        (["--prompt", "7:1,1", "--stop", "0.5s"], "the frames 0 to 4 are tracked"),
        (["--prompt", "1:1,1", "--start", "5", "--stop", "5"], "choose others"),
        (["--prompt", "1:1,1", "--stop", "99"], "choose others"),
        (["--prompt", "0:64.5,1"], "outside"),
        (["--prompt", "0:1,1", "--export", "gif"], "gif"),
        (["--box", "0:1,1,9,9", "--box", "0:2,2,9,9"], "2 boxes"),
    ],
)
def test_what_cannot_be_tracked_ends_with_one_line(
    arguments: list[str],
    words: str,
    clip: Path,
    fake: FakeTracker,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert track(clip, tmp_path / "out", *arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("span", "first", "frames"),
    [
        (["--start", "2", "--stop", "6"], 2, 4),
        (["--start", "0.25s", "--stop", "0.5s"], 2, 3),
        (["--start", "0.3s"], 3, 5),
        (["--stop", "4s"], 0, 8),
    ],
)
def test_only_the_frames_of_the_span_are_tracked(
    clip: Path, fake: FakeTracker, tmp_path: Path, span: list[str], first: int, frames: int
) -> None:
    assert track(clip, tmp_path, "--prompt", "4:20,24", "--export", "rle", *span) == 0
    document = json.loads((tmp_path / "walk-rle.json").read_text())
    assert len(document["frames"]) == frames and document["video"]["first_frame"] == first
    prompted = document["frames"][4 - first]["objects"][0]
    expected = follow(SIZE, collect([Prompt(0, 1, Click(20, 24))]), 0).base.mask
    np.testing.assert_array_equal(decode_rle(prompted["base"]["segmentation"]), expected)


@pytest.mark.parametrize("text", ["", "s", "-1", "1.5", "one", "1:30", "1e3s", "..s"])
def test_places_in_a_clip_that_cannot_be_read_are_refused(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["track", "x.mp4", "--out", "y", "--prompt", "0:1,1", f"--start={text}"])
    assert "--start" in capsys.readouterr().err


def test_no_two_clips_of_a_folder_share_a_file(
    clip: Path, fake: FakeTracker, tmp_path: Path
) -> None:
    long = "家" * 70
    names = ["видео.mp4", "视频.mp4", "a b.mp4", "a-b.mp4", "a.mp4", "a.mov", f"{long}1.mp4"]
    names += [f"{long}2.mp4", "a"]
    (tmp_path / "out").mkdir()
    for name in names:
        (tmp_path / name).write_bytes(clip.read_bytes())
        assert (
            track(tmp_path / name, tmp_path / "out", "--prompt", "0:20,24", "--export", "rle") == 0
        )
    written = {file.name for file in (tmp_path / "out").iterdir()}
    assert len(written) == len(names)
    assert {"видео-rle.json", "视频-rle.json", "a b-rle.json", "a-rle.json"} < written


def test_a_folder_of_frames_is_tracked(fake: FakeTracker, tmp_path: Path) -> None:
    folder = tmp_path / "walk"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (64, 48), (90, 80 * number, 90)).save(folder / f"{number}.jpg")
    assert track(folder, tmp_path, "--prompt", "2:20,24", "--export", "rle") == 0
    assert len(json.loads((tmp_path / "walk-frames-rle.json").read_text())["frames"]) == 3


@pytest.mark.parametrize("text", ["1,1", "a:1,1", "x@1:1,1", "-1:1,1", "1:1", "@1:1,1"])
def test_prompts_that_cannot_be_read_are_refused(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["track", "x.mp4", "--out", "y", f"--prompt={text}"])
    assert "--prompt" in capsys.readouterr().err


def test_a_file_that_is_no_clip_is_refused(fake: FakeTracker, tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"no clip")
    options = TrackOptions(tmp_path / "x.mp4", (Prompt(0, 1, Click(1, 1)),), tmp_path)
    with pytest.raises(InputError, match=r"x\.mp4"):
        track_clip(lambda: fake, options)
