"""Shows how far masks change when a picture changes in ways that should not matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from refiner.evaluation.report.plots import NAMES
from refiner.evaluation.stability import DARK, POOR_QUALITY, QUALITY, SCALE, SHIFT

_CHANGES = {
    "shifted": f"shifted by {SHIFT} px",
    "smaller": f"{round(100 * (1 - SCALE))} % smaller",
    "mirrored": "mirrored",
    "jpeg": f"JPEG of quality {QUALITY}",
}
_LOSSES = {
    "grey": "grey",
    "poor": f"JPEG of quality {POOR_QUALITY}",
    "dark": f"{round(100 * DARK)} % of the light",
}


def stability_table(measured: Sequence[dict[str, Any]]) -> str:
    """Lay out what `measure_stability` returned: a line for each model and kind of prompts."""
    found = {(one["prompts"], one["model"], one["change"]): one for one in measured}
    heads = [*_CHANGES.values(), *_LOSSES.values()]
    lines = [f"| prompts | model | {' | '.join(heads)} |", "|---" * (len(heads) + 2) + "|"]
    for prompts, model in dict.fromkeys(key[:2] for key in found):
        cells = [f"{found[prompts, model, change]['iou']:.3f}" for change in _CHANGES]
        cells += [f"{-100 * found[prompts, model, change]['lost']:+.1f}" for change in _LOSSES]
        lines.append(f"| {' | '.join([prompts, NAMES.get(model, model), *cells])} |")
    return "\n".join(lines)
