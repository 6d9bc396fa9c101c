"""The endpoint for programs that tracks objects through a clip: the video tab's work in one call."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

import gradio as gr

from refiner.files.names import safe_name
from refiner.types import Box, Click, InputError, Prompts
from refiner.video_types import FramePrompts, gather_prompts
from webapp.api.inputs import (
    TELL_SECONDS,
    Inbox,
    Scale,
    client_errors,
    read_rows,
    read_sign,
    read_whole,
)
from webapp.shared import text
from webapp.shared.events import file_value, named_as_sent
from webapp.shared.uploads import link
from webapp.video import actions
from webapp.video.context import VideoStudio
from webapp.video.exporting import EXPORTS, Export
from webapp.video.open_clips import ClipGone, ClipJob
from webapp.video.opening import most_frames, new_job, omissions, refuse_large, scene_of

A_POINT = "A point is [frame, object, x, y, 1] on the object or [frame, object, x, y, 0] beside it."
A_BOX = "A box is [frame, object, x0, y0, x1, y1]."
STAGES = {"track": "tracking", "export": "writing"}


class Tracking(TypedDict):
    """How far it is: `done` of `total` frames of the stage; the last one has the file.

    `stage` is `waiting`, `tracking`, `writing` or `done`; `notes` say what is shown or worked on
    otherwise than the clip has it.
    """

    stage: str
    done: int
    total: int
    notes: list[str]
    file: dict[str, Any] | None


class ClipEndpoint:
    """What programs may do with clips; limits, places and threads are those of the video tab."""

    def __init__(self, studio: VideoStudio, inbox: Inbox) -> None:
        self._studio = studio
        self._inbox = inbox

    def track_video(
        self,
        video: gr.FileData,
        points: list[list[float]] | None = None,
        boxes: list[list[float]] | None = None,
        export: Export = "rle",
        start: int = 0,
        stop: int | None = None,
    ) -> Iterator[Tracking]:
        """Track objects through a clip with SAM2 and with SAM2Refiner.

        Give each object a point or a box on any frame; points of an object on a later frame correct
        it from there. Frames count from 0; objects are named by any whole number; coordinates are
        pixels of the clip from its upper left corner. Tells how far it is meanwhile; ends when the
        client gives the call up. Takes GPU time of the caller's where the GPU is lent by Hugging Face.

        Args:
            video: the clip (MP4, MOV, WebM, MKV or AVI).
            points: clicks [frame, object, x, y, 1] on the object or [..., 0] beside it, in pixels.
            boxes: [frame, object, x0, y0, x1, y1] around an object, at most one on a frame.
            export: which file; rle is JSON with both models' masks as COCO run lengths.
            start: the first frame to track; frames are those of the whole clip.
            stop: the frame after the last to track; the clip's end if not given.

        Returns:
            The `file` with both models' masks, and in `notes` what was scaled down for the work.
        """
        with client_errors():
            if export not in EXPORTS:
                raise InputError(f"There is no such export; choose one of {', '.join(EXPORTS)}.")
            said = self._prompts(points, boxes)
            job = self._hold(self._inbox.file(video))
            try:
                self._studio.store.add(job)
                _choose(self._studio, job, start, stop)
                _prompt(job, said)
                actions.start_track(self._studio, job, {})
                yield from self._follow(job)
                actions.start_export(self._studio, job, {"name": export})
                yield from self._follow(job)
                yield self._told(job, "done", self._kept(actions.finished_file(job)))
            finally:
                self._studio.store.free(job.owner)
                job.close()

    def _prompts(self, points: Any, boxes: Any) -> list[FramePrompts]:
        """Return what was said, in pixels of the clip."""
        limits = self._inbox.limits
        marks: list[tuple[int, int, Click | Box]] = [
            (*_place(frame, number), Click(x, y, bool(read_sign(sign))))
            for frame, number, x, y, sign in read_rows(points, 5, A_POINT)
        ]
        for frame, number, *corners in read_rows(boxes, 6, A_BOX):
            marks.append((*_place(frame, number), Box(*corners)))
        prompts = gather_prompts(marks)
        objects = {item.object_id for item in prompts}
        if not objects:
            raise InputError("There is nothing to track; give points or boxes.")
        if len(objects) > limits.objects:
            raise InputError(
                f"One clip takes at most {limits.objects} objects, got {len(objects)}; track the "
                "others in another call."
            )
        if max(len(item.prompts.clicks) for item in prompts) > limits.clicks:
            raise InputError(f"One object takes at most {limits.clicks} points on a frame.")
        return prompts

    def _hold(self, file: Path) -> ClipJob:
        """Open the clip; a link to it lies in a folder of its own, as it may be sent again."""
        refuse_large(file, self._inbox.limits)

        def take(folder: Path) -> Path:
            link(file, folder / actions.STORED_NAME)
            return folder / actions.STORED_NAME

        with named_as_sent(actions.STORED_NAME, {"name": file.name}):
            job = new_job(self._studio, secrets.token_hex(16), take, text.YOUR_CLIP)
        job.name = safe_name(file.stem, "clip")
        return job

    def _follow(self, job: ClipJob) -> Iterator[Tracking]:
        """Tell how the work goes until it is done.

        Raises:
            InputError: it failed.
        """
        work = job.work
        assert work is not None
        while work.active:
            yield self._told(job, "waiting" if work.status == "waiting" else STAGES[work.kind])
            time.sleep(TELL_SECONDS)
            self._studio.store.get(job.key)
        if work.status != "done":
            failed = {"": str(ClipGone()), text.VIDEO_FAILED: text.API_FAILED}
            raise InputError(failed.get(work.message, work.message))

    def _told(self, job: ClipJob, stage: str, file: dict[str, Any] | None = None) -> Tracking:
        work = job.work
        assert work is not None
        whole, worked = job.whole.info, job.clip.info
        notes = [*worked.notes, *omissions(whole, worked, worked.frames)]
        return {
            "stage": stage, "done": work.done, "total": work.total, "notes": notes, "file": file,
        }  # fmt: skip

    def _kept(self, file: Path) -> dict[str, Any]:
        """Move a file to where the client can fetch it, until gradio's cache is swept."""
        folder = self._inbox.uploads.root / secrets.token_hex(16)
        folder.mkdir()
        os.replace(file, folder / file.name)
        return file_value(str(folder / file.name))


def _place(frame: float, number: float) -> tuple[int, int]:
    return read_whole(frame, "A frame"), read_whole(number, "An object's name")


def _choose(studio: VideoStudio, job: ClipJob, start: Any, stop: Any) -> None:
    """Choose the frames; a clip that is too long is not cut without having been asked to be."""
    info = job.clip.info
    first = read_whole(start, "start")
    last = info.frames if stop is None else read_whole(stop, "stop")
    most = most_frames(info, studio.limits)
    if stop is None and last - first > most:
        seconds = most / float(info.fps)
        raise InputError(text.API_TOO_LONG.format(all=info.frames, most=most, seconds=seconds))
    actions.set_span(studio, job, {"start": first, "stop": last})


def _prompt(job: ClipJob, said: list[FramePrompts]) -> None:
    """Take the prompts into the job.

    Raises:
        InputError: one is not on the frames chosen, or outside the picture.
    """
    original_hw = job.whole.info.size_hw
    scale = Scale(job.clip.info.size_hw, original_hw)
    worked = []
    for item in said:
        if item.frame not in job.span:
            raise InputError(
                f"There is a prompt on frame {item.frame}; the frames to track are "
                f"{job.span.start} to {job.span.stop - 1}."
            )
        item.prompts.check(original_hw)
        clicks = tuple(scale.click(one.x, one.y, one.positive) for one in item.prompts.clicks)
        box = item.prompts.box
        box = box and scale.box(box.x0, box.y0, box.x1, box.y1)
        worked.append(replace(item, prompts=Prompts(clicks, box)))
    job.state = replace(job.state, scene=scene_of(worked))
