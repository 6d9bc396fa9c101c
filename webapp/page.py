"""The page: heading and tabs, and how it is served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from refiner.files.reading import Reader
from refiner.types import Segmenter
from webapp.about_tab import build_about_tab
from webapp.api.addresses import accept_addresses
from webapp.api.endpoints import build_api
from webapp.api.inputs import Inbox
from webapp.compare.queue import Jobs
from webapp.compare.tab import build_compare_tab
from webapp.compare.variants import Loader
from webapp.image.backbone_choice import build_heading
from webapp.image.tab import build_image_tab
from webapp.serving.health import Doorway, Health, end_on_sigterm
from webapp.serving.metrics import Metrics
from webapp.serving.sent_page import CalmPage, PackedPage
from webapp.serving.turns import TurnQueue
from webapp.serving.visitors import Visitors, current_visitor, sweeping
from webapp.shared import counts, text
from webapp.shared.backbones import Load, Models
from webapp.shared.examples import ExampleSource, load
from webapp.shared.limits import Limits, check_spare
from webapp.shared.uploads import Uploads
from webapp.video.context import VideoStudio
from webapp.video.tab import build_video_tab

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
STYLE = Path(__file__).parent / "page.css"


def build_page(
    segmenter: Segmenter,
    *,
    reader: Reader,
    uploads: Uploads,
    examples: Sequence[ExampleSource] = (),
    video: VideoStudio | None = None,
    results: Path | None = None,
    variants: Mapping[str, Loader] | None = None,
    load_backbone: Load | None = None,
    backbones: Sequence[str] = (),
    limits: Limits | None = None,
    click_seconds: int | None = None,
) -> gr.Blocks:
    """Return the page.

    Args:
        segmenter: the model.
        reader: reads files of strangers; raises InputError if it cannot.
        uploads: what visitors uploaded; `launch` fills it.
        examples: pictures one click away; the first is open when the page opens.
        video: what the video tab works with; without it there is none.
        results: folder of measured results to show.
        variants: loaders of trained variants of the refiner by name.
        load_backbone: loads the model of another backbone; without it there is no choice.
        backbones: the names of those that visitors may choose.
        limits: how much a visitor may ask for; by default what the environment says.
        click_seconds: what a click with another backbone takes of a GPU that is lent for it; None
            if none is.

    Raises:
        InputError: an example cannot be read, or a limit in the environment is no number.
    """
    limits = limits or Limits.from_env()
    loaded = [load(source, reader, limits) for source in examples]
    spare = partial(check_spare, limits, uploads.root)
    given = segmenter, backbones, load_backbone, limits.backbones, current_visitor
    models = Models(*given, check_spare=spare)
    if loaded:
        segmenter.prepare(loaded[0].pixels)  # the first visitor finds model and picture warm
    with gr.Blocks(title=text.TITLE, analytics_enabled=False, fill_width=True) as page:
        heading = build_heading(models, text.gpu_cost(click_seconds))
        with gr.Tab(text.IMAGE_TAB):
            state = build_image_tab(page, models, reader, loaded, limits, heading, uploads, results)
        if video is not None:
            with gr.Tab(text.VIDEO_TAB):
                build_video_tab(page, video)
        jobs = Jobs(limits)
        with gr.Tab(text.COMPARE_TAB):
            works = limits, jobs, uploads, state, results, variants or {}
            page.further_routes = build_compare_tab(page, segmenter, reader, loaded, *works)
        with gr.Tab(text.ABOUT_TAB):
            build_about_tab(limits)
        build_api(models, Inbox(reader, uploads, limits), jobs, video)
    accept_addresses(page, uploads)
    _take_turns(page, video, limits)
    page.loaded_models = lambda: models.loaded
    return page


def _take_turns(page: gr.Blocks, video: VideoStudio | None, limits: Limits) -> None:
    """Have visitors take turns, and tracking give way to who waits."""
    page._queue = TurnQueue(page, limits)
    if video is not None:
        video.precedence.awaited = page._queue.awaited
        counts.CLIPS_HELD.set_function(video.store.__len__)


def launch(
    page: gr.Blocks,
    uploads: Uploads,
    host: str,
    port: int,
    limits: Limits | None = None,
    **options: Any,
) -> Any:
    """Serve the page until interrupted or told to end; further options go to gradio's `launch`."""
    limits = limits or Limits.from_env()
    uploads.shown = frozenset(path for part in page.blocks.values() for path in part.keep_in_cache)
    doorway = Doorway(page.loaded_models, lambda: any(page._queue.active_jobs))
    end_on_sigterm(page, doorway)
    return page.launch(
        server_name=host,
        server_port=port,
        theme=gr.themes.Base(font=SANS, font_mono=MONO, primary_hue="blue"),
        head=f"<style>{STYLE.read_text(encoding='utf-8')}</style>",
        max_file_size=f"{max(limits.file_megabytes, limits.video_megabytes)}mb",
        state_session_capacity=limits.sessions,
        show_error=False,
        run_history=False,
        footer_links=[],
        allowed_paths=[],
        ssr_mode=False,
        share=False,
        app_kwargs={
            "middleware": [
                Middleware(Metrics),
                Middleware(Health, doorway=doorway),
                Middleware(Visitors, uploads=uploads),
                Middleware(PackedPage),
                Middleware(CalmPage),
            ],
            "lifespan": sweeping(uploads, page.temp_file_sets),
            "routes": page.further_routes,
        },
        **options,
    )
