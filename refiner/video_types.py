"""The records of a video that cross between the model and everything that uses it: numpy only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from refiner.types import Box, Click, ImageArray, InputError, MaskPair, ModelInfo, Prompts


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a clip is once decoded.

    Attributes:
        size_hw: height and width as shown, rotation applied.
        fps: frames a second; of a clip with a variable rate its mean.
        frames: how many frames the decoder gives, counted.
        audio: whether there is a sound track.
        notes: what is shown otherwise than the file has it, a sentence each.
    """

    size_hw: tuple[int, int]
    fps: Fraction
    frames: int
    audio: bool = False
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Length at `fps`."""
        return float(self.frames / self.fps)


class Frames(Protocol):
    """The frames of a clip, read when asked for; going forward is cheap, jumping is not."""

    @property
    def info(self) -> VideoInfo:
        """What the clip is."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> ImageArray:
        """Return frame `index`, uint8 RGB (height, width, 3).

        Raises:
            IndexError: there is no such frame.
            InputError: the file cannot be decoded there.
        """


@dataclass(frozen=True, slots=True, eq=False)
class FramePrompts:
    """What a user says of one object on one frame.

    Attributes:
        frame: index of the frame, from 0.
        object_id: any number that names the object.
        prompts: clicks, a box, or a mask. Clicks correct `before` where it is given.
        before: both models' masks that the clicks correct: each model gets its own as a mask
            prompt, as SAM2's video predictor does with the last answer of a frame.
    """

    frame: int
    object_id: int
    prompts: Prompts
    before: MaskPair | None = None

    def __post_init__(self) -> None:
        if self.frame < 0 or self.object_id < 0:
            raise InputError(
                f"Frames and objects are counted from 0, got frame {self.frame}, object "
                f"{self.object_id}."
            )
        if self.prompts.empty:
            raise InputError(f"Object {self.object_id} has no prompt on frame {self.frame}.")


def gather_prompts(marks: Iterable[tuple[int, int, Click | Box]]) -> list[FramePrompts]:
    """Put the clicks and the box of each object and frame together, in the order they come.

    Args:
        marks: frame, object and what marks the object there.

    Raises:
        InputError: there are two boxes for one object on one frame.
    """
    places: dict[tuple[int, int], list[Click | Box]] = {}
    for frame, number, mark in marks:
        places.setdefault((frame, number), []).append(mark)
    gathered = []
    for (frame, number), own in places.items():
        boxes = [mark for mark in own if isinstance(mark, Box)]
        if len(boxes) > 1:
            raise InputError(f"Object {number} has {len(boxes)} boxes on frame {frame}; give one.")
        clicks = tuple(mark for mark in own if isinstance(mark, Click))
        gathered.append(FramePrompts(frame, number, Prompts(clicks, boxes[0] if boxes else None)))
    return gathered


@dataclass(frozen=True, slots=True, eq=False)
class TrackedFrame:
    """Both models' masks of every object on one frame, by object id, at the clip's size."""

    index: int
    objects: Mapping[int, MaskPair]


class Tracker(Protocol):
    """Follows prompted objects through a clip with both models. Safe to call from several threads."""

    @property
    def info(self) -> ModelInfo:
        """What is loaded."""

    def prompt(self, image: ImageArray, prompts: Sequence[FramePrompts]) -> TrackedFrame:
        """Answer the prompts of one frame without tracking, at once.

        Raises:
            InputError: the picture or a prompt cannot be used, or the prompts are not all of one
                frame.
        """

    def track(
        self,
        frames: Frames,
        prompts: Sequence[FramePrompts],
        *,
        since: int | None = None,
        until: int | None = None,
    ) -> Iterator[TrackedFrame]:
        """Yield each frame once: onwards from the first prompted frame, then back to the start.

        What a frame shows depends on the frames and the prompts alone, not on earlier calls.
        Closing the iterator stops the work.

        Args:
            frames: the clip.
            prompts: of any objects on any frames.
            since: yield only frames from this one on, and none before it; for going on after a
                pause or tracking again after a correction.
            until: yield only frames before this one.

        Raises:
            InputError: a prompt does not fit the clip, or a frame cannot be read.
        """
