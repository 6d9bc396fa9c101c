"""What a comparison is made of and comes to: frozen records and the arithmetic between them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refiner.metrics import failed, noc
from refiner.types import BoolArray, ImageArray, MaskPair

RANDOM, CLICKS = "random", "clicks"
POLICIES = (RANDOM, CLICKS)
MODELS = tuple(MaskPair.MODELS)

ScoreArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    Attributes:
        policy: `RANDOM`, points drawn from the object, or `CLICKS`, at each model's largest error.
        prompts: each object is prompted with 1, 2, ... up to this many.
        seeds: how many draws of random points; clicks do not depend on a seed, so 1.
    """

    policy: str
    prompts: int
    seeds: int


@dataclass(frozen=True, eq=False)
class Sample:
    """A picture with true masks.

    `read` gives both, one mask an object, and may raise InputError; `notices` says what was understood
    or left out when it was read last. `source` is where it comes from, and no other's of the run:
    `example:` and its name, `file:` and that of the picture's file, or `zip`, a number and the name.
    """

    name: str
    read: Callable[[], tuple[ImageArray, Sequence[BoolArray]]]
    notices: Callable[[], Sequence[str]] = tuple
    source: str = ""


@dataclass(frozen=True, eq=False)
class SampleScores:
    """One picture: for each of `MODELS` the scores (seeds, prompts, objects, 2) in [0, 1].

    The last axis is IoU and boundary IoU; seeds and objects are those of the plan and the picture.
    `notices` and `source` are the picture's.
    """

    name: str
    scores: Mapping[str, ScoreArray]
    notices: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Means in [0, 1] of one model at one number of prompts, and their deviation over the seeds."""

    policy: str
    prompts: int
    model: str
    miou: float
    mbiou: float
    miou_sd: float
    mbiou_sd: float
    pictures: int
    objects: int
    seeds: int


@dataclass(frozen=True, slots=True)
class Effort:
    """Clicks of one model until an IoU of 0.85 and of 0.9, and objects that never reach 0.9."""

    model: str
    noc85: float
    noc90: float
    failed: int


@dataclass(frozen=True, slots=True)
class PictureRow:
    """One picture with all its prompts: means over its objects and the seeds, in [0, 1].

    `source` is that of the `Sample`.
    """

    picture: str
    source: str
    objects: int
    sam2_iou: float
    sam2refiner_iou: float
    sam2_biou: float
    sam2refiner_biou: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome: a row a number of prompts and model; for clicks the effort of each model.

    `pictures` are the scores of each with all prompts; `notices` say of which picture what was
    understood or left out.
    """

    plan: Plan
    rows: tuple[Row, ...]
    efforts: tuple[Effort, ...]
    pictures: tuple[PictureRow, ...] = ()
    notices: tuple[str, ...] = ()


def summarise(plan: Plan, measured: Sequence[SampleScores]) -> Comparison:
    """Average over the objects of a picture, then over pictures; deviations are over seeds.

    This is how `refiner.evaluation.photos` averages; a deviation is that of a sample of seeds.
    """
    rows = [row for model in MODELS for row in _rows(plan, model, measured)]
    rows.sort(key=lambda row: row.prompts)
    clicks = plan.policy == CLICKS
    efforts = tuple(_effort(plan, model, measured) for model in MODELS if clicks)
    notices = tuple(f"{one.name}: {notice}" for one in measured for notice in one.notices)
    return Comparison(plan, tuple(rows), efforts, tuple(map(_picture, measured)), notices)


def csv_text(rows: Sequence[Row] | Sequence[PictureRow]) -> str:
    """Return rows, at least one, as CSV, with every digit."""
    buffer = io.StringIO()
    names = [field.name for field in fields(rows[0])]
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_written(getattr(row, name)) for name in names] for row in rows)
    return buffer.getvalue()


def _picture(measured: SampleScores) -> PictureRow:
    base, refined = (measured.scores[model][:, -1].mean(axis=(0, 1)) for model in MODELS)
    objects = measured.scores[MODELS[0]].shape[2]
    return PictureRow(
        measured.name,
        measured.source,
        objects,
        sam2_iou=float(base[0]),
        sam2refiner_iou=float(refined[0]),
        sam2_biou=float(base[1]),
        sam2refiner_biou=float(refined[1]),
    )


def _written(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _rows(plan: Plan, model: str, measured: Sequence[SampleScores]) -> list[Row]:
    pictures = [picture.scores[model] for picture in measured]
    objects = sum(scores.shape[2] for scores in pictures)
    by_seed = np.mean([scores.mean(axis=2) for scores in pictures], axis=0)  # (seeds, prompts, 2)
    means = by_seed.mean(axis=0)
    spread = by_seed.std(axis=0, ddof=1) if len(by_seed) > 1 else np.zeros_like(means)
    return [
        Row(
            plan.policy,
            count + 1,
            model,
            miou=float(means[count, 0]),
            mbiou=float(means[count, 1]),
            miou_sd=float(spread[count, 0]),
            mbiou_sd=float(spread[count, 1]),
            pictures=len(pictures),
            objects=objects,
            seeds=len(by_seed),
        )
        for count in range(plan.prompts)
    ]


def _effort(plan: Plan, model: str, measured: Sequence[SampleScores]) -> Effort:
    curves = [picture.scores[model][0, :, :, 0].T.tolist() for picture in measured]  # by object
    most = plan.prompts

    def clicks(good: float) -> float:
        return float(
            np.mean([np.mean([noc(curve, good, most) for curve in one]) for one in curves])
        )

    never = sum(failed(curve, 0.9, most) for one in curves for curve in one)
    return Effort(model, clicks(0.85), clicks(0.9), never)
