"""Stand-ins for the model: numpy only, deterministic, quick."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from refiner.types import (
    BoolArray,
    Box,
    Click,
    ImageArray,
    ImageResult,
    InputError,
    Mask,
    MaskPair,
    ModelInfo,
    Prompts,
    Timings,
    check_image,
)
from refiner.video_types import FramePrompts, Frames, TrackedFrame, VideoInfo
from webapp.shared.uploads import Uploads

RADIUS = 40


def upload(uploads: Uploads, name: str, content: bytes, owner: str = "me") -> str:
    """Upload a file as gradio does; return the path that its sender is told."""
    file = uploads.root / "arrived" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return str(uploads.add(file, owner))


def disc(size_hw: tuple[int, int], x: float, y: float, radius: float) -> BoolArray:
    rows, columns = np.ogrid[: size_hw[0], : size_hw[1]]
    return np.asarray((columns + 0.5 - x) ** 2 + (rows + 0.5 - y) ** 2 <= radius**2)


def drawn(size_hw: tuple[int, int], prompts: Prompts, radius: float) -> BoolArray:
    mask = np.zeros(size_hw, dtype=np.bool_)
    if prompts.mask is not None:
        mask |= prompts.mask > 0.5
    if prompts.box is not None:
        box = prompts.box
        mask[round(box.y0) : round(box.y1), round(box.x0) : round(box.x1)] = True
    for click in prompts.clicks:
        if click.positive:
            mask |= disc(size_hw, click.x, click.y, radius)
    for click in prompts.clicks:
        if not click.positive:
            mask &= ~disc(size_hw, click.x, click.y, radius / 2)
    return mask


def answer(mask: BoolArray, quality: float, sure: float, logits: bool) -> Mask:
    soft = np.where(mask, sure, -sure).astype(np.float32)
    return Mask(mask, quality, soft if logits else None)


class FakeSegmenter:
    """The mask prompt, discs around positive clicks, the filled box, less negative clicks' discs.

    The refined mask has larger discs, and is surer (logits of 3 and -3, not of 1 and -1).
    `seconds` is how long it takes over each call, `broken` makes every call fail.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.broken = False
        self.calls: list[tuple[Prompts, ...]] = []

    @property
    def info(self) -> ModelInfo:
        return ModelInfo("fake", "cpu", "none (discs)", "none (larger discs)", {"fake": True})

    def prepare(self, image: ImageArray) -> None:
        check_image(image)

    def segment(
        self, image: ImageArray, objects: Sequence[Prompts], *, logits: bool = False
    ) -> ImageResult:
        size_hw = check_image(image).shape[0], image.shape[1]
        self.calls.append(tuple(objects))
        if self.broken:
            raise RuntimeError("The fake model broke.")
        self._take_time()
        for prompts in objects:
            prompts.check(size_hw)
        pairs = tuple(
            MaskPair(
                answer(drawn(size_hw, prompts, RADIUS), 0.8, 1.0, logits),
                answer(drawn(size_hw, prompts, RADIUS * 1.2), 0.9, 3.0, logits),
            )
            for prompts in objects
        )
        return ImageResult(pairs, Timings(encode=12.0, augment=3.0, base=4.0, refine=5.0))

    def _take_time(self) -> None:
        time.sleep(self.seconds)


@dataclass
class FakeFrames:
    """Grey frames, each a little lighter than the one before; also a clip as the app opens one.

    `broken_at` is a frame that cannot be decoded, `opened` counts clips open and not closed.
    """

    count: int = 12
    size_hw: tuple[int, int] = (120, 160)
    fps: Fraction = Fraction(10)
    notes: tuple[str, ...] = ()
    broken_at: int | None = None
    first: int = 0
    opened: list[int] = field(default_factory=lambda: [0])
    closed: bool = False

    def __post_init__(self) -> None:
        self.opened[0] += 1

    @property
    def info(self) -> VideoInfo:
        return VideoInfo(self.size_hw, self.fps, self.count, False, self.notes)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> ImageArray:
        if not 0 <= index < self.count:
            raise IndexError(index)
        if index + self.first == self.broken_at:
            raise InputError(f"Frame {index} cannot be decoded any more.")
        return np.full((*self.size_hw, 3), 60 + (index + self.first) % 100, dtype=np.uint8)

    def part(
        self, start: int = 0, stop: int | None = None, long_side: int | None = None
    ) -> FakeFrames:
        size_hw = self.size_hw
        if long_side and max(size_hw) > long_side:
            height, width = (round(side * long_side / max(size_hw)) for side in size_hw)
            size_hw = height, width
        stop = self.count if stop is None else stop
        return replace(
            self, count=stop - start, first=self.first + start, size_hw=size_hw, closed=False
        )

    def close(self) -> None:
        if not self.closed:
            self.opened[0] -= 1
        self.closed = True


class FakeTracker:
    """`drawn` of an object's last prompts, moving on by `STEP` pixels to the right each frame.

    Clicks on a tracked frame add to, or take from, the mask they correct. The refined mask has
    larger discs. `seconds` is how long it takes over each frame, `broken` makes every call fail.
    """

    STEP = 4

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.broken = False
        self.calls: list[tuple[int | None, int | None]] = []

    @property
    def info(self) -> ModelInfo:
        return ModelInfo("fake", "cpu", "none (discs)", "none (larger discs)", {"fake": True})

    def prompt(self, image: ImageArray, prompts: Sequence[FramePrompts]) -> TrackedFrame:
        size_hw = check_image(image).shape[0], image.shape[1]
        self._work()
        for item in prompts:
            item.prompts.check(size_hw)
        frame = prompts[0].frame
        return TrackedFrame(frame, {p.object_id: moved_pair(size_hw, p, 0) for p in prompts})

    def track(
        self,
        frames: Frames,
        prompts: Sequence[FramePrompts],
        *,
        since: int | None = None,
        until: int | None = None,
    ) -> Iterator[TrackedFrame]:
        self.calls.append((since, until))
        start = min(item.frame for item in prompts)
        wanted = range(since or 0, len(frames) if until is None else until)
        by_object: dict[int, list[FramePrompts]] = {}
        for item in sorted(prompts, key=lambda item: item.frame):
            by_object.setdefault(item.object_id, []).append(item)
        for index in (*range(start, wanted.stop), *range(start - 1, wanted.start - 1, -1)):
            size_hw = frames[index].shape[:2]
            self._work()
            if index in wanted:
                yield TrackedFrame(
                    index, {key: follow(size_hw, own, index) for key, own in by_object.items()}
                )

    def _work(self) -> None:
        if self.broken:
            raise RuntimeError("The fake tracker broke.")
        self._take_time()

    def _take_time(self) -> None:
        time.sleep(self.seconds)


def follow(size_hw: tuple[int, int], own: Sequence[FramePrompts], index: int) -> MaskPair:
    """What `FakeTracker` says of an object on a frame; `own` are its prompts, in order."""
    last = [item for item in own if item.frame <= index] or own[:1]
    return moved_pair(size_hw, last[-1], index - last[-1].frame)


def moved_pair(size_hw: tuple[int, int], item: FramePrompts, frames: int) -> MaskPair:
    by = FakeTracker.STEP * frames
    prompts = item.prompts
    box = prompts.box and Box(
        prompts.box.x0 + by, prompts.box.y0, prompts.box.x1 + by, prompts.box.y1
    )
    clicks = tuple(Click(c.x + by, c.y, c.positive) for c in prompts.clicks)
    pairs = []
    for radius, before in zip((16, 20), _before(item), strict=True):
        mask = drawn(size_hw, Prompts(clicks, box), radius)
        if before is not None:
            mask |= np.roll(before, by, axis=1)
            for click in clicks:
                if not click.positive:
                    mask &= ~disc(size_hw, click.x, click.y, radius / 2)
        pairs.append(mask)
    return MaskPair(Mask(pairs[0], 0.8), Mask(pairs[1], 0.9))


def _before(item: FramePrompts) -> tuple[BoolArray | None, BoolArray | None]:
    if item.before is None:
        return None, None
    return item.before.base.mask, item.before.refined.mask
