"""The photos and videos that evaluate measures, and a shard's part of them."""

from __future__ import annotations

from collections.abc import Sequence

from refiner.commands.measuring.options import PHOTOS, VIDEOS, EvaluateOptions
from refiner.data.image_sets import read_dataset
from refiner.data.manifest import VIDEO_KIND, Row, read_manifest
from refiner.data.video_sets import LVOS_SETS, read_lvos
from refiner.evaluation.prompts import PromptSpec
from refiner.types import InputError


def select_rows(
    options: EvaluateOptions, specs: Sequence[PromptSpec], tracked: bool
) -> tuple[list[Row], list[Row]]:
    """Return the photos and the videos that the options keep and `specs` can prompt."""
    for name, value in (("--seeds", options.seeds), ("--limit", options.limit)):
        if value is not None and value < 1:
            raise InputError(f"{name} must be at least 1, got {value}.")
    photos, videos = _kept(options, tracked)
    photos = photos if any(spec.for_photos for spec in specs) else []
    videos = videos if any(spec.for_videos for spec in specs) else []
    if not photos and not videos:
        raise InputError(f"Nothing here can be measured with the prompts {options.prompts}.")
    return photos, videos


def _kept(options: EvaluateOptions, tracked: bool) -> tuple[list[Row], list[Row]]:
    """Return the photos and the videos that the options keep, in their order."""
    if options.only not in (None, PHOTOS, VIDEOS):
        raise InputError(f"--only takes {PHOTOS} or {VIDEOS}, got {options.only!r}.")
    kinds = [kind for kind in (PHOTOS, VIDEOS) if options.only in (None, kind)]
    if not tracked and VIDEOS in kinds:
        kinds.remove(VIDEOS)
    rows = [row for row in _rows(options) if _kind(row) in kinds]
    if options.source is not None:
        known = sorted({row.source for row in rows})
        wanted = options.source.split(",")
        for source in wanted:
            if source not in known:
                raise InputError(
                    f"{options.manifest or options.root} has no {' or '.join(kinds)} of source "
                    f"{source!r} in what was asked for; choose some of: {', '.join(known)}."
                )
        rows = [row for row in rows if row.source in wanted]
    if not rows:
        raise InputError(
            f"{options.manifest or options.root} has no {' or '.join(kinds)} in what was asked for."
        )
    photos, videos = ([row for row in rows if _kind(row) == kind] for kind in (PHOTOS, VIDEOS))
    return _spread(photos, options.limit), _spread(videos, options.limit)


def _kind(row: Row) -> str:
    return VIDEOS if row.kind == VIDEO_KIND else PHOTOS


def _spread(rows: list[Row], limit: int | None) -> list[Row]:
    """Keep so many rows; manifests go source by source, so spread the few over all of them."""
    count = min(limit or len(rows), len(rows))
    return [rows[index * len(rows) // count] for index in range(count)]


def _rows(options: EvaluateOptions) -> tuple[Row, ...]:
    manifest, dataset, root = options.manifest, options.dataset, options.root
    if manifest is not None and dataset is None and root is None:
        return read_manifest(manifest, options.split)
    if manifest is None and dataset is not None and root is not None:
        return read_lvos(dataset, root) if dataset in LVOS_SETS else read_dataset(dataset, root)
    raise InputError("Name the data: either --manifest FILE, or --dataset NAME with --root DIR.")
