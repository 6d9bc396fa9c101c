from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest

from refiner.evaluation.prompts import PromptSpec, sample_prompts, stable_seed
from refiner.files.painting import mask_png
from refiner.files.reading import HERE
from refiner.files.run_lengths import decode_rle
from refiner.metrics import boundary_iou, iou
from refiner.types import Box, Click, Prompts
from tests.fakes import RADIUS, FakeFrames, FakeSegmenter, disc, drawn, upload
from tests.webapp.video.test_actions import SIZE, Bench
from webapp.api.endpoints import Endpoints
from webapp.api.inputs import Inbox, Scale
from webapp.api.track_video import ClipEndpoint
from webapp.compare.queue import Jobs
from webapp.shared.backbones import Models
from webapp.shared.limits import Limits
from webapp.shared.uploads import Uploads
from webapp.video.actions import start_track

ONE = [[0, 1, 60, 60, 1]]
TRUTH = disc(SIZE, 80, 60, 45)


def sent(path: str) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


class Caller:
    """Calls track_video with one clip of fakes."""

    def __init__(self, folder: Path, clip: FakeFrames | None = None, **limits: int) -> None:
        self.bench = Bench(folder, clip, **limits)
        self.folder = folder
        inbox = Inbox(HERE, self.bench.uploads, self.bench.studio.limits)
        self.endpoint = ClipEndpoint(self.bench.studio, inbox)

    def track(self, *arguments: Any, content: bytes = b"a clip", **options: Any) -> Iterator[Any]:
        self.path = upload(self.bench.uploads, "clip.mp4", content)
        return self.endpoint.track_video(sent(self.path), *arguments, **options)  # type: ignore[arg-type]

    def lines(self, *arguments: Any, **options: Any) -> list[dict[int, int]]:
        """What the fake export wrote: pixels of the refined masks by object, frame by frame."""
        *_, last = self.track(*arguments, **options)
        assert last["stage"] == "done"
        return [eval(line) for line in Path(last["file"]["path"]).read_text().splitlines()]

    def refused(self, *arguments: Any, **options: Any) -> str:
        with pytest.raises(gr.Error) as error:
            list(self.track(*arguments, **options))
        self.check_gone()
        return str(error.value.message)

    def check_gone(self) -> None:
        """Nothing is held, open or left in the clips' folders, within a moment."""
        deadline = time.monotonic() + 10
        while self.bench.clip.opened[0] > 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self.bench.clip.opened[0] == 1  # the test's own
        assert len(self.bench.studio.store) == 0
        assert not any((self.folder / "clips").glob("*"))


@pytest.fixture
def caller(tmp_path: Path) -> Caller:
    return Caller(tmp_path)


def test_a_clip_is_tracked_and_nothing_but_the_file_is_left(caller: Caller) -> None:
    found = caller.lines([[0, 7, 60, 60, 1], [4, 2, 30, 90, 1]], [[0, 7, 50, 50, 90, 80]])
    assert len(found) == 12
    assert all(set(frame) == {2, 7} for frame in found)
    first = drawn(SIZE, Prompts((Click(60, 60),), Box(50, 50, 90, 80)), 20)
    assert found[0][7] == first.sum()
    caller.check_gone()


def test_only_the_chosen_frames_are_tracked(caller: Caller) -> None:
    assert len(caller.lines([[5, 1, 60, 60, 1]], None, "rle", 4, 9)) == 5
    assert caller.bench.tracker.calls[0][1] <= 9


def test_progress_counts_up_to_the_end(caller: Caller) -> None:
    caller.bench.tracker.seconds = 0.05
    steps = list(caller.track(ONE))
    assert {one["stage"] for one in steps} >= {"tracking", "done"}
    assert all(0 <= one["done"] <= one["total"] for one in steps if one["total"])
    assert (steps[-1]["done"], steps[-1]["total"]) == (12, 12)
    assert all(one["file"] is None for one in steps[:-1])


def test_prompts_are_scaled_with_a_clip_that_is_scaled_down(tmp_path: Path) -> None:
    caller = Caller(tmp_path, FakeFrames(size_hw=(120, 160)), video_long_side=80)
    *_, last = caller.track([[0, 1, 60, 60, 1]])
    assert "Worked at 80×60, scaled down from 160×120" in last["notes"][0]
    first = eval(Path(last["file"]["path"]).read_text().splitlines()[0])
    assert first[1] == disc((60, 80), 30, 30, 20).sum()


def test_giving_up_ends_the_work_and_leaves_nothing(caller: Caller) -> None:
    caller.bench.tracker.seconds = 0.2
    steps = caller.track(ONE)
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    caller.check_gone()
    assert sorted(path.name for path in caller.folder.rglob("*") if path.is_file()) == ["clip.mp4"]


def test_the_same_upload_serves_two_calls(caller: Caller) -> None:
    one, two = caller.track(ONE), caller.track(ONE)
    next(one)
    (*_, last) = two
    (*_, first) = one
    assert first["file"]["path"] != last["file"]["path"]


@pytest.mark.parametrize(
    ("points", "boxes", "options", "reason"),
    [
        (None, None, {}, "nothing to track"),
        ([], [], {}, "nothing to track"),
        (5, None, {}, "A point is"),
        ([[0, 1, 2, 3]], None, {}, "A point is"),
        ([[0, 1, 2, 3, 4]], None, {}, "A point is"),
        ([[0, 1, "x", 3, 1]], None, {}, "finite numbers"),
        ([[0, 1, float("nan"), 3, 1]], None, {}, "finite numbers"),
        ([[0.5, 1, 2, 3, 1]], None, {}, "A frame is a whole number"),
        ([[-1, 1, 2, 3, 1]], None, {}, "A frame is a whole number"),
        ([[0, -1, 2, 3, 1]], None, {}, "An object's name is a whole number"),
        ([[12, 1, 2, 3, 1]], None, {}, "prompt on frame 12; the frames to track are 0 to 11"),
        ([[0, 1, 200, 3, 1]], None, {}, "outside the picture"),
        ([[0, 1, 2, 3, 1]] * 51, None, {}, "at most 50 points"),
        ([[0, n, 2, 3, 1] for n in range(6)], None, {}, "at most 5 objects, got 6"),
        (None, [[0, 1, 2, 3, 9]], {}, "A box is"),
        (None, [[0, 1, 9, 9, 9, 3]], {}, "empty"),
        (None, [[0, 1, 2, 3, 9, 9], [0, 1, 2, 3, 8, 8]], {}, "2 boxes on frame 0"),
        (ONE, None, {"export": "exe"}, "choose one of comparison"),
        (ONE, None, {"export": ["rle"]}, "choose one of comparison"),
        (ONE, None, {"start": 3}, "prompt on frame 0; the frames to track are 3 to 11"),
        (ONE, None, {"start": "0"}, "start is a whole number"),
        (ONE, None, {"stop": True}, "stop is a whole number"),
        (ONE, None, {"stop": 13}, "Choose some of the frames 0 to 11"),
        (ONE, None, {"start": 5, "stop": 5}, "Choose some of the frames 0 to 11"),
    ],
)
def test_what_cannot_be_tracked_is_refused_in_words(
    caller: Caller, points: Any, boxes: Any, options: dict[str, Any], reason: str
) -> None:
    assert reason in caller.refused(points, boxes, **options)
    assert not caller.bench.tracker.calls


def test_a_long_clip_is_not_cut_unasked(tmp_path: Path) -> None:
    caller = Caller(tmp_path, video_frames=8)
    said = caller.refused(ONE)
    assert "has 12 frames and at most 8 (0.8 s)" in said
    assert "start and stop" in said
    assert "At most 8 frames" in caller.refused(ONE, stop=9)
    assert len(caller.lines(ONE, stop=8)) == 8


def test_too_large_a_file_is_refused_and_deleted(tmp_path: Path) -> None:
    caller = Caller(tmp_path, video_megabytes=1)
    assert "larger than 1 MB" in caller.refused(ONE, content=bytes(1_000_001))
    assert not Path(caller.path).exists()


def test_files_from_elsewhere_are_not_opened(caller: Caller) -> None:
    for path in ("/etc/passwd", __file__, "http://127.0.0.1:1/clip.mp4"):
        with pytest.raises(gr.Error, match="did not arrive|Send the file itself"):
            list(caller.endpoint.track_video(sent(path), ONE))  # type: ignore[arg-type]
    caller.check_gone()


def test_failures_are_told_without_the_inside(caller: Caller, tmp_path: Path) -> None:
    caller.bench.tracker.broken = True
    assert caller.refused(ONE) == "Something went wrong on the server; try again."
    other = Caller(tmp_path, FakeFrames(size_hw=SIZE, broken_at=7))
    assert "cannot be decoded" in other.refused(ONE)


def test_places_are_shared_with_the_pages_visitors(tmp_path: Path) -> None:
    caller = Caller(tmp_path, clips=1)
    job = caller.bench.open("a visitor")
    caller.bench.tracker.seconds = 0.2
    caller.bench.edit(job, {"type": "click", "frame": 0, "object": 1, "x": 60, "y": 60,
                            "positive": True})  # fmt: skip
    start_track(caller.bench.studio, job, {})
    with pytest.raises(gr.Error, match="All places for clips are taken"):
        list(caller.track(ONE))
    caller.bench.studio.store.free("a visitor")


class Measurer:
    """Calls prompt_curve with a picture of fakes."""

    def __init__(self, folder: Path, **limits: int) -> None:
        kept = Limits(**limits)
        self.jobs = Jobs(kept)
        self.segmenter = FakeSegmenter()
        self.uploads = Uploads(folder, lambda: "me")
        inbox = Inbox(HERE, self.uploads, kept)
        self.endpoints = Endpoints(Models(self.segmenter), inbox, self.jobs)
        self.mask = mask_png(TRUTH)

    def files(self) -> list[Any]:
        photo = mask_png(np.zeros(SIZE, np.bool_))
        files = {"photo.png": photo, "mask.png": self.mask}
        return [sent(upload(self.uploads, *file)) for file in files.items()]

    def steps(self, *arguments: Any) -> Iterator[Any]:
        return self.endpoints.prompt_curve(*self.files(), *arguments)

    def refused(self, *arguments: Any) -> str:
        with pytest.raises(gr.Error) as error:
            list(self.steps(*arguments))
        self.jobs.end(self.jobs.start("the place is free again"))
        return str(error.value.message)


def test_the_curve_is_that_of_the_metrics_on_the_masks(tmp_path: Path) -> None:
    *_, last = Measurer(tmp_path).steps("random", 3, 2)
    assert (last["stage"], last["done"], last["efforts"]) == ("done", 1, [])
    assert json.loads(json.dumps(last)) == last
    for row in last["rows"]:
        count, radius = row["prompts"], {"sam2": 1.0, "sam2refiner": 1.2}[row["model"]] * RADIUS
        spec = PromptSpec(f"points:{count}", count)
        masks = [
            drawn(SIZE, sample_prompts(spec, TRUTH, stable_seed(seed, "photo", 1)), radius)
            for seed in (0, 1)
        ]
        assert row["miou"] == pytest.approx(np.mean([iou(mask, TRUTH) for mask in masks]))
        assert row["mbiou"] == pytest.approx(np.mean([boundary_iou(m, TRUTH) for m in masks]))
    assert [row["prompts"] for row in last["rows"]] == [1, 1, 2, 2, 3, 3]


def test_clicks_have_an_effort(tmp_path: Path) -> None:
    *_, last = Measurer(tmp_path).steps("clicks", 4)
    assert [one["model"] for one in last["efforts"]] == ["sam2", "sam2refiner"]
    assert {row["seeds"] for row in last["rows"]} == {1}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("lasso",), "Choose how to prompt"),
        ((["random"],), "Choose how to prompt"),
        (("random", 21), "from 1 to 20"),
        (("random", 0), "from 1 to 20"),
        (("random", "x"), "from 1 to 20"),
        (("random", 3, 6), "from 1 to 5"),
    ],
)
def test_senseless_curves_are_refused(
    tmp_path: Path, arguments: tuple[Any, ...], reason: str
) -> None:
    assert reason in Measurer(tmp_path, compare_waiting=1).refused(*arguments)


def test_masks_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    measurer = Measurer(tmp_path, compare_waiting=1)
    measurer.mask = mask_png(disc((60, 95), 40, 30, 15))
    assert "own shape" in measurer.refused()
    measurer.mask = mask_png(np.zeros(SIZE, np.bool_))
    assert "no pixel" in measurer.refused()
    measurer.mask = b"no picture"
    assert "not a picture" in measurer.refused()
    assert not measurer.segmenter.calls


def test_a_curve_that_takes_too_long_is_refused(tmp_path: Path) -> None:
    measurer = Measurer(tmp_path, compare_waiting=1)
    measurer.jobs._limits = Limits(compare_seconds=-1)
    assert "fewer prompts or seeds" in measurer.refused()


def test_giving_a_curve_up_ends_it(tmp_path: Path) -> None:
    measurer = Measurer(tmp_path, compare_waiting=1)
    steps = measurer.steps()
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert len(measurer.segmenter.calls) <= 1
    measurer.jobs.end(measurer.jobs.start("the place is free again"))


def test_the_border_of_a_picture_stays_the_border_when_it_is_scaled() -> None:
    for width in range(1, 2000, 7):
        scale = Scale((100, 640), (100, width))
        assert scale.click(width, 0, 1).x == 640


def test_masks_are_answered_at_the_pictures_own_size(tmp_path: Path) -> None:
    """The picture is worked on at half its size."""
    measurer = Measurer(tmp_path, long_side=SIZE[1] // 2)
    image, mask = measurer.files()
    answer = measurer.endpoints.compare_image(image, [[60, 60, 1]])
    expected = drawn(SIZE, Prompts((Click(60, 60),)), 2 * RADIUS)
    assert iou(decode_rle(answer["sam2"]["segmentation"]), expected) > 0.95
    refined = measurer.endpoints.refine_mask(image, mask)
    assert iou(decode_rle(refined["objects"][0]["segmentation"]), TRUTH) > 0.95


def test_files_of_a_clip_are_called_after_it(tmp_path: Path) -> None:
    caller = Caller(tmp_path)
    path = upload(caller.bench.uploads, "Мой клип.mov", b"a clip")
    *_, last = caller.endpoint.track_video(sent(path), ONE)  # type: ignore[arg-type]
    assert last["file"] is not None
    assert Path(last["file"]["path"]).name == "Мой клип-rle.txt"
