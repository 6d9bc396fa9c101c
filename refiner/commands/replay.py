"""The replay command: make a session's masks again and say whether they are the same."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from refiner.commands.values import say
from refiner.config import BACKBONES
from refiner.files.painting import mask_png
from refiner.files.pictures import read_bytes, read_image, scaled_down
from refiner.files.results import versions
from refiner.files.session import (
    MAX_SESSION_BYTES,
    Session,
    check_model,
    image_hash,
    mask_hash,
    read_session,
)
from refiner.predict.loading import load_any, use_own_cores
from refiner.types import ImageArray, InputError, MaskPair, Segmenter

MAX_THREADS = 256
"""More than this no session asks for in earnest."""

Load = Callable[[Session], Segmenter]


@dataclass(frozen=True, slots=True)
class Replay:
    """What came out: the masks that differ, as (object from 1, model), and how many there are."""

    session: Session
    segmenter: Segmenter
    differ: tuple[tuple[int, str], ...]
    masks: int


def add_replay(parser: argparse.ArgumentParser) -> None:
    """Describe the session, its picture and the model's options."""
    parser.add_argument("session", type=Path, metavar="FILE")
    parser.add_argument("--image", type=Path, required=True, help="the session's picture")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--device", default=None, help="the session's own if not given")
    parser.add_argument(
        "--weights", type=Path, default=None, help="the base's weights: a file or a folder"
    )
    parser.add_argument("--refiner", type=Path, default=None, help="SAM2Refiner's weights")
    parser.set_defaults(run=_run)


def _run(flags: argparse.Namespace) -> int:
    """Return 1 if a mask differs."""
    outcome = replay_session(
        lambda session: load_for_session(session, flags.device, flags.weights, flags.refiner),
        flags.session,
        flags.image,
        flags.out,
    )
    say("\n".join(replay_summary(outcome)))
    return 1 if outcome.differ else 0


def load_for_session(
    session: Session,
    device: str | None = None,
    weights: Path | None = None,
    refiner: Path | None = None,
) -> Segmenter:
    """Load what a session was made with, on as many threads and with its engine.

    They, too, decide the last bits.

    Args:
        session: see `session.read_session`.
        device: the session's own when None.
        weights: of the base; see `load_segmenter`.
        refiner: weights of the base's own SAM2Refiner.

    Raises:
        InputError: as `load_segmenter`; or the backbone is unknown here.
    """
    if session.backbone not in BACKBONES:
        raise InputError(
            f"The session was made with {ascii(session.backbone)[:60]}, which is unknown here; "
            f"known are {', '.join(BACKBONES)}."
        )
    if device is None and session.device.partition(":")[0] not in ("cpu", "cuda", "mps", "xpu"):
        raise InputError(
            f"The session was made on {ascii(session.device)[:60]}, no device known here; choose "
            "one with --device."
        )
    use_own_cores()
    build = session.details.get("build")
    build = build if isinstance(build, dict) else {}
    if type(threads := build.get("threads")) is int and 0 < threads <= MAX_THREADS:
        torch.set_num_threads(threads)
    place = device or session.device
    return load_any(session.backbone, place, weights, refiner, openvino="engine" in build)


def replay_session(load: Load, file: Path, image: Path, out: Path) -> Replay:
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
            for model in MaskPair.MODELS:
                mask = pair.mask_of(model).mask
                (out / f"object{number}_{model}.png").write_bytes(mask_png(mask))
                if mask_hash(mask) != item.sha256[model]:
                    differ.append((number, model))
        outcome = Replay(
            session, segmenter, tuple(differ), len(MaskPair.MODELS) * len(session.objects)
        )
        (out / "replay.json").write_text(json.dumps(_record(outcome), indent=1, default=str) + "\n")
    except OSError as error:
        raise InputError(f"Cannot write to the folder {out}: {error.strerror}.") from error
    return outcome


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


def replay_summary(outcome: Replay) -> Iterator[str]:
    """Say in lines whether the masks are the same and, if not, what may explain it."""
    if not outcome.differ:
        yield f"All {outcome.masks} masks are identical, bit for bit."
        return
    names = ", ".join(f"object {number} {model}" for number, model in outcome.differ)
    yield f"{len(outcome.differ)} of {outcome.masks} masks differ: {names}."
    changes = _changes(outcome)
    yield from changes or ("Build, versions and device are those of the session.",)


def _changes(outcome: Replay) -> list[str]:
    """Say what of the surroundings is not as it was."""
    was, now = _surroundings(outcome)
    return [
        f"{key}: {ascii(was.get(key))[:120]} then, {ascii(now.get(key))[:120]} now"
        for key in sorted({*was, *now})
        if was.get(key) != now.get(key)
    ]


def _surroundings(outcome: Replay) -> tuple[dict[str, Any], dict[str, Any]]:
    session, info = outcome.session, outcome.segmenter.info
    return (
        {**session.versions, "device": session.device, "build": session.details.get("build")},
        {**versions(), "device": info.device, "build": info.details.get("build")},
    )


def _record(outcome: Replay) -> dict[str, Any]:
    was, now = _surroundings(outcome)
    differ = [{"object": number, "model": model} for number, model in outcome.differ]
    return {"masks": outcome.masks, "differ": differ, "then": was, "now": now}
