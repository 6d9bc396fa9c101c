"""The about tab: what the models are, how to read the page, what is kept."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import gradio as gr

from webapp.shared import text
from webapp.shared.limits import Limits

_PARTS = {"about-measured": "### How it was measured", "about-programs": "### From Python"}
"""Parts that other places of the page lead to (`picture/about.js`), and how they begin."""


def build_about_tab(limits: Limits) -> None:
    """Add the tab's text to the page being built."""
    about = Path(__file__).with_name("about.md").read_text(encoding="utf-8")
    words = {**asdict(limits), "gpu_day": text.GPU_DAY, "gpu_day_member": text.GPU_DAY_MEMBER}
    for part in about.format(**words).split("\n---\n"):
        named = next((name for name, title in _PARTS.items() if title in part), None)
        gr.Markdown(part, elem_classes="about", elem_id=named)
    keys = "\n".join(f"- **{key}**: {does}" for key, does in text.IMAGE_KEYS)
    gr.Markdown(f"### {text.KEYS_TITLE}\n\n{keys}", elem_classes="about")
