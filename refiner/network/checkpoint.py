"""Strict safetensors checkpoints with their configuration inside.

A file holds half-precision tensors and, in its header, what it is, the settings of the model, how
it was trained and, for a refiner, the id of the base it belongs to. Nothing loads in part.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from refiner.config import LITE, HQConfig, LiteConfig, RefinerConfig
from refiner.files.atomic import replacing
from refiner.network.base_model import SAM2Base, build_lite
from refiner.network.hq_sam2 import HQSAM2
from refiner.network.sam2refiner import SAM2Refiner
from refiner.types import InputError

Refiner = SAM2Refiner | HQSAM2
"""What can stand on a frozen base: our model, or the baseline it is compared with."""
REFINER, HQ = "sam2refiner", "hq-sam2"
CONFIGS = {LITE: LiteConfig, REFINER: RefinerConfig, HQ: HQConfig}
CHECKPOINT_KINDS = tuple(CONFIGS)
GATE = ("mask_refinement.plain.", "mask_refinement.gate.")
"""How the names of a refiner's tensors begin that only `RefinerConfig.gate` brings."""
VIDEO_ONLY = (
    "memory_attention.",
    "memory_encoder.",
    "maskmem_tpos_enc",
    "no_mem_pos_enc",
    "no_obj_ptr",
    "no_obj_embed_spatial",
    "mask_downsample.",
    "obj_ptr_proj.",
    "obj_ptr_tpos_proj.",
    "sam_mask_decoder.pred_obj_score_head.",
)
"""How the names of a base's tensors begin that only tracking uses: no mask of a picture depends on
them. `no_mem_embed` is not among them, for pictures are answered with it added; the score head is,
for only tracking drops the mask of an object that is not there.
"""


@dataclass(frozen=True)
class Header:
    """What a checkpoint says of itself.

    Attributes:
        kind: `sam2-lite`, `sam2refiner` or `hq-sam2`.
        config: the fields of the model's configuration.
        trained: how: steps, minutes, data; shown to the user.
        base_id: for a refiner, `state_id` of its base; else empty.
    """

    kind: str
    config: dict[str, Any]
    trained: dict[str, Any]
    base_id: str = ""


def state_id(module: nn.Module) -> str:
    """Return a short hash of the names and values that answers on pictures depend on.

    Values are rounded to half precision. That is what a checkpoint keeps, so a model has the same
    id before and after saving. Training the memory (`VIDEO_ONLY`) keeps the id: a refiner stays
    with its base.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        if not name.startswith(VIDEO_ONLY):
            digest.update(name.encode())
            digest.update(tensor.detach().to("cpu", torch.float16).contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def save_base(path: Path, base: SAM2Base, config: LiteConfig, trained: dict[str, Any]) -> None:
    """Write a sam2-lite."""
    write(path, base.state_dict(), Header(LITE, dataclasses.asdict(config), trained))


def save_refiner(path: Path, refiner: Refiner, base_id: str, trained: dict[str, Any]) -> None:
    """Write a refiner for the base `base_id`."""
    kind = HQ if isinstance(refiner, HQSAM2) else REFINER
    write(
        path,
        refiner.state_dict(),
        Header(kind, dataclasses.asdict(refiner.config), trained, base_id),
    )


def load_base(path: Path) -> tuple[SAM2Base, Header]:
    """Read a sam2-lite.

    Raises:
        InputError: the file is missing, damaged or not a complete sam2-lite.
    """
    header, tensors = read(path, (LITE,))
    try:
        base = build_lite(LiteConfig(**header.config))
    except (RuntimeError, TypeError, ValueError) as error:  # timm raises the first
        raise InputError(f"The settings inside {path} cannot be used: {error}.") from error
    _fill(base, tensors, path)
    return base.eval(), header


def load_refiner(path: Path, base: SAM2Base) -> tuple[Refiner, Header]:
    """Read a SAM2Refiner or an HQ-SAM2 and check that it was trained on this very base.

    Raises:
        InputError: the file is missing, damaged, incomplete, or belongs to another base.
    """
    header, tensors = read(path, (REFINER, HQ))
    own = state_id(base)
    if header.base_id != own:
        raise InputError(
            f"{path} was trained on the base {header.base_id or 'unknown'}, the base loaded is "
            f"{own}. Load the base it was trained on, or train a refiner for this one."
        )
    try:
        refiner = build_refiner(header.kind, header.config)
    except (TypeError, ValueError) as error:
        raise InputError(f"The settings inside {path} cannot be used: {error}.") from error
    _fill(refiner, tensors, path)
    return refiner.eval(), header


def fill_refiner(refiner: Refiner, path: Path) -> None:
    """Start the training of a refiner from one of the same shape, whatever base that one is for.

    A refiner with a gate may start from one without: its gate stays as it is.

    Raises:
        InputError: the file is missing, damaged, or holds a refiner of another shape.
    """
    header, tensors = read(path, (HQ if isinstance(refiner, HQSAM2) else REFINER,))
    if getattr(refiner.config, "gate", False) and not header.config.get("gate", False):
        own = refiner.state_dict()
        tensors = {name: own[name] for name in own if name.startswith(GATE)} | tensors
    _fill(refiner, tensors, path)


def build_refiner(kind: str, config: dict[str, Any]) -> Refiner:
    """Build a `sam2refiner` or `hq-sam2` with fresh weights."""
    return HQSAM2(HQConfig(**config)) if kind == HQ else SAM2Refiner(RefinerConfig(**config))


def write(path: Path, state: Mapping[str, Tensor], header: Header) -> None:
    """Write tensors in half precision with what they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: tensor.detach().to("cpu", torch.float16).contiguous()
        for name, tensor in state.items()
    }
    with replacing(path) as part:
        save_file(tensors, part, metadata={"header": json.dumps(dataclasses.asdict(header))})


def read(path: Path, kinds: tuple[str, ...] = CHECKPOINT_KINDS) -> tuple[Header, dict[str, Tensor]]:
    """Read the header and the tensors, in single precision, of a checkpoint of one of `kinds`.

    Raises:
        InputError: the file is missing, damaged or of another kind.
    """
    try:
        with safe_open(path, "pt") as file:
            header = Header(**json.loads((file.metadata() or {})["header"]))
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise InputError(f"There is no checkpoint {path}.") from error
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is not a checkpoint of this project ({type(error).__name__}); expected a "
            f"complete .safetensors file of kind {' or '.join(kinds)}."
        ) from error
    if header.kind not in kinds:
        raise InputError(f"{path} holds a {header.kind}, expected a {' or '.join(kinds)}.")
    return header, tensors


def _fill(module: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    try:
        module.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise InputError(f"The tensors in {path} do not fit its model: {first}") from error
