"""SAM2Refiner (arXiv 2502.09660): three trainable modules on a frozen SAM2, top to bottom.

Letters in shapes: B pictures, N prompted objects, T tokens, C hidden_dim, S image_size (C = 256,
S = 1024 in the official models, 128 and 512 in sam2-lite); h = S/16 is the side of G.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from timm.layers import LayerNorm2d
from torch import Tensor, nn

from refiner.config import RefinerConfig
from refiner.network.base_model import (
    Attention,
    BaseFeatures,
    Fpn,
    PointPrompts,
    SAM2Base,
    TwoWayAttentionBlock,
    click_maps,
    prompt_map_encoder,
)
from refiner.network.decoding import BaseOutput, decode
from refiner.network.mask_refinement import MaskRefinement, RefinerFeatures, start_at_zero
from refiner.network.quarters import Local


@dataclass(frozen=True)
class RefinerOutput:
    """The answer for N objects.

    Attributes:
        logits: (N, 1, S, S).
        intermediate: logits of D1, D2, D3: (N, 1, .) at S/16, S/8, S/4, for supervision.
        decoded: the frozen mask decoder's answer on G_ref.
    """

    logits: Tensor
    intermediate: tuple[Tensor, ...]
    decoded: BaseOutput


class SAM2Refiner(nn.Module):
    """Localization augment, prompt retargeting, mask refinement; the base stays outside."""

    def __init__(self, config: RefinerConfig) -> None:
        super().__init__()
        self.config = config
        self.quarters = config.quarters if "la" in config.modules else None
        if "la" in config.modules:
            self.localization_augment = LocalizationAugment(config)
        if "pr" in config.modules:
            self.prompt_retargeting = PromptRetargeting(config)
        if "mr" in config.modules:
            self.mask_refinement = MaskRefinement(config)
        elif "pr" in config.modules:
            self.plain_head = PlainHead(config)

    def prepare(
        self, base: SAM2Base, g: Tensor, fpn: Fpn, images: Tensor, local: Local | None
    ) -> RefinerFeatures:
        """Do once what no prompt changes.

        Args:
            base: the frozen base model.
            g: the global feature G, (B, C, h, h); several of one picture in a clip.
            fpn: the neck's maps s0, s1, s2.
            images: normalised pictures (B, 3, S, S).
            local: see `local_features`.
        """
        if self.quarters:
            assert local is not None
            # a clip has one frame and a G for each object, conditioned on its own memory
            coarse = local[2].expand(len(g), -1, -1, -1)
            g = self.localization_augment(g, coarse, base.sam_prompt_encoder.pe_layer)
        # ablations without mask refinement read no level and no pixel of the picture
        if "mr" not in self.config.modules:
            return RefinerFeatures(g, (), None, None)
        levels, fine = self.mask_refinement.project(fpn, local)
        return RefinerFeatures(g, levels, fine, self.mask_refinement.low_level(images))

    def forward(
        self,
        base: SAM2Base,
        features: BaseFeatures,
        prepared: RefinerFeatures,
        index: Tensor,
        points: PointPrompts | None,
        mask_logits: Tensor | None = None,
        plain: Tensor | None = None,
        decoded: BaseOutput | None = None,
    ) -> RefinerOutput:
        """Answer the prompts of N objects; `index` (N,) names the picture of each.

        With zero-initialised gates the untrained model returns SAM2's own mask, upsampled.

        `plain` are the logits (N, 1, S/4, S/4) of SAM2's own mask, which a model with `gate` falls
        back on; decoded from `features` where they are not given. `decoded` is the decoder's answer
        on G_ref, if it is known.
        """
        if decoded is None:
            # SAM2's own frozen decoder, on G_ref in place of G
            decoded = decode(base, features, index, points, mask_logits, g=prepared.g)
        embedding = decoded.embedding
        if "pr" in self.config.modules:
            image_pe = base.sam_prompt_encoder.get_dense_pe()
            embedding = self.prompt_retargeting(decoded, points, image_pe)  # E' (N, C, h, h)
        if "mr" in self.config.modules:
            if self.config.gate and plain is None:
                with torch.no_grad():
                    plain = decode(base, features, index, points, mask_logits).best
            refined = self.mask_refinement(embedding, decoded, prepared, index, plain)
            # a correction of the base's logits, not a mask of its own: it starts at zero
            logits = refined.logits + grown(decoded.best, base)
            if refined.gate is not None and plain is not None:
                kept = grown(plain, base)
                logits = kept + grown(refined.gate, base).sigmoid() * (logits - kept)
            return RefinerOutput(logits, refined.intermediate, decoded)
        low = decoded.best
        if "pr" in self.config.modules:
            low = low + self.plain_head(embedding)
        return RefinerOutput(grown(low, base), (), decoded)


class LocalizationAugment(nn.Module):
    """G asks the quarters' features for local detail (paper section 3.2.1)."""

    def __init__(self, config: RefinerConfig) -> None:
        super().__init__()
        width = config.hidden_dim
        self.attention = Attention(width, config.heads)
        self.norm_attention = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.norm_output = nn.LayerNorm(width)
        # zero: untrained, G_ref is G and the frozen decoder sees what it was trained on
        self.gate = nn.Parameter(torch.zeros(width))

    def forward(self, g: Tensor, local: Tensor, pe_layer: nn.Module) -> Tensor:
        """Return G_ref (B, C, h, h) from G and L (B, C, 2h, 2h), or (B, C, h, h) of small quarters."""
        finest = max(1, local.shape[-1] // g.shape[-1])  # 2 in the paper
        pools = [F.avg_pool2d(local, finest * k) for k in (1, 2, 4)]  # h, h/2, h/4
        value = torch.cat([_tokens(pool) for pool in pools], dim=1)  # (B, h² + h²/4 + h²/16, C)
        position = torch.cat([_tokens(pe_layer(pool.shape[-2:])[None]) for pool in pools], dim=1)
        query = _tokens(g)  # (B, h², C)
        query_position = _tokens(pe_layer(g.shape[-2:])[None])
        # positions go to queries and keys alone, as in SAM's transformer
        attended = self.attention(q=query + query_position, k=value + position, v=value)
        mixed = self.norm_attention(query + attended)
        mixed = self.norm_output(mixed + self.feed_forward(mixed))
        # (B, h², C) -> (B, C, h, h)
        update: Tensor = (self.gate * mixed).transpose(1, 2).reshape_as(g)
        return g + update


class PromptRetargeting(nn.Module):
    """The object embedding looks at the prompts and the first mask again (section 3.2.2)."""

    def __init__(self, config: RefinerConfig) -> None:
        super().__init__()
        width = config.hidden_dim
        self.config = config
        self.augment = ReceptiveFieldBlock(width)
        self.encode_map = prompt_map_encoder(width)
        self.retarget = TwoWayAttentionBlock(width, config.heads, config.mlp_dim)

    def forward(self, decoded: BaseOutput, points: PointPrompts | None, image_pe: Tensor) -> Tensor:
        """Return E' (N, C, h, h)."""
        # (N, 3, S/4, S/4): positive clicks, negative clicks, the first mask
        prompt_map = torch.cat([self._clicks(decoded, points), decoded.best.sigmoid()], dim=1)
        embedding = self.augment(decoded.embedding) + self.encode_map(prompt_map)  # E_ap
        _, keys = self.retarget(
            # tokens are their own positions, as in SAM's two-way transformer
            queries=decoded.tokens,
            keys=_tokens(embedding),
            query_pe=decoded.tokens,
            key_pe=_tokens(image_pe),
        )
        output: Tensor = keys.transpose(1, 2).reshape_as(embedding)
        return output

    def _clicks(self, decoded: BaseOutput, points: PointPrompts | None) -> Tensor:
        """Draw positive and negative clicks, (N, 2, S/4, S/4); boxes act through the tokens."""
        if points is None:
            return torch.zeros_like(decoded.best).repeat(1, 2, 1, 1)
        size = decoded.best.shape[-1]
        maps = click_maps(points, size, 4 * size, self.config.disc_radius)
        return maps[:, :2].to(decoded.best.dtype)


class ReceptiveFieldBlock(nn.Module):
    """Three branches 1x1, 1xn, nx1 with n = 3, 5, 7 beside a shortcut; starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = width // 4
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, inner, 1),
                nn.GELU(),
                nn.Conv2d(inner, inner, (1, n), padding=(0, n // 2)),
                nn.Conv2d(inner, inner, (n, 1), padding=(n // 2, 0)),
                nn.GELU(),
            )
            for n in (3, 5, 7)
        )
        self.fuse = nn.Conv2d(3 * inner, width, 1)
        self.shortcut = nn.Conv2d(width, width, 1)
        # zero branches and an identity shortcut: E_a starts as E
        start_at_zero(self.fuse)
        start_at_zero(self.shortcut)
        nn.init.dirac_(self.shortcut.weight)

    def forward(self, embedding: Tensor) -> Tensor:
        """Return E_a from E, both (N, C, h, h)."""
        # (N, 3C/4, h, h)
        branches = torch.cat([branch(embedding) for branch in self.branches], dim=1)
        output: Tensor = self.fuse(branches) + self.shortcut(embedding)
        return output


class PlainHead(nn.Module):
    """Reads a correction of the base's logits from E' where an ablation has no mask refinement."""

    def __init__(self, config: RefinerConfig) -> None:
        super().__init__()
        width = config.hidden_dim
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(width, width // 4, 2, stride=2),
            LayerNorm2d(width // 4),
            nn.GELU(),
            nn.ConvTranspose2d(width // 4, width // 8, 2, stride=2),
            nn.GELU(),
            nn.Conv2d(width // 8, 1, 1),
        )
        start_at_zero(self.layers[-1])

    def forward(self, embedding: Tensor) -> Tensor:
        """Return logits (N, 1, S/4, S/4), zero at first."""
        logits: Tensor = self.layers(embedding)
        return logits


def grown(logits: Tensor, base: SAM2Base) -> Tensor:
    """Upsample logits (N, 1, S/4, S/4) to S."""
    size = (base.image_size, base.image_size)
    return F.interpolate(logits, size, mode="bilinear", align_corners=False)


def _tokens(image: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, h·w, C)."""
    return image.flatten(2).transpose(1, 2)
