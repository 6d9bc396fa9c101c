"""Shows measured results: tables for the terminal and the README, a plot over prompts.

A results folder holds the documents that `refiner.evaluation.command.run` wrote; JSON files of
another kind in it are left alone. Everything in a table comes from such a file, but for the
numbers of the paper, which are marked as such.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from matplotlib.figure import Figure

from refiner.evaluation.paper import PAPER
from refiner.evaluation.plots import NAMES, Curve, Panel, arranged, draw, save
from refiner.evaluation.prompts import DEGRADED
from refiner.evaluation.report_video import render_videos
from refiner.types import InputError

START = "<!-- results:start -->"
END = "<!-- results:end -->"
KINDS: dict[str, Literal["svg", "png"]] = {".svg": "svg", ".png": "png"}
_GROUPS = {"objects": "objects", "regions+clothing": "regions and clothing", "all": "everything"}
_PER_SOURCE = ("box", "points:10")


@dataclass(frozen=True, slots=True)
class Results:
    """One evaluate document: `name` is its file's; rows are looked up by (source, prompts, model)."""

    name: str
    config: dict[str, Any]
    rows: dict[tuple[str, str, str], dict[str, Any]]

    def values(self, axis: int) -> list[str]:
        """List the distinct sources (axis 0), prompts (1) or models (2) in their order."""
        return list(dict.fromkeys(key[axis] for key in self.rows))


def parse_results(name: str, document: dict[str, Any]) -> Results:
    """Index the rows of a document that measure photos.

    Raises:
        InputError: a row or the config lacks what every document has.
    """
    try:
        rows = [row for row in document["rows"] if "miou" in row or "noc90" in row]
        index = {(row["source"], row["prompts"], row["model"]): row for row in rows}
        return Results(name, dict(document["config"]), index)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{name} is not a document of evaluate: {error!r}; run it again."
        ) from error


def read_results(results_dir: Path) -> list[Results]:
    """Read the documents of a folder that measure photos, by name.

    Raises:
        InputError: the folder has none, or a file is not valid JSON.
    """
    results = [parse_results(name, document) for name, document in read_documents(results_dir)]
    results = [one for one in results if one.rows]
    if not results:
        raise InputError(f"{results_dir} has no results; run `python -m refiner evaluate` first.")
    return results


def read_documents(results_dir: Path) -> list[tuple[str, dict[str, Any]]]:
    """Read the documents of a folder with their names.

    Raises:
        InputError: a file is not valid JSON.
    """
    documents = []
    for file in sorted(results_dir.glob("*.json")):
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"Cannot read the results {file}: {error}.") from error
        if isinstance(document, dict) and "rows" in document:
            documents.append((file.stem, document))
    return documents


def text_table(document: dict[str, Any]) -> str:
    """Lay a document's photos out for the terminal: a line a source, prompts and model, times 100.

    Raises:
        InputError: the document is not one of evaluate.
    """
    results = parse_results("The document", document)
    if not results.rows:
        return ""
    lines = [
        f"{'source':<18}{'prompts':<12}{'model':<13}{'n':>5}{'mIoU':>8}{'mBIoU':>8}{'strict':>8}"
    ]
    for (source, prompts, model), row in results.rows.items():
        if "miou" in row:
            cells = "".join(f"{100 * row[key]:8.1f}" for key in ("miou", "mbiou", "mbiou_strict"))
        else:
            cells = (
                f"  NoC@85 {row['noc85']:.2f}, NoC@90 {row['noc90']:.2f}, "
                f"{row['nof90']} of {row['objects']} objects fail"
            )
        lines.append(f"{source:<18}{prompts:<12}{model:<13}{row['n']:>5}{cells}")
    return "\n".join(lines)


def render(results_dir: Path) -> str:
    """Write the markdown of a results folder: tables for each document, then the paper's.

    Raises:
        InputError: the folder has no document, or one cannot be read.
    """
    videos = render_videos(read_documents(results_dir))
    return "\n\n".join(part for part in (measured(results_dir), PAPER, videos) if part)


def measured(results_dir: Path) -> str:
    """Write the markdown of a results folder without the paper's numbers.

    Raises:
        InputError: the folder has no document, or one cannot be read.
    """
    return "\n\n".join(_section(results) for results in read_results(results_dir))


def update_readme(readme: Path, results_dir: Path, *, check: bool = False) -> bool:
    """Put `render` between the markers of a README; tell whether that changes it.

    With `check` nothing is written.

    Raises:
        InputError: the README cannot be read or does not have each marker once, in order.
    """
    try:
        text = readme.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"Cannot read {readme}: {error.strerror}.") from error
    if text.count(START) != 1 or text.count(END) != 1 or text.index(END) < text.index(START):
        raise InputError(f"{readme} must have {START} once and {END} once after it.")
    before, after = text.split(START)[0], text.split(END)[1]
    new = f"{before}{START}\n\n{render(results_dir)}\n\n{END}{after}"
    if new != text and not check:
        readme.write_text(new, encoding="utf-8")
    return new != text


def plot(results_dir: Path, out: Path) -> None:
    """Draw mIoU and mBIoU over the number of points, a row of panels a document.

    `out` ends in .svg or .png. The group of objects is drawn where there is one, else everything;
    the band is the standard deviation over the seeds.

    Raises:
        InputError: the folder has no document with random points, or `out` another ending.
    """
    kind = KINDS.get(out.suffix)
    if kind is None:
        raise InputError(f"The plot must be an .svg or .png file, got {out.name!r}.")
    drawn = [results for results in read_results(results_dir) if _point_prompts(results)]
    if not drawn:
        raise InputError(f"{results_dir} has no results with points:K prompts to draw.")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(save(draw([_panels(results) for results in drawn]), kind))


def plots(results_dir: Path, tall: bool = False) -> dict[str, Figure]:
    """Draw mIoU and mBIoU over the number of points for each document that has them, by name.

    Args:
        results_dir: where the documents lie.
        tall: draw one below the other, for narrow screens.

    Raises:
        InputError: the folder has no document, or one cannot be read.
    """
    found = [results for results in read_results(results_dir) if _point_prompts(results)]
    return {results.name: draw(arranged(_panels(results), tall)) for results in found}


def _panels(results: Results) -> list[Panel]:
    return [
        Panel(f"{results.name}: {title}", title, "points", _curves(results, metric))
        for metric, title in (("miou", "mIoU"), ("mbiou", "mBIoU"))
    ]


def _curves(results: Results, metric: str) -> list[Curve]:
    source = "objects" if "objects" in results.values(0) else "all"
    specs = _point_prompts(results)
    curves = []
    for model in results.values(2):
        rows = [results.rows[source, spec, model] for spec in specs]
        means = [100 * row[metric] for row in rows]
        spread = [100 * row[f"{metric}_sd"] for row in rows]
        counts = [_count(spec) for spec in specs]
        curves.append(Curve(model, NAMES.get(model, model), counts, means, spread))
    return curves


def _section(results: Results) -> str:
    """Lay out one document: groups by prompts, sources, clicks, where it came from."""
    config = results.config
    backbone = next((one["backbone"] for one in config.get("segmenters", {}).values()), "unknown")
    part = f"split {name}" if (name := config.get("split")) else config.get("dataset", "all splits")
    parts = [f"### {results.name}: {backbone}, {part}, {config.get('rows')} label maps"]
    prompts = [spec for spec in results.values(1) if spec == "box" or spec.startswith("points:")]
    groups = _groups(results)
    if prompts:
        parts += [
            "mIoU / mBIoU by prompts, the best in bold:",
            _table(results, groups, prompts),
            _gains(results, groups, prompts),
        ]
        sources = [source for source in results.values(0) if source not in _GROUPS]
        some = [spec for spec in prompts if spec in _PER_SOURCE]
        if some and len(sources) > 1:
            parts += ["mIoU / mBIoU by source:", _table(results, sources, some)]
    degraded = [spec for spec in results.values(1) if spec in DEGRADED]
    if degraded:
        parts += [
            "mIoU / mBIoU of true masks that were degraded, and of what each model makes of them:",
            _table(results, groups, degraded),
        ]
    if "noc" in results.values(1):
        parts += ["Simulated clicks, at most 20 an object:", _click_table(results)]
    if config.get("command"):
        parts.append(f"Made by:\n\n```\n{config['command']}\n```")
    return "\n\n".join(parts)


def _groups(results: Results) -> list[str]:
    """List the groups of sources; without the last, everything, where it is one group alone."""
    groups = [group for group in _GROUPS if group in results.values(0)]
    sizes = {key[0]: row["n"] for key, row in results.rows.items()}
    return groups[:-1] if len(groups) > 1 and sizes[groups[0]] == sizes[groups[-1]] else groups


def _table(results: Results, sources: Sequence[str], specs: Sequence[str]) -> str:
    lines = ["| pictures | n | model | " + " | ".join(map(_label, specs)) + " |"]
    lines.append("|---" * (len(specs) + 3) + "|")
    for source in sources:
        models = [m for m in results.values(2) if (source, specs[0], m) in results.rows]
        for model in models:
            rows = [results.rows[source, spec, model] for spec in specs]
            cells = [
                _cell(row, [results.rows[source, spec, other] for other in models])
                for spec, row in zip(specs, rows, strict=True)
            ]
            head = [_GROUPS.get(source, source), str(rows[0]["n"]), NAMES.get(model, model)]
            lines.append("| " + " | ".join(head + cells) + " |")
    return "\n".join(lines)


def _cell(row: dict[str, Any], rivals: Sequence[dict[str, Any]]) -> str:
    """Write both measures of a row, in bold where no rival is better as printed."""
    cells = []
    for metric in ("miou", "mbiou"):
        value = f"{100 * row[metric]:.1f}"
        best = max(f"{100 * rival[metric]:5.1f}" for rival in rivals).strip()
        cells.append(f"**{value}**" if value == best and len(rivals) > 1 else value)
    return " / ".join(cells)


def _gains(results: Results, groups: Sequence[str], specs: Sequence[str]) -> str:
    """Say which share of the base's error the refiner removes, and how seeds scatter."""
    lines = []
    spec = next((spec for spec in ("points:10", "box") if spec in specs), specs[-1])
    if {"sam2", "sam2refiner"} <= set(results.values(2)):
        for group in groups:
            base = results.rows[group, spec, "sam2"]
            refined = results.rows[group, spec, "sam2refiner"]
            strict = [f"{100 * row['mbiou_strict']:.1f}" for row in (base, refined)]
            lines.append(
                f"- {_GROUPS[group]}, {_label(spec)}: the refiner removes "
                f"{_removed(base, refined, 'miou')} of the base's mIoU error and "
                f"{_removed(base, refined, 'mbiou')} of its mBIoU error; strict mBIoU "
                f"(0.8 % of the diagonal) {strict[0]} → {strict[1]}"
            )
    scatter = [row for row in results.rows.values() if row.get("seeds", 1) > 1]
    if scatter:
        most = max(100 * max(row["miou_sd"], row["mbiou_sd"]) for row in scatter)
        lines.append(f"- Standard deviation over {scatter[0]['seeds']} seeds: at most {most:.1f}.")
    return "\n".join(lines)


def _removed(base: dict[str, Any], refined: dict[str, Any], metric: str) -> str:
    """Return the share of the base's error that is gone; negative if the error grew."""
    error = 1 - base[metric]
    return f"{100 * (refined[metric] - base[metric]) / error:.0f} %" if error else "nothing"


def _click_table(results: Results) -> str:
    lines = ["| pictures | model | NoC@85 | NoC@90 | objects not at 90 |", "|---|---|---|---|---|"]
    for source, name in _GROUPS.items():
        for model in results.values(2):
            row = results.rows.get((source, "noc", model))
            if row:
                lines.append(
                    f"| {name} | {NAMES.get(model, model)} | {row['noc85']:.2f} "
                    f"| {row['noc90']:.2f} | {row['nof90']} of {row['objects']} |"
                )
    return "\n".join(lines)


def _point_prompts(results: Results) -> list[str]:
    return sorted((s for s in results.values(1) if s.startswith("points:")), key=_count)


def _count(spec: str) -> int:
    return int(spec.removeprefix("points:"))


def _label(spec: str) -> str:
    """Name prompts in words: `points:1` is 1 point."""
    if not spec.startswith("points:"):
        return spec
    return "1 point" if _count(spec) == 1 else f"{_count(spec)} points"
