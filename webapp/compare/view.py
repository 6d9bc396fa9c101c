"""HTML of the compare tab; whatever a visitor named is escaped."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from matplotlib.figure import Figure

from refiner.evaluation.report.plots import NAMES, figure_bytes
from webapp.compare.markup import plain
from webapp.compare.plot import comparison_figure
from webapp.compare.run import Progress
from webapp.compare.scatter import scatter
from webapp.compare.scores import MODELS, RANDOM, Comparison, Row
from webapp.compare.text import COMPARE as TEXT


def status(progress: Progress) -> str:
    """Say how far a run is, with a bar while it goes on."""
    words = TEXT[progress.stage].format(
        finished=progress.finished, pictures=progress.pictures, name=progress.name
    )
    bar = ""
    if progress.stage in ("checking", "running", "waiting"):
        bar = f'<progress max="1" value="{progress.done:.4f}"></progress>'
    return f'<p role="status" data-stage="{progress.stage}">{bar}{plain(words)}</p>'


def refusal(message: str) -> str:
    """Say why a run did not start or did not go on."""
    return f'<p role="alert" data-stage="refused">{plain(message)}</p>'


def picture(wide: Figure, tall: Figure, label: str) -> str:
    """Return a plot as an image of its own, so that two plots cannot share names inside.

    Narrow screens show `tall` instead of `wide`.
    """
    return (
        f'<picture><source media="(max-width: 700px)" srcset="{_address(tall)}">'
        f'<img class="plot" alt="{plain(label)}" src="{_address(wide)}"></picture>'
    )


def _address(figure: Figure) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(figure_bytes(figure, 'svg')).decode()}"


def outcome(comparison: Comparison) -> str:
    """Return the finding, the plot, every picture as a point, and the tables of a comparison."""
    rows = comparison.rows
    facts = TEXT["facts"].format(
        pictures=rows[0].pictures, objects=rows[0].objects, seeds=rows[0].seeds
    )
    if rows[0].seeds > 1:
        facts += TEXT["bands"]
    drawn = picture(
        comparison_figure(comparison), comparison_figure(comparison, tall=True), TEXT["plot"]
    )
    parts = [_finding(comparison), drawn, f"<p>{plain(facts)}</p>"]
    parts.append(f"<p>{plain(TEXT['scatter_note'])}</p>{scatter(comparison.pictures)}")
    if comparison.efforts:
        parts.append(_efforts(comparison))
    parts.append(_scores(comparison))
    parts.append(_notices(comparison.notices))
    return "".join(parts)


def _finding(comparison: Comparison) -> str:
    last = {row.model: row for row in comparison.rows if row.prompts == comparison.plan.prompts}
    base, refined = last["sam2"], last["sam2refiner"]
    better = sum(one.sam2refiner_iou > one.sam2_iou for one in comparison.pictures)
    words = TEXT["finding"].format(
        count=comparison.plan.prompts,
        prompts=TEXT["points" if comparison.plan.policy == RANDOM else "clicks_axis"],
        better=better,
        pictures=len(comparison.pictures),
        iou=f"{100 * base.miou:.1f} → {100 * refined.miou:.1f}",
        biou=f"{100 * base.mbiou:.1f} → {100 * refined.mbiou:.1f}",
    )
    return f'<p class="finding"><strong>{plain(words)}</strong></p>'


def _notices(notices: Sequence[str]) -> str:
    """Return what was understood of the files, folded up; nothing if all of it was plain."""
    if not notices:
        return ""
    items = "".join(f"<li>{plain(notice)}</li>" for notice in notices)
    words = plain(TEXT["notices"].format(count=len(notices)))
    return f'<details class="notices"><summary>{words}</summary><ul>{items}</ul></details>'


def _scores(comparison: Comparison) -> str:
    heads = [TEXT["prompts"], *(f"{NAMES[m]} {name}" for name in ("mIoU", "mBIoU") for m in MODELS)]
    by_count: dict[int, dict[str, Row]] = {}
    for row in comparison.rows:
        by_count.setdefault(row.prompts, {})[row.model] = row
    band = comparison.plan.seeds > 1
    lines = []
    for count, models in by_count.items():
        cells = [_cell(models[m].miou, models[m].miou_sd, band) for m in MODELS]
        cells += [_cell(models[m].mbiou, models[m].mbiou_sd, band) for m in MODELS]
        lines.append([str(count), *cells])
    return _table(heads, lines, "scores")


def _efforts(comparison: Comparison) -> str:
    most = comparison.plan.prompts
    heads = [TEXT["model"], "NoC@85", "NoC@90", TEXT["failed"].format(most=most)]
    lines = [
        [NAMES[one.model], f"{one.noc85:.2f}", f"{one.noc90:.2f}", str(one.failed)]
        for one in comparison.efforts
    ]
    return _table(heads, lines, "efforts") + f"<p>{plain(TEXT['noc_note'].format(most=most))}</p>"


def _cell(mean: float, deviation: float, band: bool) -> str:
    return f"{100 * mean:.1f}" + (f" ± {100 * deviation:.1f}" if band else "")


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]], name: str) -> str:
    head = "".join(f"<th>{plain(one)}</th>" for one in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{plain(cell)}</td>" for cell in line) + "</tr>" for line in lines
    )
    return f'<table class="{name}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
