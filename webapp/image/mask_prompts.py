"""Masks of other tools as prompts: each object of an uploaded file becomes an object to refine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from refiner.files.labels import NamedMask
from refiner.files.run_lengths import encode_rle
from webapp.image.actions import Outcome, Studio, answered
from webapp.image.mask_reading import check_room, notice_line, read_choice, read_uploaded_masks
from webapp.image.state import Given, ImageState
from webapp.shared.messages import Message, read_count, read_text
from webapp.shared.pictures import uploaded_file


def give_mask(studio: Studio, state: ImageState, message: Message) -> Outcome:
    """Take the masks of an uploaded file as prompts.

    The first one is the prompt of the object chosen, beside its clicks; each other one is that of a
    new object.

    Raises:
        InputError: it was not uploaded, holds no masks of this picture, or too many.
    """
    picture = state.opened
    if message.picture != picture.key:
        return Outcome(state)
    chosen = read_count(message.values, "object")
    state.scene.find(chosen)
    file = uploaded_file(read_text(message.values, "path"), studio.uploads)
    found = read_uploaded_masks(
        file,
        picture.size_hw,
        picture.original_hw,
        studio.limits,
        name=picture.name,
        choice=read_choice(message.values),
    )
    free = studio.limits.objects - len(state.scene.objects) + 1
    check_room(len(found.masks), free, studio.limits.objects)
    state = answered(studio, _with_masks(state, chosen, found.masks))
    return Outcome(state, notice_line(found.notices))


def _with_masks(state: ImageState, chosen: int, found: Sequence[NamedMask]) -> ImageState:
    """Return the state with all masks given, as one step of the history."""
    scene, made = state.scene, state.answers_made
    for number, item in enumerate(found):
        if number:
            chosen = scene.next_id
            scene = scene.with_new()
        made += 1
        old = scene.find(chosen)
        scene = scene.with_object(
            replace(
                old,
                prompts=replace(old.prompts, mask=item.mask),
                given=Given(made, item.label, encode_rle(item.mask)),
                answer=None,
            )
        )
    return replace(state.changed(scene), answers_made=made)
