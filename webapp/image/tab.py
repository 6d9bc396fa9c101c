"""The image tab: its components and which handler each event goes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr

from refiner.types import ImageArray, InputError
from webapp.browser import downloads, prompt_canvas
from webapp.image import actions
from webapp.image.actions import Studio
from webapp.image.backbone_choice import Heading, connect_heading
from webapp.image.downloads import picture_file
from webapp.image.mask_prompts import give_mask
from webapp.image.probabilities import soft_pair
from webapp.image.reply import canvas_value
from webapp.image.sessions import open_session, session_file
from webapp.image.state import ImageState
from webapp.shared import text
from webapp.shared.backbones import Models
from webapp.shared.events import EVENT, Outcome, file_value, guarded, stored_file
from webapp.shared.examples import Example
from webapp.shared.limits import Limits
from webapp.shared.messages import Message, Values, read_message, read_text
from webapp.shared.pictures import ReadImage, jpeg, thumbnail
from webapp.shared.uploads import Uploads

NOTHING: dict[str, Any] = {}

Handler = Callable[[Studio, ImageState, Message], Outcome[ImageState]]
Reply = tuple[ImageState, dict[str, Any]]


def build_image_tab(
    page: gr.Blocks,
    models: Models,
    read_image: ReadImage,
    examples: Sequence[Example],
    limits: Limits,
    heading: Heading,
    uploads: Uploads,
) -> gr.State:
    """Add the tab's components to the page being built, connect them and return their state."""
    studio = Studio(models.first, read_image, _publish, uploads, limits, models)
    shown = {example.name: (example, _publish(example.pixels)) for example in examples}
    titles = text.titles(models.first.info)
    start = {**canvas_value(ImageState(), 0, titles=titles), "examples": _strip(shown)}
    state = gr.State(ImageState(), time_to_live=limits.idle_seconds)
    canvas = prompt_canvas(start, limits, elem_id="prompt-canvas")
    files = downloads(elem_id="downloads", visible="hidden")

    def open_example(studio: Studio, state: ImageState, message: Message) -> Outcome[ImageState]:
        name = read_text(message.values, "name")
        if name not in shown:
            raise InputError("There is no such example; choose another one.")
        return actions.open_example(studio, state, *shown[name])

    def on_load(state: ImageState) -> Reply:
        if not examples:
            return state, canvas_value(state, 0)
        first = shown[examples[0].name]
        outcome = guarded(state, lambda: actions.open_example(studio, state, *first))
        return outcome.state, canvas_value(outcome.state, 0, message=outcome.message)

    canvas.edit_prompts(_respond(studio, actions.edit), state, [state, canvas], **EVENT)
    canvas.open_file(_respond(studio, actions.open_upload), state, [state, canvas], **EVENT)
    canvas.open_example(_respond(studio, open_example), state, [state, canvas], **EVENT)
    canvas.open_truth(_respond(studio, actions.open_truth), state, [state, canvas], **EVENT)
    canvas.drop_truth(_respond(studio, actions.drop_truth), state, [state, canvas], **EVENT)
    canvas.give_mask(_respond(studio, give_mask), state, [state, canvas], **EVENT)
    canvas.open_session(_respond(studio, open_session), state, [state, canvas], **EVENT)
    canvas.show_soft(_softener(studio), state, canvas, **EVENT)
    canvas.export_file(_exporter(studio), state, [canvas, files], **EVENT)
    connect_heading(heading, studio, state, canvas)
    page.load(on_load, state, [state, canvas], **EVENT)
    return state


def _respond(studio: Studio, handler: Handler) -> Callable[..., Reply]:
    def respond(state: ImageState, event: gr.EventData) -> Reply:
        message = read_message(event._data)
        outcome = guarded(state, lambda: handler(studio, state, message))
        value = canvas_value(outcome.state, message.seq, message.have, outcome.message)
        return outcome.state, value

    respond.__annotations__ = {"event": gr.EventData}
    return respond


def _softener(studio: Studio) -> Callable[..., dict[str, Any]]:
    def send(state: ImageState, event: gr.EventData) -> dict[str, Any]:
        message = read_message(event._data)
        outcome = guarded(NOTHING, lambda: Outcome(_soft(studio, state, message)))
        value = canvas_value(state, message.seq, message.have, outcome.message)
        return {**value, "soft": outcome.state}

    send.__annotations__ = {"event": gr.EventData}
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
        outcome = guarded(NOTHING, lambda: Outcome(_download(studio, state, message)))
        value = canvas_value(state, message.seq, message.have, outcome.message)
        return value, outcome.state or gr.skip()

    send.__annotations__ = {"event": gr.EventData}
    return send


def _download(studio: Studio, state: ImageState, message: Message) -> dict[str, Any]:
    name, content = _export(studio, state, message.values)
    return {"seq": message.seq, "name": name, "file": file_value(stored_file(name, content))}


def _export(studio: Studio, state: ImageState, wanted: Values) -> tuple[str, bytes]:
    info = studio.model(state).info
    if wanted.get("kind") == "session":
        return "sam2refiner-studio-session.json", session_file(state, info, studio.limits)
    return picture_file(state, info, wanted)


def _publish(image: ImageArray) -> str:
    return stored_file("picture.jpg", jpeg(image))


def _strip(shown: Mapping[str, tuple[Example, str]]) -> list[dict[str, Any]]:
    return [
        {
            "name": example.name,
            "label": example.label,
            "exact": example.truth is not None,
            "file": file_value(path),
            "thumbnail": file_value(stored_file("thumbnail.jpg", thumbnail(example.pixels))),
        }
        for example, path in shown.values()
    ]
