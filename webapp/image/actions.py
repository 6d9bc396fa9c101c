"""What each action of the image tab does: plain functions from records to records."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from refiner.files.mask_files import all_masks
from refiner.files.reading import Reader
from refiner.files.run_lengths import PackedPair
from refiner.types import ImageArray, InputError, MaskPair, ModelInfo, Segmenter, Timings
from webapp.image.photo import PhotoFile
from webapp.image.state import ImageState, Picture, PictureAnswer, Scene, SceneObject
from webapp.image.truth_brush import BRUSH_ACTIONS
from webapp.image.truth_curve import with_scores
from webapp.shared import counts, text
from webapp.shared.backbones import Models
from webapp.shared.editing import apply, read_actions
from webapp.shared.events import Act, Message, Outcome, file_stem, named_as_sent, read_text
from webapp.shared.examples import Example
from webapp.shared.limits import Limits, check_spare
from webapp.shared.mask_reading import notice_line, picture_name, read_choice, read_uploaded_masks
from webapp.shared.pictures import read_within, worked_size
from webapp.shared.uploads import Uploads

Publish = Callable[[ImageArray], str]
"""Stores a picture where browsers can fetch it and returns its path."""


@dataclass(frozen=True, eq=False)
class Studio:
    """What the handlers work with; the same for all visitors."""

    models: Models
    reader: Reader
    publish: Publish
    uploads: Uploads
    limits: Limits

    def find(self, state: ImageState) -> Segmenter | None:
        """Return the model that a visitor has chosen, the first unless they have, if it is loaded.

        Loading takes long, and all who wait for a model would wait for that.
        """
        return self.models.find(state.backbone) if state.backbone else self.models.first

    def model(self, state: ImageState) -> Segmenter:
        """Return the same.

        Raises:
            InputError: it is not loaded.
        """
        found = self.find(state)
        if found is None:
            raise InputError(text.PUT_AWAY.format(text.backbone_title(state.backbone)))
        return found

    def info(self, state: ImageState) -> ModelInfo:
        """Return what the model that a visitor has chosen is, loaded or not."""
        return self.models.info(state.backbone)


def once(act: Act[ImageState]) -> Act[ImageState]:
    """Return what does the same, but no message twice: one that is late is sent again, and both come."""

    def acted(state: ImageState, message: Message) -> Outcome[ImageState]:
        words = state.words_for(message.seq)
        if words is not None:
            return Outcome(state, *words)
        outcome = act(state, message)
        words = outcome.message, outcome.notice
        return Outcome(outcome.state.having_told(message.seq, words, state), *words)

    return acted


def edit_picture(studio: Studio, state: ImageState, message: Message) -> Outcome[ImageState]:
    """Apply the actions of one message in order, then segment what changed.

    An action that cannot be applied is left out and its reason told.

    Raises:
        InputError: the message is unreadable, or the model refuses the prompts.
    """
    actions = read_actions(message, studio.limits)
    if message.picture != state.current_picture.key:
        return Outcome(state)
    refused = ""
    for action in actions:
        try:
            state = apply(state, action, studio.limits, BRUSH_ACTIONS)
        except InputError as error:
            refused = str(error)
    return Outcome(complete(studio, state), refused)


def upload_picture(studio: Studio, state: ImageState, message: Message) -> Outcome[ImageState]:
    """Open the picture that the visitor uploaded.

    Raises:
        InputError: it was not uploaded, is too large, or is no picture; or there is no room for it.
    """
    check_spare(studio.limits, studio.uploads.root)
    file = studio.uploads.file(read_text(message.values, "path"))
    with named_as_sent(file.name, message.values):
        photo = read_within(studio.reader, file, studio.limits)
    pixels = worked_size(photo.pixels, studio.limits)
    model = studio.find(state)
    if model is not None:
        model.prepare(pixels)
    picture = Picture(
        key=secrets.token_hex(8),
        pixels=pixels,
        original_hw=(photo.pixels.shape[0], photo.pixels.shape[1]),
        path=studio.publish(pixels),
        label=text.YOUR_PICTURE,
        file_name=picture_name(message.values.get("name")),
        name=file_stem(message.values, "picture"),
        file=PhotoFile(file, studio.uploads.root) if pixels is not photo.pixels else None,
    )
    return Outcome(state.open(picture), notice=" ".join(photo.notices))


def open_example_picture(
    studio: Studio, state: ImageState, example: Example, path: str
) -> Outcome[ImageState]:
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
    return Outcome(complete(studio, state))


def open_truth(studio: Studio, state: ImageState, message: Message) -> Outcome[ImageState]:
    """Take the uploaded mask as the ground truth of the open picture.

    Raises:
        InputError: it was not uploaded, is no mask, or has another size than the picture.
    """
    picture = state.current_picture
    if message.picture != picture.key:
        return Outcome(state)
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
    state = complete(studio, state.with_truth(all_masks(reading), text.UPLOADED_TRUTH))
    return Outcome(state, notice=notice_line(reading.notices))


def drop_truth(studio: Studio, state: ImageState, message: Message) -> Outcome[ImageState]:
    """Forget the ground truth."""
    return Outcome(state.with_truth(None))


def choose_backbone(studio: Studio, state: ImageState, name: str) -> Outcome[ImageState]:
    """Answer everything with another model from now on.

    Raises:
        InputError: it is not on offer or cannot be loaded, or it refuses the prompts.
    """
    if name == studio.info(state).backbone:
        return Outcome(complete(studio, state))
    state = state.with_backbone(name)
    return Outcome(complete(studio, state))


def complete(studio: Studio, state: ImageState) -> ImageState:
    """Return the state with all answers and, where there is a truth, all scores.

    If the model has been put away nothing is answered and the state is `loading`.

    Each answer is a call of its own: it depends on its own prompts only, to the last bit, so that
    a session can be replayed.

    Raises:
        InputError: the model refuses the picture or a prompt.
    """
    missing, model = state.missing_answers(), studio.find(state)
    loading = bool(missing) and model is None
    if loading != state.loading:
        state = replace(state, loading=loading)
    answers = {}
    if model is not None:
        for answer_id, item in enumerate(missing, start=state.answers_made + 1):
            result = model.segment(state.current_picture.pixels, [item.prompts])
            counts.MODEL_SECONDS.observe(result.timings.total / 1000)
            answers[item] = _answer(answer_id, result.objects[0], result.timings)
    if answers:
        state = state.with_answers(answers)
    return with_scores(state, state.truth) if state.truth else state


def _answer(answer_id: int, pair: MaskPair, timings: Timings) -> PictureAnswer:
    return PictureAnswer(id=answer_id, pair=PackedPair.of(pair), timings=timings)
