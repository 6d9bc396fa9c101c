"""Downloads: files of fixed names, at the size the picture was worked at."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping

from refiner.files.results import (
    cutout_png,
    decode_rle,
    mask_png,
    object_color,
    overlay_png,
    result_document,
)
from refiner.types import BoolArray, InputError, MaskPair, ModelInfo
from webapp.image.state import ImageState, PictureAnswer, SceneObject
from webapp.shared.messages import Values, read_count, read_text

_FILE_NAMES: Mapping[str, str] = {"base": "sam2", "refined": "sam2refiner"}


def picture_file(state: ImageState, info: ModelInfo, wanted: Values) -> tuple[str, bytes]:
    """Return the name and the content of the file that was asked for.

    Args:
        state: what the visitor has.
        info: the model that made it.
        wanted: `kind` of `mask`, `cutout`, `overlay` or `json`; but for `json`, `model` of `base`
            or `refined`; for `mask` and `cutout`, `object`.

    Raises:
        InputError: there is no such file, or nothing to put in it yet.
    """
    kind = read_text(wanted, "kind")
    if kind == "json":
        return "sam2refiner-studio.json", _document(state, info)
    model = read_text(wanted, "model")
    if kind not in ("overlay", *_PNGS) or model not in _FILE_NAMES:
        raise InputError("There is no such download; reload the page and try again.")
    if kind == "overlay":
        return f"{_FILE_NAMES[model]}-overlay.png", _overlay(state, model)
    item = state.scene.find(read_count(wanted, "object"))
    name = f"{_FILE_NAMES[model]}-object{item.slot + 1}-{kind}.png"
    return name, _PNGS[kind](state, _mask(_answer(item), model))


def _overlay(state: ImageState, model: str) -> bytes:
    items = objects_with_answers(state)
    masks = [_mask(_answer(item), model) for item in items]
    return overlay_png(
        state.current_picture.pixels, masks, [object_color(item.slot) for item in items]
    )


def _document(state: ImageState, info: ModelInfo) -> bytes:
    items = objects_with_answers(state)
    document = result_document(
        state.current_picture.size_hw,
        [item.prompts for item in items],
        [pair_of(item) for item in items],
        info,
        hashlib.sha256(state.current_picture.pixels.tobytes()).hexdigest(),
    )
    height, width = state.current_picture.original_hw
    document["image"]["original"] = {"width": width, "height": height}
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


_PNGS: Mapping[str, Callable[[ImageState, BoolArray], bytes]] = {
    "mask": lambda state, mask: mask_png(mask),
    "cutout": lambda state, mask: cutout_png(state.current_picture.pixels, mask),
}
