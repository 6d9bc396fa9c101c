"""The evaluate command: options in, a document of rows, settings and versions out."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from refiner.evaluation.image import MODELS, evaluate_images, parse_models
from refiner.evaluation.prompts import parse_prompt_specs
from refiner.manifest import VIDEO_KIND, Row, read_manifest
from refiner.types import InputError, Segmenter

DEFAULT_PROMPTS = "box,points:1,points:2,points:3,points:5,points:10"
_PACKAGES = ("torch", "sam2", "timm", "numpy", "opencv-python")


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """What `python -m refiner evaluate` measures.

    `prompts` and `models` are comma-separated names; `seeds` counts the seeds 0, 1, ... that
    random points are drawn with; `source` keeps the rows of one source, `limit` so many rows,
    spread evenly. `json` is where the document goes, `resume` a file that finished photos are kept in,
    so that the same command goes on after a break. `command` is the command line, for the record.
    """

    manifest: Path
    split: str | None = "val"
    prompts: str = DEFAULT_PROMPTS
    models: str = ",".join(MODELS)
    seeds: int = 3
    source: str | None = None
    limit: int | None = None
    json: Path | None = None
    resume: Path | None = None
    command: str = ""
    progress: bool = True


def run(segmenter: Segmenter, options: EvaluateOptions) -> dict[str, Any]:
    """Evaluate as the options say; return the document and write it where `options.json` says.

    Returns:
        `rows` (see `evaluate_images`), `config` (what was measured with what) and `versions`.

    Raises:
        InputError: an option or the manifest cannot be used.
    """
    specs = parse_prompt_specs(options.prompts)
    models = parse_models(options.models)
    for name, value in (("--seeds", options.seeds), ("--limit", options.limit)):
        if value is not None and value < 1:
            raise InputError(f"{name} must be at least 1, got {value}.")
    rows = _select(options)
    seeds = range(options.seeds)
    for file in filter(None, (options.json, options.resume)):
        _make_folder(file)
    table = evaluate_images(
        segmenter, rows, specs, models, seeds, progress=options.progress, resume=options.resume
    )
    document = {
        "rows": table,
        "config": {
            "command": options.command,
            "manifest_sha256": hashlib.sha256(options.manifest.read_bytes()).hexdigest(),
            "split": options.split,
            "source": options.source,
            "limit": options.limit,
            "prompts": [spec.name for spec in specs],
            "models": list(models),
            "seeds": list(seeds),
            "rows": len(rows),
            "segmenter": asdict(segmenter.info),
        },
        "versions": _versions(),
    }
    if options.json:
        _write(options.json, json.dumps(document, indent=1, default=str, allow_nan=False) + "\n")
    return document


def _select(options: EvaluateOptions) -> list[Row]:
    """Return the photos of the manifest that the options keep, in its order."""
    rows = [row for row in read_manifest(options.manifest, options.split) if row.kind != VIDEO_KIND]
    if options.source is not None:
        known = sorted({row.source for row in rows})
        if options.source not in known:
            raise InputError(
                f"{options.manifest} has no photos of source {options.source!r} in the split "
                f"{options.split!r}; choose one of: {', '.join(known)}."
            )
        rows = [row for row in rows if row.source == options.source]
    count = min(options.limit or len(rows), len(rows))
    # Manifests go source by source: spread the few over all of them.
    return [rows[index * len(rows) // count] for index in range(count)]


def _make_folder(file: Path) -> None:
    """Make sure that `file` can be written, before hours of work go into it."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot write {file}: {error.strerror}; name another file.") from error
    if file.is_dir() or not os.access(file.parent, os.W_OK):
        raise InputError(f"Cannot write {file}; name a file in a folder that can be written to.")


def _write(file: Path, text: str) -> None:
    """Write all of the file or nothing."""
    part = file.with_name(file.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(file)


def _versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide the numbers."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package.removesuffix("-python")] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package.removesuffix("-python")] = "not installed"
    return versions
