"""Between the numpy records at the border and the tensors of the models."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from refiner.network.maps import PointPrompts, mask_to_logits
from refiner.types import Mask, Prompts


def to_square(pixels: Tensor, size: int) -> Tensor:
    """Resize (1, 3, H, W) to a square as SAM2Transforms does: bilinear with antialiasing."""
    return F.interpolate(pixels, (size, size), mode="bilinear", antialias=True)


def to_points(
    group: list[Prompts], size_hw: tuple[int, int], image_size: int, device: torch.device
) -> PointPrompts | None:
    """Scale boxes, then clicks, to the S x S picture, as SAM2ImagePredictor does."""
    coords, labels = [], []
    for prompts in group:
        box = prompts.box
        corners = [] if box is None else [(box.x0, box.y0), (box.x1, box.y1)]
        coords.append(corners + [(click.x, click.y) for click in prompts.clicks])
        signs = [int(click.positive) for click in prompts.clicks]
        # 2 and 3: SAM's labels of a box's corners, which go before the clicks
        labels.append([2, 3] * (box is not None) + signs)
    # a group has the same number of points throughout, see `segmenter._alike`
    if not labels[0]:
        return None
    scale = torch.tensor([size_hw[1], size_hw[0]], dtype=torch.float32, device=device)
    scaled = torch.tensor(coords, dtype=torch.float32, device=device) / scale * image_size
    return PointPrompts(scaled, torch.tensor(labels, dtype=torch.int32, device=device))


def to_mask_logits(group: list[Prompts], size: int, device: torch.device) -> Tensor | None:
    """Make the mask prompts of a group logits (N, 1, size, size); None without any."""
    masks = [prompts.mask for prompts in group if prompts.mask is not None]
    if not masks:
        return None
    logits = [
        mask_to_logits(torch.from_numpy(mask.astype("float32"))[None, None], size) for mask in masks
    ]
    return torch.cat(logits).to(device)


def to_mask(low: Tensor, iou: Tensor, size_hw: tuple[int, int], logits: bool) -> Mask:
    """Bring logits (1, h, w) to the picture's size and cut them at zero."""
    # the whole S x S: the picture was squeezed into it, so it stretches back without a crop
    full = F.interpolate(low[None].float(), size_hw, mode="bilinear", align_corners=False)[0, 0]
    return Mask(
        (full > 0).cpu().numpy(),
        float(iou.float().clamp(0, 1)),
        full.cpu().numpy() if logits else None,
    )
