"""Score curves over the number of prompts, in one style: one figure of panels, as SVG or PNG.

A model has its colour, of Okabe and Ito's, which the colour-blind can tell apart, and its marker.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

NAMES = {"given": "mask given", "sam2": "SAM2", "sam2refiner": "SAM2Refiner", "hq-sam2": "HQ-SAM2"}
_COLOURS = {"sam2": "#E69F00", "sam2refiner": "#0072B2", "hq-sam2": "#009E73"}
_MARKERS = {"sam2": "o", "sam2refiner": "s", "hq-sam2": "^"}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Curve:
    """Scores of one model, in percent.

    Attributes:
        model: gives the colour and the marker; a key of `NAMES`.
        label: its name in the legend.
        counts: numbers of prompts.
        means: a score for each.
        spread: half the height of the band around each.
    """

    model: str
    label: str
    counts: Sequence[int]
    means: Sequence[float]
    spread: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes: `metric` names the scores, `counted` the prompts."""

    title: str
    metric: str
    counted: str
    curves: Sequence[Curve]


def arranged(panels: Sequence[Panel], tall: bool) -> list[list[Panel]]:
    """Return the rows for `draw_panels`: one row of all panels or, if `tall`, one panel a row."""
    return [[panel] for panel in panels] if tall else [[*panels]]


def draw_panels(rows: Sequence[Sequence[Panel]]) -> Figure:
    """Draw rows of equally many panels; one legend stands for all."""
    figure = Figure(figsize=(4 * len(rows[0]), 3.4 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), len(rows[0]), squeeze=False)
    for panels, axes in zip(rows, grid, strict=True):
        for panel, axis in zip(panels, axes, strict=True):
            _draw_panel(axis, panel)
    curves, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(
        curves, labels, loc="outside lower center", ncols=2 * len(rows[0]), fontsize="small"
    )
    return figure


def figure_bytes(figure: Figure, kind: Literal["svg", "png"]) -> bytes:
    """Return a figure as a file; the same figure gives the same bytes.

    Safe from several threads, which matplotlib is not.
    """
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else None
    with _lock, matplotlib.rc_context({"svg.hashsalt": "results"}):
        figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
    return buffer.getvalue()


def _draw_panel(axis: Axes, panel: Panel) -> None:
    for curve in panel.curves:
        _draw_curve(axis, curve, f"{panel.metric}-{curve.model}")
    counts = sorted({count for curve in panel.curves for count in curve.counts})
    axis.set(title=panel.title, xlabel=panel.counted, ylabel=f"{panel.metric} x 100")
    axis.set_xticks(counts if len(counts) <= 10 else counts[:: -(-len(counts) // 10)])
    axis.patch.set_gid(f"{panel.metric}-panel")
    axis.grid(alpha=0.3)


def _draw_curve(axis: Axes, curve: Curve, name: str) -> None:
    colour, marker = _COLOURS.get(curve.model, "#000000"), _MARKERS.get(curve.model, "D")
    style: dict[str, Any] = {"linewidth": 1.8, "markersize": 5, "marker": marker, "color": colour}
    axis.plot(curve.counts, curve.means, label=curve.label, gid=name, **style)
    if curve.spread:
        low = [mean - sd for mean, sd in zip(curve.means, curve.spread, strict=True)]
        high = [mean + sd for mean, sd in zip(curve.means, curve.spread, strict=True)]
        axis.fill_between(curve.counts, low, high, color=colour, alpha=0.2, linewidth=0)
