"""Shows how far masks change when a picture changes in ways that should not matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from refiner.evaluation.report.plots import NAMES
from refiner.evaluation.stability import QUALITY, SCALE, SHIFT

_CHANGES = {
    "shifted": f"shifted by {SHIFT} px",
    "smaller": f"{round(100 * (1 - SCALE))} % smaller",
    "mirrored": "mirrored",
    "jpeg": f"JPEG of quality {QUALITY}",
}


def stability_table(measured: Sequence[dict[str, Any]]) -> str:
    """Lay out what `measure_stability` returned: a line for each model and kind of prompts."""
    found = {(one["prompts"], one["model"], one["change"]): one for one in measured}
    lines = [f"| prompts | model | {' | '.join(_CHANGES.values())} |"]
    lines.append("|---" * (len(_CHANGES) + 2) + "|")
    for prompts, model in dict.fromkeys(key[:2] for key in found):
        cells = [f"{found[prompts, model, change]['iou']:.3f}" for change in _CHANGES]
        lines.append(f"| {' | '.join([prompts, NAMES.get(model, model), *cells])} |")
    return "\n".join(lines)
