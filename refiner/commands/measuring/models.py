"""The models that evaluate measures, by the name of what refines their masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from refiner.config import LITE, VARIANTS, RefinerConfig, weights_name
from refiner.network.checkpoint import HQ, REFINER
from refiner.predict.loading import WEIGHTS, load_segmenter
from refiner.predict.segmenter import ImageSegmenter
from refiner.predict.tracker import load_tracker
from refiner.types import InputError, Segmenter
from refiner.video_types import Tracker


def load_segmenters(
    models: Sequence[str],
    weights: Mapping[str, Path | None],
    backbone: str = LITE,
    device: str | None = None,
    base: Path | None = None,
    folder: Path | None = None,
) -> dict[str, Segmenter]:
    """Load what gives the masks of `models`, by refined model; `sam2` alone takes SAM2Refiner's.

    Args:
        models: Some of `records.MODEL_NAMES`.
        weights: Files by refined model; where there is none, the one in `folder`.
        backbone: The base of all of them; see `load_segmenter`, also for `device`.
        device: Where to run.
        base: The base's weights.
        folder: Holds weights named as `train` names them; the embedded ones if not given.

    Raises:
        InputError: the weights of a model are missing or those of another model.
    """
    segmenters: dict[str, Segmenter] = {}
    for name in [model for model in models if model in VARIANTS] or [REFINER]:
        file = weights.get(name) or _in_folder(folder or WEIGHTS, name, backbone)
        segmenters[name] = segmenter = load_segmenter(backbone, device, base, file)
        held = _variant(segmenter.info.details)
        if held != name:
            raise InputError(f"Expected weights of {name}, but {file} holds a {held}.")
    return segmenters


def _in_folder(folder: Path, name: str, backbone: str) -> Path:
    file = folder / weights_name(name, backbone)
    if not file.is_file():
        what = "train hq" if name == HQ else f"train refiner --variants {name}"
        raise InputError(
            f"There are no weights of {name} for {backbone}: {file} is missing. Make them with "
            f"'python -m refiner {what} --backbone {backbone}' and give their folder with "
            f"--refiners, or leave {name} out of --models."
        )
    return file


def _variant(details: Mapping[str, Any]) -> str:
    """Name what a segmenter's `info.details` describe, one of `VARIANTS`."""
    if details["kind"] == HQ:
        return HQ
    for name, settings in VARIANTS.items():
        if _settings(asdict(RefinerConfig(128, 512, **settings))) == _settings(details):
            return name
    return f"SAM2Refiner with the modules {', '.join(details['modules'])} of no variant"


def _settings(config: Mapping[str, Any]) -> tuple[list[str], str, bool, bool]:
    return list(config["modules"]), config["quarters"], config["skips"], config.get("gate", False)


def load_trackers(segmenters: Mapping[str, Segmenter], *, fast: bool = False) -> dict[str, Tracker]:
    """Return a tracker on each of `load_segmenters`' models; `fast` as in `load_tracker`.

    Raises:
        InputError: one of them cannot track.
    """
    trackers: dict[str, Tracker] = {}
    for name, segmenter in segmenters.items():
        if not isinstance(segmenter, ImageSegmenter):
            raise InputError(f"{name} cannot track; measure it with --only photos.")
        trackers[name] = load_tracker(segmenter, fast=fast)
    return trackers
