"""The base models: official SAM 2.1 and the embedded sam2-lite.

Only this file and `refiner.network.lite` import the sam2 package; others take its parts from here.

Letters in shapes: B pictures, N prompted objects, C hidden_dim, S image_size.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from sam2.build_sam import HF_MODEL_ID_TO_FILENAMES, build_sam2
from sam2.modeling.sam.transformer import Attention, TwoWayAttentionBlock
from sam2.modeling.sam2_base import NO_OBJ_SCORE, SAM2Base
from sam2.modeling.sam2_utils import MLP, sample_box_points
from sam2.modeling.sam2_utils import sample_random_points_from_errors as sample_error_points
from sam2.sam2_image_predictor import SAM2ImagePredictor
from sam2.sam2_video_predictor import SAM2VideoPredictor
from torch import Tensor, nn

from refiner.config import OFFICIAL
from refiner.network.lite import build_lite, building_on_cpu, prompt_map_encoder, set_image_size
from refiner.network.maps import PointPrompts, click_maps, mask_to_logits, normalise, rows_of
from refiner.types import InputError

__all__ = [
    "MLP",
    "NO_OBJ_SCORE",
    "Attention",
    "BaseFeatures",
    "BaseOutput",
    "Fpn",
    "PointPrompts",
    "SAM2Base",
    "TwoWayAttentionBlock",
    "build_lite",
    "build_official",
    "click_maps",
    "decode",
    "decode_both",
    "encode",
    "load_official",
    "mask_to_logits",
    "normalise",
    "official_file",
    "project",
    "prompt_map_encoder",
    "reference_predictor",
    "reference_video_predictor",
    "sample_box_points",
    "sample_error_points",
    "set_image_size",
]

ONE_BY_ONE = 512
"""From this size on, a CPU encodes pictures faster one after the other than in a batch."""

Fpn = tuple[Tensor, Tensor, Tensor]
"""The neck's maps s0, s1, s2: C channels at S/4, S/8 and S/16."""


@dataclass(frozen=True)
class BaseFeatures:
    """What the base model keeps of B pictures; everything a prompt needs.

    Attributes:
        high_res: s0 and s1 projected for the mask decoder, C/8 at S/4 and C/4 at S/8.
        g: the global feature G, C at S/16: s2 + no_mem_embed.
    """

    high_res: tuple[Tensor, Tensor]
    g: Tensor


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


def encode(base: SAM2Base, images: Tensor) -> tuple[BaseFeatures, Fpn]:
    """Encode normalised pictures (B, 3, S, S); the same steps as SAM2Base.forward_image.

    Returns:
        The features prompts need, and the neck's own maps s0, s1, s2.
    """
    one_by_one = images.is_cpu and images.shape[-1] >= ONE_BY_ONE
    parts = torch.split(images, 1) if one_by_one else (images,)
    maps = [base.image_encoder(part)["backbone_fpn"] for part in parts]
    s0, s1, s2 = (
        torch.cat(level) if len(level) > 1 else level[0] for level in zip(*maps, strict=True)
    )
    return project(base, (s0, s1, s2)), (s0, s1, s2)


def project(base: SAM2Base, fpn: Fpn) -> BaseFeatures:
    """Turn the neck's maps into what the mask decoder takes."""
    s0, s1, s2 = fpn
    decoder = base.sam_mask_decoder
    # what SAM2Base adds on a frame without memory; pictures have none
    g = s2 + base.no_mem_embed.reshape(1, -1, 1, 1) if base.directly_add_no_mem_embed else s2
    return BaseFeatures((decoder.conv_s0(s0), decoder.conv_s1(s1)), g)


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
    image_embeddings = rows_of(features.g if g is None else g, index)  # (N, C, S/16, S/16)
    inputs = None if points is None else {"point_labels": points.labels}
    # is_init_cond_frame: a prompted frame, where one click may mean three things
    multimask = base._use_multimask(is_init_cond_frame=True, point_inputs=inputs)
    sparse, dense = base.sam_prompt_encoder(
        points=None if points is None else (points.coords, points.labels),
        boxes=None,
        masks=mask_logits,
    )
    if extra_tokens is not None:
        sparse = torch.cat([sparse, extra_tokens.expand(len(index), -1, -1)], dim=1)
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
            high_res_features=[rows_of(level, index) for level in features.high_res],
        )
    tokens, embedding = seen[0]  # (N, T, C), (N, h², C)
    rows = torch.arange(len(index), device=masks.device)
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
    output = decode(
        base,
        BaseFeatures(features.high_res, torch.cat([features.g, g])),
        torch.cat([index, index + 1]),
        None if points is None else PointPrompts(_twice(points.coords), _twice(points.labels)),
        None if mask_logits is None else _twice(mask_logits),
    )
    first, second = zip(*(value.chunk(2) for value in vars(output).values()), strict=True)
    return BaseOutput(*first), BaseOutput(*second)


def _twice(rows: Tensor) -> Tensor:
    return torch.cat([rows, rows])


def build_official(name: str, checkpoint: Path | None = None) -> SAM2Base:
    """Build an official SAM 2.1 model on the CPU, with random weights if no checkpoint is given.

    Raises:
        InputError: the name is unknown or the checkpoint does not fit.
    """
    if name not in OFFICIAL:
        raise InputError(f"Unknown backbone '{name}'; choose one of {', '.join(OFFICIAL)}.")
    config_file, _ = HF_MODEL_ID_TO_FILENAMES[OFFICIAL[name]]
    try:
        with building_on_cpu():
            return build_sam2(
                config_file,
                str(checkpoint) if checkpoint else None,
                device="cpu",
                hydra_overrides_extra=["++model.binarize_mask_from_pts_for_mem_enc=true"],
            )  # the override is what sam2.build_sam.build_sam2_video_predictor sets
    except (
        RuntimeError,
        KeyError,
        OSError,
        EOFError,
        TypeError,
        ValueError,
        pickle.UnpicklingError,
    ) as error:
        raise InputError(
            f"The file {checkpoint} does not hold the weights of {name}: "
            f"{str(error).splitlines()[0] if str(error) else type(error).__name__}. "
            "Give the official checkpoint of this backbone."
        ) from error


def reference_predictor(base: SAM2Base) -> SAM2ImagePredictor:
    """Return the sam2 package's own predictor for any S; it takes the S of 1024 for granted."""
    predictor = SAM2ImagePredictor(base)
    predictor._bb_feat_sizes = [(base.image_size // stride,) * 2 for stride in (4, 8, 16)]
    return predictor


def reference_video_predictor(base: SAM2Base) -> SAM2VideoPredictor:
    """Return the sam2 package's own video predictor of `base`, without its filling of holes."""
    # its __init__ would build a second model; the weights are those of `base`
    predictor = SAM2VideoPredictor.__new__(SAM2VideoPredictor)
    predictor.__dict__.update(base.__dict__)
    predictor.fill_hole_area = 0
    predictor.non_overlap_masks = False
    predictor.clear_non_cond_mem_around_input = False
    predictor.add_all_frames_to_correct_as_cond = False
    return predictor


def load_official(name: str, weights: Path | None = None) -> SAM2Base:
    """Load an official SAM 2.1 with its weights, those of `official_file`.

    Raises:
        InputError: no weights are found, they do not fit, or the Hub is out of reach.
    """
    return build_official(name, official_file(name, weights))


def official_file(name: str, weights: Path | None = None) -> Path:
    """Find the weights of an official SAM 2.1.

    Looked for in this order: `weights` (a file, or a folder holding the file of the official
    name), the folder SAM2_WEIGHTS_DIR names, the Hugging Face Hub.

    Raises:
        InputError: no weights are found, or the Hub is out of reach.
    """
    if name not in OFFICIAL:
        raise InputError(f"Unknown backbone '{name}'; choose one of {', '.join(OFFICIAL)}.")
    _, file_name = HF_MODEL_ID_TO_FILENAMES[OFFICIAL[name]]
    folder = os.environ.get("SAM2_WEIGHTS_DIR")
    given = weights or (Path(folder) if folder else None)
    if given is None:
        return _from_hub(name, file_name)
    path = given / file_name if given.is_dir() else given
    if not path.is_file():
        raise InputError(f"There is no weights file {path} for {name}; expected {file_name}.")
    return path


def _from_hub(name: str, file_name: str) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(repo_id=OFFICIAL[name], filename=file_name))
    except Exception as error:  # the Hub client raises many kinds for one cause: no file came
        raise InputError(
            f"The weights of {name} could not be fetched from the Hugging Face Hub "
            f"({type(error).__name__}). Download {file_name} from {OFFICIAL[name]} by hand and give "
            "its path with --weights or its folder in SAM2_WEIGHTS_DIR, or use sam2-lite."
        ) from error
