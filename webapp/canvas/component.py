"""The gradio components of the canvas."""

from __future__ import annotations

import html
from pathlib import Path
from string import Template
from typing import Any

import gradio as gr

from refiner.exports import OBJECT_COLORS
from webapp import text
from webapp.limits import Limits

FOLDER = Path(__file__).parent
SHARED = ("geometry", "masks", "painting", "scene", "panel", "pointer", "keys", "files", "app")
SCRIPTS = (
    *SHARED,
    "picture",
    "picture_panel",
    "curve",
    "given",
    "loupe",
    "band",
    "soft",
    "brush",
    "main",
)


def prompt_canvas(value: dict[str, Any], limits: Limits, **options: Any) -> gr.HTML:
    """Return the component that takes clicks, boxes and files and shows both models' masks.

    It is an `HTML` configured, not subclassed: gradio writes a stub file next to the source of
    each subclass when it is imported.

    Its events, each with a record that must be checked (`webapp.actions`), are `edit_prompts`,
    `open_file`, `open_example`, `open_truth`, `drop_truth`, `give_mask`, `open_session`,
    `show_soft` and `export_file`.

    Args:
        value: as of `webapp.payload.canvas_value`; a first one may hold `examples`, too.
        limits: what the browser should not even try.
        **options: gradio's options of any component.
    """
    return gr.HTML(
        value=value,
        html_template=_page(),
        css_template=(FOLDER / "canvas.css").read_text(encoding="utf-8"),
        js_on_load=_script(),
        apply_default_css=False,
        settings={
            "labels": text.CANVAS,
            "colors": [list(color) for color in OBJECT_COLORS],
            "objects": limits.objects,
            "file_megabytes": limits.file_megabytes,
            "accept": "image/",
        },
        **options,
    )


def downloads(**options: Any) -> gr.HTML:
    """Return the component that hands over a stored file whenever its value changes."""
    return gr.HTML(
        value=None,
        html_template="<span></span>",
        js_on_load=(FOLDER / "js" / "download.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        **options,
    )


def _page() -> str:
    labels = {key: html.escape(label, quote=True) for key, label in text.CANVAS.items()}
    keys = "".join(
        f"<dt>{html.escape(key)}</dt><dd>{html.escape(does)}</dd>" for key, does in text.IMAGE_KEYS
    )
    template = Template((FOLDER / "canvas.html").read_text(encoding="utf-8"))
    return template.substitute(labels, keys=keys)


def _script() -> str:
    return "\n".join((FOLDER / "js" / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
