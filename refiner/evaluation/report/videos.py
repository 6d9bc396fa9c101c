"""Shows measured results of videos: J&F, J and F, for the terminal and the README."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from refiner.evaluation.report.plots import NAMES
from refiner.types import InputError

_TOTALS = {"all": "everything", "videos": "all videos"}

PAPER_VIDEO = """### Reported in the paper for videos (official SAM 2.1 bases, other data): not comparable

J&F (J, F), the first frame's mask given:

| model | LVOS v1 | LVOS v2 |
|---|---|---|
| XMem | 52.9 | 64.5 |
| SAM2 | 77.2 (72.2, 82.2) | 78.3 |
| HQ-SAM2 | 79.6 (74.9, 84.3) | 79.1 |
| SAM2Refiner | 80.9 (75.1, 86.8) | 79.9 |"""

VideoRows = dict[tuple[str, str, str], dict[str, Any]]
"""By source, prompts and model."""


def parse_videos(name: str, document: dict[str, Any]) -> VideoRows:
    """Index the rows of a document that measure videos.

    Raises:
        InputError: a row lacks what every one has.
    """
    try:
        rows = [row for row in document["rows"] if "jf" in row]
        for row in rows:
            _cell(row), row["n"]
        return {(row["source"], row["prompts"], row["model"]): row for row in rows}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{name} is not a document of evaluate: {error!r}; run it again."
        ) from error


def text_video_table(document: dict[str, Any]) -> str:
    """Lay the videos of a document out for the terminal, times 100; nothing if it has none.

    Raises:
        InputError: the document is not one of evaluate.
    """
    rows = parse_videos("The document", document)
    lines = [f"{'source':<18}{'prompts':<12}{'model':<13}{'n':>5}{'J&F':>8}{'J':>8}{'F':>8}"]
    for (source, prompts, model), row in rows.items():
        cells = "".join(f"{100 * row[key]:8.1f}" for key in ("jf", "j", "f"))
        lines.append(f"{source:<18}{prompts:<12}{model:<13}{row['n']:>5}{cells}")
    return "\n".join(lines) if rows else ""


def render_videos(documents: Sequence[tuple[str, dict[str, Any]]]) -> str:
    """Write the markdown of the videos in named documents, then the paper's; nothing if none.

    Raises:
        InputError: one is not a document of evaluate.
    """
    parts = []
    for name, document in documents:
        rows = parse_videos(name, document)
        if rows:
            parts.append(_section(name, document.get("config", {}), rows))
    return "\n\n".join([*parts, PAPER_VIDEO]) if parts else ""


def _section(name: str, config: dict[str, Any], rows: VideoRows) -> str:
    sources, specs, models = (list(dict.fromkeys(key[axis] for key in rows)) for axis in range(3))
    part = f"split {split}" if (split := config.get("split")) else config.get("dataset", "")
    title = f"### {name}: videos" + (f", {part}" if part else "")
    title += ", quarters of half size" if config.get("fast") else ""
    lines = ["| videos | n | model | " + " | ".join(specs) + " |"]
    lines.append("|---" * (len(specs) + 3) + "|")
    for source in sources:
        for model in models:
            own = [rows[source, spec, model] for spec in specs]
            rivals = [[rows[source, spec, other] for other in models] for spec in specs]
            cells = [_marked(row, others) for row, others in zip(own, rivals, strict=True)]
            head = [_TOTALS.get(source, source), str(own[0]["n"]), NAMES.get(model, model)]
            lines.append("| " + " | ".join(head + cells) + " |")
    told = "J&F (J, F) by prompts on the first frame, the best in bold:"
    command = config.get("command")
    made = [f"Made by:\n\n```\n{command}\n```"] if command else []
    return "\n\n".join([title, told, "\n".join(lines), *made])


def _cell(row: dict[str, Any]) -> str:
    jf, j, f = (f"{100 * row[key]:.1f}" for key in ("jf", "j", "f"))
    return f"{jf} ({j}, {f})"


def _marked(row: dict[str, Any], rivals: Sequence[dict[str, Any]]) -> str:
    """Write a row, in bold where no rival has more J&F as printed."""
    best = max(round(100 * rival["jf"], 1) for rival in rivals)
    cell = _cell(row)
    return f"**{cell}**" if round(100 * row["jf"], 1) == best and len(rivals) > 1 else cell
