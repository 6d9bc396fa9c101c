"""The replay command: make a session's masks again and say whether they are the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refiner.files.pictures import read_bytes, read_image, scaled_down
from refiner.files.results import mask_png, versions
from refiner.files.session import (
    MAX_SESSION_BYTES,
    MODELS,
    Session,
    check_model,
    image_hash,
    mask_hash,
    read_session,
)
from refiner.types import ImageArray, InputError, Segmenter

Load = Callable[[Session], Segmenter]


@dataclass(frozen=True, slots=True)
class Replay:
    """What came out: the masks that differ, as (object from 1, model), and how many there are."""

    session: Session
    segmenter: Segmenter
    differ: tuple[tuple[int, str], ...]
    masks: int


def run(load: Load, file: Path, image: Path, out: Path) -> Replay:
    """Make every mask of a session again, each by itself, and write it to `out`.

    Args:
        load: gives the model for a session.
        file: the session.
        image: its picture, as it was uploaded.
        out: the folder for `objectN_sam2.png`, `objectN_sam2refiner.png` and `replay.json`.

    Raises:
        InputError: a file cannot be read or written, the picture or the model is another one.
    """
    session = read_session(read_bytes(file, MAX_SESSION_BYTES))
    pixels = find_picture(session, read_image(image))
    segmenter = load(session)
    check_model(session, segmenter.info)
    differ = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for number, item in enumerate(session.objects, start=1):
            pair = segmenter.segment(pixels, [item.prompts]).objects[0]
            for name, model in MODELS.items():
                mask = getattr(pair, model).mask
                (out / f"object{number}_{name}.png").write_bytes(mask_png(mask))
                if mask_hash(mask) != item.sha256[name]:
                    differ.append((number, name))
        done = Replay(session, segmenter, tuple(differ), len(MODELS) * len(session.objects))
        (out / "replay.json").write_text(json.dumps(_record(done), indent=1, default=str) + "\n")
    except OSError as error:
        raise InputError(f"Cannot write to the folder {out}: {error.strerror}.") from error
    return done


def find_picture(session: Session, image: ImageArray) -> ImageArray:
    """Return the picture as the session worked on it.

    Raises:
        InputError: it is another picture.
    """
    for pixels in (image, scaled_down(image, session.long_side)):
        if image_hash(pixels) == session.image_sha256 and pixels.shape[:2] == session.size_hw:
            return pixels
    raise InputError(
        f"This is not the session's picture, which is {session.size_hw[1]} x {session.size_hw[0]} "
        f"as worked on with SHA-256 {session.image_sha256[:12]}...; this one is "
        f"{image.shape[1]} x {image.shape[0]} with {image_hash(image)[:12]}... Give the very file; "
        "a JPEG may also decode otherwise with another version of Pillow."
    )


def summary(done: Replay) -> Iterator[str]:
    """Say in lines whether the masks are the same and, if not, what may explain it."""
    if not done.differ:
        yield f"All {done.masks} masks are identical, bit for bit."
        return
    names = ", ".join(f"object {number} {model}" for number, model in done.differ)
    yield f"{len(done.differ)} of {done.masks} masks differ: {names}."
    changes = _changes(done)
    yield from changes or ("Build, versions and device are those of the session.",)


def _changes(done: Replay) -> list[str]:
    """Say what of the surroundings is not as it was."""
    was, now = _surroundings(done)
    return [
        f"{key}: {ascii(was.get(key))[:120]} then, {ascii(now.get(key))[:120]} now"
        for key in sorted({*was, *now})
        if was.get(key) != now.get(key)
    ]


def _surroundings(done: Replay) -> tuple[dict[str, Any], dict[str, Any]]:
    session, info = done.session, done.segmenter.info
    return (
        {**session.versions, "device": session.device, "build": session.details.get("build")},
        {**versions(), "device": info.device, "build": info.details.get("build")},
    )


def _record(done: Replay) -> dict[str, Any]:
    was, now = _surroundings(done)
    differ = [{"object": number, "model": model} for number, model in done.differ]
    return {"masks": done.masks, "differ": differ, "then": was, "now": now}
