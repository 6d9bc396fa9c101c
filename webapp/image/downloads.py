"""Downloads: files called after the photo, at its own size, also where a smaller one is worked on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping

from refiner.files.pictures import scaled_mask
from refiner.files.results import (
    cutout_png,
    decode_rle,
    mask_png,
    object_color,
    overlay,
    overlay_png,
    result_document,
)
from refiner.types import BoolArray, ImageArray, InputError, Mask, MaskPair, ModelInfo
from webapp.image.photo import at_photo_size, prompts_at
from webapp.image.state import Answer, ImageState, SceneObject
from webapp.shared.messages import Values, read_count, read_text

MODELS: Mapping[str, str] = {"base": "sam2", "refined": "sam2refiner"}
KINDS = ("mask", "cutout", "overlay")
STRIP = 512
"""Rows of a photo that are painted at once."""


def export(
    state: ImageState, info: ModelInfo, wanted: Values, photo: Callable[[], ImageArray]
) -> tuple[str, bytes]:
    """Return the name and the content of the file that was asked for.

    Args:
        state: what the visitor has.
        info: the model that made it.
        wanted: `kind` of `mask`, `cutout`, `overlay` or `json`; but for `json`, `model` of `base`
            or `refined`; for `mask` and `cutout`, `object`.
        photo: gives the photo at its own size.

    Raises:
        InputError: there is no such file, or nothing to put in it yet.
    """
    kind = read_text(wanted, "kind")
    if kind == "json":
        return f"{state.opened.name}_sam2refiner.json", _document(state, info, photo())
    model = read_text(wanted, "model")
    if kind not in KINDS or model not in MODELS:
        raise InputError("There is no such download; reload the page and try again.")
    if kind == "overlay":
        return f"{state.opened.name}_{MODELS[model]}_overlay.png", _overlay(state, model, photo)
    item = state.scene.find(read_count(wanted, "object"))
    mask = scaled_mask(_mask(_answer(item), model), state.opened.original_hw)
    number = f"_object{item.slot + 1}" if len(state.scene.objects) > 1 else ""
    name = f"{state.opened.name}_{MODELS[model]}{number}_{kind}.png"
    return name, mask_png(mask) if kind == "mask" else cutout_png(photo(), mask)


def _overlay(state: ImageState, model: str, photo: Callable[[], ImageArray]) -> bytes:
    items = answered_objects(state)
    size_hw = state.opened.original_hw
    masks = [scaled_mask(_mask(_answer(item), model), size_hw) for item in items]
    colors = [object_color(item.slot) for item in items]
    painted = photo().copy()
    for top in range(0, size_hw[0], STRIP):  # painting takes 24 bytes a pixel
        rows = slice(top, top + STRIP)
        painted[rows] = overlay(painted[rows], [mask[rows] for mask in masks], colors)
    return overlay_png(painted, (), ())


def _document(state: ImageState, info: ModelInfo, photo: ImageArray) -> bytes:
    """Return everything in pixels of the photo; `worked` says what the models saw."""
    items, worked_hw = answered_objects(state), state.opened.size_hw
    size_hw = state.opened.original_hw
    document = result_document(
        size_hw,
        [prompts_at(item.prompts, worked_hw, size_hw) for item in items],
        [at_photo_size(pair_of(item), size_hw) for item in items],
        info,
        hashlib.sha256(photo.tobytes()).hexdigest(),
    )
    document["image"]["worked"] = {"width": worked_hw[1], "height": worked_hw[0]}
    return json.dumps(document, indent=1).encode()


def pair_of(item: SceneObject) -> MaskPair:
    """Return both models' masks of an object.

    Raises:
        InputError: it has none yet.
    """
    answer = _answer(item)
    return MaskPair(
        Mask(_mask(answer, "base"), answer.base_quality),
        Mask(_mask(answer, "refined"), answer.refined_quality),
    )


def answered_objects(state: ImageState) -> list[SceneObject]:
    """Return the objects that have masks.

    Raises:
        InputError: none has.
    """
    items = [item for item in state.scene.objects if item.answer is not None]
    if not items:
        raise InputError("There is no mask yet; click on something first.")
    return items


def _answer(item: SceneObject) -> Answer:
    if item.answer is None:
        raise InputError("This object has no mask yet; click on something first.")
    return item.answer


def _mask(answer: Answer, model: str) -> BoolArray:
    return decode_rle(answer.base if model == "base" else answer.refined)
