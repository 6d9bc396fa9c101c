"""The page's heading: what is loaded, and the choice of another backbone."""

from __future__ import annotations

import html
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from refiner.types import InputError, ModelInfo
from webapp.image import actions
from webapp.image.actions import Studio
from webapp.image.reply import canvas_value
from webapp.image.state import ImageState
from webapp.shared import text
from webapp.shared.backbones import Models
from webapp.shared.events import EVENT, Outcome, explain, guarded

LOADING: dict[str, Any] = {
    "concurrency_limit": 1,
    "concurrency_id": "loading",
    "show_progress": "minimal",
    "api_visibility": "private",
}
"""Loading takes minutes at worst, so it has a queue of its own: the others' clicks go on."""


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
            min_width=320 if cost else 190,
        )
    return Heading(title, selector)


def connect_heading(heading: Heading, studio: Studio, state: gr.State, canvas: gr.HTML) -> None:
    """Let the selector load a backbone and answer the picture with it."""
    if heading.selector is None:
        return
    problem = gr.State("")
    chosen = heading.selector.input(_loader(studio.models), heading.selector, problem, **LOADING)
    chosen.then(
        _chooser(studio),
        [heading.selector, problem, state],
        [state, canvas, heading.selector, heading.title],
        **EVENT,
    )


def heading_html(info: ModelInfo) -> str:
    """Return the heading of a page that shows this model."""
    loaded = html.escape(text.loaded(info))
    links = " · ".join(
        f'<a href="{html.escape(link)}" target="_blank" rel="noopener">{name}</a>'
        for name, link in text.links(os.environ.get("SPACE_ID"))
    )
    return (
        f"<h1>{html.escape(text.TITLE)}</h1><p>{html.escape(text.TAGLINE)}</p>"
        f'<details class="loaded"><summary>{html.escape(text.model_line(info))} ▾</summary>'
        f"<p>{loaded}</p></details><p>{links}</p>"
    )


def _loader(models: Models) -> Callable[[str], str]:
    def load(name: str) -> str:
        """Load a backbone; return what went wrong."""
        try:
            models.get(name)
        except Exception as error:
            return explain(error)
        return ""

    return load


def _chooser(studio: Studio) -> Callable[..., tuple[ImageState, dict[str, Any], str, str]]:
    def choose(
        name: str, problem: str, state: ImageState
    ) -> tuple[ImageState, dict[str, Any], str, str]:
        def action() -> Outcome[ImageState]:
            if problem:
                raise InputError(problem)
            return actions.choose_backbone(studio, state, name)

        outcome = guarded(state, action)
        info = studio.model(outcome.state).info
        value = canvas_value(outcome.state, None, message=outcome.message, titles=text.titles(info))
        return outcome.state, value, info.backbone, heading_html(info)

    return choose
