"""Random prompts for training masks: points of both signs, boxes, coarse masks, corrections."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from refiner.network.base_model import (
    PointPrompts,
    mask_to_logits,
    sample_box_points,
    sample_error_points,
)
from refiner.training.arrays import Rng

PROMPT_SHARES = {"box": 0.35, "point": 0.2, "points": 0.3, "mask": 0.15}
"""Share of each kind of first prompt."""
BOX_NOISE = (0.0, 0.1)
"""How far a corner of a box is off, as a share of the side: not at all as in HQ-SAM's recipe, which
is how boxes are measured, or by SAM2's, which is nearer to what a hand draws; equally often."""
NEGATIVE_SHARE = 0.2
"""Chance that a further point is a negative one, where points of both signs are drawn."""
POSITIVE_ONLY = 0.5
"""How often several points are all positive, as in HQ-SAM's recipe."""


@dataclass(frozen=True)
class TrainingPrompts:
    """Prompts of N objects: points (N, P, .) or None, mask logits (N, 1, S/4, S/4) or None."""

    points: PointPrompts | None
    mask_logits: Tensor | None


def draw_prompts(masks: Tensor, rng: Rng, kind: str | None = None) -> TrainingPrompts:
    """Draw prompts of one kind for all masks, bool (N, S, S); the kind too if none is given."""
    kind = kind or str(rng.choice(list(PROMPT_SHARES), p=list(PROMPT_SHARES.values())))
    if kind == "box":
        return TrainingPrompts(box(masks, noise=float(rng.choice(BOX_NOISE))), None)
    if kind == "point":
        return TrainingPrompts(random_points(masks, 1, rng), None)
    if kind == "points":
        negative_share = 0.0 if rng.random() < POSITIVE_ONLY else NEGATIVE_SHARE
        return TrainingPrompts(
            random_points(masks, int(rng.integers(2, 11)), rng, negative_share), None
        )
    size = masks.shape[-1] // 4
    logits = mask_to_logits(coarse_masks(masks, rng), size)
    points = random_points(masks, int(rng.integers(1, 4)), rng) if rng.random() < 0.5 else None
    return TrainingPrompts(points, logits)


def box(masks: Tensor, noise: float) -> PointPrompts:
    """Return the boxes of masks (N, S, S), each corner moved by up to `noise` of the side."""
    coords, labels = sample_box_points(masks[:, None], noise=noise)
    return PointPrompts(coords.float(), labels)


def random_points(
    masks: Tensor, count: int, rng: Rng, negative_share: float = NEGATIVE_SHARE
) -> PointPrompts:
    """Draw `count` points in each mask (N, S, S), the further ones now and then beside it."""
    coords = np.empty((len(masks), count, 2), np.float32)
    labels = np.ones((len(masks), count), np.int32)
    for row, mask in enumerate(masks.cpu().numpy()):
        labels[row, 1:] = rng.random(count - 1) >= negative_share
        positive = np.flatnonzero(mask)
        negative = np.flatnonzero(_surroundings(mask)) if not labels[row].all() else positive
        labels[row] |= not negative.size
        for column in range(count):
            pool = positive if labels[row, column] else negative
            y, x = divmod(int(pool[rng.integers(pool.size)]), mask.shape[1])
            coords[row, column] = x, y
    return PointPrompts(
        torch.from_numpy(coords).to(masks.device), torch.from_numpy(labels).to(masks.device)
    )


def _surroundings(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what is outside a mask but within its box enlarged by a third."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    margin_y = (rows[-1] - rows[0]) // 3 + 8
    margin_x = (columns[-1] - columns[0]) // 3 + 8
    around = np.zeros_like(mask)
    around[
        max(0, rows[0] - margin_y) : rows[-1] + margin_y,
        max(0, columns[0] - margin_x) : columns[-1] + margin_x,
    ] = True
    return around & ~mask


def coarse_masks(masks: Tensor, rng: Rng) -> Tensor:
    """Degrade masks (N, S, S) to float (N, 1, S/4, S/4): grown, shrunk, blurred, cut to polygons."""
    size = masks.shape[-1] // 4
    small = F.interpolate(masks[:, None].float(), (size, size), mode="area")[:, 0].cpu().numpy()
    solid = [mask > min(0.5, mask.max() / 2) for mask in small]  # thin things cover no pixel fully
    out = np.stack([_degrade(mask.astype(np.uint8), rng) for mask in solid])
    return torch.from_numpy(out).float()[:, None].to(masks.device)


def _degrade(mask: NDArray[np.uint8], rng: Rng) -> NDArray[np.uint8]:
    """Return a coarse version of a mask; the mask itself if nothing would be left."""
    way = rng.integers(4)
    radius = int(rng.integers(1, 4))
    kernel = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    if way == 0:
        coarse = cv2.dilate(mask, kernel)
    elif way == 1:
        coarse = cv2.erode(mask, kernel)
    elif way == 2:
        field = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), radius + 1.0)
        noise = cv2.GaussianBlur(rng.normal(0, 1, mask.shape).astype(np.float32), (0, 0), 4.0)
        coarse = (field + noise * 1.2 > 0.5).astype(np.uint8)
    else:
        coarse = np.zeros_like(mask)
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.fillPoly(coarse, [cv2.approxPolyDP(part, 1.0 + radius, True) for part in contours], 1)
    return coarse if coarse.any() else mask


def corrected(prompts: TrainingPrompts, masks: Tensor, logits: Tensor, rng: Rng) -> TrainingPrompts:
    """Add one or two clicks in the error of an answer (N, 1, S/4, S/4); sometimes show the answer.

    Coarse masks stay as they were.
    """
    size = masks.shape[-1]
    answer = F.interpolate(logits.float(), (size, size), mode="bilinear", align_corners=False) > 0
    coords, labels = sample_error_points(masks[:, None], answer, int(rng.integers(1, 3)))
    if prompts.points is not None:
        coords = torch.cat([prompts.points.coords, coords], dim=1)
        labels = torch.cat([prompts.points.labels, labels], dim=1)
    shown = prompts.mask_logits
    if shown is None and rng.random() < 0.3:
        shown = logits.detach().float().clamp(-10, 10)
    return TrainingPrompts(PointPrompts(coords, labels.int()), shown)
