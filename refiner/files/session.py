"""Session files: everything that decides the masks of a picture, and the masks' hashes.

A session is a result document (`exports.result_document`) with the settings and a SHA-256 of every
mask; `python -m refiner replay` makes the masks again from it. Nothing here needs torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refiner.files.results import result_document
from refiner.files.run_lengths import decode_rle
from refiner.types import (
    MAX_OBJECTS,
    BoolArray,
    Box,
    Click,
    ImageArray,
    InputError,
    MaskPair,
    ModelInfo,
    Prompts,
)

SESSION_FORMAT = "sam2refiner-studio.session"
SESSION_VERSION = 1
MAX_SESSION_BYTES = 50_000_000
MAX_LONG_SIDE = 100_000
_IDS = {
    "kind": "the model",
    "base_id": "the base's weights",
    "refiner_id": "SAM2Refiner's weights",
    "cascade_base_id": "the base's weights below the cascade's SAM2Refiner",
}


@dataclass(frozen=True, slots=True, eq=False)
class SessionObject:
    """One object: its prompts and the SHA-256 of each model's mask, by the names of `MaskPair.MODELS`."""

    prompts: Prompts
    sha256: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """What a session file says, checked.

    Attributes:
        size_hw: the picture's size as it was worked on.
        image_sha256: of its pixels at that size; see `image_hash`.
        long_side: larger pictures were scaled down to this longer side.
        backbone: one of `config.BACKBONES`, or what a later version calls a new one.
        device: where the models ran.
        details: the model's own, with the ids of its weights and the build.
        versions: of the packages that decide the masks.
        objects: at least one.
    """

    size_hw: tuple[int, int]
    image_sha256: str
    long_side: int
    backbone: str
    device: str
    details: Mapping[str, Any]
    versions: Mapping[str, Any]
    objects: tuple[SessionObject, ...]


def image_hash(image: ImageArray) -> str:
    """Return the hexadecimal SHA-256 of a picture's pixels, row by row."""
    return hashlib.sha256(image.tobytes()).hexdigest()


def mask_hash(mask: BoolArray) -> str:
    """Return the hexadecimal SHA-256 of a mask's pixels, row by row, a byte of 0 or 1 each."""
    return hashlib.sha256(np.ascontiguousarray(mask, dtype=np.uint8).tobytes()).hexdigest()


def session_document(
    image: ImageArray,
    long_side: int,
    objects: Sequence[Prompts],
    pairs: Sequence[MaskPair],
    info: ModelInfo,
) -> dict[str, Any]:
    """Return a session as plain values for `json.dumps`.

    Args:
        image: the picture as worked on, uint8 RGB (height, width, 3).
        long_side: what larger pictures are scaled down to.
        objects: the prompts of each object; a mask prompt must be bool.
        pairs: the masks of each object.
        info: the model that made them.

    Raises:
        InputError: objects and pairs do not fit together, or a mask prompt is not bool.
    """
    for prompts in objects:
        if prompts.mask is not None and prompts.mask.dtype != np.bool_:
            raise InputError("A session keeps mask prompts as bool; compare them with 0.5 first.")
    size_hw = image.shape[0], image.shape[1]
    document = result_document(size_hw, objects, pairs, info, image_hash(image))
    for values, pair in zip(document["objects"], pairs, strict=True):
        values["sha256"] = {model: mask_hash(pair.mask_of(model).mask) for model in MaskPair.MODELS}
    kind = {"format": SESSION_FORMAT, "format_version": SESSION_VERSION}
    return document | kind | {"settings": {"long_side": long_side}}


def read_session(data: bytes) -> Session:
    """Read a session file, which may come from a stranger.

    Raises:
        InputError: it is no session file of a version known here, or damaged.
    """
    if len(data) > MAX_SESSION_BYTES:
        raise InputError(f"A session file has at most {MAX_SESSION_BYTES:,} bytes.")
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError("The session file is damaged JSON; download it again.") from error
    if not isinstance(document, dict) or document.get("format") != SESSION_FORMAT:
        raise InputError(
            f"This is no session file; expected a JSON of the format {SESSION_FORMAT}."
        )
    if document.get("format_version") != SESSION_VERSION:
        raise InputError(
            f"The session file is of version {ascii(document.get('format_version'))[:20]}, this "
            f"program reads {SESSION_VERSION}; use the program that wrote it."
        )
    try:
        return _session(document)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(
            f"The session file is damaged ({type(error).__name__} {ascii(str(error))[:60]}); "
            "download it again."
        ) from error


def check_model(session: Session, info: ModelInfo) -> None:
    """Raise InputError unless `info` is the model that made the session."""
    if info.backbone != session.backbone:
        raise InputError(
            f"The session was made with {session.backbone[:80]}, loaded is {info.backbone}; "
            "choose that backbone."
        )
    for key, name in _IDS.items():
        was, now = session.details.get(key), info.details.get(key)
        if was != now:
            raise InputError(
                f"The session was made with another checkpoint: {name} were {ascii(was)[:40]}, "
                f"loaded are {ascii(now)[:40]}. Load the checkpoint of the session."
            )


def _session(document: dict[str, Any]) -> Session:
    image, model = document["image"], document["model"]
    size_hw = _side(image["height"]), _side(image["width"])
    rows = document["objects"]
    if not isinstance(rows, list) or not 0 < len(rows) <= MAX_OBJECTS:
        raise InputError(f"A session has 1 to {MAX_OBJECTS} objects; download it again.")
    return Session(
        size_hw=size_hw,
        image_sha256=_hash(image["sha256"]),
        long_side=_side(document["settings"]["long_side"]),
        backbone=_text(model["backbone"]),
        device=_text(model["device"]),
        details=dict(model["details"]),
        versions=dict(document["versions"]),
        objects=tuple(_object(row, size_hw) for row in rows),
    )


def _object(row: Mapping[str, Any], size_hw: tuple[int, int]) -> SessionObject:
    values = row["prompts"]
    clicks = tuple(Click(x, y, positive) for x, y, positive in values["clicks"])
    box = None if values["box"] is None else Box(*values["box"])
    mask = None
    if values["mask"] is not None:
        if values["mask"]["size"] != [*size_hw]:
            raise InputError("A mask prompt of the session has another size than its picture.")
        mask = decode_rle(values["mask"])
    prompts = Prompts(clicks, box, mask)
    prompts.check(size_hw)
    return SessionObject(prompts, {model: _hash(row["sha256"][model]) for model in MaskPair.MODELS})


def _side(value: Any) -> int:
    if type(value) is not int or not 0 < value <= MAX_LONG_SIDE:
        raise ValueError("a size that is none")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 200:
        raise ValueError("a text that is none")
    return value


def _hash(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        raise ValueError("a hash that is none")
    return value
