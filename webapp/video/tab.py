"""The video tab: its components and which handler each event goes to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from typing import Any

import gradio as gr

from refiner.types import InputError
from webapp.browser import Words, downloads, video_canvas
from webapp.shared.events import (
    EVENT,
    Message,
    Values,
    explain,
    file_value,
    read_message,
    read_text,
    stored_file,
)
from webapp.shared.examples import ClipSource
from webapp.shared.pictures import thumbnail
from webapp.shared.text import VIDEO_FAILED
from webapp.video import actions, text
from webapp.video.context import Reply, VideoStudio
from webapp.video.open_clips import ClipGone, ClipJob
from webapp.video.reply import clip_value

PROMPT: dict[str, Any] = {**EVENT, "concurrency_id": "video-prompt"}
"""Prompts of all clips, one after the other; the model itself is free between their frames."""
OPEN: dict[str, Any] = {**EVENT, "concurrency_id": "video-open", "concurrency_limit": 2}
"""Opening takes long and must hold nobody's prompts up."""

_Handler = Callable[[VideoStudio, Message, str], Reply]
_Function = Callable[[VideoStudio, ClipJob, Values], dict[str, Any]]


def build_video_tab(page: gr.Blocks, studio: VideoStudio) -> None:
    """Add the tab's components to the page being built and connect them to what does the work."""
    examples = {source.name: source for source in studio.examples}

    def open_example(studio: VideoStudio, message: Message, owner: str) -> Reply:
        name = read_text(message.values, "name")
        if name not in examples:
            raise InputError("There is no such example; choose another one.")
        return actions.open_example_clip(studio, examples[name], owner, message.seq)

    def edit(studio: VideoStudio, message: Message, owner: str) -> Reply:
        return actions.edit_clip(studio, studio.store.get(message.picture, owner), message)

    start = {**clip_value(None, 0), "examples": _strip(studio.examples)}
    functions = [_function(studio, name, does) for name, does in _FUNCTIONS.items()]
    words = Words(text.VIDEO, text.VIDEO_KEYS)
    canvas = video_canvas(start, words, studio.limits, functions, elem_id="video-canvas")
    files = downloads(elem_id="video-downloads", visible="hidden")
    canvas.edit_prompts(_respond(studio, edit), None, canvas, **PROMPT)
    canvas.open_file(_respond(studio, actions.upload_clip), None, canvas, **OPEN)
    canvas.open_example(_respond(studio, open_example), None, canvas, **OPEN)
    canvas.export_file(_sender(studio), None, files, **{**EVENT, "concurrency_id": "video-file"})
    page.unload(_forget(studio))


_FUNCTIONS: Mapping[str, _Function] = {
    "pictures": actions.pictures,
    "follow": actions.follow,
    "set_span": actions.set_span,
    "start_track": actions.start_track,
    "start_export": actions.start_export,
    "cancel": actions.cancel,
}


def _respond(studio: VideoStudio, handler: _Handler) -> Callable[..., dict[str, Any]]:
    def respond(event: gr.EventData, request: gr.Request) -> dict[str, Any]:
        message, owner = read_message(event._data), str(request.session_hash)
        try:
            reply = handler(studio, message, owner)
        except Exception as error:
            reply = Reply(_open_clip(studio, message, owner), explain(error, VIDEO_FAILED))
        if reply.job is not None:
            reply.job.caller = copy_context()
        return clip_value(
            reply.job,
            message.seq,
            message.have,
            reply.message,
            reply.frame,
            studio.pace,
        )

    return respond


def _open_clip(studio: VideoStudio, message: Message, owner: str) -> ClipJob | None:
    """Return the clip that the browser shows, if it is still held."""
    try:
        return studio.store.get(message.picture, owner)
    except InputError:
        return None


def _function(studio: VideoStudio, name: str, does: _Function) -> Callable[[Any], dict[str, Any]]:
    def function(data: Any) -> dict[str, Any]:
        try:
            values = data if isinstance(data, dict) else {}
            return does(studio, studio.store.get(read_text(values, "clip", 64)), values)
        except Exception as error:
            gone = isinstance(error, ClipGone)
            return {"message": explain(error, VIDEO_FAILED), "gone": gone}

    function.__name__ = name
    return function


def _sender(studio: VideoStudio) -> Callable[..., Any]:
    def send(event: gr.EventData, request: gr.Request) -> Any:
        message = read_message(event._data)
        try:
            job = studio.store.get(message.picture, str(request.session_hash))
            file = actions.finished_file(job)
        except InputError:
            return gr.skip()
        return {"seq": message.seq, "name": file.name, "file": file_value(str(file))}

    return send


def _forget(studio: VideoStudio) -> Callable[..., None]:
    def forget(request: gr.Request) -> None:
        if request.session_hash:
            studio.store.free(request.session_hash)
        else:
            logging.getLogger(__name__).warning("A page without a session was closed.")

    return forget


def _strip(examples: Sequence[ClipSource]) -> list[dict[str, Any]]:
    return [
        {
            "name": source.name,
            "label": source.label,
            "thumbnail": file_value(stored_file("thumbnail.jpg", thumbnail(source.picture))),
        }
        for source in examples
    ]
