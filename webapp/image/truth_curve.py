"""The live curve: both models' scores against the ground truth, prompt by prompt."""

from __future__ import annotations

from dataclasses import astuple, replace
from typing import Any

from refiner.files.run_lengths import decode_rle
from refiner.metrics import boundary_iou, iou
from refiner.types import BoolArray
from webapp.image.state import Answer, ImageState, SceneObject, Scores

STEPS = 8
"""How many steps on the way to one object are answered at most when they came together."""


def unanswered(state: ImageState) -> list[SceneObject]:
    """Return what has prompts but no answer: objects and, with a truth, steps on the way to them."""
    missing: list[SceneObject] = []
    for item in state.scene.objects:
        way = state.path(item.id) if state.truth else [item]
        missing += [step for step in way if step.answer is None and not step.prompts.empty][-STEPS:]
    return missing


def scored(state: ImageState) -> ImageState:
    """Return the state with all that its curves show measured; without a truth, as it was."""
    truth = state.truth
    if truth is None:
        return state
    scores = dict(truth.scores)
    for item in state.scene.objects:
        for step in state.path(item.id):
            if step.answer and step.answer.id not in scores:
                scores[step.answer.id] = _scores(step.answer, truth.mask)
    return replace(state, truth=replace(truth, scores=scores))


def curve_value(state: ImageState) -> dict[str, Any] | None:
    """Return what the browser draws, or None without a truth.

    `curves` has for each object's id a list of `[prompts, IoU of SAM2, boundary IoU of SAM2, IoU
    of SAM2Refiner, boundary IoU of SAM2Refiner]`, with scores in [0, 1].
    """
    truth = state.truth
    if truth is None:
        return None
    curves = {
        str(item.id): [
            [step.prompts_used, *astuple(truth.scores[step.answer.id])]
            for step in state.path(item.id)
            if step.answer and step.answer.id in truth.scores
        ]
        for item in state.scene.objects
    }
    return {"label": truth.label, "curves": curves}


def _scores(answer: Answer, truth: BoolArray) -> Scores:
    base, refined = decode_rle(answer.base), decode_rle(answer.refined)
    return Scores(
        iou(base, truth),
        boundary_iou(base, truth),
        iou(refined, truth),
        boundary_iou(refined, truth),
    )
