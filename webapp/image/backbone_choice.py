"""The page's heading: what is loaded, and the choice of another backbone."""

from __future__ import annotations

import html
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from threading import Thread
from typing import Any

import gradio as gr

from refiner.types import ModelInfo
from webapp.image import actions
from webapp.image.actions import Studio
from webapp.image.reply import canvas_value
from webapp.image.state import ImageState
from webapp.shared import text
from webapp.shared.backbones import Models
from webapp.shared.events import EVENT, Message, Outcome, explain, guarded, read_message

LOADING: dict[str, Any] = {
    "concurrency_limit": 8,
    "concurrency_id": "loading",
    "show_progress": "hidden",
    "api_visibility": "private",
}
"""Loading takes minutes at worst, so it has a queue of its own: clicks on models at hand go on."""
_TOLD_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Order:
    """A backbone to load: its name, which message of the canvas asks, and what went wrong."""

    backbone: str = ""
    message: Message = field(default_factory=lambda: read_message({}))
    problem: str = ""


@dataclass(frozen=True, eq=False)
class Heading:
    """The components of the heading; `selector` is None where there is nothing to choose."""

    title: gr.HTML
    selector: gr.Dropdown | None


def build_heading(models: Models, cost: str = "") -> Heading:
    """Add the heading to the page being built; `cost` says what another backbone takes."""
    info = models.first.info
    with gr.Row(elem_id="heading-row"):
        title = gr.HTML(heading_html(info), elem_id="heading", padding=False)
        if not models.names:
            return Heading(title, None)
        names = tuple(dict.fromkeys((info.backbone, *models.names)))
        selector = gr.Dropdown(
            list(names),
            value=info.backbone,
            label=text.BACKBONE,
            info=cost or None,
            elem_id="backbone",
            elem_classes=[] if cost else ["bare"],
            show_label=bool(cost),
            container=bool(cost),
            filterable=False,
            scale=0,
            min_width=480 if cost else 190,
        )
    return Heading(title, selector)


def connect_heading(heading: Heading, studio: Studio, state: gr.State, canvas: gr.HTML) -> None:
    """Let the selector load a backbone and answer the picture with it.

    One that was put away for others is loaded again when the canvas, whose prompts lack answers then,
    asks for that.
    """
    if heading.selector is None:
        return
    order = gr.State(Order())
    told = [order, heading.title]
    chosen = heading.selector.input(_chosen(studio.models), heading.selector, told, **LOADING)
    missed = canvas.load_model(_missed(studio.models), state, told, **LOADING)
    for loaded in (chosen, missed):
        shown = [state, canvas, heading.selector, heading.title]
        loaded.then(_chooser(studio), [order, state], shown, **EVENT)


def heading_html(info: ModelInfo, doing: str = "") -> str:
    """Return the heading of a page that shows this model, or what it is `doing` just now."""
    loaded = html.escape(text.loaded(info))
    links = " · ".join(
        f'<a href="{html.escape(link)}" target="_blank" rel="noopener">{name}</a>'
        for name, link in text.links(os.environ.get("SPACE_ID"))
    )
    links += f' · <a href="#about-programs" data-about="programs">{html.escape(text.PROGRAMS)}</a>'
    return (
        f'<a class="skip" href="#picture-stage">{html.escape(text.SKIP)}</a>'
        f"<h1>{html.escape(text.TITLE)}</h1><p>{html.escape(text.TAGLINE)}</p>"
        f'<details class="loaded"><summary>{html.escape(doing or text.model_line(info))} ▾</summary>'
        f"<p>{loaded}</p></details><p>{links}</p>"
    )


def _chosen(models: Models) -> Callable[[str], Iterator[tuple[Order, str]]]:
    def load(name: str) -> Iterator[tuple[Order, str]]:
        yield from _loading(models, Order(name))

    return load


def _missed(models: Models) -> Callable[..., Iterator[tuple[Order, str]]]:
    def load(state: ImageState, event: gr.EventData) -> Iterator[tuple[Order, str]]:
        yield from _loading(models, Order(state.backbone, read_message(event._data)))

    return load


def _loading(models: Models, order: Order) -> Iterator[tuple[Order, str]]:
    """Load a backbone; yield the order and the heading meanwhile, at the end with what went wrong."""
    done: Future[Any] = Future()

    def load() -> None:
        try:
            done.set_result(models.get(order.backbone))
        except Exception as error:
            done.set_exception(error)

    # gradio's record of who is asking belongs to this thread
    Thread(target=copy_context().run, args=(load,), daemon=True).start()
    start, info = time.monotonic(), models.first.info
    while not wait([done], _TOLD_SECONDS).done:
        passed = round(time.monotonic() - start)
        yield order, heading_html(info, text.loading(order.backbone, passed))
    error = done.exception()
    problem = explain(error) if isinstance(error, Exception) else ""
    yield replace(order, problem=problem), heading_html(info, text.loading(order.backbone))


def _chooser(studio: Studio) -> Callable[..., tuple[ImageState, dict[str, Any], str, str]]:
    def choose(order: Order, state: ImageState) -> tuple[ImageState, dict[str, Any], str, str]:
        def action() -> Outcome[ImageState]:
            if order.problem:
                return Outcome(replace(state, loading=False), order.problem)
            return actions.choose_backbone(studio, state, order.backbone)

        outcome = guarded(state, action)
        chosen = replace(outcome.state, revision=state.revision + 1)
        info, message = studio.info(chosen), order.message
        value = canvas_value(
            chosen,
            message.seq or None,
            message.have,
            message=outcome.message,
            titles=text.titles(info),
        )
        return chosen, value, info.backbone, heading_html(info)

    return choose
