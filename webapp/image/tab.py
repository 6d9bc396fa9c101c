"""The image tab: its components and which handler each event goes to."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from refiner.types import ImageArray, InputError
from webapp.browser import downloads, prompt_canvas
from webapp.image import actions
from webapp.image.actions import Outcome, Studio
from webapp.image.backbone_choice import Heading, connect_heading
from webapp.image.downloads import export
from webapp.image.mask_prompts import give_mask
from webapp.image.photo import photo_pixels
from webapp.image.probabilities import soft_pair
from webapp.image.reply import canvas_value, file_value
from webapp.image.sessions import open_session, session_file
from webapp.image.state import ImageState
from webapp.shared import text
from webapp.shared.backbones import Models
from webapp.shared.events import EVENT, guarded
from webapp.shared.examples import Example
from webapp.shared.limits import Limits
from webapp.shared.messages import Message, Values, read_message, read_text
from webapp.shared.pictures import ReadImage, jpeg, thumbnail

Handler = Callable[[Studio, ImageState, Message], Outcome]
Reply = tuple[ImageState, dict[str, Any]]


def build_image_tab(
    page: gr.Blocks,
    models: Models,
    read_image: ReadImage,
    examples: Sequence[Example],
    limits: Limits,
    heading: Heading,
) -> gr.State:
    """Add the tab's components to the page being built, connect them and return their state."""
    uploads = Path(get_upload_folder())
    studio = Studio(models.first, read_image, _publish, uploads, limits, models)
    shown = {example.name: (example, _publish(example.pixels)) for example in examples}
    titles = text.titles(models.first.info)
    start = {**canvas_value(ImageState(), 0, titles=titles), "examples": _strip(shown)}
    state = gr.State(ImageState(), time_to_live=limits.idle_seconds)
    canvas = prompt_canvas(start, limits, elem_id="prompt-canvas")
    files = downloads(elem_id="downloads", visible="hidden")

    def open_example(studio: Studio, state: ImageState, message: Message) -> Outcome:
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
        soft: dict[str, Any] = {}

        def make() -> Outcome:
            pair = soft_pair(studio, state, message)
            if pair is not None:
                soft["answer"] = pair.answer
                soft["base"] = file_value(_stored("probability.png", pair.base))
                soft["refined"] = file_value(_stored("probability.png", pair.refined))
            return Outcome(state)

        outcome = guarded(state, make)
        value = canvas_value(state, message.seq, message.have, outcome.message)
        return {**value, "soft": soft}

    send.__annotations__ = {"event": gr.EventData}
    return send


def _exporter(studio: Studio) -> Callable[..., tuple[dict[str, Any], Any]]:
    def send(state: ImageState, event: gr.EventData) -> tuple[dict[str, Any], Any]:
        message = read_message(event._data)
        made: list[dict[str, Any]] = []

        def make() -> Outcome:
            name, content = _export(studio, state, message.values)
            file = file_value(_stored(name, content))
            made.append({"seq": message.seq, "name": name, "file": file})
            return Outcome(state)

        outcome = guarded(state, make)
        value = canvas_value(state, message.seq, message.have, outcome.message)
        return value, made[0] if made else gr.skip()

    send.__annotations__ = {"event": gr.EventData}
    return send


def _export(studio: Studio, state: ImageState, wanted: Values) -> tuple[str, bytes]:
    info = studio.model(state).info
    if wanted.get("kind") == "session":
        name = f"{state.opened.name}_session.json"
        return name, session_file(state, info, studio.limits)
    return export(
        state, info, wanted, partial(photo_pixels, state.opened, studio.read_image, studio.limits)
    )


def _publish(image: ImageArray) -> str:
    return _stored("picture.jpg", jpeg(image))


def _stored(name: str, content: bytes) -> str:
    """Store a file in a folder of its own: one that is being sent must not be written again."""
    folder = Path(get_upload_folder()) / secrets.token_hex(8)
    folder.mkdir()
    (folder / name).write_bytes(content)
    return str(folder / name)


def _strip(shown: Mapping[str, tuple[Example, str]]) -> list[dict[str, Any]]:
    return [
        {
            "name": example.name,
            "label": example.label,
            "exact": example.truth is not None,
            "file": file_value(path),
            "thumbnail": file_value(_stored("thumbnail.jpg", thumbnail(example.pixels))),
        }
        for example, path in shown.values()
    ]
