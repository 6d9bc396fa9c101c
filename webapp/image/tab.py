"""The image tab: its components and which handler each event goes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from refiner.files.reading import Reader
from refiner.types import ImageArray, InputError
from webapp.browser import downloads, prompt_canvas
from webapp.image import actions
from webapp.image.actions import Studio
from webapp.image.backbone_choice import Heading, connect_heading
from webapp.image.differences import differences_value
from webapp.image.downloads import picture_file
from webapp.image.mask_prompts import give_mask
from webapp.image.photo import photo_pixels
from webapp.image.probabilities import soft_pair
from webapp.image.reply import canvas_value
from webapp.image.sessions import open_session, session_file
from webapp.image.state import ImageState
from webapp.shared import text
from webapp.shared.backbones import Models
from webapp.shared.events import (
    EVENT,
    Message,
    Outcome,
    Values,
    file_value,
    guarded,
    read_message,
    read_text,
    responder,
    stored_file,
)
from webapp.shared.examples import Example
from webapp.shared.limits import Limits
from webapp.shared.measured import finding, mean_curve
from webapp.shared.pictures import jpeg, thumbnail
from webapp.shared.uploads import Uploads

_NOTHING: dict[str, Any] = {}

_Handler = Callable[[Studio, ImageState, Message], Outcome[ImageState]]
_Find = Callable[[ImageState, Message], dict[str, Any]]


def build_image_tab(
    page: gr.Blocks,
    models: Models,
    reader: Reader,
    examples: Sequence[Example],
    limits: Limits,
    heading: Heading,
    uploads: Uploads,
    results: Path | None,
) -> gr.State:
    """Add the tab's components to the page being built, connect them and return their state."""
    studio = Studio(models, reader, _publish, uploads, limits)
    gallery = {example.name: (example, _publish(example.pixels)) for example in examples}
    titles = text.titles(models.first.info)
    start = {
        **canvas_value(ImageState(), 0, titles=titles),
        "examples": _strip(gallery),
        "mean": mean_curve(results),
        "finding": finding(results),
    }
    state = gr.State(ImageState(), time_to_live=limits.idle_seconds)
    canvas = prompt_canvas(start, limits, elem_id="prompt-canvas")
    files = downloads(elem_id="downloads", visible="hidden")

    def open_example(studio: Studio, state: ImageState, message: Message) -> Outcome[ImageState]:
        name = read_text(message.values, "name")
        if name not in gallery:
            raise InputError("There is no such example; choose another one.")
        return actions.open_example_picture(studio, state, *gallery[name])

    def on_load(state: ImageState) -> tuple[ImageState, dict[str, Any]]:
        if not examples:
            return state, canvas_value(state, 0)
        first = gallery[examples[0].name]
        outcome = guarded(state, lambda: actions.open_example_picture(studio, state, *first))
        return outcome.state, canvas_value(outcome.state, 0, message=outcome.message)

    events: list[tuple[Any, _Handler]] = [
        (canvas.edit_prompts, actions.edit_picture),
        (canvas.open_file, actions.upload_picture),
        (canvas.open_example, open_example),
        (canvas.open_truth, actions.open_truth),
        (canvas.drop_truth, actions.drop_truth),
        (canvas.give_mask, give_mask),
        (canvas.open_session, open_session),
    ]
    for event, act in events:
        event(
            responder(actions.once(partial(act, studio)), canvas_value),
            state,
            [state, canvas],
            **EVENT,
        )
    canvas.show_differences(_shower("differences", differences_value), state, canvas, **EVENT)
    canvas.show_soft(_shower("soft", partial(_soft, studio)), state, canvas, **EVENT)
    canvas.export_file(_exporter(studio), state, [canvas, files], **EVENT)
    connect_heading(heading, studio, state, canvas)
    page.load(on_load, state, [state, canvas], **EVENT)
    return state


def _shower(name: str, find: _Find) -> Callable[..., dict[str, Any]]:
    """Return what answers with the scene as it is and, under `name`, what was asked for."""

    def send(state: ImageState, event: gr.EventData) -> dict[str, Any]:
        message = read_message(event._data)
        outcome = guarded(_NOTHING, lambda: Outcome(find(state, message)))
        value = canvas_value(state, message.seq, message.have, outcome.message)
        return {**value, name: outcome.state}

    return send


def _soft(studio: Studio, state: ImageState, message: Message) -> dict[str, Any]:
    pair = soft_pair(studio, state, message)
    if pair is None:
        return {}
    return {
        "answer": pair.answer,
        "base": file_value(stored_file("probability.png", pair.base)),
        "refined": file_value(stored_file("probability.png", pair.refined)),
    }


def _exporter(studio: Studio) -> Callable[..., tuple[dict[str, Any], Any]]:
    def send(state: ImageState, event: gr.EventData) -> tuple[dict[str, Any], Any]:
        message = read_message(event._data)
        outcome = guarded(_NOTHING, lambda: Outcome(_download(studio, state, message)))
        value = canvas_value(state, message.seq, message.have, outcome.message)
        return value, outcome.state or gr.skip()

    return send


def _download(studio: Studio, state: ImageState, message: Message) -> dict[str, Any]:
    name, content = _export(studio, state, message.values)
    return {"seq": message.seq, "name": name, "file": file_value(stored_file(name, content))}


def _export(studio: Studio, state: ImageState, wanted: Values) -> tuple[str, bytes]:
    info = studio.info(state)
    if wanted.get("kind") == "session":
        name = f"{state.current_picture.name}_session.json"
        return name, session_file(state, info, studio.limits)
    photo = partial(photo_pixels, state.current_picture, studio.reader, studio.limits)
    return picture_file(state, info, wanted, photo)


def _publish(image: ImageArray) -> str:
    return stored_file("picture.jpg", jpeg(image))


def _strip(gallery: Mapping[str, tuple[Example, str]]) -> list[dict[str, Any]]:
    return [
        {
            "name": example.name,
            "label": example.label,
            "exact": example.truth is not None,
            "curve": [list(row) for row in example.curve],
            "file": file_value(path),
            "thumbnail": file_value(stored_file("thumbnail.jpg", thumbnail(example.pixels))),
        }
        for example, path in gallery.values()
    ]
