"""SAM2's prompt encoder and mask decoder: from prompts to masks at S/4, with all that a refiner reads.

Letters in shapes as in `refiner.network.base_model`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from refiner.network.base_model import BaseFeatures, SAM2Base
from refiner.network.maps import PointPrompts, rows_of


@dataclass(frozen=True)
class BaseOutput:
    """The mask decoder's answer for N objects.

    Attributes:
        masks: logits (N, M, S/4, S/4), M = 3 candidates or 1 mask.
        ious: predicted IoU (N, M).
        best: logits (N, 1, S/4, S/4) of the candidate with the best predicted IoU.
        best_iou: (N,) that predicted IoU.
        object_score: logits (N, 1) that the object is present.
        token: (N, C) the output token of `best`, which an object pointer is made of.
        tokens: (N, T, C) all output tokens of the transformer, prompt tokens included.
        embedding: E, the object embedding, (N, C, S/16, S/16).
        upscaled: the map the masks are read from, (N, C/8, S/4, S/4).
    """

    masks: Tensor
    ious: Tensor
    best: Tensor
    best_iou: Tensor
    object_score: Tensor
    token: Tensor
    tokens: Tensor
    embedding: Tensor
    upscaled: Tensor


@contextmanager
def _outputs_of(module: nn.Module) -> Iterator[list[Any]]:
    """Collect what a part of the base returns, so that nothing of sam2 has to be copied."""
    seen: list[Any] = []
    handle = module.register_forward_hook(lambda module, args, output: seen.append(output))
    try:
        yield seen
    finally:
        handle.remove()


def decode(
    base: SAM2Base,
    features: BaseFeatures,
    index: Tensor,
    points: PointPrompts | None,
    mask_logits: Tensor | None = None,
    g: Tensor | None = None,
    extra_tokens: Tensor | None = None,
) -> BaseOutput:
    """Run prompt encoder and mask decoder on N objects.

    Candidates are used by SAM2's own rule, `SAM2Base._use_multimask`; a box counts as two points.

    Args:
        base: the model.
        features: of B pictures.
        index: int64 (N,), the picture each object is in.
        points: sparse prompts, or None if there are only masks.
        mask_logits: (N, 1, S/4, S/4) mask prompts.
        g: replaces the global feature, (B, C, S/16, S/16).
        extra_tokens: (T, C) tokens that go through the transformer after the prompt tokens.
    """
    sparse, dense = _encoded_prompts(base, points, mask_logits)
    if extra_tokens is not None:
        sparse = torch.cat([sparse, extra_tokens.expand(len(index), -1, -1)], dim=1)
    image_embeddings = rows_of(features.g if g is None else g, index)  # (N, C, S/16, S/16)
    high_res = [rows_of(level, index) for level in features.high_res]
    return _decoded(base, image_embeddings, high_res, sparse, dense, _multimask(base, points))


def decode_both(
    base: SAM2Base,
    features: BaseFeatures,
    g: Tensor,
    index: Tensor,
    points: PointPrompts | None,
    mask_logits: Tensor | None = None,
) -> tuple[BaseOutput, BaseOutput]:
    """Do `decode` with a picture's own G and with `g` in one pass, in two thirds of two passes' time.

    `features` and `g`, (1, C, S/16, S/16), are of one picture; all N objects lie in it.
    """
    count = len(index)
    sparse, dense = _encoded_prompts(base, points, mask_logits)
    image_embeddings = torch.cat([maps.expand(count, -1, -1, -1) for maps in (features.g, g)])
    high_res = [level.expand(2 * count, -1, -1, -1) for level in features.high_res]
    prompts = torch.cat([sparse, sparse]), torch.cat([dense, dense])
    output = _decoded(base, image_embeddings, high_res, *prompts, _multimask(base, points))
    first, second = zip(*(value.chunk(2) for value in vars(output).values()), strict=True)
    return BaseOutput(*first), BaseOutput(*second)


def _encoded_prompts(
    base: SAM2Base, points: PointPrompts | None, mask_logits: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return the sparse embeddings (N, P, C) and the dense ones (N, C, S/16, S/16)."""
    found: tuple[Tensor, Tensor] = base.sam_prompt_encoder(
        points=None if points is None else (points.coords, points.labels),
        boxes=None,
        masks=mask_logits,
    )
    return found


def _multimask(base: SAM2Base, points: PointPrompts | None) -> bool:
    """Say whether three candidates are wanted: on a prompted frame one click may mean three things."""
    inputs = None if points is None else {"point_labels": points.labels}
    return bool(base._use_multimask(is_init_cond_frame=True, point_inputs=inputs))


def _decoded(
    base: SAM2Base,
    image_embeddings: Tensor,
    high_res: list[Tensor],
    sparse: Tensor,
    dense: Tensor,
    multimask: bool,
) -> BaseOutput:
    decoder = base.sam_mask_decoder
    # the decoder does not return E, its tokens and the upscaled map: taken on the way
    with _outputs_of(decoder.transformer) as seen, _outputs_of(decoder.output_upscaling[-1]) as up:
        masks, ious, mask_tokens, object_score = decoder(
            image_embeddings=image_embeddings,
            image_pe=base.sam_prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=multimask,
            repeat_image=False,
            high_res_features=high_res,
        )
    tokens, embedding = seen[0]  # (N, T, C), (N, h², C)
    rows = torch.arange(len(masks), device=masks.device)
    # SAM2's choice among its candidates, by the IoU it predicts
    best = ious.argmax(dim=1)
    return BaseOutput(
        masks=masks,
        ious=ious,
        best=masks[rows, best, None],
        best_iou=ious[rows, best],
        object_score=object_score,
        token=mask_tokens[rows, best],
        tokens=tokens,
        embedding=embedding.transpose(1, 2).reshape_as(image_embeddings),
        upscaled=up[0],
    )
