"""The base models: official SAM 2.1 and the embedded sam2-lite.

Only this file and `refiner.network.lite` import the sam2 package; others take its parts from here.

Letters in shapes: B pictures, N prompted objects, C hidden_dim, S image_size.
"""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from pathlib import Path

import torch
from sam2.build_sam import HF_MODEL_ID_TO_FILENAMES, build_sam2
from sam2.modeling.sam.transformer import Attention, TwoWayAttentionBlock
from sam2.modeling.sam2_base import NO_OBJ_SCORE, SAM2Base
from sam2.modeling.sam2_utils import MLP, sample_box_points
from sam2.modeling.sam2_utils import sample_random_points_from_errors as sample_error_points
from sam2.sam2_image_predictor import SAM2ImagePredictor
from sam2.sam2_video_predictor import SAM2VideoPredictor
from torch import Tensor

from refiner.config import OFFICIAL
from refiner.network.lite import build_lite, building_on_cpu, prompt_map_encoder, set_image_size
from refiner.network.maps import PointPrompts, click_maps, mask_to_logits, normalise
from refiner.types import InputError

__all__ = [
    "MLP",
    "NO_OBJ_SCORE",
    "Attention",
    "BaseFeatures",
    "Fpn",
    "PointPrompts",
    "SAM2Base",
    "TwoWayAttentionBlock",
    "build_lite",
    "build_official",
    "click_maps",
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
