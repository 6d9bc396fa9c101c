"""Downloads: files called after the photo, at its own size, also where a smaller one is worked on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

from refiner.files.painting import cutout_png, mask_png, object_color, overlay, overlay_png
from refiner.files.pictures import scaled_mask
from refiner.files.results import result_document
from refiner.files.run_lengths import decode_rle
from refiner.types import BoolArray, ImageArray, InputError, MaskPair, ModelInfo
from webapp.image.photo import at_photo_size, prompts_at
from webapp.image.state import ImageState, PictureAnswer, SceneObject
from webapp.shared.events import Values, read_count, read_text

_FILE_NAMES = {half: model for model, half in MaskPair.MODELS.items()}
_KINDS = ("mask", "cutout", "overlay")
_STRIP = 512
"""Rows of a photo that are painted at once."""


def picture_file(
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
        return f"{state.current_picture.name}_sam2refiner.json", _document(state, info, photo())
    model = read_text(wanted, "model")
    if kind not in _KINDS or model not in _FILE_NAMES:
        raise InputError("There is no such download; reload the page and try again.")
    if kind == "overlay":
        return f"{state.current_picture.name}_{_FILE_NAMES[model]}_overlay.png", _overlay(
            state, model, photo
        )
    item = state.scene.find(read_count(wanted, "object"))
    mask = scaled_mask(_mask(_answer(item), model), state.current_picture.original_hw)
    number = f"_object{item.slot + 1}" if len(state.scene.objects) > 1 else ""
    name = f"{state.current_picture.name}_{_FILE_NAMES[model]}{number}_{kind}.png"
    return name, mask_png(mask) if kind == "mask" else cutout_png(photo(), mask)


def _overlay(state: ImageState, model: str, photo: Callable[[], ImageArray]) -> bytes:
    items = objects_with_answers(state)
    size_hw = state.current_picture.original_hw
    masks = [scaled_mask(_mask(_answer(item), model), size_hw) for item in items]
    colors = [object_color(item.slot) for item in items]
    painted = photo().copy()
    for top in range(0, size_hw[0], _STRIP):  # painting takes 24 bytes a pixel
        rows = slice(top, top + _STRIP)
        painted[rows] = overlay(painted[rows], [mask[rows] for mask in masks], colors)
    return overlay_png(painted, (), ())


def _document(state: ImageState, info: ModelInfo, photo: ImageArray) -> bytes:
    """Return everything in pixels of the photo; `worked` says what the models saw."""
    items, worked_hw = objects_with_answers(state), state.current_picture.size_hw
    size_hw = state.current_picture.original_hw
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
    return _answer(item).pair.masks()


def objects_with_answers(state: ImageState) -> list[SceneObject]:
    """Return the objects that have masks.

    Raises:
        InputError: none has.
    """
    items = [item for item in state.scene.objects if item.answer is not None]
    if not items:
        raise InputError("There is no mask yet; click on something first.")
    return items


def _answer(item: SceneObject) -> PictureAnswer:
    if item.answer is None:
        raise InputError("This object has no mask yet; click on something first.")
    return item.answer


def _mask(answer: PictureAnswer, model: str) -> BoolArray:
    return decode_rle(answer.pair.base if model == "base" else answer.pair.refined)
