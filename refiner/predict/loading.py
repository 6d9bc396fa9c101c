"""Load whatever segmenter there are weights for, under any backbone's name."""

from __future__ import annotations

from pathlib import Path

from refiner.config import BACKBONE_TITLES, LITE, OFFICIAL
from refiner.files.atomic import file_id
from refiner.network.base_model import build_official, official_file
from refiner.network.checkpoint import state_id
from refiner.predict.cascade import CascadeSegmenter
from refiner.predict.segmenter import BaseSegmenter, load_segmenter, select_device
from refiner.types import ModelInfo, Segmenter


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
