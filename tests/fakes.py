"""Stand-ins for the model: numpy only, deterministic, quick."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from refiner.types import (
    BoolArray,
    ImageArray,
    ImageResult,
    Mask,
    MaskPair,
    ModelInfo,
    Prompts,
    Timings,
    check_image,
)

RADIUS = 40


def disc(size_hw: tuple[int, int], x: float, y: float, radius: float) -> BoolArray:
    rows, columns = np.ogrid[: size_hw[0], : size_hw[1]]
    return np.asarray((columns + 0.5 - x) ** 2 + (rows + 0.5 - y) ** 2 <= radius**2)


def drawn(size_hw: tuple[int, int], prompts: Prompts, radius: float) -> BoolArray:
    mask = np.zeros(size_hw, dtype=np.bool_)
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


class FakeSegmenter:
    """Discs around positive clicks and the filled box, less discs around negative clicks.

    The refined mask has larger discs. `seconds` is how long it takes over each call, `broken`
    makes every call fail.
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
        time.sleep(self.seconds)
        for prompts in objects:
            prompts.check(size_hw)
        pairs = tuple(
            MaskPair(
                Mask(drawn(size_hw, prompts, RADIUS), 0.8),
                Mask(drawn(size_hw, prompts, RADIUS * 1.2), 0.9),
            )
            for prompts in objects
        )
        return ImageResult(pairs, Timings(encode=12.0, augment=3.0, base=4.0, refine=5.0))
