"""Evaluates models on photos with true masks: prompts in, one table of means out.

Each object is scored by itself; scores are averaged over the objects of a photo (a label map:
each BSDS annotator counts as a photo), then over photos, then over seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refiner.config import VARIANTS
from refiner.data.manifest import (
    INSTANCE_KINDS,
    VIDEO_KIND,
    Row,
    object_ids,
    read_image_and_labels,
)
from refiner.evaluation.harm import harm
from refiner.evaluation.prompts import (
    NOC,
    PromptSpec,
    sample_prompts,
    simulate_clicks,
    stable_seed,
)
from refiner.evaluation.records import (
    BASE,
    Measure,
    Measured,
    Plan,
    Record,
    check_models,
    fingerprint,
    gather,
    giver,
)
from refiner.metrics import STRICT_RATIO, boundary_iou, failed, iou, noc
from refiner.types import (
    BoolArray,
    ImageArray,
    InputError,
    MaskPair,
    ModelInfo,
    Prompts,
    Segmenter,
)

GIVEN = "given"
"""Stands for the degraded mask itself, where that is the prompt."""
OBJECTS_PER_CALL = 32


def measure_photos(
    infos: Mapping[str, ModelInfo],
    rows: Sequence[Row],
    plan: Plan,
    measure: Measure,
    *,
    progress: bool = True,
    resume: Path | None = None,
) -> list[Measured]:
    """Measure the photos of `rows`, each once; videos are left out.

    Args:
        infos: What gives the masks, by the name of its refined model. All stand on one base; the
            masks of sam2 come from the first.
        rows: What to measure on.
        plan: Only points depend on the seed, all other prompts run once. The true mask as prompt
            is left out.
        measure: Scores photos as `photo_scores` does.
        progress: Show the photos done and the time left on stderr.
        resume: A JSONL file that each finished photo is added to; photos in it are not run again.

    Raises:
        InputError: there is no photo, no seed, an unknown model or one without a segmenter, a
            file cannot be read, or `resume` belongs to another evaluation.
    """
    photos = [row for row in rows if row.kind != VIDEO_KIND]
    if not photos or not plan.seeds:
        raise InputError(f"Expected photos and seeds, got {len(photos)} and {len(plan.seeds)}.")
    check_models(infos, plan.models)
    config = fingerprint(infos, photos, plan.of_photos())
    return gather(photos, measure, config, resume=resume, progress=progress)


def photo_scores(segmenters: Mapping[str, Segmenter], plan: Plan, row: Row) -> Record:
    """Score one photo: [seed][object][iou, boundary iou, strict] by prompts and model.

    For noc it is [object][IoU after each click]. Where a degraded mask is the prompt, that mask is
    scored, too, as the model `given`.
    """
    image, labels = read_image_and_labels(row)
    truths = {label: labels == label for label in object_ids(labels, row.kind)}
    scores: dict[str, dict[str, list[Any]]] = {}
    for spec in plan.of_photos().specs:
        if spec.name == NOC:
            scores[NOC] = _click_curves(segmenters, image, list(truths.values()), plan.models)
            continue
        scores[spec.name] = {model: [] for model in _scored(spec, plan.models)}
        for seed in plan.seeds if spec.seeded else plan.seeds[:1]:
            prompts = [
                sample_prompts(spec, truth, stable_seed(seed, row.id, label))
                for label, truth in truths.items()
            ]
            for model, found in _answers(segmenters, image, prompts, plan.models, spec).items():
                scores[spec.name][model].append(list(map(_score, found, truths.values())))
    return {"id": row.id, "objects": len(truths), "scores": scores}


def _answers(
    segmenters: Mapping[str, Segmenter],
    image: ImageArray,
    prompts: Sequence[Prompts],
    models: Sequence[str],
    spec: PromptSpec,
) -> dict[str, list[BoolArray]]:
    """Return every object's mask by what is scored."""
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
    return masks


def _scored(spec: PromptSpec, models: Sequence[str]) -> list[str]:
    """Name what is scored: the models, and before them the mask they were given."""
    return [GIVEN, *models] if spec.degraded else [*models]


def _score(pred: BoolArray, truth: BoolArray) -> list[float]:
    return [iou(pred, truth), boundary_iou(pred, truth), boundary_iou(pred, truth, STRICT_RATIO)]


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


def photo_table(measured: Sequence[Measured], plan: Plan) -> list[dict[str, Any]]:
    """Average over objects, then photos, then seeds; photos without an object do not count.

    Returns:
        A dict for each model, prompts and source: `n` photos, `objects`, and means in [0, 1]:
        `miou`, `mbiou`, `mbiou_strict`, their standard deviations over the seeds `miou_sd` and
        `mbiou_sd`; for models beside sam2 what `harm` returns; for noc `noc85` and `noc90`
        (clicks), `nof90` (objects that 20 clicks do not bring to an IoU of 0.9) and `iou_per_click`
        (see `simulate_clicks`). `source` is a source, `all`, `objects` (kinds object, human,
        matting) or `regions+clothing`.
    """
    scored = [
        (spec, model) for spec in plan.of_photos().specs for model in _scored(spec, plan.models)
    ]
    rows = []
    for source, records in _by_source(measured).items():
        size = {"n": len(records), "objects": sum(record["objects"] for record in records)}
        for spec, model in scored if records else ():
            scores = [record["scores"][spec.name][model] for record in records]
            means = _click_means(scores) if spec.name == NOC else _means(scores)
            if spec.name != NOC and model in VARIANTS and BASE in plan.models:
                means |= harm([record["scores"][spec.name][BASE] for record in records], scores)
            name = {"model": model, "prompts": spec.name, "source": source}
            rows.append(name | size | means)
    return rows


def _by_source(measured: Sequence[Measured]) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = {"all": [], "objects": [], "regions+clothing": []}
    sources: dict[str, list[Record]] = {}
    for photo in measured:
        if photo.record["objects"] == 0:
            continue
        groups["all"].append(photo.record)
        if photo.kind in INSTANCE_KINDS:
            groups["objects"].append(photo.record)
        elif photo.kind in ("regions", "clothing"):
            groups["regions+clothing"].append(photo.record)
        sources.setdefault(photo.source, []).append(photo.record)
    return groups | dict(sorted(sources.items()))


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
