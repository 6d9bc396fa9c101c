"""The evaluate command: options in, a document of rows, settings and versions out."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from refiner.commands.values import ModelOptions, add_model_options, say, to_options
from refiner.config import LITE, VARIANTS, RefinerConfig, weights_name
from refiner.data.image_sets import read_dataset
from refiner.data.manifest import VIDEO_KIND, Row, read_manifest
from refiner.data.video_sets import LVOS_SETS, read_lvos
from refiner.evaluation.photos import BASE, evaluate_images, parse_models
from refiner.evaluation.prompts import PromptSpec, parse_prompt_specs
from refiner.evaluation.report.photos import text_table
from refiner.evaluation.report.videos import text_video_table
from refiner.evaluation.stability import measure_stability
from refiner.evaluation.videos import evaluate_videos
from refiner.files.atomic import replacing
from refiner.files.results import versions
from refiner.network.checkpoint import HQ, REFINER
from refiner.predict.segmenter import WEIGHTS, ImageSegmenter, load_segmenter, use_own_cores
from refiner.predict.tracker import load_tracker
from refiner.types import InputError, Segmenter
from refiner.video_types import Tracker

DEFAULT_PROMPTS = "box,points:1,points:2,points:3,points:5,points:10"
PHOTOS, VIDEOS = "photos", "videos"
_PACKAGES = ("torch", "sam2", "timm", "numpy", "opencv-python", "vos-benchmark")


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """What `python -m refiner evaluate` measures.

    The photos and videos are those of one `split` of a `manifest` (None: of all), or those of a
    `dataset`, one of `datasets.EVALUATION_SETS` or `video_datasets.LVOS_SETS`, below the folder
    `root`; `only` keeps the `photos` or the `videos`. `prompts` are comma-separated names, `models`
    some of `photos.MODEL_NAMES`; photos and videos are measured with those prompts that fit. `seeds`
    counts the seeds 0, 1, ... that random points are drawn with; `source` keeps the rows of some
    sources, `limit` so many photos and so many videos, spread evenly; `fast` tracks videos with
    quarters of half size. `json` is where the document goes, `per_photo` where the scores of each
    photo go (CSV); `stability` adds how far the masks of photos change with the pictures, see
    `measure_stability`; `resume` is a file that finished photos are kept in (and, with `.videos` in
    its name, finished videos), so that the same command goes on after a break. `command` is the
    command line, for the record.
    """

    manifest: Path | None = None
    split: str | None = "val"
    dataset: str | None = None
    root: Path | None = None
    prompts: str = DEFAULT_PROMPTS
    models: tuple[str, ...] = (BASE, REFINER)
    seeds: int = 3
    source: str | None = None
    only: str | None = None
    limit: int | None = None
    fast: bool = False
    json: Path | None = None
    per_photo: Path | None = None
    stability: bool = False
    resume: Path | None = None
    command: str = ""
    progress: bool = True


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `EvaluateOptions` and the models'."""
    places = parser.add_mutually_exclusive_group(required=True)
    places.add_argument("--manifest", type=Path)
    places.add_argument(
        "--dataset", help="dis, coift, hrsod, thinobject, lvos1 or lvos2, below --root"
    )
    parser.add_argument("--root", type=Path, metavar="DIR", help="where the dataset's folders are")
    parser.add_argument("--split", help="of the manifest")
    parser.add_argument("--prompts", help="box,mask,points:1,points:10,noc")
    parser.add_argument("--models", help="sam2, sam2refiner, hq-sam2, ablations, by comma; or all")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--source", help="only the rows of these sources, by comma")
    parser.add_argument("--only", choices=(PHOTOS, VIDEOS), help="both if not given")
    parser.add_argument("--limit", type=int, help="only so many of each, spread evenly")
    parser.add_argument("--fast", action="store_true", help="videos: quarters of half size")
    parser.add_argument("--resume", type=Path, help="keep what is finished here and go on from it")
    parser.add_argument("--json", type=Path, metavar="OUT.json")
    parser.add_argument(
        "--per-photo", type=Path, metavar="OUT.csv", help="also the scores of each photo"
    )
    parser.add_argument(
        "--stability",
        action="store_true",
        help="also how far masks change if a picture is shifted, shrunk, mirrored or compressed",
    )
    add_model_options(parser)
    parser.add_argument("--hq", type=Path, default=None, help="HQ-SAM2's weights")
    parser.add_argument(
        "--refiners",
        type=Path,
        default=None,
        metavar="DIR",
        help="weights of all models, as train leaves them",
    )
    parser.set_defaults(run=_run)


def _run(flags: argparse.Namespace) -> None:
    """Measure and print a table per source."""
    if hasattr(flags, "models"):
        flags.models = parse_models(flags.models)
    options, chosen = to_options(EvaluateOptions, flags), to_options(ModelOptions, flags)
    use_own_cores()
    segmenters = load_segmenters(
        options.models,
        {REFINER: chosen.refiner, HQ: flags.hq},
        chosen.backbone,
        chosen.device,
        chosen.weights,
        flags.refiners,
    )
    document = evaluate_models(
        segmenters, options, lambda: load_trackers(segmenters, fast=options.fast)
    )
    tables = (text_table(document), text_video_table(document))
    say("\n\n".join(table for table in tables if table))
    for one in document.get("stability", ()):
        say("{model:<18}{prompts:<12}{change:<10}{iou:8.3f}".format(**one))


def load_segmenters(
    models: Sequence[str],
    weights: Mapping[str, Path | None],
    backbone: str = LITE,
    device: str | None = None,
    base: Path | None = None,
    folder: Path | None = None,
) -> dict[str, Segmenter]:
    """Load what gives the masks of `models`, by refined model; `sam2` alone takes SAM2Refiner's.

    Args:
        models: Some of `photos.MODEL_NAMES`.
        weights: Files by refined model; where there is none, the one in `folder`.
        backbone: The base of all of them; see `load_segmenter`, also for `device`.
        device: Where to run.
        base: The base's weights.
        folder: Holds weights named as `train` names them; the embedded ones if not given.

    Raises:
        InputError: the weights of a model are missing or those of another model.
    """
    segmenters: dict[str, Segmenter] = {}
    for name in [model for model in models if model in VARIANTS] or [REFINER]:
        file = weights.get(name) or _in_folder(folder or WEIGHTS, name, backbone)
        segmenters[name] = segmenter = load_segmenter(backbone, device, base, file)
        held = _variant(segmenter.info.details)
        if held != name:
            raise InputError(f"Expected weights of {name}, but {file} holds a {held}.")
    return segmenters


def _in_folder(folder: Path, name: str, backbone: str) -> Path:
    file = folder / weights_name(name, backbone)
    if not file.is_file():
        what = "train hq" if name == HQ else f"train refiner --variants {name}"
        raise InputError(
            f"There are no weights of {name} for {backbone}: {file} is missing. Make them with "
            f"'python -m refiner {what} --backbone {backbone}' and give their folder with "
            f"--refiners, or leave {name} out of --models."
        )
    return file


def _variant(details: Mapping[str, Any]) -> str:
    """Name what a segmenter's `info.details` describe, one of `VARIANTS`."""
    if details["kind"] == HQ:
        return HQ
    for name, settings in VARIANTS.items():
        if _settings(asdict(RefinerConfig(128, 512, **settings))) == _settings(details):
            return name
    return f"SAM2Refiner with the modules {', '.join(details['modules'])} of no variant"


def _settings(config: Mapping[str, Any]) -> tuple[list[str], str, bool, bool]:
    return list(config["modules"]), config["quarters"], config["skips"], config.get("gate", False)


def load_trackers(segmenters: Mapping[str, Segmenter], *, fast: bool = False) -> dict[str, Tracker]:
    """Return a tracker on each of `load_segmenters`' models; `fast` as in `load_tracker`.

    Raises:
        InputError: one of them cannot track.
    """
    trackers: dict[str, Tracker] = {}
    for name, segmenter in segmenters.items():
        if not isinstance(segmenter, ImageSegmenter):
            raise InputError(f"{name} cannot track; measure it with --only {PHOTOS}.")
        trackers[name] = load_tracker(segmenter, fast=fast)
    return trackers


def evaluate_models(
    segmenters: Mapping[str, Segmenter],
    options: EvaluateOptions,
    trackers: Callable[[], Mapping[str, Tracker]] | None = None,
) -> dict[str, Any]:
    """Evaluate as the options say; return the document and write it where `options.json` says.

    `segmenters` are those of `load_segmenters`; `trackers` gives those of `load_trackers` and is
    called if there are videos. Without it, videos are left out.

    Returns:
        `rows` (see `evaluate_images` and `evaluate_videos`; the total of videos is `all`, beside
        photos `videos`), `config` (what was measured with what) and `versions`.

    Raises:
        InputError: an option, the manifest or the data set cannot be used.
    """
    specs = parse_prompt_specs(options.prompts)
    models = options.models
    photos, videos = _select(options, specs, tracked=trackers is not None)
    for file in filter(None, (options.json, options.per_photo, options.resume)):
        _make_folder(file)
    tracking = trackers() if videos and trackers is not None else {}
    seeds = range(options.seeds)
    table: list[dict[str, Any]] = []
    if photos:
        table += evaluate_images(
            segmenters,
            photos,
            specs,
            models,
            seeds,
            progress=options.progress,
            resume=options.resume,
            per_photo=options.per_photo,
        )
    if videos:
        kept = options.resume and options.resume.with_suffix(f".videos{options.resume.suffix}")
        table += evaluate_videos(
            tracking,
            videos,
            specs,
            models,
            seeds,
            total=VIDEOS if photos else "all",
            progress=options.progress,
            resume=kept,
        )
    config = _asked(options) | {
        "prompts": [spec.name for spec in specs],
        "models": list(models),
        "seeds": list(seeds),
        "rows": len(photos),
        "videos": len(videos),
        "segmenters": {name: asdict(one.info) for name, one in segmenters.items()},
    }
    document = {"rows": table, "config": config, "versions": measuring_versions()}
    if options.stability and photos:
        document["stability"] = measure_stability(segmenters, photos, specs, models)
    if options.json:
        text = json.dumps(document, indent=1, default=str, allow_nan=False) + "\n"
        with replacing(options.json) as part:
            part.write_text(text, encoding="utf-8")
    return document


def _select(
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


def _asked(options: EvaluateOptions) -> dict[str, Any]:
    """Say for the record what was asked and where the photos came from."""
    origin: dict[str, Any] = {"dataset": options.dataset, "split": None}
    if options.manifest is not None:
        digest = hashlib.sha256(options.manifest.read_bytes()).hexdigest()
        origin = {"manifest_sha256": digest, "split": options.split}
    return {
        "command": options.command,
        **origin,
        "source": options.source,
        "limit": options.limit,
        "fast": options.fast,
    }


def _make_folder(file: Path) -> None:
    """Make sure that `file` can be written, before hours of work go into it."""
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
