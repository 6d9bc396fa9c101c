"""Evaluates models on photos with true masks: prompts in, one table of means out.

Each object is scored by itself; scores are averaged over the objects of a photo (a label map:
each BSDS annotator counts as a photo), then over photos, then over seeds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from refiner.config import COMPARED, VARIANTS
from refiner.data.manifest import (
    INSTANCE_KINDS,
    VIDEO_KIND,
    Row,
    object_ids,
    read_image_and_labels,
)
from refiner.evaluation.harm import harm, write_per_photo
from refiner.evaluation.prompts import (
    NOC,
    PromptSpec,
    sample_prompts,
    simulate_clicks,
    stable_seed,
)
from refiner.metrics import STRICT_RATIO, boundary_iou, failed, iou, noc
from refiner.types import BoolArray, ImageArray, InputError, MaskPair, Prompts, Segmenter
from refiner.video_types import Tracker

BASE = "sam2"
MODEL_NAMES = (BASE, *VARIANTS)
GIVEN = "given"
"""Stands for the degraded mask itself, where that is the prompt."""
OBJECTS_PER_CALL = 32

Record = dict[str, Any]
Loaded = Segmenter | Tracker


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


def evaluate_images(
    segmenters: Mapping[str, Segmenter],
    rows: Iterable[Row],
    specs: Sequence[PromptSpec],
    models: Sequence[str],
    seeds: Sequence[int],
    *,
    progress: bool = True,
    resume: Path | None = None,
    per_photo: Path | None = None,
) -> list[dict[str, Any]]:
    """Score `models` on every photo of `rows` with every way of prompting; videos are left out.

    Args:
        segmenters: By the name of the model that gives its refined masks. All stand on one base;
            the masks of sam2 come from the first.
        rows: What to measure on.
        specs: The prompts; only points depend on the seed, all others run once. Where a degraded
            mask is the prompt, that mask is scored, too, as the model `given`. The true mask as
            prompt is left out.
        models: Some of `MODEL_NAMES`.
        seeds: One run of random points each.
        progress: Show the photos done and the time left on stderr.
        resume: A JSONL file that each finished photo is added to; photos in it are not run again.
        per_photo: Where to write the scores of each photo, see `write_per_photo`.

    Returns:
        A dict for each model, prompts and source: `n` photos, `objects`, and means in [0, 1]:
        `miou`, `mbiou`, `mbiou_strict`, their standard deviations over the seeds `miou_sd` and
        `mbiou_sd`; for models beside sam2 what `harm` returns; for noc `noc85` and `noc90` (clicks), `nof90` (objects that 20 clicks do not
        bring to an IoU of 0.9) and `iou_per_click` (see `simulate_clicks`). `source` is a source,
        `all`, `objects` (kinds object, human, matting) or `regions+clothing`.

    Raises:
        InputError: there is no photo, no seed, an unknown model or one without a segmenter, a
            file cannot be read, or `resume` belongs to another evaluation.
    """
    photos = [row for row in rows if row.kind != VIDEO_KIND]
    if not photos or not seeds:
        raise InputError(f"Expected photos and seeds, got {len(photos)} and {len(seeds)}.")
    specs = [spec for spec in specs if spec.for_photos]
    check_models(segmenters, models)
    records: dict[str, Record] = {}
    if resume:
        records = open_resume(resume, fingerprint(segmenters, photos, specs, models, seeds))
    todo = [row for row in photos if row.id not in records]
    done = len(photos) - len(todo)
    bar = tqdm(todo, initial=done, total=len(photos), unit="photo", disable=not progress)
    for row in bar:
        records[row.id] = _measure(segmenters, row, specs, models, seeds)
        if resume:
            with resume.open("a", encoding="utf-8") as file:
                file.write(json.dumps(records[row.id]) + "\n")
    measured = [(row, records[row.id]) for row in photos]
    if per_photo:
        write_per_photo(per_photo, measured)
    return _table(measured, specs, models)


def check_models(segmenters: Mapping[str, Loaded], models: Sequence[str]) -> None:
    """Raise InputError unless every name is known and every model has a segmenter."""
    for name in (*segmenters, *models):
        _check_model(name)
    missing = [model for model in models if model != BASE and model not in segmenters]
    if missing or not segmenters:
        raise InputError(
            f"No segmenter gives the masks of {', '.join(missing) or BASE}; got segmenters for: "
            f"{', '.join(segmenters) or 'nothing'}."
        )


def _measure(
    segmenters: Mapping[str, Segmenter],
    row: Row,
    specs: Sequence[PromptSpec],
    models: Sequence[str],
    seeds: Sequence[int],
) -> Record:
    """Score one photo: [seed][object][iou, boundary iou, strict] by prompts and model.

    For noc it is [object][IoU after each click].
    """
    image, labels = read_image_and_labels(row)
    truths = {label: labels == label for label in object_ids(labels, row.kind)}
    scores: dict[str, dict[str, list[Any]]] = {}
    for spec in specs:
        if spec.name == NOC:
            scores[NOC] = _click_curves(segmenters, image, list(truths.values()), models)
            continue
        scores[spec.name] = {model: [] for model in _scored(spec, models)}
        for seed in seeds if spec.seeded else seeds[:1]:
            prompts = [
                sample_prompts(spec, truth, stable_seed(seed, row.id, label))
                for label, truth in truths.items()
            ]
            pairs = {
                name: _segment(segmenters[name], image, prompts)
                for name in dict.fromkeys(giver(segmenters, model) for model in models)
            }
            masks = {
                model: [pair.mask_of(model).mask for pair in pairs[giver(segmenters, model)]]
                for model in models
            }
            if spec.degraded:
                masks[GIVEN] = [one.mask for one in prompts if one.mask is not None]
            for model, found in masks.items():
                scores[spec.name][model].append(list(map(_score, found, truths.values())))
    return {"id": row.id, "objects": len(truths), "scores": scores}


def _scored(spec: PromptSpec, models: Sequence[str]) -> list[str]:
    """Name what is scored: the models, and before them the mask they were given."""
    return [GIVEN, *models] if spec.degraded else [*models]


def _score(pred: BoolArray, truth: BoolArray) -> list[float]:
    return [iou(pred, truth), boundary_iou(pred, truth), boundary_iou(pred, truth, STRICT_RATIO)]


def giver(segmenters: Mapping[str, Loaded], model: str) -> str:
    """Name the segmenter that gives the masks of `model`."""
    return model if model in segmenters else next(iter(segmenters))


def _segment(segmenter: Segmenter, image: ImageArray, prompts: Sequence[Prompts]) -> list[MaskPair]:
    """Segment any number of objects, a few a call."""
    return [
        pair
        for start in range(0, len(prompts), OBJECTS_PER_CALL)
        for pair in segmenter.segment(image, prompts[start : start + OBJECTS_PER_CALL]).objects
    ]


def _click_curves(
    segmenters: Mapping[str, Segmenter],
    image: ImageArray,
    truths: list[BoolArray],
    models: Sequence[str],
) -> dict[str, list[list[float]]]:
    """Simulate the clicks of every model: each is clicked where it errs itself, in shared calls."""
    owners = [model for model in models for _ in truths]

    def answer(asked: Sequence[tuple[int, Prompts]]) -> list[BoolArray]:
        masks: dict[int, BoolArray] = {}
        for name, segmenter in segmenters.items():
            mine = [one for one in asked if giver(segmenters, owners[one[0]]) == name]
            pairs = _segment(segmenter, image, [prompts for _, prompts in mine])
            for (index, _), pair in zip(mine, pairs, strict=True):
                masks[index] = pair.mask_of(owners[index]).mask
        return [masks[index] for index, _ in asked]

    curves = simulate_clicks(answer, truths * len(models))
    return {
        model: curves[start * len(truths) : (start + 1) * len(truths)]
        for start, model in enumerate(models)
    }


def _table(
    measured: Sequence[tuple[Row, Record]], specs: Sequence[PromptSpec], models: Sequence[str]
) -> list[dict[str, Any]]:
    """Average over objects, then photos, then seeds; photos without an object do not count."""
    groups: dict[str, list[Record]] = {"all": [], "objects": [], "regions+clothing": []}
    sources: dict[str, list[Record]] = {}
    for row, record in measured:
        if record["objects"] == 0:
            continue
        groups["all"].append(record)
        if row.kind in INSTANCE_KINDS:
            groups["objects"].append(record)
        elif row.kind in ("regions", "clothing"):
            groups["regions+clothing"].append(record)
        sources.setdefault(row.source, []).append(record)
    rows = []
    for source, records in (groups | dict(sorted(sources.items()))).items():
        size = {"n": len(records), "objects": sum(record["objects"] for record in records)}
        scored = [(spec, model) for spec in specs for model in _scored(spec, models)]
        for spec, model in scored if records else ():
            scores = [record["scores"][spec.name][model] for record in records]
            means = _click_means(scores) if spec.name == NOC else _means(scores)
            if spec.name != NOC and model in VARIANTS and BASE in models:
                means |= harm([record["scores"][spec.name][BASE] for record in records], scores)
            name = {"model": model, "prompts": spec.name, "source": source}
            rows.append(name | size | means)
    return rows


def _means(scores: Sequence[list[Any]]) -> dict[str, Any]:
    """Average [photo][seed][object][3]; the deviation is that of a sample of seeds."""
    by_seed = np.mean([np.mean(photo, axis=1) for photo in scores], axis=0)  # (seeds, 3)
    mean = by_seed.mean(axis=0)
    deviation = by_seed.std(axis=0, ddof=1) if len(by_seed) > 1 else np.zeros(3)
    return {
        "miou": float(mean[0]),
        "mbiou": float(mean[1]),
        "mbiou_strict": float(mean[2]),
        "seeds": len(by_seed),
        "miou_sd": float(deviation[0]),
        "mbiou_sd": float(deviation[1]),
    }


def _click_means(curves: Sequence[list[Any]]) -> dict[str, Any]:
    """Average [photo][object][IoU after each click]; failures are counted, not averaged."""
    counts = {
        percent: np.mean([np.mean([noc(c, percent / 100) for c in photo]) for photo in curves])
        for percent in (85, 90)
    }
    return {
        "noc85": float(counts[85]),
        "noc90": float(counts[90]),
        "nof90": sum(failed(curve, 0.9) for photo in curves for curve in photo),
        "iou_per_click": np.mean([np.mean(photo, axis=0) for photo in curves], axis=0).tolist(),
        "seeds": 1,
    }


def fingerprint(
    segmenters: Mapping[str, Loaded], photos: Sequence[Row], *asked: Sequence[Any]
) -> str:
    """Hash what decides the scores: what is loaded, the rows, the prompts, models and seeds."""
    loaded = {name: asdict(segmenter.info) for name, segmenter in segmenters.items()}
    for info in loaded.values():
        info["details"].pop("build", None)  # other cores give the same scores
    parts = [loaded, [asdict(row) for row in photos], [str(list(part)) for part in asked]]
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
        path.write_text("".join(lines), encoding="utf-8")
    return {record["id"]: record for record in map(json.loads, lines[1:])}
