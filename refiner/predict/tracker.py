"""track(frames, prompts): SAM2's and SAM2Refiner's masks of every object on every frame.

A stream: frames come one at a time, and what is kept does not grow with the clip. Each model has a
memory bank of its own. The loop is that of SAM2VideoPredictor (sam2/sam2_video_predictor.py), and
the base's masks are its masks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from cachetools import LRUCache

from refiner.network.base_model import PointPrompts
from refiner.predict.frame import Answers, FrameModels, Look, no_points
from refiner.predict.memory_bank import MemoryBank
from refiner.predict.segmenter import BATCH, ImageSegmenter, picture_key
from refiner.predict.tensors import to_mask, to_points
from refiner.types import (
    MAX_OBJECTS,
    ImageArray,
    InputError,
    MaskPair,
    ModelInfo,
    Prompts,
    Segmenter,
    check_image,
)
from refiner.video_types import FramePrompts, Frames, TrackedFrame

KEPT_LOOKS = 2
"""Encoded frames kept for further clicks."""


@dataclass
class _Object:
    """One object on its way through the clip.

    Attributes:
        id: its number.
        prompts: by frame.
        points: what the refiner is shown on frames without prompts, (1, P, 2).
        banks: SAM2's and SAM2Refiner's memory.
        answers: those of the prompted frames.
    """

    id: int
    prompts: dict[int, FramePrompts]
    points: PointPrompts
    banks: tuple[MemoryBank, MemoryBank]
    answers: dict[int, MaskPair] = field(default_factory=dict)


class VideoTracker:
    """Both models following objects through a clip; a `video_types.Tracker`.

    Shares the models, the device and the lock of an image segmenter, and holds the lock for one
    frame at a time.
    """

    def __init__(
        self, segmenter: ImageSegmenter, *, fast: bool = False, first_prompt: bool = False
    ) -> None:
        """Track with the models of `segmenter`.

        Args:
            segmenter: both models.
            fast: cut localization augment's quarters from the S x S frame, so that all four
                together cost one view.
            first_prompt: show the refiner the points of an object's first prompted frame on every
                frame without prompts, as the paper says, in place of an empty point.
        """
        self.segmenter = segmenter
        self.models = FrameModels(segmenter, fast)
        self.first_prompt = first_prompt
        self._looks: LRUCache[str, Look] = LRUCache(KEPT_LOOKS)

    @property
    def info(self) -> ModelInfo:
        """What is loaded."""
        return self.segmenter.info

    def prompt(self, image: ImageArray, prompts: Sequence[FramePrompts]) -> TrackedFrame:
        """Answer the prompts of one frame without tracking; see `video_types.Tracker`."""
        height, width = check_image(image).shape[:2]
        numbers = {item.frame for item in prompts}
        if len(numbers) > 1:
            raise InputError(f"Expected prompts of one frame, got those of {len(numbers)} frames.")
        _check(prompts, (height, width))
        with self.segmenter.running():
            answers = self.models.answer(self._look(image, keep=True), prompts)
            pairs = {
                item.object_id: _pair(answer, 0, (height, width))
                for item, answer in zip(prompts, answers, strict=True)
            }
        return TrackedFrame(numbers.pop(), pairs)

    def track(
        self,
        frames: Frames,
        prompts: Sequence[FramePrompts],
        *,
        since: int | None = None,
        until: int | None = None,
    ) -> Iterator[TrackedFrame]:
        """Yield each frame once; see `video_types.Tracker`.

        Frames before `since` are tracked without being shown, because the others look back at them.
        """
        _check(prompts, frames.info.size_hw)
        for item in prompts:
            if item.frame >= len(frames):
                raise InputError(
                    f"There is a prompt on frame {item.frame}, but the clip has {len(frames)} "
                    f"frames, 0 to {len(frames) - 1}."
                )
        end = len(frames) if until is None else min(until, len(frames))
        return self._track(frames, prompts, range(max(0, since or 0), end))

    def _track(
        self, frames: Frames, prompts: Sequence[FramePrompts], wanted: range
    ) -> Iterator[TrackedFrame]:
        if not wanted:
            return
        start, end = min(item.frame for item in prompts), wanted.stop
        objects = self._objects(prompts, frames.info.size_hw, start)
        # all prompts first, later frames' too: memory looks at prompted frames ahead as well
        self._take_prompts(frames, objects)
        if wanted.start < start:  # the way back looks at the first frames of the way there
            end = max(end, min(len(frames), start + self.segmenter.base.max_obj_ptrs_in_encoder))
        for frame in self._follow(frames, objects, range(start, end)):
            if frame.index in wanted:
                yield frame
        if wanted.start >= start:
            return
        # from here on memories come from later frames
        for bank in (bank for item in objects for bank in item.banks):
            bank.turn()
        # SAM2 tracks into the start once more, for the objects that are not prompted there
        for frame in self._follow(frames, objects, range(start, wanted.start - 1, -1)):
            if frame.index in wanted and frame.index != start:
                yield frame

    def _objects(
        self, prompts: Sequence[FramePrompts], size_hw: tuple[int, int], start: int
    ) -> list[_Object]:
        by_object: dict[int, dict[int, FramePrompts]] = {}
        for item in sorted(prompts, key=lambda item: item.frame):
            by_object.setdefault(item.object_id, {})[item.frame] = item
        base = self.segmenter.base
        return [
            _Object(
                number,
                own,
                self._points(next(iter(own.values())).prompts, size_hw),
                (MemoryBank(base, start), MemoryBank(base, start)),
            )
            for number, own in by_object.items()
        ]

    def _points(self, first: Prompts, size_hw: tuple[int, int]) -> PointPrompts:
        """Return what the refiner is shown on frames without prompts."""
        device, size = self.segmenter.device, self.segmenter.base.image_size
        points = to_points([first], size_hw, size, device) if self.first_prompt else None
        return points or no_points(1, device)

    def _take_prompts(self, frames: Frames, objects: list[_Object]) -> None:
        """Answer all prompts and remember the answers, as SAM2 does before it tracks."""
        for frame in sorted({frame for item in objects for frame in item.prompts}):
            prompted = [item for item in objects if frame in item.prompts]
            image = _read(frames, frame)
            with self.segmenter.running():
                look = self._look(image)
                replies = self.models.answer(look, [item.prompts[frame] for item in prompted])
                for item, answers in zip(prompted, replies, strict=True):
                    (memories,) = self.models.memories(look, answers, prompted=True)
                    for bank, memory in zip(item.banks, memories, strict=True):
                        bank.prompted[frame] = memory
                    item.answers[frame] = _pair(answers, 0, look.size_hw)

    def _follow(
        self, frames: Frames, objects: list[_Object], order: range
    ) -> Iterator[TrackedFrame]:
        """Track through the frames of `order`, one after the other."""
        for index in order:
            pairs = {item.id: item.answers[index] for item in objects if index in item.prompts}
            others = [item for item in objects if index not in item.prompts]
            if others:
                image = _read(frames, index)
                # the lock is held a frame at a time, so that clicks on the page come in between
                with self.segmenter.running():
                    look = self._look(image)
                    for part in _parts(others):
                        pairs |= self._step(look, part, index, len(frames), order.step < 0)
            yield TrackedFrame(index, {item.id: pairs[item.id] for item in objects})

    def _step(
        self, look: Look, objects: list[_Object], frame: int, frames: int, backwards: bool
    ) -> dict[int, MaskPair]:
        """Track objects that are shown the same number of points into one frame."""
        banks = [item.banks for item in objects]
        points = PointPrompts(
            torch.cat([item.points.coords for item in objects]),
            torch.cat([item.points.labels for item in objects]),
        )
        answers = self.models.step(look, banks, points, frame, frames, backwards)
        for own, memories in zip(banks, self.models.memories(look, answers), strict=True):
            for bank, memory in zip(own, memories, strict=True):
                bank.add(frame, memory)
        return {item.id: _pair(answers, i, look.size_hw) for i, item in enumerate(objects)}

    def _look(self, image: ImageArray, keep: bool = False) -> Look:
        """Encode a frame, unless it is among those kept."""
        key = picture_key(image)
        look = self._looks.get(key) or self.models.look(image)
        if keep:
            self._looks[key] = look
        return look


def load_tracker(
    segmenter: Segmenter, *, fast: bool = False, first_prompt: bool = False
) -> VideoTracker:
    """Return a tracker that shares the models, the device and the lock of `segmenter`.

    See `VideoTracker` for the arguments.

    Raises:
        InputError: the base has no SAM2Refiner of its own to track with.
    """
    if not isinstance(segmenter, ImageSegmenter):
        raise InputError(
            f"{segmenter.info.backbone} cannot track without a SAM2Refiner of its own; give its "
            "weights, or use sam2-lite."
        )
    return VideoTracker(segmenter, fast=fast, first_prompt=first_prompt)


def _check(prompts: Sequence[FramePrompts], size_hw: tuple[int, int]) -> None:
    objects = {item.object_id for item in prompts}
    if not 0 < len(objects) <= MAX_OBJECTS:
        raise InputError(f"Expected prompts of 1 to {MAX_OBJECTS} objects, got {len(objects)}.")
    seen: set[tuple[int, int]] = set()
    for item in prompts:
        if (item.frame, item.object_id) in seen:
            raise InputError(
                f"Object {item.object_id} has two sets of prompts on frame {item.frame}; give all "
                "its clicks there at once."
            )
        seen.add((item.frame, item.object_id))
        item.prompts.check(size_hw)
        for mask in (item.before.base.mask, item.before.refined.mask) if item.before else ():
            if mask.shape != size_hw:
                raise InputError(
                    f"The former mask of object {item.object_id} is {mask.shape[1]} x "
                    f"{mask.shape[0]}, the frame {size_hw[1]} x {size_hw[0]}; they must be of the "
                    "same size."
                )


def _read(frames: Frames, index: int) -> ImageArray:
    """Return a frame, of the clip's own size."""
    image = check_image(frames[index])
    height, width = frames.info.size_hw
    if image.shape[:2] != (height, width):
        raise InputError(
            f"Frame {index} is {image.shape[1]} x {image.shape[0]}, the clip {width} x {height}; "
            "all its frames must be of the same size."
        )
    return image


def _parts(objects: list[_Object]) -> list[list[_Object]]:
    """Put objects together that are shown the same number of points, few at a time."""
    alike: dict[int, list[_Object]] = {}
    for item in objects:
        alike.setdefault(item.points.labels.shape[1], []).append(item)
    return [
        group[first : first + BATCH]
        for group in alike.values()
        for first in range(0, len(group), BATCH)
    ]


def _pair(answers: Answers, row: int, size_hw: tuple[int, int]) -> MaskPair:
    """Cut one object's logits out, at the clip's size."""
    base, refined = (
        to_mask(answer.logits[row], answer.quality[row], size_hw, logits=False)
        for answer in answers
    )
    return MaskPair(base, refined)
