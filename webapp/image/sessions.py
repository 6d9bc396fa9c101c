"""Session files in the image tab: all that decides the masks, down and up again."""

from __future__ import annotations

import json
from dataclasses import replace

from refiner.files.pictures import read_bytes
from refiner.files.run_lengths import decode_rle, encode_rle
from refiner.files.session import (
    Session,
    check_model,
    image_hash,
    mask_hash,
    read_session,
    session_document,
)
from refiner.types import InputError, MaskPair, ModelInfo
from webapp.image.actions import Studio, complete
from webapp.image.downloads import objects_with_answers, pair_of
from webapp.image.state import ImageState, MaskRecord, Scene, SceneObject
from webapp.shared import text
from webapp.shared.events import Message, Outcome, read_text
from webapp.shared.limits import Limits


def session_file(state: ImageState, info: ModelInfo, limits: Limits) -> bytes:
    """Return the session of what a visitor has.

    Raises:
        InputError: there is no mask yet.
    """
    items = objects_with_answers(state)
    document = session_document(
        state.current_picture.pixels,
        limits.long_side,
        [item.prompts for item in items],
        [pair_of(item) for item in items],
        info,
    )
    height, width = state.current_picture.original_hw
    document["image"]["original"] = {"width": width, "height": height}
    return json.dumps(document, indent=1).encode()


def open_session(studio: Studio, state: ImageState, message: Message) -> Outcome[ImageState]:
    """Take the objects of an uploaded session in place of those there, and make their masks.

    Raises:
        InputError: it was not uploaded, is no session, or one of another picture or model.
    """
    picture = state.current_picture
    if message.picture != picture.key:
        return Outcome(state)
    file = studio.uploads.file(read_text(message.values, "path"))
    session = read_session(read_bytes(file, studio.limits.file_megabytes * 1_000_000))
    if session.size_hw != picture.size_hw or session.image_sha256 != image_hash(picture.pixels):
        raise InputError(
            f"The session belongs to another picture, of {session.size_hw[1]} x "
            f"{session.size_hw[0]} pixels as worked on; open that picture first."
        )
    check_model(session, studio.info(state))
    _check_limits(session, studio.limits)
    state = complete(studio, _with_objects(state, session))
    differ = _differing(state, session)
    if not differ:
        return Outcome(state)
    masks = len(MaskPair.MODELS) * len(session.objects)
    return Outcome(state, notice=text.SESSION_DIFFERS.format(differ, masks))


def _check_limits(session: Session, limits: Limits) -> None:
    most = max(len(item.prompts.clicks) for item in session.objects)
    if len(session.objects) > limits.objects or most > limits.clicks:
        raise InputError(
            f"The session has {len(session.objects)} objects and {most} clicks on one of them; at "
            f"most {limits.objects} and {limits.clicks} are allowed here."
        )


def _with_objects(state: ImageState, session: Session) -> ImageState:
    last_id, first = state.answers_made, state.scene.next_id
    objects = []
    for number, item in enumerate(session.objects):
        record = None
        if item.prompts.mask is not None:
            last_id += 1
            record = MaskRecord(last_id, "", encode_rle(item.prompts.mask))
        objects.append(SceneObject(first + number, number, item.prompts, mask_record=record))
    scene = Scene(tuple(objects), first + len(objects))
    return replace(state.with_scene(scene), answers_made=last_id)


def _differing(state: ImageState, session: Session) -> int:
    """Count the masks that are not those of the session."""
    count = 0
    for item, wanted in zip(state.scene.objects, session.objects, strict=True):
        if item.answer is None:
            continue
        for name, model in MaskPair.MODELS.items():
            count += mask_hash(decode_rle(getattr(item.answer.pair, model))) != wanted.sha256[name]
    return count
