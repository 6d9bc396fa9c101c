"""How far masks change when a picture changes in ways that should not matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refiner.data.manifest import VIDEO_KIND, Row, object_ids, read_image_and_labels
from refiner.evaluation.prompts import PromptSpec, sample_prompts, stable_seed
from refiner.evaluation.records import giver
from refiner.metrics import iou
from refiner.types import (
    BoolArray,
    Box,
    Click,
    ImageArray,
    InputError,
    MaskPair,
    Prompts,
    Segmenter,
)

SHIFT = 2
"""Pixels a picture is moved to the right and down."""
SCALE = 0.98
"""What remains of a picture's sides when it is made smaller."""
QUALITY, POOR_QUALITY = 95, 10
"""Of the JPEG a picture is saved as: one that nobody sees, one that everybody sees."""
DARK = 0.3
"""What remains of a picture's light when it is darkened."""


@dataclass(frozen=True)
class Change:
    """A changed picture, and the affine map (2, 3) from the old picture's pixels to its own."""

    image: ImageArray
    matrix: NDArray[np.float64]

    def prompts(self, given: Prompts) -> Prompts:
        """Move clicks and box along; they stay in the picture."""
        height, width = self.image.shape[:2]

        def moved(x: float, y: float) -> tuple[float, float]:
            new_x, new_y = self.matrix @ (x, y, 1)
            return float(np.clip(new_x, 0, width)), float(np.clip(new_y, 0, height))

        clicks = tuple(Click(*moved(one.x, one.y), one.positive) for one in given.clicks)
        box = given.box and Box(
            *moved(given.box.x0, given.box.y0), *moved(given.box.x1, given.box.y1)
        )
        return Prompts(clicks=clicks, box=box)

    def back(self, mask: BoolArray, size_hw: tuple[int, int]) -> BoolArray:
        """Bring a mask of the changed picture back to the old picture."""
        half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # from a pixel's index to its middle
        matrix = (np.linalg.inv(half) @ np.vstack([self.matrix, [0, 0, 1]]) @ half)[:2]
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        found = cv2.warpAffine(
            mask.astype(np.uint8),
            matrix,
            size_hw[::-1],
            flags=flags,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(found > 0)


def changes(image: ImageArray) -> dict[str, Change]:
    """Shift, shrink, mirror, compress, darken a picture (height, width, 3), and take its colours."""
    height, width = image.shape[:2]
    padded = cv2.copyMakeBorder(image, SHIFT, 0, SHIFT, 0, cv2.BORDER_REPLICATE)
    small_wh = max(1, round(SCALE * width)), max(1, round(SCALE * height))
    small = cv2.resize(image, small_wh, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    still = [[1, 0, 0], [0, 1, 0]]
    made = {
        "shifted": (padded[:height, :width], [[1, 0, SHIFT], [0, 1, SHIFT]]),
        "smaller": (small, [[small_wh[0] / width, 0, 0], [0, small_wh[1] / height, 0]]),
        "mirrored": (image[:, ::-1], [[-1, 0, width], [0, 1, 0]]),
        "jpeg": (_compressed(image, QUALITY), still),
        "grey": (np.repeat(grey[..., None], 3, axis=2), still),
        "poor": (_compressed(image, POOR_QUALITY), still),
        "dark": (np.rint(image * DARK).astype(np.uint8), still),
    }
    return {
        name: Change(np.ascontiguousarray(changed), np.array(matrix, dtype=np.float64))
        for name, (changed, matrix) in made.items()
    }


def _compressed(image: ImageArray, quality: int) -> ImageArray:
    """Save a picture as JPEG and open it again."""
    way = [cv2.IMWRITE_JPEG_QUALITY, quality]
    _, code = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), way)
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), dtype=np.uint8)[..., ::-1]


def measure_stability(
    segmenters: Mapping[str, Segmenter],
    rows: Iterable[Row],
    specs: Sequence[PromptSpec],
    models: Sequence[str],
) -> list[dict[str, Any]]:
    """Compare the masks of changed photos with those of the photos themselves.

    Args:
        segmenters: As for `photo_scores`.
        rows: Photos; videos are left out.
        specs: A box or points; other prompts are left out.
        models: Some of `records.MODEL_NAMES`.

    Returns:
        A dict for each `model`, `prompts` and `change`: `objects`, and means over them: `iou`, of the
        mask with that of the photo itself, 1 if nothing changes; `lost`, by how much less of IoU it
        has with the true mask than that of the photo itself.

    Raises:
        InputError: no prompt is a box or points, or a file cannot be read.
    """
    specs = [spec for spec in specs if spec.name == "box" or spec.points]
    if not specs:
        raise InputError("Stability is measured with box or points:N; name one of them.")
    found: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for row in rows:
        if row.kind == VIDEO_KIND:
            continue
        image, labels = read_image_and_labels(row)
        for spec in specs:
            truths = {label: labels == label for label in object_ids(labels, row.kind)}
            asked = [
                (sample_prompts(spec, truth, stable_seed(0, row.id, label)), truth)
                for label, truth in truths.items()
            ]
            for name in dict.fromkeys(giver(segmenters, model) for model in models):
                mine = [model for model in models if giver(segmenters, model) == name]
                for change, model, values in _compared(segmenters[name], image, asked, mine):
                    found.setdefault((model, spec.name, change), []).append(values)
    return [
        {"model": model, "prompts": name, "change": change, "objects": len(values)}
        | dict(zip(("iou", "lost"), np.mean(values, axis=0).tolist(), strict=True))
        for (model, name, change), values in found.items()
    ]


def _compared(
    segmenter: Segmenter,
    image: ImageArray,
    asked: Sequence[tuple[Prompts, BoolArray]],
    models: Sequence[str],
) -> Iterable[tuple[str, str, tuple[float, float]]]:
    """Yield the change, the model and, of each object, what `measure_stability` takes the mean of."""

    def answers(picture: ImageArray, given: Iterable[Prompts]) -> list[MaskPair]:
        return [segmenter.segment(picture, [one]).objects[0] for one in given]

    before = answers(image, (prompts for prompts, _ in asked))
    for name, change in changes(image).items():
        after = answers(change.image, (change.prompts(prompts) for prompts, _ in asked))
        for old, new, (_, truth) in zip(before, after, asked, strict=True):
            for model in models:
                held = old.mask_of(model).mask
                returned = change.back(new.mask_of(model).mask, (image.shape[0], image.shape[1]))
                yield name, model, (iou(returned, held), iou(held, truth) - iou(returned, truth))
