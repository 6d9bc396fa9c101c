"""What each action of the image tab does: plain functions from records to records."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from refiner.files.results import encode_rle, iou
from refiner.types import ImageArray, InputError, MaskPair, Segmenter, Timings
from webapp.image.differences import differences
from webapp.image.photo import PhotoFile
from webapp.image.state import Answer, ImageState, Picture, Scene, SceneObject
from webapp.image.truth_brush import BRUSH_ACTIONS
from webapp.image.truth_curve import scored, unanswered
from webapp.shared import text
from webapp.shared.backbones import Models
from webapp.shared.examples import Example
from webapp.shared.limits import Limits
from webapp.shared.messages import Message, apply, file_stem, read_actions, read_text
from webapp.shared.pictures import ReadImage, read_truth, read_within, uploaded_file, worked_size

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
    models: Models | None = None

    def model(self, state: ImageState) -> Segmenter:
        """Return the model that a visitor has chosen."""
        return self.models.get(state.backbone) if self.models else self.segmenter


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
            state = apply(state, action, studio.limits, BRUSH_ACTIONS)
        except InputError as error:
            refused = str(error)
    return Outcome(answered(studio, state), refused)


def open_upload(studio: Studio, state: ImageState, message: Message) -> Outcome:
    """Open the picture that the visitor uploaded.

    Raises:
        InputError: it was not uploaded, is too large, or is no picture.
    """
    file = uploaded_file(read_text(message.values, "path"), studio.uploads)
    photo = read_within(studio.read_image, file, studio.limits)
    pixels = worked_size(photo.pixels, studio.limits)
    studio.model(state).prepare(pixels)
    picture = Picture(
        key=secrets.token_hex(8),
        pixels=pixels,
        original_hw=(photo.pixels.shape[0], photo.pixels.shape[1]),
        path=studio.publish(pixels),
        label=text.YOUR_PICTURE,
        name=file_stem(message.values, "picture"),
        file=PhotoFile(file, studio.uploads) if pixels is not photo.pixels else None,
    )
    return Outcome(state.open(picture), " ".join(photo.notices))


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
        name=example.name,
    )
    scene = Scene((SceneObject(1, 0, example.prompts),))
    state = state.open(picture, scene)
    if example.truth is not None:
        state = replace(state.with_truth(example.truth, text.EXAMPLE_TRUTH), truths_past=())
    return Outcome(answered(studio, state))


def open_truth(studio: Studio, state: ImageState, message: Message) -> Outcome:
    """Take the uploaded mask as the ground truth of the open picture.

    Raises:
        InputError: it was not uploaded, is no mask, or has another size than the picture.
    """
    picture = state.opened
    if message.picture != picture.key:
        return Outcome(state)
    file = uploaded_file(read_text(message.values, "path"), studio.uploads)
    mask = read_truth(file, picture, studio.limits)
    return Outcome(answered(studio, state.with_truth(mask, text.UPLOADED_TRUTH)))


def drop_truth(studio: Studio, state: ImageState, message: Message) -> Outcome:
    """Forget the ground truth."""
    return Outcome(state.with_truth(None))


def choose_backbone(studio: Studio, state: ImageState, name: str) -> Outcome:
    """Answer everything with another model from now on.

    Raises:
        InputError: it is not on offer or cannot be loaded, or it refuses the prompts.
    """
    if name == studio.model(state).info.backbone:
        return Outcome(state)
    state = state.with_backbone(name)
    return Outcome(answered(studio, state))


def answered(studio: Studio, state: ImageState) -> ImageState:
    """Return the state with everything answered and measured.

    Raises:
        InputError: the model refuses the picture or a prompt.
    """
    return scored(answer_missing(studio.model(state), state))


def answer_missing(segmenter: Segmenter, state: ImageState) -> ImageState:
    """Return the state with an answer for each object that has prompts but no answer yet.

    Each is a call of its own: an answer depends on its own prompts only, to the last bit, so that
    a session can be replayed.

    With a ground truth, so have the latest steps of the way to each object: the curve has a point
    for every click, also of those that came together.

    Raises:
        InputError: the model refuses the picture or a prompt.
    """
    missing = unanswered(state)
    if not missing:
        return state
    answers = {}
    for number, item in enumerate(missing, start=1):
        result = segmenter.segment(state.opened.pixels, [item.prompts])
        answer_id = state.answers_made + number
        answers[item] = _answer(answer_id, result.objects[0], result.timings)
    return state.answered(answers)


def _answer(answer_id: int, pair: MaskPair, timings: Timings) -> Answer:
    return Answer(
        id=answer_id,
        base=encode_rle(pair.base.mask),
        refined=encode_rle(pair.refined.mask),
        base_quality=float(pair.base.quality),
        refined_quality=float(pair.refined.quality),
        iou=iou(pair.base.mask, pair.refined.mask),
        differences=differences(pair.base.mask, pair.refined.mask),
        timings=timings,
    )
