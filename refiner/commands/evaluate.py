"""The evaluate command: options in, a document of rows, settings and versions out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from refiner.commands.folders.workers import WorkerOptions, add_worker_options, open_pool
from refiner.commands.measuring.crew import Crew, PooledCrew, ThisProcess, scoring_work
from refiner.commands.measuring.document import (
    check_file,
    describe_evaluation,
    measuring_versions,
    score_document,
    write_document,
    write_scores,
)
from refiner.commands.measuring.models import load_segmenters, load_trackers
from refiner.commands.measuring.options import (
    PHOTOS,
    VIDEOS,
    EvaluateOptions,
    add_evaluate_options,
)
from refiner.commands.measuring.selection import select_rows
from refiner.commands.measuring.shards import merge_shards, shard_document
from refiner.commands.values import ModelOptions, say, to_options
from refiner.data.manifest import Row
from refiner.evaluation.photos import measure_photos
from refiner.evaluation.prompts import parse_prompt_specs
from refiner.evaluation.records import Measured, Plan, parse_models
from refiner.evaluation.report.photos import text_table
from refiner.evaluation.report.videos import text_video_table
from refiner.evaluation.videos import measure_videos
from refiner.network.checkpoint import HQ, REFINER
from refiner.predict.loading import use_own_cores
from refiner.types import InputError, Segmenter
from refiner.video_types import Tracker


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """Describe the options of the command."""
    add_evaluate_options(parser)
    add_worker_options(parser)
    parser.set_defaults(run=_run)


def _run(flags: argparse.Namespace) -> None:
    """Measure, or merge what was measured, and print a table per source."""
    if hasattr(flags, "models"):
        flags.models = parse_models(flags.models)
    options = to_options(EvaluateOptions, flags)
    if hasattr(flags, "merge"):
        _check_merge(flags)
        document = merge_shards(flags.merge, options.json, options.per_photo)
    else:
        document = _measure(options, flags)
    if options.shard is not None:
        done = f"{len(document[PHOTOS])} photos, {len(document[VIDEOS])} videos"
        return say(f"Wrote {options.json}: {done}")
    tables = (text_table(document), text_video_table(document))
    say("\n\n".join(table for table in tables if table))
    for one in document.get("stability", ()):
        say("{model:<18}{prompts:<12}{change:<10}{iou:8.3f}{lost:+8.3f}".format(**one))


def _check_merge(flags: argparse.Namespace) -> None:
    """Refuse options of what is measured already."""
    known = {"verb", "run", "command", "merge", "json", "per_photo"}
    given = [name for name, value in vars(flags).items() if name not in known and value is not None]
    if given:
        raise InputError(
            f"--merge takes --json and --per-photo, got --{given[0].replace('_', '-')}; what is "
            "measured was said to the shards."
        )


def _measure(options: EvaluateOptions, flags: argparse.Namespace) -> dict[str, Any]:
    """Measure with the models that the flags name, here or with Ray."""
    workers = to_options(WorkerOptions, flags)
    load = partial(_load, flags, options.models, workers.threads)
    if workers.ray:
        with open_pool(partial(scoring_work, load, options.fast), workers) as pool:
            return evaluate_with(PooledCrew(pool, options.progress), options)
    segmenters = load()
    return evaluate_models(
        segmenters, options, lambda: load_trackers(segmenters, fast=options.fast)
    )


def _load(
    flags: argparse.Namespace, models: Sequence[str], threads: int | None
) -> dict[str, Segmenter]:
    chosen = to_options(ModelOptions, flags)
    use_own_cores(threads)
    return load_segmenters(
        models,
        {REFINER: chosen.refiner, HQ: flags.hq},
        chosen.backbone,
        chosen.device,
        chosen.weights,
        flags.refiners,
    )


def evaluate_models(
    segmenters: Mapping[str, Segmenter],
    options: EvaluateOptions,
    trackers: Callable[[], Mapping[str, Tracker]] | None = None,
) -> dict[str, Any]:
    """Evaluate as the options say; return the document and write it where `options.json` says.

    `segmenters` are those of `load_segmenters`; `trackers` gives those of `load_trackers` and is
    called if there are videos. Without it, videos are left out.

    Returns:
        `rows` (see `score_document`), `config` (what was measured with what) and `versions`; of a
        shard what `shard_document` returns.

    Raises:
        InputError: an option, the manifest or the data set cannot be used.
    """
    return evaluate_with(ThisProcess(segmenters, trackers, options.progress), options)


def evaluate_with(crew: Crew, options: EvaluateOptions) -> dict[str, Any]:
    """Do what `evaluate_models` does with whoever measures."""
    plan = Plan(
        parse_prompt_specs(options.prompts),
        options.models,
        tuple(range(options.seeds)),
        options.fast,
    )
    photos, videos = select_rows(options, plan.specs, tracked=crew.tracks)
    _check(options, crew)
    measured = _measured(crew, options, plan, photos, videos)
    config = describe_evaluation(options, plan, (len(photos), len(videos)), crew.infos)
    if options.shard is not None and options.json is not None:
        order = {PHOTOS: [row.id for row in photos], VIDEOS: [row.id for row in videos]}
        document = shard_document(options.shard, order, *measured, config, measuring_versions())
        write_document(document, options.json)
        return document
    document = score_document(*measured, plan, config, measuring_versions())
    if options.stability and photos and isinstance(crew, ThisProcess):
        document["stability"] = crew.stability(plan, photos)
    write_scores(document, measured[0], options.json, options.per_photo)
    return document


def _check(options: EvaluateOptions, crew: Crew) -> None:
    """Refuse what does not go together, and files that cannot be written."""
    if options.stability and not isinstance(crew, ThisProcess):
        raise InputError("--stability is measured in one process; leave out --ray.")
    if options.shard is not None:
        if options.json is None:
            raise InputError(
                "A shard is measured to be merged; say where it goes with --json FILE."
            )
        if options.stability:
            raise InputError("--stability is not merged; measure it in a run of its own.")
        if options.per_photo is not None:
            raise InputError("A shard holds the scores of its photos; give --per-photo to --merge.")
    for file in filter(None, (options.json, options.per_photo, options.resume)):
        check_file(file)


def _measured(
    crew: Crew,
    options: EvaluateOptions,
    plan: Plan,
    photos: Sequence[Row],
    videos: Sequence[Row],
) -> tuple[list[Measured], list[Measured]]:
    """Measure the photos and the videos, or a shard's part of them."""
    if options.shard is not None:
        photos = [row for row in photos if options.shard.holds(row.id)]
        videos = [row for row in videos if options.shard.holds(row.id)]
    resume, infos = options.resume, crew.infos
    kept = resume and resume.with_suffix(f".videos{resume.suffix}")
    photo_scores, video_scores = list[Measured](), list[Measured]()
    if photos:
        photo_scores = measure_photos(
            infos, photos, plan, crew.photos(plan), progress=options.progress, resume=resume
        )
    if videos:
        video_scores = measure_videos(infos, videos, plan, crew.videos(plan), resume=kept)
    return photo_scores, video_scores
