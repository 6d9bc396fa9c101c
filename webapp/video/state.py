"""What a visitor has said of a clip, as frozen records; every change returns a new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from refiner.files.run_lengths import PackedPair
from refiner.metrics import iou
from refiner.types import InputError, MaskPair, Prompts
from refiner.video_types import FramePrompts
from webapp.shared.editing import Objects, PromptState, SceneItem

Basis = tuple[int | Prompts, ...]
"""What an object's masks of one frame came from: where tracking started, and the prompts, which are
the same record or not."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FramePair(PackedPair):
    """Both models' masks of one object on one frame, and their IoU with each other."""

    iou: float

    @classmethod
    def measured(cls, pair: MaskPair) -> FramePair:
        """Pack a pair of masks and measure it."""
        return cls.of(pair, iou=iou(pair.base.mask, pair.refined.mask))


@dataclass(frozen=True, eq=False)
class FrameAnswer:
    """The answer to the prompts of one object on one frame."""

    id: int
    pair: FramePair


@dataclass(frozen=True, eq=False)
class PromptRecord:
    """The prompts of one object on one frame, never empty.

    Attributes:
        prompts: clicks and a box.
        before: the tracked masks that the clicks correct.
        answer: the answer to exactly these, once computed.
    """

    prompts: Prompts
    before: PackedPair | None = None
    answer: FrameAnswer | None = None


@dataclass(frozen=True, eq=False)
class VideoObject(SceneItem):
    """One object and what was said of it, by frame."""

    frames: Mapping[int, PromptRecord] = field(default_factory=dict)

    def basis(self, frame: int, span: range, start: int) -> Basis:
        """Return what the masks of a frame depend on: what was said up to there.

        Args:
            frame: which frame.
            span: the frames that are tracked; what was said on others does not count.
            start: the first prompted frame of any object. Before an object's own first prompted
                frame, that one counts.
        """
        prompted = sorted(index for index in self.frames if index in span)
        last = max(frame, prompted[0]) if prompted else frame
        return (start, *(self.frames[index].prompts for index in prompted if index <= last))


@dataclass(frozen=True, eq=False)
class VideoScene(Objects[VideoObject]):
    """The objects of a clip."""

    objects: tuple[VideoObject, ...] = (VideoObject(1, 0),)
    next_id: int = 2

    @staticmethod
    def blank(object_id: int, slot: int) -> VideoObject:
        """Return an object without prompts."""
        return VideoObject(object_id, slot)

    def start(self, span: range) -> int | None:
        """Return the first frame of `span` where anything was said."""
        frames = (frame for item in self.objects for frame in item.frames if frame in span)
        return min(frames, default=None)

    def prompts(self, frames: Sequence[int] | range) -> list[FramePrompts]:
        """Return all that was said on these frames."""
        return [
            _frame_prompts(item.id, frame, record)
            for item in self.objects
            for frame, record in sorted(item.frames.items())
            if frame in frames
        ]


@dataclass(frozen=True, eq=False, kw_only=True)
class VideoState(PromptState[VideoScene]):
    """A clip's scene with its history; edits are of the frame `frame`.

    Attributes:
        scene: what was said.
        clip_hw: height and width of the clip.
        length: how many frames it has.
        frame: which frame edits are of.
        tracked: the masks that tracking gave this frame, by object; what clicks correct.
        answers_made: how many answers there were so far.
        applied: the number of the last message of edits that was applied; one that comes again,
            because its answer was lost, is not applied twice.
    """

    scene: VideoScene = field(default_factory=VideoScene)
    clip_hw: tuple[int, int]
    length: int
    frame: int = 0
    tracked: Mapping[int, PackedPair] = field(default_factory=dict)
    answers_made: int = 0
    applied: int = 0

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the clip."""
        return self.clip_hw

    def at(self, frame: int, tracked: Mapping[int, PackedPair]) -> VideoState:
        """Return the state for edits of another frame.

        Raises:
            InputError: the clip has no such frame.
        """
        if not 0 <= frame < self.length:
            raise InputError(f"The clip has the frames 0 to {self.length - 1}, not {frame}.")
        return replace(self, frame=frame, tracked=tracked)

    def prompts_of(self, object_id: int) -> Prompts:
        """Return the prompts of an object on the frame."""
        record = self.scene.find(object_id).frames.get(self.frame)
        return record.prompts if record else Prompts()

    def with_prompts(self, object_id: int, prompts: Prompts) -> VideoState:
        """Give an object other prompts on the frame; none at all take away what was said there."""
        item = self.scene.find(object_id)
        frames = dict(item.frames)
        record = frames.pop(self.frame, None)
        if not prompts.empty:
            before = record.before if record else self.tracked.get(object_id)
            frames[self.frame] = PromptRecord(prompts, before)
        return self.with_scene(self.scene.with_object(replace(item, frames=frames)))

    def missing(self) -> list[int]:
        """Return the frames where something was said that has no answer yet."""
        return sorted(
            {
                frame
                for item in self.scene.objects
                for frame, record in item.frames.items()
                if record.answer is None
            }
        )

    def unanswered(self, frame: int) -> list[FramePrompts]:
        """Return what was said on a frame and has no answer yet."""
        return [
            _frame_prompts(item.id, frame, item.frames[frame])
            for item in self.scene.objects
            if frame in item.frames and item.frames[frame].answer is None
        ]

    def with_answers(self, frame: int, answers: Mapping[int, FramePair]) -> VideoState:
        """Attach answers of a frame to objects by id; no step of the history."""
        scene, last_id = self.scene, self.answers_made
        for object_id, pair in answers.items():
            item, last_id = scene.find(object_id), last_id + 1
            record = replace(item.frames[frame], answer=FrameAnswer(last_id, pair))
            scene = scene.with_object(replace(item, frames={**item.frames, frame: record}))
        return replace(self, scene=scene, answers_made=last_id)


def changed_frame(one: VideoScene, other: VideoScene) -> int | None:
    """Return the first frame of which the scenes hold different prompts, if there is any."""
    prompts = [
        {
            (item.id, frame): record.prompts
            for item in scene.objects
            for frame, record in item.frames.items()
        }
        for scene in (one, other)
    ]
    frames = [
        key[1]
        for key in {*prompts[0], *prompts[1]}
        if prompts[0].get(key) is not prompts[1].get(key)
    ]
    return min(frames, default=None)


def _frame_prompts(object_id: int, frame: int, record: PromptRecord) -> FramePrompts:
    # A box says where the object is anew; clicks alone correct what was there.
    before = record.before if record.prompts.box is None else None
    return FramePrompts(frame, object_id, record.prompts, before.masks() if before else None)
