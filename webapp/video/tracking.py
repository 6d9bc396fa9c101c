"""Tracks a clip frame by frame; what is finished stays when the work ends early."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from typing import Any, cast

from refiner.types import BoolArray, ImageArray, MaskPair
from refiner.video_types import Frames, TrackedFrame, Tracker, VideoInfo
from webapp.video.open_clips import ClipJob
from webapp.video.results import Score, ScoreMask, StoredTrack, TrackedPair, plan
from webapp.video.state import Basis, FramePair, VideoScene
from webapp.video.work import Work


class Watched:
    """Frames that end the work when it is cancelled, also where nothing is shown for long."""

    def __init__(self, frames: Frames, seen: Callable[[int], None]) -> None:
        self._frames = frames
        self._seen = seen

    def __reduce__(self) -> Any:
        """Go to another process as the frames alone: who watches them stays here."""
        return self._frames.__reduce_ex__(2)

    @property
    def info(self) -> VideoInfo:
        """What the clip is."""
        return self._frames.info

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> ImageArray:
        self._seen(index)
        return self._frames[index]


def track(
    job: ClipJob,
    work: Work,
    tracker: Tracker,
    score: ScoreMask | None = None,
    until: int | None = None,
    give_way: Callable[[], None] = lambda: None,
) -> None:
    """Track what is missing of a clip before frame `until`, or no longer holds after a correction.

    Before each frame it gives way.

    Raises:
        Cancelled: the visitor gave it up.
        InputError: a frame or a prompt cannot be used.
    """
    state, span, results = job.snapshot()
    scene, start = state.scene, state.scene.start(span)
    assert start is not None
    needed = [i for i in results.missing(scene, span) if until is None or i < until]
    parts = plan(needed, start)
    work.total = sum(_steps(part, start) for part in parts)
    with closing(job.reader()) as clip:
        for since, stop in parts:
            before = work.done
            silent = max(since - start, 0)

            def seen(index: int, silent: int = silent, before: int = before) -> None:
                give_way()
                passed = index - start if start <= index < start + silent else silent
                work.step(max(work.done, before + passed))

            prompts, frames = scene.prompts(span), Watched(clip, seen)
            steps = tracker.track(frames, prompts, since=since, until=stop)
            with closing(cast("Generator[TrackedFrame, None, None]", steps)):
                for number, frame in enumerate(steps, start=1):
                    _store(job, scene, span, frame, score)
                    work.step(before + silent + number)


def show_stored(job: ClipJob, track: StoredTrack) -> None:
    """Show a clip as if it had just been tracked; one worked at in another size stays as it is."""
    sizes = {tuple(item.pair.base["size"]) for frame in track.values() for item in frame.values()}
    if sizes != {job.clip.info.size_hw}:
        return
    state = job.state
    for frame in state.missing():
        state = state.with_answers(frame, {key: one.pair for key, one in track[frame].items()})
    job.state = state
    for index, objects in track.items():
        if index in job.span:
            _put(job, state.scene, job.span, index, objects)


def _steps(part: tuple[int, int], start: int) -> int:
    return part[1] - min(part[0], start) if part[0] >= start else part[1] - part[0]


def _store(
    job: ClipJob, scene: VideoScene, span: range, frame: TrackedFrame, score: ScoreMask | None
) -> None:
    truth = job.truth(frame.index) if job.truth else {}
    objects = {key: _tracked(pair, truth.get(key), score) for key, pair in frame.objects.items()}
    _put(job, scene, span, frame.index, objects)


def _put(
    job: ClipJob, scene: VideoScene, span: range, index: int, objects: Mapping[int, TrackedPair]
) -> None:
    start = scene.start(span)
    assert start is not None
    basis: dict[int, Basis] = {
        item.id: item.basis(index, span, start)
        for item in scene.objects
        if any(frame in span for frame in item.frames)
    }
    with job.lock:
        job.results.put(index, objects, basis)


def _tracked(pair: MaskPair, truth: BoolArray | None, score: ScoreMask | None) -> TrackedPair:
    packed = FramePair.measured(pair)
    if truth is None or score is None:
        return TrackedPair(packed)
    base, refined = score(pair.base.mask, truth), score(pair.refined.mask, truth)
    return TrackedPair(packed, Score(*base), Score(*refined))
