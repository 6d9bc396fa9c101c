"""What each verb of the command line does; what it needs is imported when it runs."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import sys
from pathlib import Path

from refiner.exports import cutout_png, mask_png, object_color, overlay_png, result_document
from refiner.types import InputError, Prompts

MODELS = {"sam2": "base", "sam2refiner": "refined"}


def run_segment(options: argparse.Namespace) -> None:
    """Write each model's mask, cut-out and overlay, and one JSON."""
    from refiner.media import read_image, read_mask

    image = read_image(options.image)
    size_hw = image.shape[0], image.shape[1]
    mask = None if options.mask is None else read_mask(options.mask, size_hw)
    prompts = Prompts(tuple(options.point), options.box, mask)
    prompts.check(size_hw)
    segmenter = _load(options)
    result = segmenter.segment(image, [prompts])
    folder: Path = options.out
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot write to the folder {folder}: {error.strerror}.") from error
    for model in MODELS if options.model == "both" else (options.model,):
        answer = getattr(result.objects[0], MODELS[model])
        for name, content in (
            ("mask", mask_png(answer.mask)),
            ("cutout", cutout_png(image, answer.mask)),
            ("overlay", overlay_png(image, [answer.mask], [object_color(0)])),
        ):
            (folder / f"{model}_{name}.png").write_bytes(content)
    digest = hashlib.sha256(image.tobytes()).hexdigest()
    document = result_document(size_hw, [prompts], result.objects, segmenter.info, digest)
    document["milliseconds"] = dataclasses.asdict(result.timings)
    (folder / "result.json").write_text(json.dumps(document, indent=2) + "\n")
    _say(f"Wrote {folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")


def run_refine(options: argparse.Namespace) -> int:
    """Write SAM2Refiner's version of each mask; return 1 if a picture had to be left out."""
    from refiner.refine_command import RefineOptions, run, summary

    wanted = RefineOptions(options.image, options.mask, options.out, tuple(options.point))
    done = run(lambda: _load(options), wanted)
    _say("\n".join(summary(done, options.out)))
    return 1 if done.failed else 0


def run_replay(options: argparse.Namespace) -> int:
    """Write a session's masks again; return 1 if one differs."""
    from refiner.loading import load_for_session
    from refiner.replay_command import run, summary

    done = run(
        lambda session: load_for_session(session, options.device, options.weights, options.refiner),
        options.session,
        options.image,
        options.out,
    )
    _say("\n".join(summary(done)))
    return 1 if done.differ else 0


def run_evaluate(options: argparse.Namespace) -> None:
    """Measure and print a table per source."""
    from refiner.evaluation import command as evaluation
    from refiner.evaluation.report_photos import text_table
    from refiner.evaluation.report_video import text_video_table

    models = options.models or evaluation.DEFAULT_MODELS
    weights = {"sam2refiner": options.refiner, "hq-sam2": options.hq}
    wanted = evaluation.EvaluateOptions(
        manifest=options.manifest,
        dataset=options.dataset,
        root=options.root,
        split=options.split,
        prompts=options.prompts or evaluation.DEFAULT_PROMPTS,
        models=models,
        seeds=options.seeds,
        source=options.source,
        only=options.only,
        limit=options.limit,
        fast=options.fast,
        json=options.json,
        per_photo=options.per_photo,
        stability=options.stability,
        resume=options.resume,
        command=options.command,
    )
    segmenters = evaluation.load_segmenters(
        models,
        weights,
        options.backbone,
        options.device,
        options.weights,
        options.refiners,
    )
    document = evaluation.run(
        segmenters, wanted, lambda: evaluation.load_trackers(segmenters, fast=options.fast)
    )
    tables = (text_table(document), text_video_table(document))
    _say("\n\n".join(table for table in tables if table))
    for one in document.get("stability", ()):
        _say("{model:<18}{prompts:<12}{change:<10}{iou:8.3f}".format(**one))


def run_report(options: argparse.Namespace) -> None:
    """Bring the README's tables up to date, or say that they are not."""
    from refiner.evaluation.report import plot, update_readme

    changed = update_readme(options.readme, options.results, check=options.check)
    if changed and options.check:
        raise InputError(f"The tables of {options.readme} are old; run 'python -m refiner report'.")
    _say(f"{options.readme}: {'updated' if changed else 'up to date'}")
    if options.plot is not None:
        plot(options.results, options.plot)
        _say(f"Wrote {options.plot}")


def run_track(options: argparse.Namespace) -> None:
    """Track and write the exports."""
    from refiner.track_command import DEFAULT_EXPORTS, Prompt, TrackOptions, run
    from refiner.video import load_tracker

    prompts = tuple(Prompt(*given) for given in (*options.prompt, *options.box))
    exports = tuple(options.export.split(",")) if options.export else DEFAULT_EXPORTS
    paths = run(
        lambda: load_tracker(_load(options), fast=options.fast, first_prompt=options.first_prompt),
        TrackOptions(options.video, prompts, options.out, exports),
    )
    _say("\n".join(f"Wrote {path}" for path in paths))


def run_train(options: argparse.Namespace) -> None:
    """Train and write the weights."""
    from refiner.training.command import TrainCommand, run

    names = {field.name for field in dataclasses.fields(TrainCommand)}
    chosen = {name: value for name, value in vars(options).items() if name in names}
    chosen["manifests"] = tuple(chosen["manifests"])
    _say("\n".join(f"Wrote {path}" for path in run(TrainCommand(**chosen))))


def run_average(options: argparse.Namespace) -> None:
    """Average and write the weights."""
    from refiner.training.average import average

    average(options.weights, options.out, options.command)
    _say(f"Wrote {options.out}")


def run_bench(options: argparse.Namespace) -> None:
    """Measure and print milliseconds, ratios and megabytes, a line each."""
    import torch

    from refiner.bench import measure
    from refiner.bench_video import SETTLED, measure_tracking
    from refiner.evaluation.command import versions
    from refiner.image import load_segmenter

    if options.frames <= SETTLED:
        raise InputError(f"--frames must be more than {SETTLED}, got {options.frames}.")
    segmenter = load_segmenter(options.backbone, options.device, options.weights, options.refiner)
    numbers = measure(segmenter) | measure_tracking(segmenter, options.frames)
    _say("\n".join(f"{name:44} {value:10.3f}" for name, value in numbers.items()))
    if options.json is not None:
        document = {
            "numbers": numbers,
            "command": options.command,
            "threads": torch.get_num_threads(),
            "versions": versions(),
        }
        options.json.write_text(json.dumps(document, indent=2) + "\n")


def _load(options: argparse.Namespace):  # type: ignore[no-untyped-def]
    from refiner.loading import load_any

    return load_any(options.backbone, options.device, options.weights, options.refiner)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
