"""Masks of other tools as prompts: each object of an uploaded file becomes an object to refine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from refiner.files.mask_files import NamedMask, read_masks
from refiner.files.run_lengths import encode_rle
from refiner.types import InputError
from webapp.image.actions import Studio, complete
from webapp.image.state import ImageState, MaskRecord
from webapp.shared.events import Outcome
from webapp.shared.limits import Limits
from webapp.shared.messages import Message, read_count, read_text
from webapp.shared.pictures import worked_mask


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
    masks = read_mask_prompts(file, picture.size_hw, picture.original_hw, studio.limits)
    free = studio.limits.objects - len(state.scene.objects) + 1
    if len(masks) > free:
        raise InputError(
            f"The file has {len(masks)} objects and there is room for {free}; at most "
            f"{studio.limits.objects} fit on one picture. Remove some first."
        )
    return Outcome(complete(studio, _with_masks(state, chosen, masks)))


def read_mask_prompts(
    file: Path, size_hw: tuple[int, int], original_hw: tuple[int, int], limits: Limits
) -> tuple[NamedMask, ...]:
    """Read the masks of a picture, as it is worked on or as it was before it was scaled down.

    Raises:
        InputError: they are unreadable or of neither size.
    """
    most = limits.file_megabytes * 1_000_000
    try:
        return read_masks(file, size_hw, max_bytes=most)
    except InputError:
        if original_hw == size_hw:
            raise
    return tuple(
        replace(item, mask=worked_mask(item.mask, size_hw))
        for item in read_masks(file, original_hw, max_bytes=most)
    )


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
