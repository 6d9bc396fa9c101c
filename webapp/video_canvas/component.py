"""The gradio component of the video canvas."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from pathlib import Path
from string import Template
from typing import Any

import gradio as gr

from refiner.exports import OBJECT_COLORS
from webapp import text
from webapp.canvas import component as canvas
from webapp.limits import Limits

FOLDER = Path(__file__).parent
SCRIPTS = ("frames", "clip", "work", "timeline", "agreement", "player", "panel", "main")

ServerFunction = Callable[[Any], dict[str, Any]]


def video_canvas(
    value: dict[str, Any], limits: Limits, functions: Sequence[ServerFunction], **options: Any
) -> gr.HTML:
    """Return the component that shows a clip with both models' masks and takes prompts.

    Its events, each with a record that must be checked (`webapp.actions`), are `edit_prompts`,
    `open_file`, `open_example` and `export_file`.

    Args:
        value: as of `webapp.video_payload.clip_value`; a first one may hold `examples`, too.
        limits: what the browser should not even try.
        functions: what the browser calls by name: `pictures`, `follow`, `set_span`, `start_track`,
            `start_export` and `cancel`, each with one record that must be checked.
        **options: gradio's options of any component.
    """
    styles = [canvas.FOLDER / "canvas.css", FOLDER / "video.css"]
    return gr.HTML(
        value=value,
        html_template=_page(),
        css_template="\n".join(file.read_text(encoding="utf-8") for file in styles),
        js_on_load=_script(),
        apply_default_css=False,
        server_functions=list(functions),
        settings={
            "labels": text.VIDEO,
            "colors": [list(color) for color in OBJECT_COLORS],
            "objects": limits.objects,
            "file_megabytes": limits.video_megabytes,
            "accept": "video/",
        },
        **options,
    )


def _page() -> str:
    labels = {key: html.escape(label, quote=True) for key, label in text.VIDEO.items()}
    keys = "".join(
        f"<dt>{html.escape(key)}</dt><dd>{html.escape(does)}</dd>" for key, does in text.VIDEO_KEYS
    )
    template = Template((FOLDER / "video.html").read_text(encoding="utf-8"))
    return template.substitute(labels, keys=keys)


def _script() -> str:
    files = [canvas.FOLDER / "js" / f"{name}.js" for name in canvas.SHARED]
    files += [FOLDER / "js" / f"{name}.js" for name in SCRIPTS]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)
