"""HQ-SAM2, the control: one extra output token and fused features on the same frozen base.

After Ke et al., Segment Anything in High Quality (arXiv 2306.01567, section 3.2), moved to SAM2.
It is trained on the same data with the same budget as SAM2Refiner and used in its place, so that a
comparison shows the architecture and not the extra training. Letters as in `refiner.network.sam2refiner`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from timm.layers import LayerNorm2d
from torch import Tensor, nn

from refiner.config import HQConfig
from refiner.network.base_model import MLP, BaseFeatures, Fpn, PointPrompts, SAM2Base
from refiner.network.decoding import decode
from refiner.network.maps import rows_of
from refiner.network.quarters import Local
from refiner.network.sam2refiner import RefinerOutput, grown


@dataclass(frozen=True)
class HQFeatures:
    """What HQ-SAM2 keeps of B pictures: early and late features fused, (B, C/8, S/4, S/4)."""

    fused: Tensor


class HQSAM2(nn.Module):
    """High-quality token, its MLP and the fusion of features; the base stays outside."""

    quarters = None

    def __init__(self, config: HQConfig) -> None:
        super().__init__()
        self.config = config
        width = config.hidden_dim
        self.token = nn.Embedding(1, width)
        self.token_mlp = MLP(width, width, width // 8, 3)
        # zero: no correction before the first step of training
        nn.init.zeros_(self.token_mlp.layers[-1].weight)
        nn.init.zeros_(self.token_mlp.layers[-1].bias)
        self.early = nn.Sequential(
            nn.Conv2d(width, width // 4, 1),
            LayerNorm2d(width // 4),
            nn.GELU(),
            nn.Conv2d(width // 4, width // 8, 3, padding=1),
        )
        self.late = nn.Sequential(
            nn.ConvTranspose2d(width, width // 4, 2, stride=2),
            LayerNorm2d(width // 4),
            nn.GELU(),
            nn.ConvTranspose2d(width // 4, width // 8, 2, stride=2),
        )
        self.mask_feature = nn.Sequential(
            nn.Conv2d(width // 8, width // 4, 3, padding=1),
            LayerNorm2d(width // 4),
            nn.GELU(),
            nn.Conv2d(width // 4, width // 8, 3, padding=1),
        )

    def prepare(
        self, base: SAM2Base, g: Tensor, fpn: Fpn, images: Tensor, local: Local | None
    ) -> HQFeatures:
        """Do once what no prompt changes; see `SAM2Refiner.prepare`."""
        return HQFeatures(self.early(fpn[0]) + self.late(g))  # (B, C/8, S/4, S/4), late h -> S/4

    def forward(
        self,
        base: SAM2Base,
        features: BaseFeatures,
        prepared: HQFeatures,
        index: Tensor,
        points: PointPrompts | None,
        mask_logits: Tensor | None = None,
        plain: Tensor | None = None,
    ) -> RefinerOutput:
        """Answer the prompts of N objects; see `SAM2Refiner.forward`. `plain` changes nothing."""
        decoded = decode(base, features, index, points, mask_logits, extra_tokens=self.token.weight)
        # the extra token goes last into the transformer and is read there
        weights = self.token_mlp(decoded.tokens[:, -1])  # (N, C/8)
        maps = self.mask_feature(decoded.upscaled) + rows_of(prepared.fused, index)
        low = decoded.best + torch.einsum("nc,nchw->nhw", weights, maps)[:, None]
        return RefinerOutput(grown(low, base), (), decoded)
