"""The plot of a comparison, in the style of `refiner.evaluation.report.plots`."""

from __future__ import annotations

from matplotlib.figure import Figure

from refiner.evaluation.report.plots import NAMES, Curve, Panel, arranged, draw_panels
from webapp.compare.scores import MODELS, RANDOM, Comparison
from webapp.compare.text import COMPARE


def comparison_figure(comparison: Comparison, tall: bool = False) -> Figure:
    """Draw mIoU and mBIoU over the number of prompts, bands over seeds.

    If `tall`, one is below the other, for narrow screens.
    """
    counted = COMPARE["points" if comparison.plan.policy == RANDOM else "clicks_axis"]
    panels = [
        Panel(title, title, counted, _measured(comparison, metric))
        for metric, title in (("miou", "mIoU"), ("mbiou", "mBIoU"))
    ]
    return draw_panels(arranged(panels, tall))


def _measured(comparison: Comparison, metric: str) -> list[Curve]:
    curves = []
    for model in MODELS:
        rows = [row for row in comparison.rows if row.model == model]
        means = [100 * getattr(row, metric) for row in rows]
        spread = [100 * getattr(row, f"{metric}_sd") for row in rows]
        band = spread if comparison.plan.seeds > 1 else ()
        curves.append(Curve(model, NAMES[model], [row.prompts for row in rows], means, band))
    return curves
