"""Parts of an evaluation measured apart, and the document of the whole made of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from refiner.commands.measuring.document import (
    check_file,
    command_asked,
    score_document,
    write_scores,
)
from refiner.commands.measuring.options import PHOTOS, VIDEOS, Shard
from refiner.evaluation.prompts import parse_prompt_specs
from refiner.evaluation.records import Measured, Plan
from refiner.types import InputError

_FORMAT = "sam2refiner-studio.shard"


@dataclass(frozen=True, slots=True)
class _Part:
    """What one shard wrote."""

    file: Path
    shard: Shard
    content: dict[str, Any]

    def measured(self, kind: str) -> list[Measured]:
        return [Measured(**values) for values in self.content[kind]]

    @property
    def setting(self) -> dict[str, Any]:
        """What must be the same in all parts: another machine's cores give the same scores."""
        config = json.loads(json.dumps(self.content["config"]))
        for info in config["segmenters"].values():
            info["details"].pop("build", None)
        del config["command"]  # where the data lies may differ, its hash must not
        return {**config, "versions": self.content["versions"]}


def shard_document(
    shard: Shard,
    order: Mapping[str, Sequence[str]],
    photos: Sequence[Measured],
    videos: Sequence[Measured],
    config: Mapping[str, Any],
    packages: Mapping[str, str],
) -> dict[str, Any]:
    """Return what `merge_shards` takes; `order` lists the ids of all photos and of all videos."""
    return {
        "format": _FORMAT,
        "shard": [shard.number, shard.count],
        "config": dict(config),
        "versions": dict(packages),
        "order": {kind: list(ids) for kind, ids in order.items()} if shard.number == 1 else None,
        PHOTOS: [asdict(one) for one in photos],
        VIDEOS: [asdict(one) for one in videos],
    }


def merge_shards(
    files: Sequence[Path], file: Path | None = None, per_photo: Path | None = None
) -> dict[str, Any]:
    """Make of the files of all shards the document of the whole, the same to the byte.

    Args:
        files: what `evaluate --shard` wrote, in any order.
        file: where the document goes; its recorded command names it, too.
        per_photo: where the scores of each photo go (CSV).

    Raises:
        InputError: a file is no shard's, one is missing or there twice, or they were measured with
            different options, models or versions.
    """
    for out in filter(None, (file, per_photo)):
        check_file(out)
    parts = sorted((_read(path) for path in files), key=lambda part: part.shard.number)
    _check_whole(parts)
    _check_alike(parts)
    photos, videos = (_in_order(parts, kind) for kind in (PHOTOS, VIDEOS))
    config = parts[0].content["config"]
    plan = Plan(
        parse_prompt_specs(",".join(config["prompts"])),
        tuple(config["models"]),
        tuple(config["seeds"]),
    )
    config["command"] = command_asked(config["command"], file)
    document = score_document(photos, videos, plan, config, parts[0].content["versions"])
    write_scores(document, photos, file, per_photo)
    return document


def _read(path: Path) -> _Part:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"Cannot read the shard {path}: {error}; measure it again.") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise InputError(f"{path} is no shard; --merge takes what 'evaluate --shard I/N' wrote.")
    return _Part(path, Shard(*content["shard"]), content)


def _check_whole(parts: Sequence[_Part]) -> None:
    count = parts[0].shard.count
    for part in parts:
        if part.shard.count != count:
            raise InputError(
                f"{part.file} is one of {part.shard.count} shards, {parts[0].file} one of {count}; "
                "merge those of one evaluation."
            )
    numbers = [part.shard.number for part in parts]
    missing = sorted(set(range(1, count + 1)) - set(numbers))
    twice = [part.file for part in parts if numbers.count(part.shard.number) > 1]
    if missing:
        raise InputError(
            f"Of {count} shards {', '.join(map(str, missing))} are missing; measure them with "
            f"--shard {missing[0]}/{count}."
        )
    if twice:
        raise InputError(f"{twice[0]} and {twice[1]} are the same shard; leave one out.")


def _check_alike(parts: Sequence[_Part]) -> None:
    first = parts[0].setting
    for part in parts[1:]:
        own = part.setting
        for key in first | own:
            if first.get(key) != own.get(key):
                raise InputError(
                    f"{part.file} was measured with {key} {_short(own.get(key))}, {parts[0].file} "
                    f"with {_short(first.get(key))}; measure one of them again."
                )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _in_order(parts: Sequence[_Part], kind: str) -> list[Measured]:
    """Return the photos or videos of all shards as the whole evaluation has them."""
    found = {one.id: one for part in parts for one in part.measured(kind)}
    order = parts[0].content["order"][kind]
    missing = [row_id for row_id in order if row_id not in found]
    if missing:
        raise InputError(
            f"No shard measured {missing[0]!r}, of {len(missing)} {kind} missing: they saw different "
            "data; measure them on the same."
        )
    return [found[row_id] for row_id in order]
