"""Load whatever segmenter there are weights for, under any backbone's name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from refiner.config import BACKBONE_TITLES, BACKBONES, LITE, OFFICIAL
from refiner.files.atomic import file_id
from refiner.network.base_model import SAM2Base, build_official, official_file
from refiner.network.checkpoint import Header, Refiner, load_base, load_refiner, state_id
from refiner.network.openvino_engine import engine_version
from refiner.network.sam2refiner import SAM2Refiner
from refiner.predict.cascade import CascadeSegmenter
from refiner.predict.segmenter import BaseSegmenter, ImageSegmenter
from refiner.types import InputError, ModelInfo, Segmenter

_PACKAGE = Path(__file__).resolve().parents[1]
_INSTALLED = _PACKAGE / "weights"
WEIGHTS = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "assets" / "weights"
"""The embedded weights: part of an installed package, in the repository beside it."""


def load_any(
    backbone: str = LITE,
    device: str | None = None,
    weights: Path | None = None,
    refiner: Path | None = None,
    embedded: Segmenter | None = None,
    openvino: bool | None = None,
) -> Segmenter:
    """Load both models; an official base without a refiner of its own gets the cascade.

    Args:
        backbone: one of `config.BACKBONES`.
        device: see `load_segmenter`.
        weights: of the base; see `load_segmenter`.
        refiner: weights of the base's own SAM2Refiner.
        embedded: sam2-lite with its refiner, if it is loaded already; for the cascade.
        openvino: see `load_segmenter`.

    Raises:
        InputError: as `load_segmenter`.
    """
    if backbone not in OFFICIAL or refiner is not None:
        return load_segmenter(backbone, device, weights, refiner, openvino)
    place = select_device(device)
    file = official_file(backbone, weights)
    base = build_official(backbone, file)
    fine = embedded or load_segmenter(LITE, device, openvino=openvino)
    title = BACKBONE_TITLES[backbone]
    info = ModelInfo(
        backbone,
        str(place),
        "official weights of SAM 2.1 by Meta",
        f"none for this base; its masks are refined by sam2refiner-lite, {fine.info.refiner_weights}",
        {
            **fine.info.details,
            "kind": "cascade",
            "titles": {"base": title, "refined": f"{title} + cascade of sam2refiner-lite"},
            "image_size": base.image_size,
            "base_id": state_id(base),
            "files": {
                "base": file_id(file),
                **{f"cascade_{name}": one for name, one in fine.info.details["files"].items()},
            },
            "cascade_base_id": fine.info.details["base_id"],
        },
    )
    return CascadeSegmenter(BaseSegmenter(base, info, place), fine, info)


def load_segmenter(
    backbone: str = LITE,
    device: str | None = None,
    weights: Path | None = None,
    refiner: Path | None = None,
    openvino: bool | None = None,
) -> ImageSegmenter:
    """Load both models.

    Args:
        backbone: one of `config.BACKBONES`.
        device: "cpu", "cuda", ...; the GPU if there is one when None.
        weights: of the base; for sam2-lite the embedded ones when None.
        refiner: weights of SAM2Refiner (or of the HQ-SAM2 baseline, to see it in its place);
            the embedded ones when None (sam2-lite only).
        openvino: compute in OpenVINO what it computes faster; wherever that can be done when None
            (sam2-lite on a CPU, and see `openvino_engine.engine_version`).

    Returns:
        A segmenter whose `info.details` say what stands on the base: `kind`, sam2refiner or
        hq-sam2, and `modules` and `quarters`, those of a SAM2Refiner; which weights: `base_id` and
        `refiner_id` as of `checkpoint.state_id`, and the `files`' SHA-256; and the `build` it runs
        on.

    Raises:
        InputError: a name is unknown, weights are missing, or the two do not belong together.
    """
    place = select_device(device)
    if backbone not in BACKBONES:
        raise InputError(f"Unknown backbone '{backbone}'; choose one of {', '.join(BACKBONES)}.")
    if backbone == LITE:
        weights = weights or WEIGHTS / "sam2-lite.safetensors"
        base, header = load_base(weights)
        base_weights = _described(header)
    else:
        if refiner is None:
            raise InputError(
                f"No SAM2Refiner weights for {backbone} are published. Train them with "
                f"'python -m refiner train refiner --backbone {backbone}' and give the file with "
                "--refiner, or use sam2-lite."
            )
        weights = official_file(backbone, weights)
        base = build_official(backbone, weights)
        base_weights = "official weights of SAM 2.1 by Meta"
    refiner = refiner or WEIGHTS / "sam2refiner-lite.safetensors"
    model, header = load_refiner(refiner, base)
    can = backbone == LITE and place.type == "cpu" and engine_version() is not None
    openvino = can and openvino is not False
    details = _details(base, model, header) | {"build": current_build(openvino)}
    details["files"] = {"base": file_id(weights), "refiner": file_id(refiner)}
    info = ModelInfo(backbone, str(place), base_weights, _described(header), details)
    return ImageSegmenter(base, model, info, place, openvino)


def _details(base: SAM2Base, model: Refiner, header: Header) -> dict[str, Any]:
    return {
        "image_size": base.image_size,
        "base_id": header.base_id,
        "refiner_id": state_id(model),
        "kind": header.kind,
        "modules": list(model.config.modules) if isinstance(model, SAM2Refiner) else [],
        "quarters": model.config.quarters if isinstance(model, SAM2Refiner) else "",
        "skips": isinstance(model, SAM2Refiner) and model.config.skips,
        **({"gate": True} if getattr(model.config, "gate", False) else {}),
        "trained": header.trained,
    }


def current_build(openvino: bool = False) -> dict[str, Any]:
    """Say what, beside the weights, decides the last bits of an answer on a CPU.

    `engine` is there where OpenVINO computes; without it, as in builds of old, torch alone does.
    """
    return {
        "torch": torch.__version__,
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        **({"engine": engine_version()} if openvino else {}),
    }


def select_device(name: str | None) -> torch.device:
    """Return the device called `name`, the GPU if there is one when None.

    Raises:
        InputError: there is no such device.
    """
    try:
        place = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.zeros(1, device=place)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"The device '{name}' is not available here; try --device cpu.") from error
    return place


def use_own_cores(threads: int | None = None) -> None:
    """Let torch use the cores of this process: a container may own fewer than the machine has.

    For programs to call once, before they load a model: the threads decide the last bits of a mask.
    `threads` are as many, if given.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    elif hasattr(os, "sched_getaffinity"):
        torch.set_num_threads(len(os.sched_getaffinity(0)))


def _described(header: Header) -> str:
    return f"trained by this project, {header.trained.get('summary', 'not said how')}"
