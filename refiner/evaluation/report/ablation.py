"""The ablation table: variants of SAM2Refiner trained with equal budgets, beside the paper's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from refiner.config import MODULES, VARIANTS, RefinerConfig

_Rows = Mapping[tuple[str, str, str], dict[str, Any]]
"""By source, prompts and model."""

ORDER = (
    "sam2",
    "hq-sam2",
    "sam2refiner-la",
    "sam2refiner-la-pr",
    "sam2refiner-la-mr",
    "sam2refiner-pr-mr",
    "sam2refiner-paper",
    "sam2refiner",
    "sam2refiner-resized",
    "sam2refiner-half",
)
"""The order of the paper's Table 4; what it has not comes last."""
_PAPER = {
    "sam2": "78.5 / 71.5",
    "hq-sam2": "87.7 / 80.0",
    "sam2refiner-la": "85.0 / 67.4",
    "sam2refiner-la-pr": "91.1 / 86.0",
    "sam2refiner-la-mr": "92.7 / 88.3",
    "sam2refiner-pr-mr": "91.4 / 86.2",
    "sam2refiner-paper": "93.1 / 88.9",
}
"""Table 4 of arXiv 2502.09660 (HQ-SAM: Table 1): mIoU / mBIoU at 10 points on SAM2-L, mean of the
four sets. Which two modules a row has follows from section 4.3."""
_QUARTERS = {"source": "source pixels", "resized": "enlarged", "half": "half size"}


def ablation_table(rows: _Rows, source: str, spec: str) -> str:
    """Write mIoU / mBIoU with their deviations over the seeds, a line a variant; markdown."""
    lines = [
        "| model | LA | PR | MR | skips | quarters | mIoU | mBIoU | strict mBIoU | paper |",
        "|---" * 10 + "|",
    ]
    for model in ORDER:
        row = rows.get((source, spec, model))
        if row is not None:
            scores = [_score(row, "miou"), _score(row, "mbiou"), f"{100 * row['mbiou_strict']:.1f}"]
            lines.append(f"| {' | '.join([*_parts(model), *scores, _PAPER.get(model, '')])} |")
    return "\n".join(lines)


def _parts(model: str) -> list[str]:
    """Return the name, a tick for each module and for the skips to mask refinement, and the quarters."""
    if not model.startswith("sam2refiner"):
        return [{"sam2": "SAM2", "hq-sam2": "HQ-SAM2"}[model], "", "", "", "", ""]
    config = RefinerConfig(128, 512, **VARIANTS[model])
    parts = [*(name in config.modules for name in MODULES), config.skips]
    quarters = _QUARTERS[config.quarters] if "la" in config.modules else ""
    return ["SAM2Refiner", *("✓" if part else "" for part in parts), quarters]


def _score(row: dict[str, Any], metric: str) -> str:
    return f"{100 * row[metric]:.1f} ± {100 * row[f'{metric}_sd']:.1f}"
