"""The gradio components whose pages, styles and scripts lie in this folder."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import gradio as gr

from refiner.files.painting import OBJECT_COLORS
from webapp.shared import text
from webapp.shared.limits import Limits

FOLDER = Path(__file__).parent
PANES = (
    "geometry",
    "calls",
    "scene",
    "masks",
    "painting",
    "prompts",
    "panel",
    "menus",
    "pointer",
    "files",
    "keys",
    "restore",
    "roving",
    "app",
)
PICTURE = (
    "panel",
    "verdict",
    "plot",
    "plot_files",
    "curve",
    "play",
    "readings",
    "mask_prompts",
    "loupe",
    "inset",
    "errors",
    "crosshair",
    "band",
    "probabilities",
    "brush",
    "backbone",
    "measured",
    "about",
    "picture",
)
CLIP = (
    "tracked",
    "frames",
    "player",
    "work",
    "agreement",
    "timeline",
    "difference",
    "correction",
    "doubt",
    "worst",
    "film",
    "panel",
    "clip",
)
PICTURE_FILES = ("image/",)
CLIP_FILES = (
    "video/",
    "image/gif",
    "image/webp",
    "image/png",
    "image/avif",
    ".ts",
    ".mts",
    ".m2ts",
)
"""Types, or ends of names where browsers mistake the type, of files that are worth sending."""

NAMESPACE = "const studio = {};\n"


class Words(NamedTuple):
    """What a component says: its labels by name, and its keys with what each does."""

    labels: Mapping[str, str]
    keys: Iterable[tuple[str, str]]


ServerFunction = Callable[[Any], dict[str, Any]]


def prompt_canvas(value: dict[str, Any], limits: Limits, **options: Any) -> gr.HTML:
    """Return the component that takes clicks, boxes and files and shows both models' masks.

    It is an `HTML` configured, not subclassed: gradio writes a stub file next to the source of
    each subclass when it is imported.

    Its events, each with a record that must be checked (`webapp.shared.events`), are
    `edit_prompts`, `open_file`, `open_example`, `open_truth`, `drop_truth`, `give_mask`,
    `open_session`, `load_model`, `show_differences`, `show_soft` and `export_file`. Each is answered by a later value
    of the component with the same `seq`; `show_differences` and `show_soft` add what they ask for to it.

    Args:
        value: as of `webapp.image.reply.canvas_value`; a first one may hold `examples`, too.
        limits: what the browser should not even try.
        **options: gradio's options of any component.
    """
    return gr.HTML(
        value=value,
        html_template=_page("picture/picture.html", text.CANVAS, text.IMAGE_KEYS),
        css_template=_joined(["picture/picture.css"]),
        js_on_load=_scripts("picture", PICTURE),
        apply_default_css=False,
        settings=_settings(text.CANVAS, limits, limits.file_megabytes, PICTURE_FILES),
        **options,
    )


def video_canvas(
    value: dict[str, Any],
    words: Words,
    limits: Limits,
    functions: Sequence[ServerFunction],
    **options: Any,
) -> gr.HTML:
    """Return the component that shows a clip with both models' masks and takes prompts.

    Its events, each with a record that must be checked (`webapp.shared.events`), are
    `edit_prompts`, `open_file`, `open_example` and `export_file`.

    Args:
        value: as of `webapp.video.reply.clip_value`; a first one may hold `examples`, too.
        words: what it says.
        limits: what the browser should not even try.
        functions: what the browser calls by name: `pictures`, `follow`, `set_span`, `start_track`,
            `start_export` and `cancel`, each with one record that must be checked.
        **options: gradio's options of any component.
    """
    return gr.HTML(
        value=value,
        html_template=_page("clip/clip.html", *words),
        css_template=_joined(["picture/picture.css", "clip/clip.css"]),
        js_on_load=_scripts("clip", CLIP),
        apply_default_css=False,
        server_functions=list(functions),
        settings=_settings(words.labels, limits, limits.video_megabytes, CLIP_FILES),
        **options,
    )


def picture_grid(labels: Mapping[str, str], **options: Any) -> gr.HTML:
    """Return the component that shows pictures of one place, zoomed and moved together.

    Its value lists them: `picture` and, maybe, `marked`, which is shown in its place on request,
    each as of `webapp.shared.events.file_value`; and `caption`.

    Args:
        labels: what it says.
        **options: gradio's options of any component.
    """
    return gr.HTML(
        value=[],
        html_template=_page("grid/grid.html", labels, ()),
        css_template=_joined(["grid/grid.css"]),
        js_on_load=_joined(["grid/grid.js"]),
        apply_default_css=False,
        **options,
    )


def downloads(**options: Any) -> gr.HTML:
    """Return the component that hands over a stored file whenever its value changes."""
    return gr.HTML(
        value=None,
        html_template="<span></span>",
        js_on_load=_joined(["download.js"]),
        apply_default_css=False,
        **options,
    )


def _settings(
    labels: Mapping[str, str], limits: Limits, megabytes: int, accept: Sequence[str]
) -> str:
    """Return what never changes as JSON: gradio copies all values of a component at each event."""
    settings = {
        "labels": dict(labels),
        "colors": [list(color) for color in OBJECT_COLORS],
        "objects": limits.objects,
        "actions": limits.actions,
        "work": limits.work,
        "file_megabytes": megabytes,
        "accept": list(accept),
    }
    return json.dumps(settings)


def _page(file: str, texts: Mapping[str, str], keys: Iterable[tuple[str, str]]) -> str:
    labels = {key: html.escape(label, quote=True) for key, label in texts.items()}
    rows = "".join(f"<dt>{html.escape(key)}</dt><dd>{html.escape(does)}</dd>" for key, does in keys)
    return Template(_joined([file])).substitute(labels, keys=rows)


def _scripts(folder: str, names: Sequence[str]) -> str:
    """Join the panes' scripts and a tab's own: gradio takes one script, not modules.

    Each is a closure that puts what others may use into the record `studio`; the last one starts.
    """
    shared = [f"panes/{name}.js" for name in PANES]
    return NAMESPACE + _joined([*shared, *(f"{folder}/{name}.js" for name in names)])


def _joined(files: Iterable[str]) -> str:
    return "\n".join((FOLDER / file).read_text(encoding="utf-8") for file in files)
