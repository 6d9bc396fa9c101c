"""What each action of the image tab does: plain functions from records to records."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from refiner.exports import encode_rle, iou
from refiner.types import ImageArray, InputError, MaskPair, Segmenter, Timings
from webapp import text
from webapp.actions import Message, apply, read_actions, read_text
from webapp.examples import Example
from webapp.limits import Limits
from webapp.pictures import ReadImage, read_within, uploaded_file, worked_size
from webapp.state import Answer, ImageState, Picture, Scene, SceneObject

Publish = Callable[[ImageArray], str]
"""Stores a picture where browsers can fetch it and returns its path."""


@dataclass(frozen=True, eq=False)
class Studio:
    """What the handlers work with; the same for all visitors."""

    segmenter: Segmenter
    read_image: ReadImage
    publish: Publish
    uploads: Path
    limits: Limits


@dataclass(frozen=True, eq=False)
class Outcome:
    """The state after an action, and what to tell the visitor of it, if anything."""

    state: ImageState
    message: str = ""


def edit(studio: Studio, state: ImageState, message: Message) -> Outcome:
    """Apply the actions of one message in order, then segment what changed.

    An action that cannot be applied is left out and its reason told.

    Raises:
        InputError: the message is unreadable, or the model refuses the prompts.
    """
    actions = read_actions(message, studio.limits)
    if message.picture != state.opened.key:
        return Outcome(state)
    refused = ""
    for action in actions:
        try:
            state = apply(state, action, studio.limits)
        except InputError as error:
            refused = str(error)
    return Outcome(answer_missing(studio.segmenter, state), refused)


def open_upload(studio: Studio, state: ImageState, message: Message) -> Outcome:
    """Open the picture that the visitor uploaded.

    Raises:
        InputError: it was not uploaded, is too large, or is no picture.
    """
    file = uploaded_file(read_text(message.values, "path"), studio.uploads)
    image = read_within(studio.read_image, file, studio.limits)
    pixels = worked_size(image, studio.limits)
    studio.segmenter.prepare(pixels)
    picture = Picture(
        key=secrets.token_hex(8),
        pixels=pixels,
        original_hw=(image.shape[0], image.shape[1]),
        path=studio.publish(pixels),
        label=text.YOUR_PICTURE,
    )
    return Outcome(state.open(picture))


def open_example(studio: Studio, state: ImageState, example: Example, path: str) -> Outcome:
    """Open an example with its starting prompts, answered.

    Raises:
        InputError: the model refuses them.
    """
    picture = Picture(
        key=secrets.token_hex(8),
        pixels=example.pixels,
        original_hw=example.original_hw,
        path=path,
        label=example.label,
        licence=example.licence,
    )
    scene = Scene((SceneObject(1, 0, example.prompts),))
    return Outcome(answer_missing(studio.segmenter, state.open(picture, scene)))


def answer_missing(segmenter: Segmenter, state: ImageState) -> ImageState:
    """Return the state with an answer for each object that has prompts but no answer yet.

    Raises:
        InputError: the model refuses the picture or a prompt.
    """
    missing = [
        item for item in state.scene.objects if item.answer is None and not item.prompts.empty
    ]
    if not missing:
        return state
    result = segmenter.segment(state.opened.pixels, [item.prompts for item in missing])
    answers = {
        item.id: _answer(state.answers_made + number, pair, result.timings)
        for number, (item, pair) in enumerate(zip(missing, result.objects, strict=True), start=1)
    }
    return state.answered(answers)


def _answer(answer_id: int, pair: MaskPair, timings: Timings) -> Answer:
    return Answer(
        id=answer_id,
        base=encode_rle(pair.base.mask),
        refined=encode_rle(pair.refined.mask),
        base_quality=float(pair.base.quality),
        refined_quality=float(pair.refined.quality),
        iou=iou(pair.base.mask, pair.refined.mask),
        timings=timings,
    )
