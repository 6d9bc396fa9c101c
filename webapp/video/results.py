"""What tracking has given so far, and what of it still holds after a correction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from refiner.files.run_lengths import PackedPair
from refiner.types import BoolArray
from webapp.video.state import Basis, FramePair, VideoObject, VideoScene

Span = tuple[int, int]
"""First frame and the frame after the last."""


class Score(NamedTuple):
    """J and F of one model's mask of one frame against the truth, in [0, 1] (DAVIS)."""

    j: float
    f: float


ScoreMask = Callable[[BoolArray, BoolArray], tuple[float, float]]
"""J and F of a mask (first) against its truth (second)."""


@dataclass(frozen=True, eq=False)
class TrackedPair:
    """Both models' masks of one object on one frame, and their scores where there is a truth."""

    pair: FramePair
    base: Score | None = None
    refined: Score | None = None


StoredTrack = Mapping[int, Mapping[int, TrackedPair]]
"""What tracking gave a clip's frames, by object: kept for a clip whose prompts are known."""


@dataclass(frozen=True, eq=False)
class FrameResult:
    """What tracking gave one frame.

    Attributes:
        version: counts up with each frame stored.
        objects: the masks by object.
        basis: what they depend on, by object; also of objects that have no mask here.
    """

    version: int
    objects: Mapping[int, TrackedPair]
    basis: Mapping[int, Basis]


@dataclass(frozen=True)
class Coverage:
    """Which frames of an object are tracked: as the prompts are now, and as they were before."""

    fresh: tuple[Span, ...]
    stale: tuple[Span, ...]


@dataclass(eq=False)
class Results:
    """The tracked frames of a clip, the last stored last. Not safe to share without a lock."""

    frames: dict[int, FrameResult] = field(default_factory=dict)
    version: int = 0

    def put(
        self, index: int, objects: Mapping[int, TrackedPair], basis: Mapping[int, Basis]
    ) -> None:
        """Store a frame in place of what it had."""
        self.version += 1
        self.frames.pop(index, None)
        self.frames[index] = FrameResult(self.version, objects, basis)

    def after(self, version: int, most: int) -> list[tuple[int, FrameResult]]:
        """Return the frames stored after `version`, oldest first, at most `most`."""
        newer = []
        for index in reversed(self.frames):
            if self.frames[index].version <= version:
                break
            newer.append((index, self.frames[index]))
        return newer[::-1][:most]

    def masks_of(self, index: int) -> dict[int, PackedPair]:
        """Return the masks of a frame by object."""
        result = self.frames.get(index)
        return {key: item.pair for key, item in result.objects.items()} if result else {}

    def fresh(self, scene: VideoScene, item: VideoObject, span: range) -> set[int]:
        """Return the frames whose result of an object comes from the prompts as they are."""
        start = scene.start(span)
        if start is None:
            return set()
        return {
            index
            for index, result in self.frames.items()
            if result.basis.get(item.id) == item.basis(index, span, start)
        }

    def visible(self, scene: VideoScene, index: int, span: range) -> dict[int, PackedPair]:
        """Return the masks that a frame shows: the answer to its prompts over a stale result."""
        tracked, masks, start = self.masks_of(index), {}, scene.start(span)
        for item in scene.objects:
            record = item.frames.get(index)
            answer = record.answer.pair if record and record.answer else None
            if item.id in tracked and (answer is None or self._holds(item, index, span, start)):
                masks[item.id] = tracked[item.id]
            elif answer is not None:
                masks[item.id] = answer
        return masks

    def coverage(self, scene: VideoScene, item: VideoObject, span: range) -> Coverage:
        """Return which frames of an object are tracked."""
        fresh = self.fresh(scene, item, span)
        stale = {i for i, result in self.frames.items() if item.id in result.basis} - fresh
        return Coverage(spans(sorted(fresh)), spans(sorted(stale)))

    def missing(self, scene: VideoScene, span: range) -> list[int]:
        """Return the frames of `span` that are to be tracked: not yet, or not as prompted now."""
        prompted = [item for item in scene.objects if any(frame in span for frame in item.frames)]
        fresh_frames = [self.fresh(scene, item, span) for item in prompted]
        return [index for index in span if not all(index in fresh for fresh in fresh_frames)]

    def _holds(self, item: VideoObject, index: int, span: range, start: int | None) -> bool:
        basis = self.frames[index].basis.get(item.id)
        return start is not None and basis == item.basis(index, span, start)


def plan(needed: list[int], start: int) -> list[Span]:
    """Return what to track in which order: onwards from the first prompted frame, then back.

    Both are one where that tracks no frame twice.
    """
    onwards = [index for index in needed if index >= start]
    back = [index for index in needed if index < start]
    if onwards and back and onwards[0] == start:
        return [(back[0], onwards[-1] + 1)]
    return [(part[0], part[-1] + 1) for part in (onwards, back) if part]


def spans(indices: Iterable[int]) -> tuple[Span, ...]:
    """Return ascending indices as stretches without a gap."""
    stretches: list[Span] = []
    for index in indices:
        if stretches and stretches[-1][1] == index:
            stretches[-1] = (stretches[-1][0], index + 1)
        else:
            stretches.append((index, index + 1))
    return tuple(stretches)


@dataclass(frozen=True)
class Total:
    """Mean J and F of both models over `frames` tracked masks that have a truth.

    Frames where the object was prompted do not count, as DAVIS leaves out the first frame.
    """

    frames: int
    base: Score
    refined: Score


def total(results: Results, scene: VideoScene) -> Total | None:
    """Return the mean scores; None where nothing has a truth."""
    prompted = {item.id: item.frames for item in scene.objects}
    scored = [
        (item.base, item.refined)
        for index, result in results.frames.items()
        for object_id, item in result.objects.items()
        if object_id in prompted and index not in prompted[object_id]
        if item.base and item.refined
    ]
    if not scored:
        return None
    count = len(scored)
    base, refined = ([pair[model] for pair in scored] for model in (0, 1))
    return Total(
        count,
        Score(sum(s.j for s in base) / count, sum(s.f for s in base) / count),
        Score(sum(s.j for s in refined) / count, sum(s.f for s in refined) / count),
    )
