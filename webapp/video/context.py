"""What the video tab's handlers work with, and how fast tracking is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from refiner.types import Click, ImageArray, Prompts
from refiner.video_types import FramePrompts, Tracker
from webapp.shared.examples import ClipSource
from webapp.shared.limits import Limits
from webapp.shared.precedence import Precedence
from webapp.shared.uploads import Uploads
from webapp.video.exporting import ExportClip
from webapp.video.open_clips import ClipJob, OpenClip, Store
from webapp.video.results import ScoreMask, StoredTrack
from webapp.video.work import Work, Workers

FURTHER = 0.4
"""What each further object costs of the seconds that a frame takes with one."""


class Pace:
    """Seconds that tracking one object takes a frame, as last measured.

    Args:
        lent: tells them where tracking runs on a device that is lent for it.
        start: tells the seconds until such a device begins.
    """

    def __init__(
        self,
        lent: Callable[[], float] | None = None,
        start: Callable[[], float] | None = None,
    ) -> None:
        self._lent, self._start = lent, start
        self._measured: float | None = None

    @property
    def start_seconds(self) -> float | None:
        """Seconds until a device that is lent begins; None if none is."""
        return self._start() if self._start else None

    @property
    def seconds(self) -> float | None:
        """The seconds; None if nothing was measured."""
        return self._lent() if self._lent else self._measured

    def measure(self, tracker: Tracker, image: ImageArray) -> None:
        """Take the time of one answer, unless there is a measurement already."""
        if self.seconds is not None:
            return
        height, width = image.shape[:2]
        prompts = [FramePrompts(0, 1, Prompts((Click(width / 2, height / 2),)))]
        tracker.prompt(image, prompts)  # the first call is slower than any later one
        started = time.perf_counter()
        tracker.prompt(255 - image, prompts)  # another picture, or its encoding would be reused
        self._measured = time.perf_counter() - started

    def take(self, work: Work, objects: int) -> None:
        """Learn from a run that has come to its end."""
        if work.frame_seconds:
            self._measured = work.frame_seconds / (1 + FURTHER * (objects - 1))


@dataclass(frozen=True, eq=False, kw_only=True)
class VideoStudio:
    """What the handlers work with; the same for all visitors.

    Attributes:
        tracker: the model.
        open_clip: opens a video file.
        export_clip: writes one.
        score: J and F of a mask against its truth, for examples that have one.
        examples: clips one click away.
        tracks: what tracking their prompts with this model gives, by their names, where it is known.
        limits: how much a visitor may ask for.
        uploads: what visitors uploaded.
        store: the open clips of all visitors.
        trackers: the threads that track.
        exporters: the thread that writes files.
        pace: the measured seconds that tracking takes a frame.
        precedence: has tracking give way to visitors who wait for a click.
    """

    tracker: Tracker
    open_clip: OpenClip
    export_clip: ExportClip
    score: ScoreMask | None = None
    examples: Sequence[ClipSource] = ()
    tracks: Mapping[str, StoredTrack] = field(default_factory=dict)
    limits: Limits
    uploads: Uploads
    store: Store
    trackers: Workers
    exporters: Workers = field(default_factory=lambda: Workers(1))
    pace: Pace = field(default_factory=Pace)
    precedence: Precedence = field(default_factory=Precedence)


@dataclass(frozen=True, eq=False)
class Reply:
    """What to show after an event: the clip (None: as before), a message, the frame to go to."""

    job: ClipJob | None
    message: str = ""
    frame: int | None = None
