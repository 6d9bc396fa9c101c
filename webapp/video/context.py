"""What the video tab's handlers work with, and how fast tracking is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from refiner.types import Click, ImageArray, Prompts
from refiner.video_types import FramePrompts, Tracker
from webapp.shared.limits import Limits
from webapp.video.open_clips import ClipJob, Store, Work, Workers
from webapp.video.results import ScoreMask
from webapp.video.work import ExportClip, OpenClip


@dataclass(frozen=True, eq=False)
class VideoStudio:
    """What the handlers work with; the same for all visitors.

    `trackers` and `exporters` are the threads for long work, `pace` the measured seconds that
    tracking takes a frame.
    """

    tracker: Tracker
    open_clip: OpenClip
    export_clip: ExportClip
    score: ScoreMask | None
    uploads: Path
    store: Store
    trackers: Workers
    exporters: Workers
    limits: Limits
    pace: Pace


class Pace:
    """Seconds that tracking takes a frame, as last measured."""

    def __init__(self) -> None:
        self.seconds: float | None = None

    def measure(self, tracker: Tracker, image: ImageArray) -> None:
        """Take the time of one answer, unless there is a measurement already."""
        if self.seconds is not None:
            return
        height, width = image.shape[:2]
        prompts = [FramePrompts(0, 1, Prompts((Click(width / 2, height / 2),)))]
        tracker.prompt(image, prompts)  # the first call is slower than any later one
        started = time.perf_counter()
        tracker.prompt(255 - image, prompts)  # another picture, or its encoding would be reused
        self.seconds = time.perf_counter() - started

    def take(self, work: Work) -> None:
        """Learn from a finished run."""
        if work.status == "done" and work.done:
            self.seconds = (work.ended - work.started) / work.done


@dataclass(frozen=True, eq=False)
class Reply:
    """What to show after an event: the clip (None: as before), a message, the frame to go to."""

    job: ClipJob | None
    message: str = ""
    frame: int | None = None
