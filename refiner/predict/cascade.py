"""Refine the mask of any model: SAM2Refiner takes it as its mask prompt. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from refiner.types import (
    Click,
    ImageArray,
    ImageResult,
    Mask,
    MaskPair,
    ModelInfo,
    Prompts,
    Segmenter,
    Timings,
)


def refine(
    segmenter: Segmenter,
    image: ImageArray,
    mask: NDArray[Any],
    clicks: Sequence[Click] = (),
) -> Mask:
    """Return SAM2Refiner's version of a mask, corrected by clicks.

    Args:
        segmenter: whose refined mask is taken.
        image: uint8 RGB (height, width, 3).
        mask: bool or probabilities in [0, 1], (height, width).
        clicks: what belongs to the object and what does not, in the picture's pixels.

    Raises:
        InputError: the picture, the mask or a click cannot be used.
    """
    prompts = Prompts(tuple(clicks), mask=mask)
    return segmenter.segment(image, [prompts]).objects[0].refined


class CascadeSegmenter:
    """Any base's mask, refined by a SAM2Refiner of another base; a `types.Segmenter`.

    The base answers all prompts. SAM2Refiner is prompted with the base's mask and the same clicks,
    but not with the box: it was trained with masks alone and with masks and clicks. A mask that the
    prompts bring goes to SAM2Refiner itself, so that `refine` means the same with every base.
    """

    def __init__(self, base: Segmenter, refiner: Segmenter, info: ModelInfo) -> None:
        self.base = base
        self.refiner = refiner
        self.info = info

    def prepare(self, image: ImageArray) -> None:
        """Encode `image` with both bases."""
        self.base.prepare(image)
        self.refiner.prepare(image)

    def segment(
        self, image: ImageArray, objects: Sequence[Prompts], *, logits: bool = False
    ) -> ImageResult:
        """Segment each of `objects`; see `types.Segmenter`."""
        first = self.base.segment(image, objects, logits=logits)
        # a mask that was prompted is refined itself, not what the base makes of it
        masks = [
            pair.base.mask if prompts.mask is None else prompts.mask
            for prompts, pair in zip(objects, first.objects, strict=True)
        ]
        coarse = [
            Prompts(prompts.clicks, mask=mask) for prompts, mask in zip(objects, masks, strict=True)
        ]
        second = self.refiner.segment(image, coarse, logits=logits)
        pairs = tuple(
            MaskPair(one.base, other.refined)
            for one, other in zip(first.objects, second.objects, strict=True)
        )
        return ImageResult(pairs, _together(first.timings, second.timings))


def _together(first: Timings, second: Timings) -> Timings:
    """Count all that the cascade adds to the base, but its encoders, as refinement."""
    return Timings(
        encode=first.encode + second.encode,
        augment=second.augment,
        base=first.base,
        refine=second.base + second.refine,
    )
