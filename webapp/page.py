"""The page: heading and tabs, and how it is served."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from refiner.types import Segmenter
from webapp import text
from webapp.about_tab import build_about_tab
from webapp.examples import ExampleSource, load
from webapp.image_tab import build_image_tab
from webapp.limits import Limits
from webapp.pictures import ReadImage

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
CACHE_SECONDS = (600, 3600)
STYLE = Path(__file__).parent / "page.css"


def build_page(
    segmenter: Segmenter,
    *,
    read_image: ReadImage,
    examples: Sequence[ExampleSource] = (),
    limits: Limits | None = None,
) -> gr.Blocks:
    """Return the page.

    Args:
        segmenter: the model.
        read_image: reads a picture from a file; raises InputError if it cannot.
        examples: pictures one click away; the first is open when the page opens.
        limits: how much a visitor may ask for; by default what the environment says.

    Raises:
        InputError: an example cannot be read, or a limit in the environment is no number.
    """
    limits = limits or Limits.from_env()
    loaded = [load(source, read_image, limits) for source in examples]
    if loaded:
        segmenter.prepare(loaded[0].pixels)  # the first visitor finds model and picture warm
    page = gr.Blocks(
        title=text.TITLE, analytics_enabled=False, fill_width=True, delete_cache=CACHE_SECONDS
    )
    with page:
        gr.HTML(_heading(segmenter), elem_id="heading", padding=False)
        with gr.Tab(text.IMAGE_TAB):
            build_image_tab(page, segmenter, read_image, loaded, limits)
        with gr.Tab(text.ABOUT_TAB):
            build_about_tab(limits)
    page.queue(max_size=limits.waiting)
    return page


def launch(
    page: gr.Blocks, host: str, port: int, limits: Limits | None = None, **options: Any
) -> Any:
    """Serve the page; further options go to gradio's `launch`."""
    limits = limits or Limits.from_env()
    return page.launch(
        server_name=host,
        server_port=port,
        theme=gr.themes.Base(font=SANS, font_mono=MONO, primary_hue="blue"),
        head=f"<style>{STYLE.read_text(encoding='utf-8')}</style>",
        max_file_size=f"{limits.file_megabytes}mb",
        state_session_capacity=limits.sessions,
        show_error=False,
        run_history=False,
        footer_links=[],
        allowed_paths=[],
        ssr_mode=False,
        share=False,
        **options,
    )


def _heading(segmenter: Segmenter) -> str:
    return (
        f"<h1>{html.escape(text.TITLE)}</h1><p>{html.escape(text.TAGLINE)}</p>"
        f'<p class="loaded">{html.escape(text.loaded(segmenter.info))}</p>'
    )
