from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refiner.clips.clip import open_clip
from refiner.files.run_lengths import decode_rle
from refiner.types import Box, InputError, Prompts
from refiner.video_types import FramePrompts
from tests.fakes import FakeTracker, disc, follow
from tests.refiner.clip_making import run_ffmpeg
from tests.webapp.video.test_actions import Bench, click, masks
from webapp.shared.limits import Limits
from webapp.shared.uploads import Uploads
from webapp.video.actions import set_span
from webapp.video.clip_files import (
    TRACKS,
    installed_clips,
    score,
    stored_tracks,
    track_file,
    video_studio,
)
from webapp.video.exporting import EXPORTS
from webapp.video.open_clips import ClipJob
from webapp.video.results import Results, Score, TrackedPair
from webapp.video.state import FramePair

ASSETS = Path(__file__).resolve().parents[3] / "assets" / "examples"


def test_the_example_clips_have_a_truth_and_a_box_for_each_object() -> None:
    clips = installed_clips(ASSETS)
    assert clips
    for clip in clips:
        assert clip.picture.ndim == 3
        assert clip.truth is not None
        masks = clip.truth(0)
        assert {item.object_id for item in clip.prompts} == set(masks)
        for item in clip.prompts:
            box = item.prompts.box
            assert box is not None
            inside = np.zeros_like(masks[item.object_id])
            inside[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = True
            assert masks[item.object_id].any()
            assert not (masks[item.object_id] & ~inside).any()


def test_a_folder_without_clips_has_none(tmp_path: Path) -> None:
    (tmp_path / "lonely-clip.mp4").write_bytes(b"without masks")
    assert installed_clips(tmp_path) == ()


def test_a_stored_track_is_read_for_the_models_it_was_made_with(tmp_path: Path) -> None:
    pair = FramePair.measured(
        follow((12, 16), [FramePrompts(0, 1, Prompts(box=Box(2, 2, 9, 9)))], 3)
    )
    results = Results()
    results.put(3, {1: TrackedPair(pair, Score(0.5, 0.25), Score(1, 0.75))}, {})
    info = replace(FakeTracker().info, details={"files": {"base": "b", "refiner": "r"}})
    (tmp_path / f"disc-clip{TRACKS}").write_bytes(track_file(results, info))
    stored = stored_tracks(tmp_path, info)["disc-clip"][3][1]
    assert (stored.base, stored.refined) == (Score(0.5, 0.25), Score(1, 0.75))
    assert stored.pair.refined == pair.refined and stored.pair.base == pair.base
    assert stored_tracks(tmp_path, FakeTracker().info) == {}
    (tmp_path / f"disc-clip{TRACKS}").write_bytes(b"no gzip")
    with pytest.raises(InputError, match="damaged"):
        stored_tracks(tmp_path, info)


def test_scores_are_those_of_davis() -> None:
    truth, other, none = (
        disc((60, 80), 30, 30, 15),
        disc((60, 80), 60, 20, 10),
        disc((60, 80), 0, 0, 0),
    )
    assert score(truth, truth) == (1, 1)
    assert score(other & ~truth, truth) == pytest.approx((0, 0), abs=0.3)
    assert score(none, none) == (1, 1)
    assert score(truth, none)[0] == 0
    assert score(none, truth)[0] == 0


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six grey frames at 12 a second, 64 wide and 48 high, with a sound."""
    file = tmp_path_factory.mktemp("clips") / "clip.mp4"
    run_ffmpeg(
        "-f", "lavfi", "-i", "color=gray:size=64x48:rate=12:duration=0.5",
        "-f", "lavfi", "-i", "sine=frequency=440:duration=0.5",
        "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", file,
    )  # fmt: skip
    return file


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    parts = video_studio(FakeTracker(), Limits(), Uploads(tmp_path, lambda: "me"))
    bench = Bench(tmp_path)
    return bench.using(open_clip=parts.open_clip, export_clip=parts.export_clip)


@pytest.fixture
def job(bench: Bench, file: Path, tmp_path: Path) -> ClipJob:
    job = bench.open(content=file.read_bytes())
    bench.edit(job, click(2, 20, 24))
    bench.track(job)
    return job


@pytest.mark.parametrize("name", EXPORTS)
def test_every_export_has_the_frames_and_the_sound_of_the_clip(
    bench: Bench, job: ClipJob, name: str
) -> None:
    file = bench.export(job, name)
    if file.suffix in (".mp4", ".webm", ".mov"):
        with open_clip(file) as clip:
            assert len(clip) == 6
            assert clip.info.fps == 12
            assert clip.info.size_hw == (48, 128 if name == "comparison" else 64)
            assert clip.info.audio
    assert file.stat().st_size > 100


def test_exported_masks_are_those_shown_on_the_chosen_frames(bench: Bench, job: ClipJob) -> None:
    set_span(bench.studio, job, {"start": 1, "stop": 5})
    document = json.loads(bench.export(job, "rle").read_text())
    assert len(document["frames"]) == 4
    archive = bench.export(job, "masks").read_bytes()
    for number, frame in enumerate(document["frames"]):
        shown = masks(job, 1 + number)
        (item,) = frame["objects"]
        assert np.array_equal(decode_rle(item["refined"]["segmentation"]), shown)
        with zipfile.ZipFile(BytesIO(archive)) as members:
            png = members.read(f"sam2refiner/clip/{number:05}.png")
        with Image.open(BytesIO(png)) as picture:
            assert np.array_equal(np.asarray(picture) == 1, shown)


def test_a_cancelled_export_leaves_no_file_and_no_decoder(bench: Bench, job: ClipJob) -> None:
    def gone() -> bool:
        return not any(path.is_file() for path in (job.folder / "export").rglob("*"))

    bench.cancel_export(job, "overlay-sam2")
    assert job.work is not None
    assert job.work.status == "cancelled"
    assert gone()
