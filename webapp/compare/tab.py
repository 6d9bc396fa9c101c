"""The compare tab: prompt counts, measured results, variants; components and their wiring."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.routing import BaseRoute

from refiner.evaluation.report.paper import PAPER
from refiner.evaluation.report.plots import figure_bytes
from refiner.evaluation.report.readme import drawable, sections
from refiner.files.reading import Reader
from refiner.types import InputError, Segmenter
from webapp.browser.component import picture_grid
from webapp.compare.measured_photos import photo_scatters
from webapp.compare.plot import comparison_figure
from webapp.compare.queue import Jobs
from webapp.compare.result_plots import ResultPlots
from webapp.compare.run import MAX_PROMPTS, Progress, compare, read_plan
from webapp.compare.samples import gather
from webapp.compare.scores import POLICIES, Comparison, csv_text
from webapp.compare.text import COMPARE as TEXT
from webapp.compare.text import TITLES
from webapp.compare.variants import Loader, VariantPicture, Variants, run_variants
from webapp.compare.view import outcome, refusal, status
from webapp.image.state import ImageState
from webapp.shared.events import explain, file_value, stored_file
from webapp.shared.examples import Example
from webapp.shared.limits import Limits
from webapp.shared.measured import finding
from webapp.shared.pictures import jpeg
from webapp.shared.text import CANVAS
from webapp.shared.uploads import Uploads

PRIVATE: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
FILES = ("csv", "pictures", "svg", "png")
REDRAW_SECONDS = 2.0
_TELL_SECONDS = 0.2

Update = tuple[Any, ...]


def build_compare_tab(
    page: gr.Blocks,
    segmenter: Segmenter,
    reader: Reader,
    examples: Sequence[Example],
    limits: Limits,
    jobs: Jobs,
    uploads: Uploads,
    state: gr.State,
    results: Path | None,
    variants: Mapping[str, Loader],
) -> list[BaseRoute]:
    """Add the tab's components to the page being built and connect them.

    Args:
        page: the page.
        segmenter: the model.
        reader: reads files of strangers.
        examples: those with a true mask are offered.
        limits: how much a visitor may ask for.
        jobs: the runs of all visitors.
        uploads: what visitors uploaded.
        state: the image tab's `ImageState`.
        results: folder of measured results, if there is one.
        variants: loaders of trained variants by name.

    Returns:
        what else the app is to serve for this tab.
    """
    with gr.Tab(TEXT["count_tab"]):
        measurable = [one for one in examples if one.truth is not None]
        _count_part(page, segmenter, reader, measurable, limits, jobs, uploads)
    with gr.Tab(TEXT["results_tab"]):
        routes = _results_part(results)
    with gr.Tab(TEXT["variants_tab"]):
        _variants_part(segmenter, Variants(variants), state)
    return routes


def _count_part(
    page: gr.Blocks,
    segmenter: Segmenter,
    reader: Reader,
    examples: Sequence[Example],
    limits: Limits,
    jobs: Jobs,
    uploads: Uploads,
) -> None:
    gr.Markdown(TEXT["intro"].format(limits.compare_pictures, limits.compare_objects))
    with gr.Row(elem_classes="compare-halves"):
        with gr.Column():
            names = [(one.label, one.name) for one in examples]
            chosen = gr.CheckboxGroup(
                names,
                value=[name for _, name in names],
                label=TEXT["examples"],
                visible=bool(names),
            )
            # what is no picture is told in our words: gradio's check of types is a failure to its log
            files = gr.File(
                file_count="multiple", label=TEXT["files"], height=210, elem_id="compare-files"
            )
        with gr.Column():
            labels = [(TEXT[policy], policy) for policy in POLICIES]
            policy = gr.Radio(labels, value=POLICIES[0], label=TEXT["policy"])
            prompts = gr.Slider(1, MAX_PROMPTS, value=10, step=1, label=TEXT["most"])
            seeds = gr.Slider(1, limits.compare_seeds, value=3, step=1, label=TEXT["seeds"])
    with gr.Row():
        run = gr.Button(TEXT["run"], variant="primary", elem_id="compare-run")
        cancel = gr.Button(TEXT["cancel"], interactive=False, elem_id="compare-cancel")
    notice = gr.HTML(elem_id="compare-status", elem_classes="compare")
    result = gr.HTML(elem_id="compare-outcome", elem_classes="compare")
    with gr.Row():
        downloads = [
            gr.DownloadButton(TEXT[kind], interactive=False, elem_id=f"compare-{kind}")
            for kind in FILES
        ]
    # who brings pictures wants these measured; the examples can be ticked again
    files.upload(list, None, chosen, queue=False, **PRIVATE)
    start = _runner(segmenter, reader, {one.name: one for one in examples}, limits, jobs, uploads)
    outputs = [notice, result, run, cancel, *downloads]
    inputs = [chosen, files, policy, prompts, seeds]
    run.click(start, inputs, outputs, trigger_mode="once", concurrency_limit=None, **PRIVATE)
    cancel.click(_canceller(jobs), queue=False, **PRIVATE)
    page.unload(_canceller(jobs))


def _runner(
    segmenter: Segmenter,
    reader: Reader,
    examples: Mapping[str, Example],
    limits: Limits,
    jobs: Jobs,
    uploads: Uploads,
) -> Callable[..., Iterator[Update]]:
    def start(
        chosen: Any, files: Any, policy: Any, prompts: Any, seeds: Any, request: gr.Request
    ) -> Iterator[Update]:
        job = None
        try:
            plan = read_plan(policy, prompts, seeds, limits)
            picked = [examples[name] for name in chosen or () if name in examples]
            job = jobs.start(str(request.session_hash))
            samples = gather(picked, files or (), uploads, limits, reader)
            yield _update(run=False, cancel=True, outcome="")
            yield from _told(compare(segmenter, plan, samples, jobs, job))
        except Exception as error:
            yield _update(refusal(explain(error, TEXT["broken"])), run=True)
        finally:
            if job is not None:
                jobs.end(job)

    return start


def _told(steps: Iterator[Progress]) -> Iterator[Update]:
    """Turn steps into updates of the page, a few a second; draw when a picture is finished."""
    update_time = draw_time = 0.0
    stage = ""
    seen: Comparison | None = None
    for progress in steps:
        now = time.monotonic()
        last = progress.stage in ("done", "cancelled", "late")
        fresh = progress.comparison if progress.comparison is not seen else None
        html = None
        if fresh and (last or now - draw_time > REDRAW_SECONDS):
            seen, draw_time = fresh, now
            html = outcome(fresh)
        if last:
            files = _files(progress.comparison) if progress.comparison else {}
            yield _update(status(progress), html, run=True, files=files)
        elif html or progress.stage != stage or now - update_time > _TELL_SECONDS:
            update_time, stage = now, progress.stage
            yield _update(status(progress), html)


def _update(
    notice: str | None = None,
    outcome: str | None = None,
    run: bool | None = None,
    cancel: bool = False,
    files: Mapping[str, str] | None = None,
) -> Update:
    """Return what changes: texts, whether a run can be started, the files to download."""
    buttons = (gr.skip(), gr.skip())
    if run is not None:
        buttons = (gr.update(interactive=run), gr.update(interactive=cancel))
    downloads: list[Any] = [gr.skip() for _ in FILES]
    if files or outcome == "":
        paths = files or {}
        downloads = [gr.update(value=paths.get(kind), interactive=kind in paths) for kind in FILES]
    keep = [gr.skip() if words is None else words for words in (notice, outcome)]
    return (*keep, *buttons, *downloads)


def _files(comparison: Comparison) -> dict[str, str]:
    figure = comparison_figure(comparison)
    contents = {
        "csv": csv_text(comparison.rows).encode(),
        "pictures": csv_text(comparison.pictures).encode(),
        "svg": figure_bytes(figure, "svg"),
        "png": figure_bytes(figure, "png"),
    }
    names = {"pictures": "prompt-count-pictures.csv"}
    return {
        kind: stored_file(names.get(kind, f"prompt-count.{kind}"), content)
        for kind, content in contents.items()
    }


def _canceller(jobs: Jobs) -> Callable[[gr.Request], None]:
    def cancel(request: gr.Request) -> None:
        jobs.cancel(str(request.session_hash))

    return cancel


def _results_part(results: Path | None) -> list[BaseRoute]:
    try:
        if results is None:
            raise InputError(TEXT["no_results"])
        tables, plots = sections(results), ResultPlots(drawable(results))
        photos = photo_scatters(results)
    except InputError as error:
        gr.Markdown(str(error))
        return []
    if sentence := finding(results):
        gr.Markdown(f"**{sentence}**", elem_classes="compare")
    for name in _in_order(plots.names):
        label = TEXT["results_plot"].format(name)
        gr.HTML(plots.markup(name, label), elem_classes="compare")
    with gr.Row(elem_classes="compare-halves"):
        for name in _in_order(photos):
            with gr.Column(scale=1):
                head = f"<h3>{TITLES.get(name, name)}</h3>"
                gr.HTML(f"{head}{photos[name]}", elem_classes="compare")
    with gr.Row(elem_classes="compare-halves"):
        with gr.Column(scale=1):
            _tables(tables)
        with gr.Column(scale=1):
            gr.Markdown(PAPER, elem_classes="compare tables")
    return [plots.route]


def _in_order(names: Iterable[str]) -> list[str]:
    """Sort names of measurements, the most telling first."""
    return sorted(names, key=lambda name: ([*TITLES, name].index(name), name))


def _tables(sections: Mapping[str, str]) -> None:
    """Show the tables of each measurement, what matters most first and the rest folded."""
    names = _in_order(sections)
    for name in names:
        with gr.Accordion(TITLES.get(name, name), open=name == names[0], elem_classes="folded"):
            gr.Markdown(sections[name], elem_classes="compare tables")


def _variants_part(segmenter: Segmenter, variants: Variants, state: gr.State) -> None:
    if not variants.names:
        gr.Markdown(TEXT["one_variant"])
        return
    gr.Markdown(TEXT["variants_intro"].format(", ".join(variants.names)))
    run = gr.Button(TEXT["run_variants"], variant="primary", elem_id="variants-run")
    notice = gr.HTML(elem_id="variants-status", elem_classes="compare")
    grid = picture_grid({**CANVAS, **TEXT}, elem_id="variants")

    def show(state: ImageState) -> Iterator[Update]:
        pictures: list[dict[str, Any]] = []
        try:
            for one in run_variants(segmenter, variants, state):
                pictures.append(_tile(one))
                yield "", list(pictures)
        except Exception as error:
            yield refusal(explain(error, TEXT["broken"])), pictures

    run.click(show, state, [notice, grid], concurrency_limit=1, **PRIVATE)


def _tile(one: VariantPicture) -> dict[str, Any]:
    """Store a variant's pictures; return what the grid shows of them."""
    stored = {"picture": one.pixels, "marked": one.marked}
    files = {
        name: file_value(stored_file("variant.jpg", jpeg(pixels)))
        for name, pixels in stored.items()
        if pixels is not None
    }
    return {**files, "caption": one.caption}
