"""Twins of a frozen base and its refiner whose costly parts compute in OpenVINO.

A twin shares the weights of the model it is made of, which computes in torch as before. The mask
decoder, memory attention and localization augment stay torch's: OpenVINO is no faster there.
"""

from __future__ import annotations

import copy
from typing import Any, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refiner.network.base_model import Fpn, SAM2Base
from refiner.network.checkpoint import Refiner
from refiner.network.decoding import BaseOutput
from refiner.network.maps import rows_of
from refiner.network.mask_refinement import MaskCorrection, MaskRefinement, RefinerFeatures
from refiner.network.openvino_engine import FastPart, Tensors, engine_version
from refiner.network.quarters import Local

Module = TypeVar("Module", bound=nn.Module)


def accelerated_base(base: SAM2Base) -> SAM2Base:
    """Return a twin of a base on the CPU for prediction."""
    return _twin(
        base,
        image_encoder=_Encoder(base.image_encoder),
        memory_encoder=_MemoryEncoder(base.memory_encoder),
    )


def accelerated_refiner(refiner: Refiner) -> Refiner:
    """Return a twin of a refiner on the CPU for prediction."""
    refinement = getattr(refiner, "mask_refinement", None)
    if refinement is None or refinement.decoded is None or refinement.gate is not None:
        return refiner  # an ablation: its mask refinement is another, and nobody waits for it
    return _twin(refiner, mask_refinement=_Refinement(refinement))


def speed_up(base: SAM2Base) -> bool:
    """Let the encoder of a frozen base compute in OpenVINO from here on; say whether it does.

    It does not where OpenVINO is not installed, or answers otherwise than torch does. The base's
    parameters stay where they are, and no gradient reaches them.
    """
    if engine_version() is None:
        return False
    fast = _Encoder(base.image_encoder)
    images = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        if not fast.part.computes(images):
            return False
    base.image_encoder.forward = fast.forward
    return True


def _twin(module: Module, **parts: nn.Module) -> Module:
    """Return a copy with other parts in place of its own; all else is shared."""
    twin = copy.copy(module)
    twin.__dict__ = {**module.__dict__, "_modules": {**module._modules, **parts}}
    return twin


class _Maps(nn.Module):
    """The neck's maps alone, as the encoder makes them now."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self._forward = encoder.forward  # another one stands there later, see `speed_up`

    def forward(self, images: Tensor) -> Tensors:
        return tuple(self._forward(images)["backbone_fpn"])


class _Encoder(nn.Module):
    """The image encoder; keeps its neck, which knows positions."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.neck = encoder.neck
        self.part = FastPart(_Maps(encoder))

    def forward(self, images: Tensor) -> dict[str, Any]:
        return {"backbone_fpn": list(self.part(images))}


class _Memories(nn.Module):
    """The memory encoder's features alone."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, feature: Tensor, masks: Tensor) -> Tensors:
        found = self.encoder(feature, masks, skip_mask_sigmoid=True)
        return (found["vision_features"],)


class _MemoryEncoder(nn.Module):
    """The memory encoder as `SAM2Base._encode_new_memory` calls it."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.position_encoding = encoder.position_encoding
        self.part = FastPart(_Memories(encoder))

    def forward(self, feature: Tensor, masks: Tensor, skip_mask_sigmoid: bool) -> dict[str, Any]:
        (features,) = self.part(feature, masks if skip_mask_sigmoid else masks.sigmoid())
        return {"vision_features": features, "vision_pos_enc": [self.position_encoding(features)]}


class _Corrected(nn.Module):
    """`MaskRefinement` with what no prompt changes done before.

    A stage's first convolution sees two maps, put together: the stage before and a skip. It is the
    sum of two convolutions, and most of the second one does not depend on the prompt.
    """

    def __init__(self, own: MaskRefinement) -> None:
        super().__init__()
        assert own.decoded is not None
        self.own = own
        befores, skips = [], []
        stages: Any = own.stages
        for stage in stages:
            first, width = stage[0], stage[0].out_channels  # that of the skip, too
            befores.append(_conv(first.weight[:, :-width], None))
            skips.append(_conv(first.weight[:, -width:], first.bias))
        self.before, self.skips = nn.ModuleList(befores), nn.ModuleList(skips)
        # what D3 sees of the decoder comes through two linear layers, which are one
        one = own.decoded.weight[:, :, 0, 0]
        self.decoded = _conv(torch.einsum("ozij,zc->ocij", skips[2].weight, one), None)

    def prepared(self, levels: Fpn) -> Fpn:
        """Return the skips' share of each stage, from the projected levels s2, s1 and s0."""
        assert self.own.decoded is not None and self.own.decoded.bias is not None
        s2, s1, s0 = levels
        s0 = s0 + self.own.decoded.bias[:, None, None]
        s2, s1, s0 = (skip(level) for skip, level in zip(self.skips, (s2, s1, s0), strict=True))
        return s2, s1, s0

    def forward(
        self,
        embedding: Tensor,
        best: Tensor,
        upscaled: Tensor,
        s2: Tensor,
        s1: Tensor,
        s0: Tensor,
        fine: Tensor,
        low_level: Tensor,
    ) -> Tensors:
        """Return the correction of the logits, (N, 1, S, S)."""
        x, stages = embedding, cast(Any, self.own.stages)
        s0 = s0 + self.decoded(torch.cat([upscaled, best.sigmoid()], dim=1))
        for before, stage, skip in zip(self.before, stages, (s2, s1, s0), strict=True):
            if x.shape[-1] != skip.shape[-1]:
                x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            _, norm, _, conv, last_norm, _ = stage
            x = F.gelu(_normed(norm, before(x) + skip))
            x = F.gelu(_normed(last_norm, conv(x)))
        half = self.own.grow_half(x) + fine
        norm, _, grow = self.own.grow_full
        full = grow(F.gelu(_normed(norm, half))) + low_level
        return (self.own.output(full),)


class _Refinement(nn.Module):
    """Mask refinement for prediction; what only training looks at is not computed."""

    def __init__(self, own: MaskRefinement) -> None:
        super().__init__()
        self.own, self.low_level = own, own.low_level
        self.corrected = _Corrected(own).requires_grad_(False)
        self.part = FastPart(self.corrected)

    def project(self, fpn: Fpn, local: Local | None) -> tuple[Fpn, Tensor | None]:
        levels, fine = self.own.project(fpn, local)
        return self.corrected.prepared(levels), fine

    def forward(
        self,
        embedding: Tensor,
        decoded: BaseOutput,
        prepared: RefinerFeatures,
        index: Tensor,
        plain: Tensor | None = None,
    ) -> MaskCorrection:
        assert prepared.fine is not None and prepared.low_level is not None
        kept = (*prepared.levels, prepared.fine, prepared.low_level)
        maps = [rows_of(item, index) for item in kept]
        (logits,) = self.part(embedding, decoded.best, decoded.upscaled, *maps)
        return MaskCorrection(logits, (), None)


def _conv(weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    """Return a 3 x 3 convolution of given weights."""
    conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1, bias=bias is not None)
    conv.weight = nn.Parameter(weight.detach().contiguous(memory_format=torch.channels_last))
    if bias is not None:
        conv.bias = nn.Parameter(bias.detach())
    return conv


def _normed(norm: Any, x: Tensor) -> Tensor:
    """Apply a `LayerNorm2d` without moving channels to and fro."""
    centred = x - x.mean(1, keepdim=True)
    scale = (centred.square().mean(1, keepdim=True) + norm.eps).rsqrt()
    normed: Tensor = centred * scale * norm.weight[:, None, None] + norm.bias[:, None, None]
    return normed
