"""SAM2 and SAM2Refiner on one frame of a clip, sharing its encoding.

Letters in shapes: N objects, P points, C hidden_dim, S image_size, h = S/16.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from refiner.network.base_model import (
    BaseFeatures,
    Fpn,
    PointPrompts,
    encode,
    mask_to_logits,
    normalise,
)
from refiner.network.decoding import decode
from refiner.network.mask_refinement import RefinerFeatures
from refiner.network.quarters import Local, local_features, picture_to_cut
from refiner.network.sam2refiner import grown
from refiner.predict.memory_bank import (
    Answer,
    Memory,
    MemoryBank,
    condition,
    encode_memory,
    mask_as_answer,
    to_answer,
)
from refiner.predict.segmenter import ImageSegmenter
from refiner.predict.tensors import to_points, to_square
from refiner.types import ImageArray
from refiner.video_types import FramePrompts

MEMORY_LOGIT = 32.0
"""Refined logits are clamped to this before they are remembered, as SAM2 does with former masks."""

Answers = tuple[Answer, Answer]
"""SAM2's and SAM2Refiner's."""


@dataclass(frozen=True)
class Look:
    """One frame encoded for both models.

    Attributes:
        size_hw: height and width of the frame.
        features: what SAM2 decodes without memory.
        fpn: the neck's maps s0, s1, s2.
        picture: the normalised frame (1, 3, S, S).
        local: the quarters' maps, where the refiner needs them.
    """

    size_hw: tuple[int, int]
    features: BaseFeatures
    fpn: Fpn
    picture: Tensor
    local: Local | None

    @property
    def s2(self) -> Tensor:
        """The coarse feature (1, C, h, h), which memories are made of and conditioned on."""
        return self.fpn[2]


class FrameModels:
    """Both models on a frame; whoever calls holds the model's lock."""

    def __init__(self, segmenter: ImageSegmenter, fast: bool) -> None:
        """Take the models of `segmenter`; see `video.VideoTracker` for `fast`."""
        self.base, self.refiner, self.device = segmenter.twin, segmenter.refiner, segmenter.device
        self.fast = fast

    def look(self, image: ImageArray) -> Look:
        """Encode a frame once for both models."""
        size = self.base.image_size
        pixels = torch.from_numpy(image.copy()).to(self.device).permute(2, 0, 1)[None] / 255
        picture = normalise(to_square(pixels, size))
        features, fpn = encode(self.base, picture)
        local = None
        if self.refiner.quarters is not None:
            quarters = "half" if self.fast else self.refiner.quarters
            doubled = normalise(to_square(pixels, 2 * size))
            local = local_features(self.base, picture_to_cut(quarters, picture, doubled))
        return Look((image.shape[0], image.shape[1]), features, fpn, picture, local)

    def answer(self, look: Look, prompts: Sequence[FramePrompts]) -> list[Answers]:
        """Answer the prompts of one frame without memory, one object after the other."""
        prepared = self._prepare(look, look.features.g)
        return [self._answer(look, prepared, item) for item in prompts]

    def _answer(self, look: Look, prepared: Any, item: FramePrompts) -> Answers:
        base, prompts, before = self.base, item.prompts, item.before
        points = to_points([prompts], look.size_hw, base.image_size, self.device)
        # clicks correct each model's own last mask, a mask prompt goes to both
        former: tuple[Any, Any] = (prompts.mask, prompts.mask)
        if before is not None and points is not None:
            former = (before.base.mask, before.refined.mask)
        logits = [None if mask is None else self._mask_logits(mask) for mask in former]
        index = torch.zeros(1, dtype=torch.int64, device=self.device)
        output = self.refiner(base, look.features, prepared, index, points, logits[1])
        # a mask alone is SAM2's answer itself, undecoded
        if points is None:
            plain = mask_as_answer(base, look.features, look.s2, self._mask(prompts.mask))
            return plain, to_answer(base, output.decoded, output.logits, plain.score)
        decoded = decode(base, look.features, index, points, logits[0])
        plain = to_answer(base, decoded, decoded.best)
        return plain, to_answer(base, output.decoded, output.logits)

    def step(
        self,
        look: Look,
        banks: Sequence[tuple[MemoryBank, MemoryBank]],
        points: PointPrompts,
        frame: int,
        frames: int,
        backwards: bool,
    ) -> Answers:
        """Track N objects into a frame without prompts.

        Args:
            look: the frame.
            banks: SAM2's and SAM2Refiner's memory of each object.
            points: what the refiner is shown, (N, P, 2).
            frame: its index.
            frames: how many the clip has.
            backwards: tracking goes from later frames to earlier ones.
        """
        base, count = self.base, len(banks)
        every = [plain for plain, _ in banks] + [refined for _, refined in banks]
        # 2N banks in one pass: SAM2's first, then SAM2Refiner's
        g, g_refined = condition(base, every, look.s2, frame, frames, backwards).chunk(2)
        s0, s1 = (level.expand(count, -1, -1, -1) for level in look.features.high_res)
        index = torch.arange(count, device=self.device)
        # SAM2 decodes unprompted frames from an empty point; the refiner may be shown more
        decoded = decode(base, BaseFeatures((s0, s1), g), index, no_points(count, self.device))
        prepared = self._prepare(look, g_refined)
        features = BaseFeatures((s0, s1), g_refined)
        output = self.refiner(base, features, prepared, index, points, plain=decoded.best)
        return (
            to_answer(base, decoded, decoded.best),
            to_answer(base, output.decoded, output.logits),
        )

    def memories(
        self, look: Look, answers: Answers, prompted: bool = False
    ) -> list[tuple[Memory, Memory]]:
        """Encode what both models remember of each of N objects."""
        plain, refined = answers
        count = len(plain.logits)
        clamped = refined.logits.clamp(-MEMORY_LOGIT, MEMORY_LOGIT)
        logits = torch.cat([grown(plain.logits, self.base), clamped])  # (2N, 1, S, S)
        score = torch.cat([plain.score, refined.score])
        features = encode_memory(self.base, look.s2, logits, score, prompted)  # (2N, 64, h, h)
        pointers = torch.cat([plain.pointer, refined.pointer])
        kept = [
            Memory(feature.clone(), pointer.clone())  # a view would keep the whole batch
            for feature, pointer in zip(
                features.chunk(2 * count), pointers.chunk(2 * count), strict=True
            )
        ]
        return list(zip(kept[:count], kept[count:], strict=True))

    def _prepare(self, look: Look, g: Tensor) -> Any:
        """Prepare the refiner for N global features (N, C, h, h) of one frame."""
        count = len(g)
        prepared = self.refiner.prepare(self.base, g, look.fpn, look.picture, look.local)
        if not isinstance(prepared, RefinerFeatures):
            return prepared
        return replace(
            prepared,
            levels=tuple(_shared(level, count) for level in prepared.levels),
            fine=_shared(prepared.fine, count),
            low_level=_shared(prepared.low_level, count),
        )

    def _mask(self, mask: NDArray[Any] | None) -> Tensor:
        """Resize a mask to (1, 1, S, S) of 0 and 1, as SAM2VideoPredictor.add_new_mask does."""
        assert mask is not None
        return (to_square(self._tensor(mask >= 0.5), self.base.image_size) >= 0.5).float()

    def _mask_logits(self, mask: NDArray[Any]) -> Tensor:
        return mask_to_logits(self._tensor(mask), self.base.image_size // 4)

    def _tensor(self, mask: NDArray[Any]) -> Tensor:
        return torch.from_numpy(mask.astype(np.float32))[None, None].to(self.device)


def _shared(maps: Any, count: int) -> Any:
    """Show one picture's maps, if there are any, to `count` objects."""
    return None if maps is None else maps.expand(count, -1, -1, -1)


def no_points(count: int, device: torch.device) -> PointPrompts:
    """Return one empty point for each of N objects, which SAM2 decodes frames without prompts with."""
    label = torch.full((count, 1), -1, dtype=torch.int32, device=device)
    return PointPrompts(torch.zeros(count, 1, 2, device=device), label)
