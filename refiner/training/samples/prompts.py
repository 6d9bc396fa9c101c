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

PROMPT_SHARES = {"box": 0.38, "point": 0.2, "points": 0.27, "mask": 0.15}
"""Share of each kind of first prompt."""
BOX_NOISE = (0.0, 0.0, 0.04, 0.1, 0.25)
"""How far a corner of a box is off, as a share of the side: not at all as in HQ-SAM's recipe, which
is how boxes are measured; by SAM2's, which is nearer to what a hand draws; or so far that the base
fails, which a refiner has to repair or leave alone. Equally often."""
BOX_SHIFT = 4.0
"""How many pixels every second box is moved, at most."""
SURE = (13, 229)
"""Coverages between which a pixel is the edge of a thing, where no hand would click."""
NEGATIVE_SHARE = 0.2
"""Chance that a further point is a negative one, where points of both signs are drawn."""
POSITIVE_ONLY = 0.5
"""How often several points are all positive, as in HQ-SAM's recipe."""


@dataclass(frozen=True)
class TrainingPrompts:
    """Prompts of N objects: points (N, P, .) or None, mask logits (N, 1, S/4, S/4) or None."""

    points: PointPrompts | None
    mask_logits: Tensor | None


def draw_prompts(
    masks: Tensor, rng: Rng, kind: str | None = None, edges: Tensor | None = None
) -> TrainingPrompts:
    """Draw prompts of one kind for all masks, bool (N, S, S); the kind too if none is given.

    No point is put on `edges`, bool (N, S, S), see `soft_edges`.
    """
    kind = kind or str(rng.choice(list(PROMPT_SHARES), p=list(PROMPT_SHARES.values())))
    if kind == "box":
        drawn = box(masks, noise=float(rng.choice(BOX_NOISE)))
        return TrainingPrompts(shifted(drawn, masks.shape[-1], rng), None)
    if kind == "point":
        return TrainingPrompts(random_points(masks, 1, rng, edges=edges), None)
    if kind == "points":
        negative_share = 0.0 if rng.random() < POSITIVE_ONLY else NEGATIVE_SHARE
        return TrainingPrompts(
            random_points(masks, int(rng.integers(2, 11)), rng, negative_share, edges), None
        )
    size = masks.shape[-1] // 4
    logits = mask_to_logits(coarse_masks(masks, rng), size)
    points = None
    if rng.random() < 0.5:
        points = random_points(masks, int(rng.integers(1, 4)), rng, edges=edges)
    return TrainingPrompts(points, logits)


def soft_edges(coverage: Tensor) -> Tensor:
    """Return where things, uint8 (N, S, S), are neither surely there nor surely not, bool.

    None of a thing that has more edge than inside: it would get no points but where it is thick.
    """
    inside, edges = coverage > 127, (coverage >= SURE[0]) & (coverage <= SURE[1])
    solid = 2 * (inside & ~edges).sum((1, 2)) >= inside.sum((1, 2))
    return edges & solid[:, None, None]


def shifted(given: PointPrompts, side: int, rng: Rng) -> PointPrompts:
    """Move boxes, one shift for all, by a few pixels every second time, staying in the picture."""
    if rng.random() < 0.5:
        return given
    step = torch.from_numpy(rng.uniform(-BOX_SHIFT, BOX_SHIFT, 2)).to(given.coords)
    return PointPrompts((given.coords + step).clamp(0, side - 1), given.labels)


def box(masks: Tensor, noise: float) -> PointPrompts:
    """Return the boxes of masks (N, S, S), each corner moved by up to `noise` of the side."""
    coords, labels = sample_box_points(masks[:, None], noise=noise)
    return PointPrompts(coords.float(), labels)


def random_points(
    masks: Tensor,
    count: int,
    rng: Rng,
    negative_share: float = NEGATIVE_SHARE,
    edges: Tensor | None = None,
) -> PointPrompts:
    """Draw `count` points in each mask (N, S, S), the further ones now and then beside it.

    None lies on `edges`, bool (N, S, S).
    """
    edges = torch.zeros_like(masks) if edges is None else edges
    coords = np.empty((len(masks), count, 2), np.float32)
    labels = np.ones((len(masks), count), np.int32)
    for row, (mask, edge) in enumerate(zip(masks.cpu().numpy(), edges.cpu().numpy(), strict=True)):
        labels[row, 1:] = rng.random(count - 1) >= negative_share
        positive = np.flatnonzero(mask & ~edge)
        around = positive if labels[row].all() else np.flatnonzero(_surroundings(mask) & ~edge)
        labels[row] |= not around.size
        for column in range(count):
            pool = positive if labels[row, column] else around
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
    way = rng.integers(5)
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
    elif way == 3:
        coarse = _bitten(mask, rng)
    else:
        coarse = np.zeros_like(mask)
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.fillPoly(coarse, [cv2.approxPolyDP(part, 1.0 + radius, True) for part in contours], 1)
    return coarse if coarse.any() else mask


def _bitten(mask: NDArray[np.uint8], rng: Rng) -> NDArray[np.uint8]:
    """Take a large round piece out of a mask, or add one: a part is missing, or too much is there."""
    rows, columns = np.nonzero(mask)
    place = int(rng.integers(rows.size))
    radius = int(rng.uniform(0.1, 0.4) * np.sqrt(np.ptp(rows) * np.ptp(columns) + 1)) + 1
    bitten = mask.copy()
    centre = (int(columns[place]), int(rows[place]))
    cv2.circle(bitten, centre, radius, int(rng.integers(2)), -1)
    return bitten


def corrected(
    prompts: TrainingPrompts,
    masks: Tensor,
    logits: Tensor,
    rng: Rng,
    edges: Tensor | None = None,
) -> TrainingPrompts:
    """Add one or two clicks in the error of an answer (N, 1, S/4, S/4); sometimes show the answer.

    Coarse masks stay as they were. What an answer says of `edges`, bool (N, S, S), is no error.
    """
    size = masks.shape[-1]
    answer = F.interpolate(logits.float(), (size, size), mode="bilinear", align_corners=False) > 0
    if edges is not None:
        answer = torch.where(edges[:, None], masks[:, None], answer)
    coords, labels = sample_error_points(masks[:, None], answer, int(rng.integers(1, 3)))
    if prompts.points is not None:
        coords = torch.cat([prompts.points.coords, coords], dim=1)
        labels = torch.cat([prompts.points.labels, labels], dim=1)
    shown = prompts.mask_logits
    if shown is None and rng.random() < 0.3:
        shown = logits.detach().float().clamp(-10, 10)
    return TrainingPrompts(PointPrompts(coords, labels.int()), shown)
