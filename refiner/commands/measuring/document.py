"""The document that evaluate writes: rows of scores, what was asked, and the versions."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from refiner.commands.measuring.options import VIDEOS, EvaluateOptions
from refiner.evaluation.harm import write_per_photo
from refiner.evaluation.photos import photo_table
from refiner.evaluation.records import Measured, Plan
from refiner.evaluation.videos import video_table
from refiner.files.atomic import replacing
from refiner.files.results import versions
from refiner.types import InputError, ModelInfo

_PACKAGES = ("torch", "sam2", "timm", "numpy", "opencv-python", "vos-benchmark")
_BY_THE_WAY = {"--shard": 1, "--resume": 1, "--per-photo": 1, "--ray": 0}
_BY_THE_WAY |= {"--address": 1, "--cpus": 1}
"""Options that change nothing in the document, and how many values each takes."""


def score_document(
    photos: Sequence[Measured],
    videos: Sequence[Measured],
    plan: Plan,
    config: Mapping[str, Any],
    packages: Mapping[str, str],
) -> dict[str, Any]:
    """Return `rows` (see `photo_table` and `video_table`), `config` and `versions`.

    The total of videos is `all`, beside photos `videos`.
    """
    rows = photo_table(photos, plan)
    rows += video_table(videos, plan, VIDEOS if photos else "all") if videos else []
    return {"rows": rows, "config": dict(config), "versions": dict(packages)}


def describe_evaluation(
    options: EvaluateOptions,
    plan: Plan,
    sizes: tuple[int, int],
    infos: Mapping[str, ModelInfo],
) -> dict[str, Any]:
    """Say for the record what is measured with what; `sizes` are how many photos and videos."""
    origin: dict[str, Any] = {"dataset": options.dataset, "split": None}
    if options.manifest is not None:
        digest = hashlib.sha256(options.manifest.read_bytes()).hexdigest()
        origin = {"manifest_sha256": digest, "split": options.split}
    return {
        "command": command_asked(options.command),
        **origin,
        "source": options.source,
        "limit": options.limit,
        "fast": options.fast,
        "prompts": [spec.name for spec in plan.specs],
        "models": list(plan.models),
        "seeds": list(plan.seeds),
        "rows": sizes[0],
        "videos": sizes[1],
        "segmenters": {name: asdict(info) for name, info in infos.items()},
    }


def command_asked(command: str, file: Path | None = None) -> str:
    """Return a command line without what is by the way; `file`, if given, is what --json names."""
    words, kept = iter(shlex.split(command)), []
    for word in words:
        option, equals, _ = word.partition("=")
        if option in _BY_THE_WAY:
            for _ in range(0 if equals else _BY_THE_WAY[option]):
                next(words, None)
        elif option == "--json" and file is not None:
            kept += [f"--json={file}"] if equals else [word, str(file)]
            next(words if not equals else iter(()), None)
        else:
            kept.append(word)
    return shlex.join(kept)


def write_document(document: Mapping[str, Any], file: Path) -> None:
    """Write JSON, whole or not at all."""
    text = json.dumps(document, indent=1, default=str, allow_nan=False) + "\n"
    with replacing(file) as part:
        part.write_text(text, encoding="utf-8")


def write_scores(
    document: Mapping[str, Any], photos: Sequence[Measured], json: Path | None, csv: Path | None
) -> None:
    """Write the document, and the scores of each photo, to the files that are named."""
    if csv is not None:
        with replacing(csv) as part:
            write_per_photo(part, photos)
    if json is not None:
        write_document(document, json)


def check_file(file: Path) -> None:
    """Make the folder of `file`, before hours of work go into it.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot write {file}: {error.strerror}; name another file.") from error
    if file.is_dir() or not os.access(file.parent, os.W_OK):
        raise InputError(f"Cannot write {file}; name a file in a folder that can be written to.")


def measuring_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide the numbers."""
    installed = versions(_PACKAGES)
    return {"python": platform.python_version()} | {
        name.removesuffix("-python"): installed.get(name, "not installed") for name in _PACKAGES
    }
