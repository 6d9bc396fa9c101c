"""Shows measured results of photos: scores by prompts and source, clicks, ablations."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from refiner.evaluation.prompts import DEGRADED
from refiner.evaluation.report.ablation import ablation_table
from refiner.evaluation.report.plots import NAMES
from refiner.evaluation.report.stability import stability_table
from refiner.types import InputError

_GROUPS = {"objects": "objects", "regions+clothing": "regions and clothing", "all": "everything"}
_PER_SOURCE = ("box", "points:10")


@dataclass(frozen=True, slots=True)
class Results:
    """One evaluate document: `name` is its file's; rows are looked up by (source, prompts, model).

    `stability` is what `measure_stability` returned, if it was asked for.
    """

    name: str
    config: dict[str, Any]
    rows: dict[tuple[str, str, str], dict[str, Any]]
    stability: tuple[dict[str, Any], ...] = ()

    def values(self, axis: int) -> list[str]:
        """List the distinct sources (axis 0), prompts (1) or models (2) in their order."""
        return list(dict.fromkeys(key[axis] for key in self.rows))

    @property
    def ablation(self) -> bool:
        """Say whether variants of SAM2Refiner were measured."""
        return not set(self.values(2)) <= set(NAMES)

    @property
    def point_prompts(self) -> list[str]:
        """List the counts of random points, the fewest first."""
        return sorted((s for s in self.values(1) if s.startswith("points:")), key=count_of)


def parse_results(name: str, document: dict[str, Any]) -> Results:
    """Index the rows of a document that measure photos.

    Raises:
        InputError: a row or the config lacks what every document has.
    """
    try:
        rows = [row for row in document["rows"] if "miou" in row or "noc90" in row]
        index = {(row["source"], row["prompts"], row["model"]): row for row in rows}
        return Results(name, dict(document["config"]), index, tuple(document.get("stability", ())))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{name} is not a document of evaluate: {error!r}; run it again."
        ) from error


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
            cells += f"  {100 * row['harm']:.1f} % harmed" if "harm" in row else ""
        else:
            cells = (
                f"  NoC@85 {row['noc85']:.2f}, NoC@90 {row['noc90']:.2f}, "
                f"{row['nof90']} of {row['objects']} objects fail"
            )
        lines.append(f"{source:<18}{prompts:<12}{model:<13}{row['n']:>5}{cells}")
    return "\n".join(lines)


def photo_section(results: Results) -> str:
    """Lay out one document: groups by prompts, sources, clicks, where it came from."""
    config = results.config
    backbone = next((one["backbone"] for one in config.get("segmenters", {}).values()), "unknown")
    part = f"split {name}" if (name := config.get("split")) else config.get("dataset", "all splits")
    parts = [f"### {results.name}: {backbone}, {part}, {config.get('rows')} label maps"]
    prompts = [spec for spec in results.values(1) if spec == "box" or spec.startswith("points:")]
    groups = _groups(results)
    if prompts and results.ablation:
        for group, spec in itertools.product(groups, prompts):
            parts += [
                f"Variants trained with equal budgets: {_GROUPS[group]}, {_label(spec)}, ± over "
                "seeds; the paper's column is its own (SAM 2.1 Large, other data):",
                ablation_table(results.rows, group, spec),
            ]
    elif prompts:
        parts += [
            "mIoU / mBIoU by prompts, the best in bold:",
            _table(results, groups, prompts),
            _gains(results, groups, prompts),
            *_harms(results, groups, prompts),
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
    if results.stability:
        parts += [
            "IoU of the mask of a changed picture with that of the picture itself, 1 if nothing changes; "
            "and, of pictures that lost something, the change of mIoU in points:",
            stability_table(results.stability),
        ]
    if config.get("command"):
        parts.append(f"Made by:\n\n```\n{config['command']}\n```")
    return "\n\n".join(parts)


def prompt_table(results: Results) -> str:
    """Lay out the scores of a document's first group of pictures: a line a model."""
    prompts = [spec for spec in results.values(1) if spec == "box" or spec.startswith("points:")]
    return _table(results, _groups(results)[:1], prompts)


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
    """Say which share of the base's error each refined model removes, and how seeds scatter."""
    lines = []
    spec = next((spec for spec in ("points:10", "box") if spec in specs), specs[-1])
    for group in groups:
        rows = {model: results.rows.get((group, spec, model)) for model in results.values(2)}
        base = rows.pop("sam2", None)
        for model, refined in rows.items():
            if base is None or refined is None:
                continue
            strict = [f"{100 * row['mbiou_strict']:.1f}" for row in (base, refined)]
            lines.append(
                f"- {_GROUPS[group]}, {_label(spec)}: {NAMES[model]} removes "
                f"{_removed(base, refined, 'miou')} of the base's mIoU error and "
                f"{_removed(base, refined, 'mbiou')} of its mBIoU error; strict mBIoU "
                f"(0.8 % of the diagonal) {strict[0]} → {strict[1]}"
            )
    scatter = [row for row in results.rows.values() if row.get("seeds", 1) > 1]
    if scatter:
        most = max(100 * max(row["miou_sd"], row["mbiou_sd"]) for row in scatter)
        lines.append(f"- Standard deviation over {scatter[0]['seeds']} seeds: at most {most:.1f}.")
    return "\n".join(lines)


def _harms(results: Results, groups: Sequence[str], specs: Sequence[str]) -> list[str]:
    """Show the share of objects that a refined model harms; nothing where it was not measured."""
    lines = []
    for group, model in itertools.product(groups, results.values(2)):
        rows = [results.rows.get((group, spec, model), {}) for spec in specs]
        if all("harm" in row for row in rows):
            cells = [f"{100 * row['harm']:.1f} % (-{100 * row['harm_loss']:.0f})" for row in rows]
            lines.append(f"| {' | '.join([_GROUPS[group], NAMES[model], *cells])} |")
    if not lines:
        return []
    head = "| pictures | model | " + " | ".join(map(_label, specs)) + " |"
    return [
        "Objects whose mask is more than 2 points of IoU worse than SAM2's, and by how much on average:",
        "\n".join([head, "|---" * (len(specs) + 2) + "|", *lines]),
    ]


def _removed(base: dict[str, Any], refined: dict[str, Any], metric: str) -> str:
    """Return the share of the base's error that is gone; negative if the error grew."""
    error = 1 - base[metric]
    return f"{100 * (refined[metric] - base[metric]) / error:.0f} %" if error else "nothing"


def _click_table(results: Results) -> str:
    lines = ["| pictures | model | NoC@85 | NoC@90 | objects not at 90 |", "|---|---|---|---|---|"]
    for source in _groups(results):
        for model in results.values(2):
            row = results.rows.get((source, "noc", model))
            if row:
                lines.append(
                    f"| {_GROUPS[source]} | {NAMES.get(model, model)} | {row['noc85']:.2f} "
                    f"| {row['noc90']:.2f} | {row['nof90']} of {row['objects']} |"
                )
    return "\n".join(lines)


def count_of(spec: str) -> int:
    """Return K of `points:K`."""
    return int(spec.removeprefix("points:"))


def _label(spec: str) -> str:
    """Name prompts in words: `points:1` is 1 point."""
    if not spec.startswith("points:"):
        return spec
    return "1 point" if count_of(spec) == 1 else f"{count_of(spec)} points"
