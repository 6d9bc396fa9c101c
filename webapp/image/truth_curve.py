"""The live curve: both models' scores against the ground truth, prompt by prompt."""

from __future__ import annotations

from dataclasses import astuple, replace

from refiner.evaluation.prompts import PromptSpec, sample_prompts, stable_seed
from refiner.metrics import boundary, iou
from refiner.types import BoolArray
from webapp.image.state import ImageState, PictureAnswer, Truth, TruthScores


def with_scores(state: ImageState, truth: Truth) -> ImageState:
    """Return the state with all that its curves show measured against its truth."""
    steps = [step for item in state.scene.objects for step in state.path(item.id)]
    answers = {step.answer.id: step.answer for step in steps if step.answer}
    new = [answer for key, answer in answers.items() if key not in truth.scores]
    if not new:
        return state
    rim = boundary(truth.mask) if truth.rim is None else truth.rim
    scores = {answer.id: _scores(answer, truth.mask, rim) for answer in new}
    return replace(state, truth=replace(truth, rim=rim, scores={**truth.scores, **scores}))


def curves_value(state: ImageState, truth: Truth) -> dict[str, list[list[float]]]:
    """Return what the browser draws.

    For each object's id a list of `[prompts, IoU of SAM2, boundary IoU of SAM2, IoU of
    SAM2Refiner, boundary IoU of SAM2Refiner]`, with scores in [0, 1].
    """
    return {
        str(item.id): [
            [step.prompts_used, *astuple(truth.scores[step.answer.id])]
            for step in state.path(item.id)
            if step.answer and step.answer.id in truth.scores
        ]
        for item in state.scene.objects
    }


def play_value(truth: Truth) -> list[list[float]]:
    """Return ten random points `[x, y]` of the true mask, in pixels, the same each time.

    They are drawn as those of the measured curves are.
    """
    clicks = sample_prompts(
        PromptSpec("points:10", 10), truth.mask, stable_seed(0, "play", 1)
    ).clicks
    return [[click.x, click.y] for click in clicks]


def _scores(answer: PictureAnswer, truth: BoolArray, rim: BoolArray) -> TruthScores:
    masks = answer.pair.masks()
    base, refined = masks.base.mask, masks.refined.mask
    return TruthScores(
        iou(base, truth),
        iou(boundary(base), rim),
        iou(refined, truth),
        iou(boundary(refined), rim),
    )
