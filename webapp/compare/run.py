"""What a comparison does, step by step: plain functions and generators, no gradio."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from refiner.evaluation.prompts import PromptSpec, click_rounds, sample_prompts, stable_seed
from refiner.metrics import boundary, iou
from refiner.types import BoolArray, ImageArray, InputError, Prompts, Segmenter
from webapp.compare.queue import Job, Jobs
from webapp.compare.scores import (
    CLICKS,
    MODELS,
    POLICIES,
    Comparison,
    Plan,
    Sample,
    SampleScores,
    ScoreArray,
    summarise,
)
from webapp.shared.events import is_number
from webapp.shared.limits import Limits

OBJECTS_PER_STEP = 4
"""Masks asked of the model at once: others' clicks wait no longer than these take."""
MAX_PROMPTS = 20
WAIT_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        stage: `waiting`, `checking`, `running`, `done`, `cancelled` or `late`.
        done: the share done of the stage, from 0 to 1.
        finished: pictures finished.
        pictures: pictures in all.
        name: the picture at hand.
        comparison: the outcome over the finished pictures; None until there is one.
    """

    stage: str
    done: float
    finished: int
    pictures: int
    name: str = ""
    comparison: Comparison | None = None


def read_plan(policy: object, prompts: object, seeds: object, limits: Limits) -> Plan:
    """Return the plan that a browser asks for.

    Raises:
        InputError: the policy is unknown or a number is none or out of bounds.
    """
    if not isinstance(policy, str) or policy not in POLICIES:
        raise InputError("Choose how to prompt: 'random' points, or 'clicks' at the largest error.")
    most = _whole(prompts, MAX_PROMPTS, "prompts")
    draws = _whole(seeds, limits.compare_seeds, "seeds")
    return Plan(policy, most, 1 if policy == CLICKS else draws)


def compare(
    segmenter: Segmenter, plan: Plan, samples: Sequence[Sample], jobs: Jobs, job: Job
) -> Iterator[Progress]:
    """Wait for the job's turn, check every picture, then measure picture by picture.

    A run that is cancelled or late keeps the pictures that are finished.

    Yields:
        After every step; `comparison` is new when `finished` has grown.

    Raises:
        InputError: a picture or its masks cannot be read.
    """
    total = len(samples)
    while not jobs.has_turn(job):
        if job.cancelled.is_set():
            yield Progress("cancelled", 0, 0, total)
            return
        yield Progress("waiting", 0, 0, total)
        time.sleep(WAIT_SECONDS)
    for number, sample in enumerate(samples):
        if job.cancelled.is_set():
            yield Progress("cancelled", 0, 0, total)
            return
        yield Progress("checking", number / total, 0, total, sample.name)
        sample.read()
    measured: list[SampleScores] = []
    outcome: Comparison | None = None
    for sample in samples:
        done = len(measured) / total
        yield Progress("running", done, len(measured), total, sample.name, outcome)
        steps = measure(segmenter, plan, sample)
        while True:
            try:
                share = next(steps)
            except StopIteration as stop:
                measured.append(stop.value)
                break
            if job.cancelled.is_set() or job.late:
                stage = "cancelled" if job.cancelled.is_set() else "late"
                yield Progress(stage, 1, len(measured), total, comparison=outcome)
                return
            done = (len(measured) + share) / total
            yield Progress("running", done, len(measured), total, sample.name, outcome)
        outcome = summarise(plan, measured)
    yield Progress("done", 1, total, total, comparison=outcome)


def measure(
    segmenter: Segmenter, plan: Plan, sample: Sample
) -> Generator[float, None, SampleScores]:
    """Measure one picture in small steps.

    Yields:
        The share done, after every call of the model.

    Raises:
        InputError: the picture or its masks cannot be read.
    """
    image, truths = sample.read()
    way = _by_clicks if plan.policy == CLICKS else _by_draws
    scores = yield from way(segmenter, plan, sample.name, image, truths)
    return SampleScores(sample.name, scores, tuple(sample.notices()), sample.source)


def _by_draws(
    segmenter: Segmenter, plan: Plan, name: str, image: ImageArray, truths: Sequence[BoolArray]
) -> Generator[float, None, dict[str, ScoreArray]]:
    rims = [boundary(truth) for truth in truths]
    shape = (plan.seeds, plan.prompts, len(truths), 2)
    scores: dict[str, ScoreArray] = {model: np.zeros(shape) for model in MODELS}
    places = list(np.ndindex(shape[:3]))
    places.sort(key=lambda place: place[1])  # alike prompts together: one batch of the model
    for start in range(0, len(places), OBJECTS_PER_STEP):
        some = places[start : start + OBJECTS_PER_STEP]
        prompts = [
            sample_prompts(
                PromptSpec(f"points:{count + 1}", count + 1),
                truths[number],
                stable_seed(seed, name, number + 1),  # as of a label map, which counts from 1
            )
            for seed, count, number in some
        ]
        pairs = segmenter.segment(image, prompts).objects
        for place, pair in zip(some, pairs, strict=True):
            truth, rim = truths[place[2]], rims[place[2]]
            for model in MODELS:
                scores[model][place] = _score(pair.mask_of(model).mask, truth, rim)
        yield (start + len(some)) / len(places)
    return scores


def _by_clicks(
    segmenter: Segmenter, plan: Plan, name: str, image: ImageArray, truths: Sequence[BoolArray]
) -> Generator[float, None, dict[str, ScoreArray]]:
    """Click each model where it errs itself; a score stays when there is nothing left to click."""
    owners = [(model, number) for model in MODELS for number in range(len(truths))]
    rims = [boundary(truth) for truth in truths]
    shape = (1, plan.prompts, len(truths), 2)
    scores: dict[str, ScoreArray] = {model: np.zeros(shape) for model in MODELS}

    def answer(queries: Sequence[tuple[int, Prompts]]) -> list[BoolArray]:
        masks = []
        for start in range(0, len(queries), OBJECTS_PER_STEP):
            some = queries[start : start + OBJECTS_PER_STEP]
            pairs = segmenter.segment(image, [prompts for _, prompts in some]).objects
            masks += [
                pair.mask_of(owners[index][0]).mask
                for (index, _), pair in zip(some, pairs, strict=True)
            ]
        return masks

    rounds = click_rounds(answer, list(truths) * len(MODELS), most=plan.prompts, good=1.0)
    for count, clicked in enumerate(rounds):
        for index, (mask, value) in clicked.items():
            model, number = owners[index]
            rim_iou = iou(boundary(mask), rims[number])
            scores[model][0, count:, number] = value, rim_iou
        yield (count + 1) / plan.prompts
    return scores


def _score(mask: BoolArray, truth: BoolArray, rim: BoolArray) -> tuple[float, float]:
    """Return IoU and boundary IoU (`refiner.metrics.boundary_iou`, with the truth's rim known)."""
    return iou(mask, truth), iou(boundary(mask), rim)


def _whole(value: object, most: int, name: str) -> int:
    if not is_number(value) or value not in range(1, most + 1):
        raise InputError(f"The number of {name} is a whole number from 1 to {most}.")
    return int(value)
