"""Mask refinement (arXiv 2502.09660, section 3.2.3): from the object embedding to the picture's pixels.

Letters in shapes as in `refiner.network.sam2refiner`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from timm.layers import LayerNorm2d
from torch import Tensor, nn

from refiner.config import RefinerConfig
from refiner.network.base_model import Fpn
from refiner.network.decoding import BaseOutput
from refiner.network.maps import rows_of
from refiner.network.quarters import Local

OPEN = 3.0
"""Logit of a gate at first: 0.95 of every change is made, so that training starts from weights
without gates."""
PACE = 16.0
"""By how much a gate's logits grow faster than what is learned of them: a step changes weights by less
than a thousandth, and a gate has to move by several units."""


@dataclass(frozen=True)
class RefinerFeatures:
    """What SAM2Refiner keeps of B pictures; none of it depends on a prompt.

    Attributes:
        g: the refined global feature G_ref, (B, C, h, h).
        levels: s2, s1, s0 projected for mask refinement, at S/16, S/8 and S/4.
        fine: the quarters' finest map projected for it, at S/2; None without skips.
        low_level: the feature of the picture's own pixels, at S.
    """

    g: Tensor
    levels: tuple[Tensor, ...]
    fine: Tensor | None
    low_level: Tensor | None


@dataclass(frozen=True)
class MaskCorrection:
    """What mask refinement says of N objects.

    Attributes:
        logits: to be added to the mask on G_ref, (N, 1, S, S).
        intermediate: logits of D1, D2, D3, for supervision.
        gate: logits (N, 1, S/4, S/4) of how much of the change is made; None without `gate`.
    """

    logits: Tensor
    intermediate: tuple[Tensor, ...]
    gate: Tensor | None


class MaskRefinement(nn.Module):
    """A UNet-like decoder from E' up to the picture's own pixels (section 3.2.3).

    Beyond the paper, if the configuration has `skips`: D2, D3 and the step to S/2 also see the
    quarters' maps, which have the sides of s1, s0 and S/2 and know more of what things are; D3 also
    sees the base's mask and the map it was read from. If it has a `gate`, D3 also sees SAM2's own
    mask, and says where the change is to be trusted.
    """

    def __init__(self, config: RefinerConfig) -> None:
        super().__init__()
        w1, w2, w3, w4, w5 = config.widths
        width = config.hidden_dim
        self.projections = nn.ModuleList(nn.Conv2d(width, out, 1) for out in (w1, w2, w3))
        self.local = self.decoded = None
        if config.skips:
            pairs = ((width // 8, w4), (width // 4, w3), (width, w2))
            self.local = nn.ModuleList(nn.Conv2d(given, out, 1) for given, out in pairs)
            self.decoded = nn.Conv2d(width // 8 + 1, w3, 1)
        self.plain = self.gate = None
        if config.gate:
            self.plain = nn.Conv2d(1, w3, 3, padding=1)
            self.gate = nn.Conv2d(w3, 1, 1)
            start_at_zero(self.plain)
            start_at_zero(self.gate)
        self.stages = nn.ModuleList(
            (_block(width + w1, w1), _block(w1 + w2, w2), _block(w2 + w3, w3))
        )
        self.heads = nn.ModuleList(nn.Conv2d(channels, 1, 1) for channels in (w1, w2, w3))
        self.grow_half = nn.ConvTranspose2d(w3, w4, 2, stride=2)
        self.grow_full = nn.Sequential(
            LayerNorm2d(w4), nn.GELU(), nn.ConvTranspose2d(w4, w5, 2, stride=2)
        )
        self.low_level = nn.Sequential(
            nn.Conv2d(3, w5, 3, padding=1), nn.GELU(), nn.Conv2d(w5, w5, 3, padding=1)
        )
        self.output = nn.Sequential(nn.GELU(), nn.Conv2d(w5, 1, 3, padding=1))
        # no correction before the first step of training
        start_at_zero(self.output[1])

    def project(self, fpn: Fpn, local: Local | None) -> tuple[Fpn, Tensor | None]:
        """Project s2, s1, s0 to the widths of D1, D2, D3, with what the quarters add; and to S/2."""
        s2, s1, s0 = (
            project(level) for project, level in zip(self.projections, fpn[::-1], strict=True)
        )
        if self.local is None:
            return (s2, s1, s0), None
        assert local is not None
        l0, l1, l2 = (project(level) for project, level in zip(self.local, local, strict=True))
        side = s0.shape[-1]
        levels = s2, s1 + _sized(l2, side // 2), s0 + _sized(l1, side)
        return levels, _sized(l0, 2 * side)

    def forward(
        self,
        embedding: Tensor,
        decoded: BaseOutput,
        prepared: RefinerFeatures,
        index: Tensor,
        plain: Tensor | None = None,
    ) -> MaskCorrection:
        """Correct the masks of N objects by nothing at first; `plain` are SAM2's own logits."""
        x, heads = embedding, []
        for stage, head, level in zip(self.stages, self.heads, prepared.levels, strict=True):
            # maps are kept once a picture, objects pick those of theirs
            skip = rows_of(level, index)
            # S/4, the side of the base's mask: D3 alone
            if self.decoded is not None and skip.shape[-1] == decoded.best.shape[-1]:
                skip = skip + self.decoded(torch.cat([decoded.upscaled, decoded.best.sigmoid()], 1))
            if self.plain is not None and plain is not None and skip.shape[-1] == plain.shape[-1]:
                skip = skip + self.plain(plain.sigmoid())
            x = stage(torch.cat([_sized(x, skip.shape[-1]), skip], dim=1))
            heads.append(head(x))  # D1 at S/16, D2 at S/8, D3 at S/4
        half = self.grow_half(x)  # (N, w4, S/2, S/2)
        if prepared.fine is not None:
            half = half + rows_of(prepared.fine, index)
        assert prepared.low_level is not None
        full = self.grow_full(half) + rows_of(prepared.low_level, index)  # (N, w5, S, S)
        gate = None if self.gate is None else OPEN + PACE * self.gate(x)
        return MaskCorrection(self.output(full), tuple(heads), gate)


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        LayerNorm2d(outputs),
        nn.GELU(),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        LayerNorm2d(outputs),
        nn.GELU(),
    )


def _sized(maps: Tensor, side: int) -> Tensor:
    """Resize maps (N, C, h, h) to a side."""
    if maps.shape[-1] == side:
        return maps
    return F.interpolate(maps, (side, side), mode="bilinear", align_corners=False)


def start_at_zero(conv: nn.Module) -> None:
    """Set all parameters of a layer to zero, so that it answers nothing before the first step."""
    for parameter in conv.parameters():
        nn.init.zeros_(parameter)
