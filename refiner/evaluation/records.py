"""What evaluations of photos and of videos share: a record of scores a row, kept over breaks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from refiner.config import COMPARED, VARIANTS
from refiner.data.manifest import Row
from refiner.evaluation.prompts import PromptSpec
from refiner.files.atomic import replacing
from refiner.types import InputError, ModelInfo

BASE = "sam2"
MODEL_NAMES = (BASE, *VARIANTS)

Record = dict[str, Any]
"""`id`, `objects` (how many) and `scores` by prompts and model; plain values of JSON."""
Measure = Callable[[Sequence[Row]], Iterable[Record]]
"""Measures rows; yields the record of each, in any order."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What every row is asked: the prompts, some of `MODEL_NAMES`, a run of random points a seed.

    `fast` tracks videos with quarters of half size.
    """

    specs: tuple[PromptSpec, ...]
    models: tuple[str, ...]
    seeds: tuple[int, ...]
    fast: bool = False

    def of_photos(self) -> Plan:
        """Leave out the prompts that cannot be given to a photo."""
        specs = tuple(spec for spec in self.specs if spec.for_photos)
        return replace(self, specs=specs, fast=False)

    def of_videos(self) -> Plan:
        """Leave out the prompts that cannot be given to a video."""
        return replace(self, specs=tuple(spec for spec in self.specs if spec.for_videos))


@dataclass(frozen=True, slots=True)
class Measured:
    """A row that is measured: what of it decides where its scores count, and its record."""

    id: str
    kind: str
    source: str
    record: Record


def parse_models(text: str) -> tuple[str, ...]:
    """Read a list like `sam2,sam2refiner`, or `all`; a model named twice is taken once.

    Raises:
        InputError: a model is unknown.
    """
    if text == "all":
        return (BASE, *COMPARED)
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        _check_model(name)
    return names


def _check_model(name: str) -> None:
    if name not in MODEL_NAMES:
        raise InputError(f"Unknown model {name!r}; expected one of: {', '.join(MODEL_NAMES)}.")


def check_models(loaded: Iterable[str], models: Sequence[str]) -> None:
    """Raise InputError unless every name is known and every model has a segmenter."""
    loaded = list(loaded)
    for name in (*loaded, *models):
        _check_model(name)
    missing = [model for model in models if model != BASE and model not in loaded]
    if missing or not loaded:
        raise InputError(
            f"No segmenter gives the masks of {', '.join(missing) or BASE}; got segmenters for: "
            f"{', '.join(loaded) or 'nothing'}."
        )


def giver(loaded: Iterable[str], model: str) -> str:
    """Name the segmenter that gives the masks of `model`."""
    loaded = list(loaded)
    return model if model in loaded else loaded[0]


def gather(
    rows: Sequence[Row],
    measure: Measure,
    config: str,
    *,
    resume: Path | None = None,
    progress: bool = False,
) -> list[Measured]:
    """Measure the rows that `resume` does not hold; return all in the order of `rows`.

    Args:
        rows: what to measure on.
        measure: measures those that are left.
        config: what decides the scores, see `fingerprint`.
        resume: a JSONL file that each finished row is added to.
        progress: show the photos done and the time left on stderr.

    Raises:
        InputError: `resume` belongs to another evaluation, or what `measure` raises.
    """
    records = open_resume(resume, config) if resume else {}
    todo = [row for row in rows if row.id not in records]
    bar = tqdm(
        measure(todo), initial=len(records), total=len(rows), unit="photo", disable=not progress
    )
    for record in bar:
        records[record["id"]] = record
        if resume:
            with resume.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
    return [Measured(row.id, row.kind, row.source, records[row.id]) for row in rows]


def fingerprint(infos: Mapping[str, ModelInfo], rows: Sequence[Row], plan: Plan) -> str:
    """Hash what decides the scores: what is loaded, the rows, the prompts, models and seeds."""
    loaded = {name: asdict(info) for name, info in infos.items()}
    for info in loaded.values():
        info["details"].pop("build", None)  # other cores give the same scores
    asked = (plan.specs, plan.models, plan.seeds)
    parts: list[Any] = [loaded, [asdict(row) for row in rows], [str(list(part)) for part in asked]]
    parts += ["fast"] if plan.fast else []
    return hashlib.sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()


def open_resume(path: Path, config: str) -> dict[str, Record]:
    """Read what was finished so far by id; start the file if it is not there.

    A line that a break cut short is dropped.
    """
    head = json.dumps({"config": config}) + "\n"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if not (text.startswith(head) or head.startswith(text)):
        raise InputError(
            f"{path} belongs to another evaluation; delete it to start over, or name another file."
        )
    lines = text[: text.rfind("\n") + 1].splitlines(keepends=True) or [head]
    path.parent.mkdir(parents=True, exist_ok=True)
    if "".join(lines) != text:
        with replacing(path) as part:
            part.write_text("".join(lines), encoding="utf-8")
    return {record["id"]: record for record in map(json.loads, lines[1:])}
