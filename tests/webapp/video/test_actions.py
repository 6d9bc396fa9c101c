from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Generator, Iterator
from contextvars import ContextVar, copy_context
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from refiner.clips.clip import open_clip
from refiner.metrics import iou
from refiner.types import Box, Click, InputError, Prompts
from refiner.video_types import FramePrompts
from tests.fakes import FakeFrames, FakeTracker, disc, follow, upload
from webapp.shared import limits as limiting
from webapp.shared import text
from webapp.shared.events import Message, read_message
from webapp.shared.examples import ClipSource
from webapp.shared.limits import Limits
from webapp.shared.uploads import Uploads
from webapp.video import actions as video_actions
from webapp.video.context import Reply, VideoStudio
from webapp.video.exporting import EXPORTS, ClipResult
from webapp.video.open_clips import Clip, ClipJob, Store
from webapp.video.reply import clip_value
from webapp.video.results import TrackedPair
from webapp.video.state import FramePair
from webapp.video.work import Work, Workers

SIZE = (120, 160)


def exported(name: str, result: ClipResult, folder: Path) -> Generator[int, None, Path]:
    """Writes one line a frame: which objects have how many refined pixels."""
    file = folder / f"{result.name}-{name}.txt"
    lines = {
        frame.index: {key: int(pair.refined.mask.sum()) for key, pair in frame.objects.items()}
        for frame in result.tracked
    }
    for index in range(len(result.clip)):
        yield index + 1
    file.write_text("\n".join(repr(lines.get(index)) for index in range(len(result.clip))))
    return file


class Bench:
    """A studio of fakes, and one visitor's way through it."""

    def __init__(self, folder: Path, clip: FakeFrames | None = None, **limits: int) -> None:
        self.clip = clip or FakeFrames(size_hw=SIZE)
        self.tracker = FakeTracker()
        self.uploads = Uploads(folder, lambda: "me")
        kept = Limits(**limits)
        self.studio = VideoStudio(
            tracker=self.tracker,
            open_clip=lambda path: self.clip.part(),
            export_clip=exported,
            score=lambda mask, truth: (float((mask == truth).mean()), 0.5),
            uploads=self.uploads,
            store=Store(folder / "clips", kept.clips, kept.clip_idle_seconds),
            trackers=Workers(1),
            limits=kept,
        )

    def using(self, **parts: Any) -> Bench:
        """Put other parts into the studio."""
        self.studio = replace(self.studio, **parts)
        return self

    def open(self, owner: str = "me", content: bytes = b"a clip", seq: int = 0) -> ClipJob:
        path = upload(self.uploads, "clip.mp4", content)
        message = read_message({"path": path, "seq": seq})
        job = video_actions.upload_clip(self.studio, message, owner).job
        assert job is not None
        return job

    def edit(self, job: ClipJob, *actions: dict[str, Any]) -> Reply:
        return video_actions.edit_clip(self.studio, job, edits(*actions))

    def track(self, job: ClipJob) -> None:
        video_actions.start_track(self.studio, job, {})
        finish(job)

    def export(self, job: ClipJob, name: str = "rle") -> Path:
        video_actions.start_export(self.studio, job, {"name": name})
        finish(job)
        return video_actions.finished_file(job)

    def cancel_export(self, job: ClipJob, name: str) -> None:
        """Give an export up before it has begun its second frame."""
        write = self.studio.export_clip

        def hasty(name: str, result: ClipResult, folder: Path) -> Generator[int, None, Path]:
            assert job.work is not None
            job.work.cancel.set()
            return (yield from write(name, result, folder))

        video_actions.start_export(replace(self.studio, export_clip=hasty), job, {"name": name})
        finish(job)


def finish(job: ClipJob) -> None:
    deadline = time.monotonic() + 60
    while job.work and job.work.active:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def edits(*actions: dict[str, Any]) -> Message:
    return read_message({"seq": 1, "actions": list(actions)})


def click(frame: int, x: float, y: float, positive: bool = True, target: int = 1) -> dict[str, Any]:
    return {
        "type": "click", "frame": frame, "object": target, "x": x, "y": y, "positive": positive,
    }  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.studio.store.free("me")


@pytest.fixture
def job(bench: Bench) -> ClipJob:
    return bench.open()


def test_tracking_runs_in_the_context_of_the_visitors_event(bench: Bench, job: ClipJob) -> None:
    visitor: ContextVar[str] = ContextVar("visitor")
    seen: list[str] = []

    class Asked(FakeTracker):
        def _work(self) -> None:
            seen.append(visitor.get("nobody"))

    bench.using(tracker=Asked()).edit(job, click(0, 40, 60))
    context = copy_context()
    context.run(visitor.set, "me")
    job.caller = context
    seen.clear()
    bench.track(job)
    assert set(seen) == {"me"}


def coverage(job: ClipJob, target: int = 1) -> tuple[list[list[int]], list[list[int]]]:
    value = video_actions.range_value(job)
    return next((fresh, stale) for key, fresh, stale in value["coverage"] if key == target)


def masks(job: ClipJob, index: int, target: int = 1) -> np.ndarray:
    state, span, results = job.snapshot()
    return results.visible(state.scene, index, span)[target].masks().refined.mask


def test_a_message_that_comes_again_is_applied_once(bench: Bench, job: ClipJob) -> None:
    for number in (1, 1, 2, 1):
        values = {"seq": 1, "number": number, "actions": [click(3, 40, 60)]}
        video_actions.edit_clip(bench.studio, job, read_message(values))
    clicks = job.state.scene.find(1).frames[3].prompts.clicks
    assert len(clicks) == 2


def test_a_click_is_answered_on_its_frame(bench: Bench, job: ClipJob) -> None:
    bench.edit(job, click(3, 40, 60))
    state, span, results = job.snapshot()
    assert list(results.visible(state.scene, 3, span)) == [1]
    assert np.array_equal(masks(job, 3), disc(SIZE, 40, 60, 20))
    assert results.visible(state.scene, 4, span) == {}


def test_tracking_covers_the_clip_in_both_directions(bench: Bench, job: ClipJob) -> None:
    bench.edit(job, click(5, 60, 60))
    bench.track(job)
    assert bench.tracker.calls == [(0, 12)]
    assert coverage(job) == ([[0, 12]], [])
    for frame in (0, 5, 11):
        assert np.array_equal(masks(job, frame), disc(SIZE, 60 + 4 * (frame - 5), 60, 20))


def test_a_correction_makes_later_frames_stale_and_keeps_them(bench: Bench, job: ClipJob) -> None:
    bench.edit(job, click(0, 40, 60))
    bench.track(job)
    before = masks(job, 9)
    bench.edit(job, click(6, 64, 60, False))
    assert coverage(job) == ([[0, 6]], [[6, 12]])
    assert np.array_equal(masks(job, 9), before)
    assert not masks(job, 6)[60, 64]
    bench.track(job)
    assert bench.tracker.calls[-1] == (6, 12)
    assert coverage(job) == ([[0, 12]], [])
    assert not masks(job, 9)[60, 64 + 12]
    assert masks(job, 5)[60, 60]


def test_tracking_to_a_frame_leaves_the_rest_and_a_click_there_corrects(
    bench: Bench, job: ClipJob
) -> None:
    bench.edit(job, click(0, 40, 60), click(6, 64, 60, False))
    said = {frame: value for frame, value in clip_value(job, 1)["objects"][0]["frames"]}
    assert not said[6]["corrects"]
    bench.edit(job, {"type": "clear", "frame": 6, "object": 1})
    video_actions.start_track(bench.studio, job, {"until": 7})
    finish(job)
    assert coverage(job) == ([[0, 7]], [])
    bench.edit(job, click(6, 64, 60, False))
    (_, said_there) = clip_value(job, 1)["objects"][0]["frames"][1]
    assert said_there["corrects"]
    assert coverage(job) == ([[0, 6]], [[6, 7]])
    with pytest.raises(InputError, match="tracked"):
        video_actions.start_track(bench.studio, job, {"until": 6})


def test_the_estimate_is_of_one_object_and_counts_further_ones(bench: Bench, job: ClipJob) -> None:
    bench.edit(job, click(0, 40, 60), {"type": "add_object"}, click(0, 90, 60, target=2))
    bench.track(job)
    assert job.work is not None and job.work.frame_seconds
    told = video_actions.follow(bench.studio, job, {"version": 0})["frame_seconds"]
    further = clip_value(job, 1)["clip"]["further"]
    assert 0 < told * (1 + further) <= job.work.frame_seconds


def test_who_waits_is_cancelled_at_once(bench: Bench, job: ClipJob) -> None:
    held = threading.Event()
    busy = Work("track")
    bench.studio.trackers.submit(busy, lambda: held.wait(60) and None)
    bench.edit(job, click(0, 40, 60))
    video_actions.start_track(bench.studio, job, {})
    assert job.work is not None and job.work.status == "waiting"
    video_actions.cancel(bench.studio, job, {})
    assert job.work.status == "cancelled"
    held.set()
    bench.track(job)
    assert coverage(job) == ([[0, 12]], [])


def test_clicks_on_a_tracked_frame_correct_what_was_there(bench: Bench, job: ClipJob) -> None:
    bench.edit(job, click(0, 40, 60))
    bench.track(job)
    bench.edit(job, click(6, 64, 60, False))
    (said,) = [item for item in job.state.scene.prompts([6])]
    assert said.before is not None
    assert np.array_equal(said.before.refined.mask, disc(SIZE, 64, 60, 20))
    bench.edit(job, {"type": "box", "frame": 6, "object": 1, "box": [10, 10, 30, 30]})
    assert job.state.scene.prompts([6])[0].before is None


def test_undoing_a_correction_makes_its_frames_hold_again(bench: Bench, job: ClipJob) -> None:
    bench.edit(job, click(0, 40, 60))
    bench.track(job)
    bench.edit(job, click(6, 64, 60, False))
    reply = bench.edit(job, {"type": "undo"})
    assert reply.frame == 6
    assert coverage(job) == ([[0, 12]], [])
    with pytest.raises(InputError, match="All chosen frames are tracked"):
        video_actions.start_track(bench.studio, job, {})


def test_a_prompt_before_all_others_makes_everything_stale(bench: Bench, job: ClipJob) -> None:
    bench.edit(job, click(6, 64, 60))
    bench.track(job)
    bench.edit(job, click(2, 30, 60))
    assert coverage(job) == ([], [[0, 12]])


def test_an_object_added_later_leaves_the_other_as_it_is(bench: Bench, job: ClipJob) -> None:
    bench.edit(job, click(0, 40, 60))
    bench.track(job)
    bench.edit(job, {"type": "add_object"}, click(4, 100, 30, target=2))
    assert coverage(job) == ([[0, 12]], [])
    assert coverage(job, 2) == ([], [])
    bench.track(job)
    assert coverage(job, 2) == ([[0, 12]], [])


def test_cancelling_keeps_what_is_done_and_tracking_goes_on(bench: Bench, job: ClipJob) -> None:
    bench.tracker.seconds = 0.02
    bench.edit(job, click(4, 40, 60))
    video_actions.start_track(bench.studio, job, {})
    while not job.results.frames:
        time.sleep(0.002)
    video_actions.cancel(bench.studio, job, {})
    finish(job)
    assert job.work is not None
    assert job.work.status == "cancelled"
    done = set(job.results.frames)
    assert 0 < len(done) < 12
    bench.tracker.seconds = 0
    bench.track(job)
    assert set(job.results.frames) == set(range(12))
    assert bench.tracker.calls[1] == (4 + len(done), 12)
    assert bench.tracker.calls[2] == (0, 4)
    assert bench.clip.opened[0] == 3  # ours, the whole and the one that is looked at


def test_only_chosen_frames_are_tracked_and_exported(bench: Bench, job: ClipJob) -> None:
    video_actions.set_span(bench.studio, job, {"start": 3, "stop": 9})
    bench.edit(job, click(5, 40, 60), click(10, 40, 60))
    bench.track(job)
    assert coverage(job)[0] == [[3, 9]]
    lines = bench.export(job).read_text().splitlines()
    assert len(lines) == 6


def test_an_export_has_the_masks_that_are_shown(bench: Bench, job: ClipJob) -> None:
    bench.edit(job, click(0, 40, 60))
    bench.track(job)
    bench.edit(job, click(6, 64, 60, False))
    lines = bench.export(job).read_text().splitlines()
    assert lines == [repr({1: int(masks(job, index).sum())}) for index in range(12)]


def test_exports_have_the_size_of_the_file(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeFrames(4, (240, 320)), video_long_side=160)
    job = bench.open()
    assert job.state.size_hw == SIZE
    assert any("160×120, scaled down from 320×240" in note for note in job.notes)
    bench.edit(job, click(0, 40, 60))
    seen: list[tuple[int, int]] = []

    def look(name: str, result: ClipResult, folder: Path) -> Generator[int, None, Path]:
        yield 1
        seen.append(result.clip.info.size_hw)
        return folder / "nothing"

    bench.studio = replace(bench.studio, export_clip=look)
    video_actions.start_export(bench.studio, job, {"name": "rle"})
    finish(job)
    assert seen == [(240, 320)]


def test_what_a_long_clip_leaves_out_is_told_before_any_work(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeFrames(100), video_frames=30)
    job = bench.open()
    assert job.span == range(30)
    assert any("first 30 frames (3.0 s of 10.0 s)" in note for note in job.notes)
    with pytest.raises(InputError, match="At most 30 frames"):
        video_actions.set_span(bench.studio, job, {"start": 0, "stop": 31})
    video_actions.set_span(bench.studio, job, {"start": 70, "stop": 100})


@pytest.mark.parametrize(
    "values",
    [{}, {"start": 3}, {"start": 5, "stop": 5}, {"start": 0, "stop": 13}, {"start": -1, "stop": 3},
     {"start": 0.5, "stop": 3}, {"start": "0", "stop": 3}, {"start": True, "stop": 3}],
)  # fmt: skip
def test_senseless_ranges_are_refused(bench: Bench, job: ClipJob, values: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        video_actions.set_span(bench.studio, job, values)
    assert job.span == range(12)


@pytest.mark.parametrize("frame", [-1, 12, 1.5, "1", None, True, 10**30])
def test_prompts_of_no_frame_are_refused(bench: Bench, job: ClipJob, frame: Any) -> None:
    reply = bench.edit(job, {**click(0, 40, 60), "frame": frame})
    assert reply.message
    assert not job.state.scene.prompts(range(12))


def test_frames_are_sent_as_jpegs(bench: Bench, job: ClipJob) -> None:
    sent = video_actions.pictures(bench.studio, job, {"first": 10, "count": 99})["pictures"]
    assert [index for index, _ in sent] == [10, 11]
    with Image.open(io.BytesIO(base64.b64decode(sent[0][1]))) as image:
        assert image.size == (160, 120)
        assert abs(int(np.asarray(image).mean()) - 70) < 3


def test_the_browser_is_sent_only_the_frames_it_lacks(bench: Bench, job: ClipJob) -> None:
    bench.edit(job, click(0, 40, 60))
    bench.track(job)
    value = video_actions.follow(bench.studio, job, {"version": 0})
    assert [index for index, _, _ in value["frames"]] == list(range(12))
    pair = job.results.masks_of(5)[1].masks()
    assert value["frames"][5][2][0][1]["iou"] == iou(pair.base.mask, pair.refined.mask)
    assert value["work"]["status"] == "done"
    again = video_actions.follow(bench.studio, job, {"version": value["version"]})
    assert again["frames"] == []


def test_a_broken_frame_ends_tracking_with_words_and_keeps_the_rest(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeFrames(broken_at=7))
    job = bench.open()
    bench.edit(job, click(0, 40, 60))
    bench.track(job)
    assert job.work is not None
    assert (job.work.status, job.work.message) == ("failed", "Frame 7 cannot be decoded any more.")
    assert coverage(job) == ([[0, 7]], [])


def test_a_broken_tracker_says_so_and_the_next_run_works(bench: Bench, job: ClipJob) -> None:
    bench.edit(job, click(0, 40, 60))
    bench.tracker.broken = True
    bench.track(job)
    assert job.work is not None
    assert job.work.message == text.VIDEO_FAILED
    bench.tracker.broken = False
    bench.track(job)
    assert coverage(job) == ([[0, 12]], [])


def test_a_full_disk_is_told_and_leaves_nothing_behind(bench: Bench, job: ClipJob) -> None:
    def full(name: str, result: ClipResult, folder: Path) -> Generator[int, None, Path]:
        (folder / "half").write_bytes(b"half a file")
        yield 1
        raise OSError(28, "No space left on device")

    bench.edit(job, click(0, 40, 60))
    studio = replace(bench.studio, export_clip=full)
    video_actions.start_export(studio, job, {"name": "rle"})
    finish(job)
    assert job.work is not None
    assert job.work.message == text.DISK_FULL
    assert [path for path in job.folder.rglob("*") if path.is_file()] == [job.folder / "clip"]


def test_one_work_at_a_time(bench: Bench, job: ClipJob) -> None:
    bench.tracker.seconds = 0.05
    bench.edit(job, click(0, 40, 60))
    video_actions.start_track(bench.studio, job, {})
    for start in (video_actions.start_track, video_actions.start_export):
        with pytest.raises(InputError, match="being worked on"):
            start(bench.studio, job, {"name": "rle"})
    with pytest.raises(InputError, match="being worked on"):
        video_actions.set_span(bench.studio, job, {"start": 0, "stop": 3})
    video_actions.cancel(bench.studio, job, {})
    finish(job)


@pytest.mark.parametrize("name", ["", "gif", "../../etc", "overlay", None, 3])
def test_there_are_no_other_exports(bench: Bench, job: ClipJob, name: Any) -> None:
    bench.edit(job, click(0, 40, 60))
    with pytest.raises(InputError):
        video_actions.start_export(bench.studio, job, {"name": name})


def test_every_kind_of_export_is_offered(bench: Bench, job: ClipJob) -> None:
    bench.edit(job, click(0, 40, 60))
    for name in EXPORTS:
        assert bench.export(job, name).name == f"clip-{name}.txt"


def test_nothing_prompted_is_told(bench: Bench, job: ClipJob) -> None:
    with pytest.raises(InputError, match="nothing to track"):
        video_actions.start_track(bench.studio, job, {})
    with pytest.raises(InputError, match="no mask yet"):
        video_actions.start_export(bench.studio, job, {"name": "rle"})


def test_opening_another_clip_lets_the_first_one_go(bench: Bench) -> None:
    first = bench.open()
    second = bench.open()
    assert first.closed
    assert not first.folder.exists()
    assert not second.closed
    assert bench.clip.opened[0] == 3
    assert len(bench.studio.store) == 1


def test_a_closed_tab_ends_its_work_and_leaves_nothing(bench: Bench, job: ClipJob) -> None:
    bench.tracker.seconds = 0.02
    bench.edit(job, click(0, 40, 60))
    video_actions.start_track(bench.studio, job, {})
    while not job.results.frames:
        time.sleep(0.002)
    bench.studio.store.free("me")
    finish(job)
    assert job.work is not None
    assert job.work.status == "cancelled"
    assert bench.clip.opened[0] == 1
    assert [path for path in bench.uploads.root.rglob("*") if path.is_file()] == []
    with pytest.raises(InputError, match="no longer held"):
        job.read(0)


def test_idle_clips_go(bench: Bench, job: ClipJob) -> None:
    bench.studio.store.sweep()
    assert len(bench.studio.store) == 1
    job.touched -= 10_000
    bench.studio.store.sweep()
    assert len(bench.studio.store) == 0
    assert not job.folder.exists()


def test_no_clip_outlives_the_server(bench: Bench, job: ClipJob) -> None:
    bench.studio.store.close()
    assert len(bench.studio.store) == 0
    assert not job.folder.exists()


def test_the_longest_idle_clip_makes_room(tmp_path: Path) -> None:
    bench = Bench(tmp_path, clips=2)
    first, second = bench.open("one"), bench.open("two")
    bench.studio.store.get(first.key)
    bench.open("three")
    assert second.closed
    assert not first.closed
    for owner in ("one", "three"):
        bench.studio.store.free(owner)


def test_a_clip_is_found_by_its_key_and_owner_only(bench: Bench, job: ClipJob) -> None:
    assert bench.studio.store.get(job.key, "me") is job
    for key, owner in ((job.key, "you"), (job.key[:-1], "me"), ("", "me")):
        with pytest.raises(InputError, match="no longer held"):
            bench.studio.store.get(key, owner)


def test_a_bad_upload_leaves_no_file(bench: Bench) -> None:
    def refuse(path: Path) -> Any:
        raise InputError("That is no clip.")

    bench.studio = replace(bench.studio, open_clip=refuse)
    with pytest.raises(InputError, match="no clip"):
        bench.open()
    assert [path for path in bench.uploads.root.rglob("*") if path.is_file()] == []


def test_a_clip_over_the_size_limit_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path, video_megabytes=1)
    with pytest.raises(InputError, match="larger than 1 MB"):
        bench.open(content=b"\0" * 1_000_001)


def discs(folder: Path) -> ClipSource:
    """An example clip whose truth is what the fake's refined masks are."""
    prompts = (FramePrompts(2, 1, Prompts((Click(40, 60),))),)
    return ClipSource(
        "discs",
        "Discs",
        folder / "discs.mp4",
        np.zeros((*SIZE, 3), np.uint8),
        "Made by this test.",
        prompts,
        lambda index: {1: follow(SIZE, prompts, index).refined.mask},
    )


def test_a_stored_track_is_shown_as_if_tracked_and_goes_stale(bench: Bench, tmp_path: Path) -> None:
    source = discs(tmp_path)
    live = video_actions.open_example_clip(bench.studio, source, "me", 1).job
    assert live is not None
    bench.track(live)
    track = {index: result.objects for index, result in live.results.frames.items()}
    bench.using(tracks={"discs": track}).tracker.calls.clear()
    job = video_actions.open_example_clip(bench.studio, source, "me", 2).job
    assert job is not None
    assert coverage(job) == ([[0, 12]], [])
    assert bench.tracker.calls == []
    for frame in range(12):
        assert np.array_equal(masks(job, frame), masks(live, frame))
    value = video_actions.follow(bench.studio, job, {"version": 0})
    assert value["total"] == video_actions.follow(bench.studio, live, {"version": 0})["total"]
    assert len(value["frames"]) == 12 and value["needed"] == 0
    bench.edit(job, click(6, 64, 60, False))
    assert coverage(job) == ([[0, 6]], [[6, 12]])


def test_a_stored_track_of_another_size_is_not_shown(bench: Bench, tmp_path: Path) -> None:
    source = discs(tmp_path)
    pair = FramePair.measured(follow((12, 16), source.prompts, 2))
    bench.using(tracks={"discs": {index: {1: TrackedPair(pair)} for index in range(12)}})
    job = video_actions.open_example_clip(bench.studio, source, "me", 1).job
    assert job is not None
    assert coverage(job) == ([], [])


def test_an_example_has_its_prompts_and_scores(bench: Bench, tmp_path: Path) -> None:
    source = discs(tmp_path)
    job = video_actions.open_example_clip(bench.studio, source, "me", 1).job
    assert job is not None
    bench.track(job)
    value = video_actions.follow(bench.studio, job, {"version": 0})
    assert value["total"]["frames"] == 11
    assert value["total"]["refined"] == [1.0, 0.5]
    assert value["total"]["base"][0] < 1
    bench.edit(job, {"type": "reset"})
    assert video_actions.follow(bench.studio, job, {"version": 0})["total"] is None


def test_boxes_and_moved_markers_work_on_any_frame(bench: Bench, job: ClipJob) -> None:
    bench.edit(job, {"type": "box", "frame": 2, "object": 1, "box": [20, 20, 60, 70]})
    bench.edit(job, click(2, 100, 60))
    bench.edit(job, {"type": "move", "frame": 2, "object": 1, "index": 0, "x": 90, "y": 50})
    (said,) = job.state.scene.prompts(range(12))
    assert said.prompts.box == Box(20, 20, 60, 70)
    assert said.prompts.clicks == (Click(90, 50),)
    bench.edit(job, {"type": "delete", "frame": 2, "object": 1, "index": 0},
               {"type": "delete_box", "frame": 2, "object": 1})  # fmt: skip
    assert job.state.scene.prompts(range(12)) == []


def test_exports_are_called_after_the_uploaded_file(bench: Bench) -> None:
    values = {"path": upload(bench.uploads, "upload", b"a clip"), "name": "видео.MP4"}
    job = video_actions.upload_clip(bench.studio, read_message(values), "me").job
    assert job is not None
    bench.edit(job, click(0, 60, 60))
    assert bench.export(job, "rle").name == "видео-rle.txt"


def test_a_file_that_is_no_clip_is_named_as_its_sender_does(bench: Bench) -> None:
    studio = replace(bench.studio, open_clip=open_clip)
    values = {"path": upload(bench.uploads, "upload", b"some notes"), "name": "notes.mp4"}
    with pytest.raises(InputError, match=r"The file 'notes\.mp4' is no video read here"):
        video_actions.upload_clip(studio, read_message(values), "me")


def test_an_opening_that_comes_late_again_takes_nothing_away(bench: Bench) -> None:
    job = bench.open(seq=3)
    bench.edit(job, click(0, 10, 10))
    for seq in (3, 2):
        assert bench.open(seq=seq) is job
    assert bench.open(owner="other", seq=3) is not job
    assert bench.open(seq=4) is not job
    assert job.closed


def test_without_memory_no_clip_is_opened_and_the_one_there_stays(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.open()
    folders = list(bench.studio.store.root.iterdir())
    monkeypatch.setattr(limiting, "spare_bytes", lambda: 0)
    with pytest.raises(InputError, match="nearly used up"):
        bench.open()
    assert len(bench.studio.store) == 1
    assert list(bench.studio.store.root.iterdir()) == folders


def test_of_two_openings_at_once_the_later_stays(bench: Bench) -> None:
    opens, meanwhile = bench.studio.open_clip, []

    def slow(path: Path) -> Clip:
        if not meanwhile:
            meanwhile.append(None)
            meanwhile.append(bench.open(seq=4))
        return opens(path)

    bench.using(open_clip=slow)
    job = bench.open(seq=3)
    assert job is meanwhile[1]
    assert not job.closed
    assert [job.folder] == list(bench.studio.store.root.iterdir())


def test_a_clip_whose_visitor_leaves_while_it_is_opened_leaves_no_files(bench: Bench) -> None:
    opens = bench.studio.open_clip

    def slow(path: Path) -> Clip:
        bench.studio.store.free("me")
        return opens(path)

    bench.using(open_clip=slow)
    with pytest.raises(InputError, match="no longer held"):
        bench.open()
    assert list(bench.studio.store.root.iterdir()) == []
    bench.using(open_clip=opens)
    assert not bench.open().closed
