"""Pictures, prompts and masks as the tensors SAM2 takes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
MASK_LOGIT = 10.0
"""Logit of a sure pixel of a mask prompt, as SAM2Base uses for mask inputs."""


@dataclass(frozen=True)
class PointPrompts:
    """Sparse prompts of N objects, all with the same number P of points.

    Attributes:
        coords: float (N, P, 2), x and y in pixels of the S x S picture.
        labels: int (N, P): 1 positive, 0 negative, 2 and 3 a box's first and second corner.
    """

    coords: Tensor
    labels: Tensor


def normalise(images: Tensor) -> Tensor:
    """Normalise RGB pictures (..., 3, H, W) in [0, 1] as SAM2 does, by ImageNet's statistics."""
    mean, std = (torch.tensor(v, device=images.device)[:, None, None] for v in (MEAN, STD))
    return (images - mean) / std


def rows_of(maps: Tensor, index: Tensor) -> Tensor:
    """Return the maps (N, C, h, w) of N objects, `index` (N,) names the row of each in (B, C, h, w).

    Not copied where all rows are one picture's, which is most of the time.
    """
    if len(maps) == 1 or maps.stride(0) == 0:
        return maps[:1].expand(len(index), -1, -1, -1)
    return maps.index_select(0, index)


def mask_to_logits(masks: Tensor, size: int) -> Tensor:
    """Turn mask prompts (N, 1, H, W) in [0, 1] into logits (N, 1, size, size) in [-10, 10]."""
    # antialias: thin parts of a large mask would fall between the samples
    small = F.interpolate(
        masks.float(), (size, size), mode="bilinear", align_corners=False, antialias=True
    )
    return (2 * small - 1) * MASK_LOGIT


def click_maps(points: PointPrompts, size: int, image_size: int, radius: int) -> Tensor:
    """Draw positive clicks, negative clicks and the filled box, (N, 3, size, size) of 0 and 1."""
    count, device = points.coords.shape[0], points.coords.device
    # centres of pixels: a click at (0, 0) lies on the corner of the first
    axis = torch.arange(size, device=device) + 0.5
    coords = points.coords.float() * (size / image_size)
    x, y = coords[..., 0, None, None], coords[..., 1, None, None]  # (N, P, 1, 1)
    disc = (axis - x) ** 2 + (axis[:, None] - y) ** 2 <= radius**2  # (N, P, size, size)
    maps = torch.zeros(count, 3, size, size, device=device)
    for channel, label in ((0, 1), (1, 0)):
        wanted = (points.labels == label)[..., None, None]
        maps[:, channel] = (disc & wanted).any(1).float()
    # a box is two points, 2 and then 3 beside it
    for row, column in (points.labels == 2).nonzero().tolist():
        (x0, y0), (x1, y1) = coords[row, column], coords[row, column + 1]
        inside = (axis >= x0) & (axis <= x1) & ((axis >= y0) & (axis <= y1))[:, None]
        maps[row, 2] = inside.float()
    return maps
