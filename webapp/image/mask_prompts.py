"""Masks of other tools as prompts: each object of an uploaded file becomes an object to refine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from refiner.files.labels.records import NamedMask
from refiner.files.run_lengths import encode_rle
from webapp.image.actions import Studio, complete
from webapp.image.state import ImageState, MaskRecord
from webapp.shared.events import Message, Outcome, read_count, read_text
from webapp.shared.mask_reading import check_room, notice_line, read_choice, read_uploaded_masks


def give_mask(studio: Studio, state: ImageState, message: Message) -> Outcome[ImageState]:
    """Take the masks of an uploaded file as prompts.

    The first one is the prompt of the object chosen, beside its clicks; each other one is that of a
    new object.

    Raises:
        InputError: it was not uploaded, holds no masks of this picture, or too many.
    """
    picture = state.current_picture
    if message.picture != picture.key:
        return Outcome(state)
    chosen = read_count(message.values, "object")
    state.scene.find(chosen)
    file = studio.uploads.file(read_text(message.values, "path"))
    reading = read_uploaded_masks(
        studio.reader,
        file,
        picture.size_hw,
        picture.original_hw,
        studio.limits,
        name=picture.file_name,
        choice=read_choice(message.values),
    )
    free = studio.limits.objects - len(state.scene.objects) + 1
    check_room(len(reading.masks), free, studio.limits.objects)
    state = complete(studio, _with_masks(state, chosen, reading.masks))
    return Outcome(state, notice=notice_line(reading.notices))


def _with_masks(state: ImageState, chosen: int, masks: Sequence[NamedMask]) -> ImageState:
    """Return the state with all masks given, as one step of the history."""
    scene, last_id = state.scene, state.answers_made
    for number, item in enumerate(masks):
        if number:
            chosen = scene.next_id
            scene = scene.with_new()
        last_id += 1
        old = scene.find(chosen)
        scene = scene.with_object(
            replace(
                old,
                prompts=replace(old.prompts, mask=item.mask),
                mask_record=MaskRecord(last_id, item.label, encode_rle(item.mask)),
                answer=None,
            )
        )
    return replace(state.with_scene(scene), answers_made=last_id)
