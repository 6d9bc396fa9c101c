"""Masks as COCO's compressed run lengths. Nothing here needs torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np
from faster_coco_eval.core import mask as coco

from refiner.types import BoolArray, InputError, Mask, MaskPair, check_mask

MAX_RLE_PIXELS = 100_000_000

Rle = dict[str, Any]
"""`{"size": [height, width], "counts": str}`."""

Packed = TypeVar("Packed", bound="PackedPair")


@dataclass(frozen=True, eq=False, kw_only=True)
class PackedPair:
    """Both models' masks of one object as run lengths: a few kilobytes in place of megabytes.

    Attributes:
        base: SAM2's mask.
        refined: SAM2Refiner's mask.
        base_quality: the IoU that SAM2 predicts for its mask, in [0, 1].
        refined_quality: the same of SAM2Refiner.
    """

    base: Rle
    refined: Rle
    base_quality: float
    refined_quality: float

    @classmethod
    def of(cls: type[Packed], pair: MaskPair, **more: Any) -> Packed:
        """Pack a pair of masks; `more` are the fields that a subclass adds."""
        return cls(
            base=encode_rle(pair.base.mask),
            refined=encode_rle(pair.refined.mask),
            base_quality=float(pair.base.quality),
            refined_quality=float(pair.refined.quality),
            **more,
        )

    def masks(self) -> MaskPair:
        """Return the masks, without logits."""
        return MaskPair(
            Mask(decode_rle(self.base), self.base_quality),
            Mask(decode_rle(self.refined), self.refined_quality),
        )


def encode_rle(mask: BoolArray) -> Rle:
    """Return `mask` as COCO's compressed run lengths, `{"size": [height, width], "counts": str}`.

    Raises:
        InputError: `mask` is no mask.
    """
    check_mask(mask)
    # np.asfortranarray gives the same and takes five times as long
    encoded = coco.encode(cv2.transpose(mask.view(np.uint8)).T)
    return {"size": [*map(int, mask.shape)], "counts": encoded["counts"].decode("ascii")}


def decode_rle(rle: Mapping[str, Any]) -> BoolArray:
    """Return the bool mask (height, width) of COCO's compressed run lengths.

    Args:
        rle: as `encode_rle` returns it; other keys are ignored. It may come from a stranger.

    Raises:
        InputError: a key is missing, the size is empty or over `MAX_RLE_PIXELS`, or the run
            lengths are damaged or of another size.
    """
    if not isinstance(rle, Mapping) or not {"size", "counts"} <= rle.keys():
        raise InputError('A run-length mask has the keys "size" and "counts"; export it again.')
    size, counts = rle["size"], rle["counts"]
    if not _is_size(size):
        raise InputError(
            "The size of a run-length mask is [height, width], two positive whole numbers of at "
            f"most {MAX_RLE_PIXELS:,} pixels together; export the mask again."
        )
    if not isinstance(counts, str):
        raise InputError(
            f'The "counts" of a run-length mask is a compressed string, got {type(counts).__name__}; '
            "export it as compressed COCO RLE."
        )
    try:
        decoded = coco.decode({"size": list(size), "counts": counts.encode("ascii")})
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"The run lengths do not fill a mask of {size[1]} x {size[0]} pixels, or are damaged; "
            "export the mask again."
        ) from error
    return np.ascontiguousarray(decoded, dtype=np.bool_)


def _is_size(size: Any) -> bool:
    return (
        isinstance(size, Sequence)
        and len(size) == 2
        and all(type(side) is int and side > 0 for side in size)
        and size[0] * size[1] <= MAX_RLE_PIXELS
    )
