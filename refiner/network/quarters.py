"""The quarters of a picture that localization augment looks at, encoded by the frozen base.

Letters in shapes as in `refiner.network.sam2refiner`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from refiner.network.base_model import SAM2Base, encode

Local = tuple[Tensor, Tensor, Tensor]
"""The quarters' maps put together: C/8 channels at S/2, C/4 at S/4, and L, C at S/8 (each of half
that side where the quarters are of half size)."""


def picture_to_cut(quarters: str, whole: Tensor, doubled: Tensor) -> Tensor:
    """Choose what the quarters are cut from, one of `config.QUARTERS`.

    Args:
        quarters: the choice.
        whole: the pictures at S x S.
        doubled: the pictures at 2S x 2S, with the pixels of their own.
    """
    if quarters == "resized":
        return F.interpolate(whole, scale_factor=2, mode="bilinear", align_corners=False)
    return whole if quarters == "half" else doubled


def local_features(base: SAM2Base, pictures: Tensor) -> Local:
    """Encode the four quarters of pictures (B, 3, H, W), 2S x 2S as a rule; put their maps together.

    Returns:
        (B, C/8, H/4, W/4), (B, C/4, H/8, W/8), both as the mask decoder sees them, and L, s2 put
        together, (B, C, H/16, W/16).
    """
    half = pictures.shape[-1] // 2
    rows = torch.split(pictures, half, dim=2)
    views = torch.stack(
        [view for row in rows for view in torch.split(row, half, dim=3)]
    )  # (4, B, 3, H/2, W/2)
    # (4B, ...): all top left quarters, then all top right, lower left and lower right ones
    features, (_, _, s2) = encode(base, views.flatten(0, 1))
    s0, s1 = features.high_res
    return _joined(s0), _joined(s1), _joined(s2)


def _joined(quarters: Tensor) -> Tensor:
    """Put quarters back in place, (4B, C, h, w) -> (B, C, 2h, 2w)."""
    top_left, top_right, low_left, low_right = quarters.chunk(4)
    top, low = torch.cat([top_left, top_right], dim=3), torch.cat([low_left, low_right], dim=3)
    return torch.cat([top, low], dim=2)
