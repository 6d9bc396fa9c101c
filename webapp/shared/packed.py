"""Both models' masks of one object as run lengths: how they are kept, and sent to browsers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from refiner.files.results import decode_rle, encode_rle, iou
from refiner.types import Mask, MaskPair

Rle = Mapping[str, Any]
"""A mask as COCO run lengths {"size": [height, width], "counts": str}."""


@dataclass(frozen=True, eq=False)
class PackedPair:
    """Both masks, the quality that each model predicts, and the masks' IoU, all in [0, 1]."""

    base: Rle
    refined: Rle
    base_quality: float
    refined_quality: float
    iou: float

    @classmethod
    def of(cls, pair: MaskPair) -> PackedPair:
        """Return a pair of masks packed."""
        return cls(
            encode_rle(pair.base.mask),
            encode_rle(pair.refined.mask),
            float(pair.base.quality),
            float(pair.refined.quality),
            iou(pair.base.mask, pair.refined.mask),
        )

    def masks(self) -> MaskPair:
        """Return the masks, without logits."""
        return MaskPair(
            Mask(decode_rle(self.base), self.base_quality),
            Mask(decode_rle(self.refined), self.refined_quality),
        )
