"""What was measured of the embedded model on many photos, for the first screen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_MODELS = ("sam2", "sam2refiner")
_GROUP = "objects"
FINDING = (
    "To reach an IoU of 90 %, SAM2Refiner needs {refined:.1f} clicks where SAM2 needs {base:.1f} "
    "({photos} photos that neither saw in training, this demo model)."
)


def mean_curve(results: Path | None) -> dict[str, Any] | None:
    """Return the means over random points: `photos`, and `rows` as of `Example.curve`.

    None where nothing was measured.
    """
    rows = {(row["model"], row["prompts"]): row for row in _rows(results, "val.json", _GROUP)}
    specs = [spec for model, spec in rows if model == _MODELS[0] and spec.startswith("points:")]
    curve = [
        [
            int(spec[7:]),
            *(rows[model, spec][name] for model in _MODELS for name in ("miou", "mbiou")),
        ]
        for spec in specs
        if (_MODELS[1], spec) in rows
    ]
    return {"photos": rows[_MODELS[0], specs[0]]["n"], "rows": sorted(curve)} if curve else None


def finding(results: Path | None) -> str:
    """Say in one sentence what was measured of clicks; empty where nothing was."""
    rows = {row["model"]: row for row in _rows(results, "clicks.json", "all") if "noc90" in row}
    if not set(_MODELS) <= set(rows):
        return ""
    base, refined = (rows[model] for model in _MODELS)
    return FINDING.format(base=base["noc90"], refined=refined["noc90"], photos=base["n"])


def _rows(results: Path | None, name: str, source: str) -> list[dict[str, Any]]:
    """Return the rows of a document of `evaluate`; none where it is not there or another thing."""
    if results is None:
        return []
    try:
        document = json.loads((results / name).read_text(encoding="utf-8"))
        return [row for row in document["rows"] if row["source"] == source]
    except (OSError, ValueError, KeyError, TypeError):
        return []
