"""Models on a device that is lent call by call, to a process of its own, as ZeroGPU lends its GPUs.

What lends it (`spaces.GPU`) forks this process, sends it the arguments and takes the results back,
both pickled, and forgets whatever else changed there. So one call does both models' work and takes
and gives plain records; and because of an exception only its name comes back, what cannot be used is
told in words. All models must be loaded before the first call: a fork knows no later ones.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psutil  # type: ignore[import-untyped]
import torch

from refiner.config import LITE, OFFICIAL
from refiner.files.run_lengths import PackedPair
from refiner.predict.loading import load_any
from refiner.predict.segmenter import check_objects
from refiner.predict.tracker import load_tracker
from refiner.types import ImageArray, ImageResult, InputError, ModelInfo, Prompts, Segmenter
from refiner.video_types import FramePrompts, Frames, TrackedFrame, Tracker

Lend = Callable[..., Callable[..., Any]]
"""`lend(function, duration=seconds_of)`; `seconds_of` is given the arguments of each call."""

FIRST_START, FIRST_CLICK, FIRST_FRAME = 6.0, 4.0, 0.06
"""Seconds taken for granted until a call has been measured: for a worker to start and to take all
weights to its device, for a click with its picture, and for one view of a frame."""


class LentPace:
    """The largest of the last three times that something took on the lent device."""

    def __init__(self, first: float) -> None:
        self._first = first
        self._seen: deque[float] = deque(maxlen=3)

    def take(self, seconds: float) -> None:
        """Learn from a call."""
        self._seen.append(seconds)

    @property
    def seconds(self) -> float:
        """What to expect."""
        return max(self._seen, default=self._first)


def declared(seconds: float) -> int:
    """Return what to ask for if a call is expected to take so long: whole seconds, never fewer.

    From 4/3 seconds on it is at most one and a half times as much.
    """
    return max(1, math.ceil(seconds), math.floor(1.5 * seconds))


@dataclass(frozen=True, slots=True)
class Spent:
    """The seconds that one call had the device: until it began, and for the work itself."""

    start: float
    work: float


class Lender:
    """Every call to a lent device, and what it is expected to take.

    Args:
        lend: decorates a function, so that a call of it runs where the device is.
        models: what answers there, by backbone. They are never called in this process.
    """

    def __init__(self, lend: Lend, models: dict[str, Segmenter]) -> None:
        self.models = models
        self._trackers = {name: _tracker(model) for name, model in models.items()}
        self._home = self._begun = os.getpid()
        self._start = LentPace(FIRST_START)
        self._clicks = {name: LentPace(FIRST_CLICK) for name in models}
        self._views = {name: LentPace(FIRST_FRAME) for name in models}
        self._segment = lend(self._segment_there, duration=self._segment_seconds)
        self._track = lend(self._track_there, duration=self._track_seconds)

    def start_seconds(self) -> float:
        """Return what a worker is expected to take until its first call begins."""
        return self._start.seconds

    def click_seconds(self, name: str) -> int:
        """Return what a click with a backbone asks for."""
        return declared(self._start.seconds + self._clicks[name].seconds)

    def frame_seconds(self, name: str) -> float:
        """Return what tracking one object is expected to take a frame."""
        return 2 * self._views[name].seconds

    def segment(
        self, name: str, image: ImageArray, objects: tuple[Prompts, ...], logits: bool
    ) -> ImageResult:
        """Answer as the model of a backbone does.

        Raises:
            InputError: the model refuses the picture or the prompts.
        """
        result, spent = self._segment(name, image, objects, logits)
        self._start.take(spent.start)
        self._clicks[name].take(spent.work)
        if isinstance(result, str):
            raise InputError(result)
        return result  # type: ignore[no-any-return]

    def track(
        self,
        name: str,
        frames: Frames,
        prompts: tuple[FramePrompts, ...],
        since: int | None,
        until: int | None,
    ) -> Iterator[TrackedFrame]:
        """Track as the model of a backbone does; `frames` must pickle.

        Raises:
            InputError: the model refuses a frame or a prompt.
        """
        with closing(self._track(name, frames, prompts, since, until)) as steps:
            for step in steps:
                if isinstance(step, str):
                    raise InputError(step)
                if isinstance(step, Spent):
                    self._start.take(step.start)
                    self._views[name].take(step.work / _views(frames, prompts, since, until))
                    continue
                index, packed = step
                yield TrackedFrame(index, {key: pair.masks() for key, pair in packed.items()})

    def _segment_seconds(self, name: str, *_: Any) -> int:
        return self.click_seconds(name)

    def _track_seconds(self, name: str, *call: Any) -> int:
        return declared(self._start.seconds + _views(*call) * self._views[name].seconds)

    def _segment_there(
        self, name: str, image: ImageArray, objects: tuple[Prompts, ...], logits: bool
    ) -> tuple[ImageResult | str, Spent]:
        start, began = self._arrive(), time.perf_counter()
        result: ImageResult | str
        try:
            result = self.models[name].segment(image, objects, logits=logits)
        except InputError as error:
            result = str(error)
        return result, Spent(start, time.perf_counter() - began)

    def _track_there(
        self, name: str, frames: Frames, prompts: tuple[FramePrompts, ...], *span: int | None
    ) -> Iterator[tuple[int, dict[int, PackedPair]] | Spent | str]:
        start, began = self._arrive(), time.perf_counter()
        tracker, (since, until) = self._trackers[name], span
        assert tracker is not None
        try:
            for frame in tracker.track(frames, prompts, since=since, until=until):
                packed = {key: PackedPair.of(pair) for key, pair in frame.objects.items()}
                yield frame.index, packed
        except InputError as error:
            yield str(error)
        else:
            yield Spent(start, time.perf_counter() - began)

    def _arrive(self) -> float:
        """Return the seconds between the start of a worker and its first call, 0 at later ones."""
        here = os.getpid()
        if here != self._home:
            torch.set_num_threads(
                1
            )  # OpenMP's threads were not forked along: waiting for them hangs
        if here == self._begun:
            return 0.0
        self._begun = here
        return time.time() - float(psutil.Process().create_time())


class BorrowedSegmenter:
    """A model of a `Lender`; a `types.Segmenter`."""

    def __init__(self, lender: Lender, name: str) -> None:
        self._lender, self._name = lender, name

    @property
    def info(self) -> ModelInfo:
        """What is loaded."""
        return self._lender.models[self._name].info

    def prepare(self, image: ImageArray) -> None:
        """Do nothing: a picture is encoded in the call that answers its first prompts."""

    def segment(
        self, image: ImageArray, objects: Sequence[Prompts], *, logits: bool = False
    ) -> ImageResult:
        """Segment each of `objects` in one call; see `types.Segmenter`."""
        check_objects(image, objects)  # here, so that a mistake costs nothing
        return self._lender.segment(self._name, image, tuple(objects), logits)


class BorrowedTracker:
    """A model of a `Lender` that tracks; another one, at hand, answers prompts meanwhile.

    A `video_types.Tracker`.
    """

    def __init__(self, lender: Lender, name: str, near: Tracker) -> None:
        self._lender, self._name, self._near = lender, name, near

    @property
    def info(self) -> ModelInfo:
        """What is loaded."""
        return self._near.info

    def prompt(self, image: ImageArray, prompts: Sequence[FramePrompts]) -> TrackedFrame:
        """Answer the prompts of one frame without the lent device."""
        return self._near.prompt(image, prompts)

    def track(
        self,
        frames: Frames,
        prompts: Sequence[FramePrompts],
        *,
        since: int | None = None,
        until: int | None = None,
    ) -> Iterator[TrackedFrame]:
        """Yield each frame once, all in one call; see `video_types.Tracker`."""
        return self._lender.track(self._name, frames, tuple(prompts), since, until)


def load_lender(lend: Lend, device: str) -> Lender:
    """Load the embedded model and each official backbone whose weights can be had.

    To be called where `lend` comes from a Space, in the main thread and before anything is served:
    there alone `device` can be cuda before it is lent.
    """
    fine = load_any(LITE, device)
    models = {LITE: fine}
    for backbone in OFFICIAL:
        try:
            models[backbone] = load_any(backbone, device, embedded=fine)
        except InputError as error:
            logging.getLogger(__name__).warning("%s is not on offer: %s", backbone, error)
    return Lender(lend, models)


def _tracker(model: Segmenter) -> Tracker | None:
    try:
        return load_tracker(model, fast=True)
    except InputError:
        return None


def _views(
    frames: Frames, prompts: Sequence[FramePrompts], since: int | None, until: int | None
) -> int:
    """Count what tracking looks at: each frame for its encoding, and once more for each object."""
    start = min(item.frame for item in prompts)
    end = len(frames) if until is None else min(until, len(frames))
    walked = max(end - start, 0) + max(start - max(since or 0, 0), 0)
    return max(walked, 1) * (1 + len({item.object_id for item in prompts}))
