"""What each action of the video tab does: plain functions, no gradio."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from refiner.types import InputError
from webapp.shared.editing import apply, read_actions
from webapp.shared.events import Message, Values, file_stem, named_as_sent, read_count, read_text
from webapp.shared.examples import ClipSource
from webapp.shared.pictures import jpeg
from webapp.shared.text import YOUR_CLIP
from webapp.video import text
from webapp.video.context import Reply, VideoStudio
from webapp.video.exporting import EXPORTS, write_export
from webapp.video.open_clips import ClipJob
from webapp.video.opening import most_frames, new_job, refuse_large
from webapp.video.reply import progress_value, range_value
from webapp.video.state import (
    FramePair,
    VideoState,
    changed_frame,
)
from webapp.video.tracking import show_stored, track
from webapp.video.work import Work, Workers

PICTURE_QUALITY = 88
PICTURES_AT_ONCE = 16
STORED_NAME = "clip"


def upload_clip(studio: VideoStudio, message: Message, owner: str) -> Reply:
    """Open the clip that the visitor uploaded; the file moves to the clip's own folder.

    Raises:
        InputError: it was not uploaded, is too large, or is no clip.
    """
    held = studio.store.opened(owner, message.seq)
    if held is not None:
        return Reply(held, frame=0)
    path = read_text(message.values, "path")
    refuse_large(studio.uploads.file(path), studio.limits)

    def take(folder: Path) -> Path:
        return studio.uploads.take(path, folder / STORED_NAME)

    name = file_stem(message.values, "clip")
    with named_as_sent(STORED_NAME, message.values):
        return _open(studio, owner, take, YOUR_CLIP, name, message.seq)


def open_example_clip(studio: VideoStudio, source: ClipSource, owner: str, opening: int) -> Reply:
    """Open an example clip with its starting prompts, answered.

    Raises:
        InputError: it cannot be read, or the model refuses its prompts.
    """
    held = studio.store.opened(owner, opening)
    if held is not None:
        return Reply(held, frame=0)
    take, name = (lambda folder: source.file), source.name
    return _open(studio, owner, take, source.label, name, opening, source)


def _open(
    studio: VideoStudio,
    owner: str,
    take: Callable[[Path], Path],
    label: str,
    name: str,
    opening: int,
    example: ClipSource | None = None,
) -> Reply:
    asked = time.monotonic()
    job = new_job(studio, owner, take, label, example)
    job.name, job.opening, job.asked = name, opening, asked
    try:
        first = job.read(0)
        job.frame_bytes = len(jpeg(first, PICTURE_QUALITY))
        if example and example.name in studio.tracks:
            show_stored(job, studio.tracks[example.name])
        else:
            studio.pace.measure(studio.tracker, first)
        job.state = _answer(studio, job, job.state)
        job = studio.store.add(job)
    except BaseException:
        job.close()
        raise
    return Reply(job, frame=0)


def edit_clip(studio: VideoStudio, job: ClipJob, message: Message) -> Reply:
    """Apply the actions of one message in order, then answer what changed.

    An action that cannot be applied is left out and its reason told. Results of other prompts
    stay; they count as stale.

    Raises:
        InputError: the message is unreadable, or the model refuses the prompts.
    """
    before = state = job.state
    if message.is_repeat(state.applied):
        return Reply(job)
    refused, frame = "", None
    for action in read_actions(message, studio.limits):
        try:
            changed = apply(_aimed(job, state, action), action, studio.limits)
        except InputError as error:
            refused = str(error)
            continue
        if action.get("type") in ("undo", "redo"):
            frame = changed_frame(state.scene, changed.scene)
        state = changed
    if state.missing():
        studio.pace.measure(studio.tracker, job.read(0))
    state = _answer(studio, job, state)
    if message.number:
        state = replace(state, applied=message.number)
    with job.lock:
        assert job.state is before, "edits of a clip come one at a time"
        job.state = state
    return Reply(job, refused, frame)


def _aimed(job: ClipJob, state: VideoState, action: Values) -> VideoState:
    if "frame" not in action:
        return state
    frame = read_count(action, "frame")
    with job.lock:
        return state.at(frame, job.results.masks_of(frame))


def _answer(studio: VideoStudio, job: ClipJob, state: VideoState) -> VideoState:
    for frame in state.missing():
        answer = studio.tracker.prompt(job.read(frame), state.unanswered(frame))
        pairs = {key: FramePair.measured(pair) for key, pair in answer.objects.items()}
        state = state.with_answers(frame, pairs)
    return state


def set_span(studio: VideoStudio, job: ClipJob, values: Values) -> dict[str, Any]:
    """Choose the frames from `start` to before `stop`.

    Raises:
        InputError: they are not in the clip, or too many.
    """
    start, stop = read_count(values, "start"), read_count(values, "stop")
    info = job.clip.info
    if not start < stop <= info.frames:
        raise InputError(f"Choose some of the frames 0 to {info.frames - 1}.")
    most = most_frames(info, studio.limits)
    if stop - start > most:
        raise InputError(text.TOO_LONG.format(most=most, seconds=most / float(info.fps)))
    _refuse_while_busy(job)
    with job.lock:
        job.span = range(start, stop)
    return range_value(job)


def start_track(studio: VideoStudio, job: ClipJob, values: Values) -> dict[str, Any]:
    """Begin to track what is missing, only of the frames before `until` if that is sent.

    Raises:
        InputError: there is nothing to track, or the clip is being worked on.
    """
    state, span, results = job.snapshot()
    if not state.scene.prompts(span):
        raise InputError(text.NOTHING_PROMPTED)
    until = read_count(values, "until") if "until" in values else span.stop
    if not any(index < until for index in results.missing(state.scene, span)):
        raise InputError(text.ALL_TRACKED)
    work = Work("track")

    def run() -> None:
        track(job, work, studio.tracker, studio.score, until, studio.precedence.courtesy())
        studio.pace.take(work, len({item.object_id for item in state.scene.prompts(span)}))

    _begin(studio.trackers, job, work, partial(job.caller.copy().run, run))
    return {}


def start_export(studio: VideoStudio, job: ClipJob, values: Values) -> dict[str, Any]:
    """Begin to write the file `name`, one of `EXPORTS`.

    Raises:
        InputError: there is no such file, no mask yet, or the clip is being worked on.
    """
    name = read_text(values, "name")
    if name not in EXPORTS:
        raise InputError("There is no such download; reload the page and try again.")
    state, span, results = job.snapshot()
    if not any(results.visible(state.scene, index, span) for index in span):
        raise InputError(text.NO_MASKS)
    work = Work("export")
    info, write = studio.tracker.info, studio.export_clip
    _begin(studio.exporters, job, work, lambda: write_export(job, work, name, write, info))
    return {}


def _begin(workers: Workers, job: ClipJob, work: Work, run: Callable[[], None]) -> None:
    with job.lock:
        _refuse_while_busy(job)
        old, job.work = job.work, work
    if old and old.file:
        old.file.unlink(missing_ok=True)
    workers.submit(work, run)


def _refuse_while_busy(job: ClipJob) -> None:
    if job.work and job.work.active:
        raise InputError(text.BUSY)


def cancel(studio: VideoStudio, job: ClipJob, values: Values) -> dict[str, Any]:
    """End the work; what it has done stays. One that waits ends at once."""
    if job.work:
        job.work.cancel.set()
        _workers(studio, job.work).withdraw(job.work)
    return {}


def _workers(studio: VideoStudio, work: Work) -> Workers:
    return studio.trackers if work.kind == "track" else studio.exporters


def follow(studio: VideoStudio, job: ClipJob, values: Values) -> dict[str, Any]:
    """Return how the work goes, and the tracked frames after `version`.

    Raises:
        InputError: there is no usable `version`.
    """
    ahead = 0
    if job.work and job.work.status == "waiting":
        ahead = _workers(studio, job.work).ahead(job.work)
    return progress_value(job, read_count(values, "version"), ahead, studio.pace)


def pictures(studio: VideoStudio, job: ClipJob, values: Values) -> dict[str, Any]:
    """Return the frames `first` to before `first + count` as JPEGs in base64.

    Raises:
        InputError: there are no such frames, or one cannot be decoded.
    """
    first, count = read_count(values, "first"), read_count(values, "count")
    last = min(first + min(count, PICTURES_AT_ONCE), len(job.clip))
    frames = [
        [index, base64.b64encode(jpeg(job.read(index), PICTURE_QUALITY)).decode("ascii")]
        for index in range(first, last)
    ]
    return {"pictures": frames}


def finished_file(job: ClipJob) -> Path:
    """Return the file that was written last.

    Raises:
        InputError: there is none.
    """
    work = job.work
    if work is None or work.status != "done" or work.file is None:
        raise InputError("There is no finished file; export again.")
    return work.file
