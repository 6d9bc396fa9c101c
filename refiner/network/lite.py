"""sam2-lite, the embedded base: sam2's own parts on an EfficientNet-Lite trunk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import timm
import torch
from sam2.modeling.backbones.image_encoder import FpnNeck, ImageEncoder
from sam2.modeling.memory_attention import MemoryAttention, MemoryAttentionLayer
from sam2.modeling.memory_encoder import CXBlock, Fuser, MaskDownSampler, MemoryEncoder
from sam2.modeling.position_encoding import PositionEmbeddingSine
from sam2.modeling.sam.prompt_encoder import PromptEncoder
from sam2.modeling.sam.transformer import RoPEAttention
from sam2.modeling.sam2_base import SAM2Base
from timm.layers import LayerNorm2d
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from refiner.config import LiteConfig
from refiner.network.maps import PointPrompts, click_maps
from refiner.types import InputError


@contextmanager
def building_on_cpu() -> Iterator[None]:
    """Let sam2 build its parts on the CPU, wherever they are used later.

    While it builds, it puts tables on a GPU if torch says there is one. On a Space whose GPU is lent
    call by call, torch says so always, and a model that mixes both devices cannot be built.
    """
    seen = torch.cuda.is_available
    torch.cuda.is_available = lambda: False
    try:
        yield
    finally:
        torch.cuda.is_available = seen


def prompt_map_encoder(width: int) -> nn.Sequential:
    """Encode a prompt map (N, 3, S/4, S/4) to (N, width, S/16, S/16), as SAM2 does mask prompts."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 2, stride=2),
        LayerNorm2d(16),
        nn.GELU(),
        nn.Conv2d(16, 64, 2, stride=2),
        LayerNorm2d(64),
        nn.GELU(),
        nn.Conv2d(64, width, 1),
    )


class LitePromptEncoder(PromptEncoder):  # type: ignore[misc]
    """SAM2's prompt encoder whose dense embedding also shows the clicks and the box.

    A small decoder trained from scratch does not learn to find sparse tokens in the picture; a
    dense map of the same prompts makes it listen from the first minutes on.
    """

    def __init__(self, hidden_dim: int, image_size: int, disc_radius: int) -> None:
        grid = image_size // 16
        super().__init__(hidden_dim, (grid, grid), (image_size, image_size), mask_in_chans=16)
        self.disc_radius = disc_radius
        self.map_downscaling = prompt_map_encoder(hidden_dim)

    def forward(self, points: Any, boxes: Any, masks: Any) -> tuple[Tensor, Tensor]:
        """Return the sparse and dense embeddings, as `PromptEncoder.forward` does."""
        sparse, dense = super().forward(points, boxes, masks)
        if points is None:
            # label -1 is no point: the maps stay empty, but their encoder's biases count always
            points = (torch.zeros(len(dense), 1, 2), -torch.ones(len(dense), 1, dtype=torch.int32))
            points = tuple(part.to(dense.device) for part in points)
        maps = click_maps(
            PointPrompts(*points),
            self.mask_input_size[0],
            self.input_image_size[0],
            self.disc_radius,
        )
        return sparse, dense + self.map_downscaling(maps)


def fold_batch_norms(net: nn.Module) -> nn.Module:
    """Fold each BatchNorm of a timm network into the convolution before it; keep its activation.

    In eval mode the result is the same function with a sixth of the operations less.
    """
    for block in list(net.modules()):
        conv: tuple[str, nn.Conv2d] | None = None
        for name, child in list(block.named_children()):
            # timm names them in the order they run, so the last convolution is the one before
            if isinstance(child, nn.Conv2d):
                conv = (name, child)
            elif isinstance(child, nn.BatchNorm2d) and conv is not None:
                setattr(block, conv[0], fuse_conv_bn_eval(conv[1].eval(), child.eval()))
                setattr(block, name, getattr(child, "act", nn.Identity()))
    return net


class LiteTrunk(nn.Module):
    """An EfficientNet-Lite as SAM2's trunk, its BatchNorms folded away."""

    def __init__(self, name: str) -> None:
        super().__init__()
        # strides 4, 8, 16, 32
        net = timm.create_model(name, features_only=True, out_indices=(1, 2, 3, 4))
        self.channel_list: list[int] = net.feature_info.channels()[::-1]
        self.net = fold_batch_norms(net).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def load_imagenet(self, name: str, state: dict[str, Tensor]) -> None:
        """Take ImageNet weights whose tensors have the order and shapes of timm's model `name`."""
        net = timm.create_model(name, features_only=True, out_indices=(1, 2, 3, 4))
        # without the counters of BatchNorm, which are scalars
        wanted = {key: value for key, value in net.state_dict().items() if value.ndim}
        given = [value for value in state.values() if value.ndim]
        for (key, value), source in zip(wanted.items(), given, strict=False):
            if value.shape != source.shape:
                raise InputError(
                    f"ImageNet weights do not fit {name}: {key} is {tuple(value.shape)}."
                )
        net.load_state_dict(dict(zip(wanted, given, strict=False)), strict=False)
        self.net.load_state_dict(fold_batch_norms(net).state_dict())

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the stages at strides 4, 8, 16 and 32."""
        stages: list[Tensor] = self.net(images.contiguous(memory_format=torch.channels_last))
        return stages


class SAM2Lite(SAM2Base):  # type: ignore[misc]
    """SAM2Base with a small trunk and the dense prompt encoder."""

    def __init__(self, config: LiteConfig) -> None:
        # before super().__init__, which calls _build_sam_heads
        self._lite = config
        width = config.hidden_dim
        trunk = LiteTrunk(config.trunk)
        neck = FpnNeck(
            PositionEmbeddingSine(width, normalize=True, warmup_cache=False),
            d_model=width,
            backbone_channel_list=trunk.channel_list,
            fpn_interp_model="nearest",
            # levels from the finest, as in the official models: s2 is made of strides 16 and 32
            fpn_top_down_levels=[2, 3],
        )
        super().__init__(
            ImageEncoder(trunk, neck, scalp=1),
            _memory_attention(config),
            _memory_encoder(width),
            image_size=config.image_size,
            sigmoid_scale_for_mem_enc=20.0,
            sigmoid_bias_for_mem_enc=-10.0,
            binarize_mask_from_pts_for_mem_enc=True,
            use_mask_input_as_output_without_sam=True,
            directly_add_no_mem_embed=True,
            no_obj_embed_spatial=True,
            use_high_res_features_in_sam=True,
            multimask_output_in_sam=True,
            iou_prediction_use_sigmoid=True,
            use_obj_ptrs_in_encoder=True,
            proj_tpos_enc_in_obj_ptrs=True,
            use_signed_tpos_enc_to_obj_ptrs=True,
            only_obj_ptrs_in_the_past_for_eval=True,
            pred_obj_scores=True,
            pred_obj_scores_mlp=True,
            fixed_no_obj_ptr=True,
            multimask_output_for_tracking=True,
            use_multimask_token_for_obj_ptr=True,
            multimask_min_pt_num=0,
            use_mlp_for_obj_ptr_proj=True,
        )

    def _build_sam_heads(self) -> None:
        super()._build_sam_heads()
        config = self._lite
        self.sam_prompt_encoder = LitePromptEncoder(
            config.hidden_dim, config.image_size, config.disc_radius
        )


def _memory_attention(config: LiteConfig) -> MemoryAttention:
    width, grid = config.hidden_dim, config.image_size // 16
    rope = {"rope_theta": 10000.0, "feat_sizes": (grid, grid), "embedding_dim": width}
    layer = MemoryAttentionLayer(
        activation="relu",
        cross_attention=RoPEAttention(
            num_heads=1, dropout=0.1, kv_in_dim=64, rope_k_repeat=True, **rope
        ),
        d_model=width,
        dim_feedforward=4 * width,
        dropout=0.1,
        pos_enc_at_attn=False,
        pos_enc_at_cross_attn_keys=True,
        pos_enc_at_cross_attn_queries=False,
        self_attention=RoPEAttention(num_heads=1, dropout=0.1, **rope),
    )
    return MemoryAttention(
        width, pos_enc_at_input=True, layer=layer, num_layers=config.memory_layers
    )


def _memory_encoder(width: int) -> MemoryEncoder:
    return MemoryEncoder(
        out_dim=64,
        mask_downsampler=MaskDownSampler(width, kernel_size=3, stride=2, padding=1),
        fuser=Fuser(CXBlock(width), num_layers=2),
        position_encoding=PositionEmbeddingSine(64, normalize=True, warmup_cache=False),
        in_dim=width,
    )


def build_lite(config: LiteConfig) -> SAM2Base:
    """Build sam2-lite with random weights, in eval mode."""
    with building_on_cpu():
        return SAM2Lite(config).eval()


def set_image_size(base: SAM2Base, size: int) -> None:
    """Change S of a sam2-lite in place; its weights fit every multiple of 32.

    Positions are continuous in [0, 1], so nothing but the grid sizes has to change.
    """
    grid = size // 16
    base.image_size, base.sam_image_embedding_size = size, grid
    prompt_encoder = base.sam_prompt_encoder
    prompt_encoder.image_embedding_size = (grid, grid)
    prompt_encoder.input_image_size = (size, size)
    prompt_encoder.mask_input_size = (4 * grid, 4 * grid)
