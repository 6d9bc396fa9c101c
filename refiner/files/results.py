"""The JSON of a result: prompts, both models' masks as run lengths, the model, the versions."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from typing import Any

import numpy as np
from faster_coco_eval.core import mask as coco

from refiner.files.run_lengths import encode_rle
from refiner.metrics import iou
from refiner.types import InputError, Mask, MaskPair, ModelInfo, Prompts, check_mask

RESULT_FORMAT = "sam2refiner-studio.result"
RESULT_VERSION = 1
PACKAGES = (
    "sam2refiner-studio",
    "sam2",
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "pillow",
    "opencv-python",
    "faster-coco-eval",
)


def result_document(
    size_hw: tuple[int, int],
    objects: Sequence[Prompts],
    pairs: Sequence[MaskPair],
    info: ModelInfo,
    image_sha256: str,
) -> dict[str, Any]:
    """Return all that is known of a result as plain values for `json.dumps`.

    Masks are run lengths as of `encode_rle`, boxes of masks `[x, y, width, height]` as in COCO
    (zeros for an empty mask), box prompts `[x0, y0, x1, y1]`, clicks `[x, y, positive]`; a mask
    prompt of probabilities is kept as the mask above one half.

    Args:
        size_hw: the picture's size.
        objects: the prompts of each object.
        pairs: the masks of each object, in the same order, of the picture's size.
        info: the model that made them.
        image_sha256: the hexadecimal SHA-256 of the picture.

    Raises:
        InputError: objects and pairs are not equally many, or a mask is of another size.
    """
    if len(objects) != len(pairs):
        raise InputError(
            f"Each object needs one pair of masks, got {len(objects)} and {len(pairs)}."
        )
    return {
        "format": RESULT_FORMAT,
        "format_version": RESULT_VERSION,
        "image": {"width": int(size_hw[1]), "height": int(size_hw[0]), "sha256": image_sha256},
        "model": {
            "backbone": info.backbone,
            "device": info.device,
            "base_weights": info.base_weights,
            "refiner_weights": info.refiner_weights,
            "details": dict(info.details),
        },
        "versions": versions(),
        "objects": [
            {
                "prompts": {
                    **prompts_value(prompts),
                    "mask": None if prompts.mask is None else encode_rle(prompts.mask > 0.5),
                },
                "base": mask_values(pair.base, size_hw),
                "refined": mask_values(pair.refined, size_hw),
                "iou": iou(pair.base.mask, pair.refined.mask),
            }
            for prompts, pair in zip(objects, pairs, strict=True)
        ],
    }


def mask_values(mask: Mask, size_hw: tuple[int, int]) -> dict[str, Any]:
    """Return an answer as COCO has it, with `predicted_iou`.

    Raises:
        InputError: the mask is no mask, or of another size.
    """
    check_mask(mask.mask, size_hw)
    rle = encode_rle(mask.mask)
    return {
        "segmentation": rle,
        "bbox": [int(value) for value in coco.toBbox(rle)],
        "area": int(np.count_nonzero(mask.mask)),
        "predicted_iou": float(mask.quality),
    }


def prompts_value(prompts: Prompts) -> dict[str, Any]:
    """Return the clicks `[x, y, positive]` and the box `[x0, y0, x1, y1]` as plain values."""
    box = prompts.box
    return {
        "clicks": [[click.x, click.y, bool(click.positive)] for click in prompts.clicks],
        "box": None if box is None else [box.x0, box.y0, box.x1, box.y1],
    }


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Return the versions of those of `packages` that are installed; by default of all that decide the masks."""
    installed = {}
    for name in packages:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return installed
