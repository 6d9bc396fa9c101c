"""Prompts made from a ground-truth mask: the same for every model, the same on every run.

`box` is the tight box, `points:K` are K random pixels of the object, `noc` (number of clicks)
is a user who clicks the largest error until the mask is good: `refiner.metrics.next_click`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from refiner.metrics import MAX_NOC_CLICKS, iou, next_click
from refiner.types import MAX_CLICKS, BoolArray, Box, Click, InputError, Prompts

BOX = "box"
NOC = "noc"
GOOD_IOU = 0.9
_EXPECTED = f"expected box, points:K with K from 1 to {MAX_CLICKS}, or noc"

Answer = Callable[[Sequence[tuple[int, Prompts]]], Sequence[BoolArray]]


@dataclass(frozen=True, slots=True)
class PromptSpec:
    """One way to prompt: `name` as written; `points` is K of `points:K`, 0 for box and noc."""

    name: str
    points: int = 0

    @property
    def seeded(self) -> bool:
        """True if the prompts depend on the seed."""
        return self.points > 0


def parse_prompt_specs(text: str) -> tuple[PromptSpec, ...]:
    """Read a list like `box,points:1,points:10,noc`; a spec named twice is taken once.

    Raises:
        InputError: a spec is unknown, or there is none.
    """
    specs = [_parse_spec(part.strip()) for part in text.split(",")]
    return tuple(dict.fromkeys(specs))


def _parse_spec(text: str) -> PromptSpec:
    if text in (BOX, NOC):
        return PromptSpec(text)
    match = re.fullmatch(r"points:0*([1-9][0-9]{0,3})", text)
    if match and int(match[1]) <= MAX_CLICKS:
        return PromptSpec(f"points:{match[1]}", int(match[1]))
    raise InputError(f"Unknown prompts {text!r}; {_EXPECTED}, separated by commas.")


def stable_seed(seed: int, row_id: str, object_id: int) -> int:
    """Mix a seed, a row and an object of it into a seed that is the same in every process."""
    digest = hashlib.sha256(f"{seed}\n{row_id}\n{object_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def sample_prompts(spec: PromptSpec, mask: BoolArray, seed: int) -> Prompts:
    """Make the prompts of one object from its ground truth, bool (height, width).

    The box is tight: its corners are the outer edges of the outermost pixels. Points are centres
    of pixels of the object, drawn uniformly without replacement (an object of fewer than K pixels
    repeats them in the same order); with one `seed`, the points of a smaller K are the first of
    those of a larger one.

    Raises:
        InputError: the mask is empty, or the spec is noc, whose clicks depend on the answers.
    """
    if not mask.any():
        raise InputError("Prompts need a mask with at least one pixel, got an empty one.")
    if spec.name == BOX:
        return Prompts(box=tight_box(mask))
    if spec.points == 0:
        raise InputError("The clicks of noc follow the model's answers; they cannot be sampled.")
    pixels = np.flatnonzero(mask)
    # Always the same number of draws, so that fewer points are a prefix of more.
    order = np.random.default_rng(seed).choice(
        pixels, size=min(len(pixels), MAX_CLICKS), replace=False
    )
    rows, columns = np.unravel_index(np.resize(order, spec.points), mask.shape)
    return Prompts(
        clicks=tuple(
            Click(x=float(column) + 0.5, y=float(row) + 0.5)
            for row, column in zip(rows, columns, strict=True)
        )
    )


def tight_box(mask: BoolArray) -> Box:
    """Return the box whose edges are the outer edges of the outermost pixels of a mask."""
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    return Box(
        x0=float(columns[0]), y0=float(rows[0]), x1=float(columns[-1]) + 1, y1=float(rows[-1]) + 1
    )


def simulate_clicks(answer: Answer, truths: Sequence[BoolArray]) -> list[list[float]]:
    """Click objects of one picture until each is good, and return their IoU after each click.

    `answer` maps the prompts of several objects, given as (index in `truths`, prompts), to their
    masks, bool (height, width). An object is clicked until its IoU reaches `GOOD_IOU`, nothing is
    left to click or it has had 20 clicks.

    Returns:
        For each object 20 IoUs in [0, 1]; after its last click the IoU stays what it was.

    Raises:
        InputError: a ground truth is empty or of another shape than its mask.
    """
    if not all(truth.any() for truth in truths):
        raise InputError("Clicks need masks with at least one pixel, got an empty one.")
    masks = [np.zeros_like(truth) for truth in truths]
    clicks: list[list[Click]] = [[] for _ in truths]
    ious: list[list[float]] = [[] for _ in truths]
    for _ in range(MAX_NOC_CLICKS):
        live = []
        for index, truth in enumerate(truths):
            done = bool(ious[index]) and ious[index][-1] >= GOOD_IOU
            click = None if done else next_click(masks[index], truth, clicks[index])
            if click is not None:
                clicks[index].append(click)
                live.append(index)
        if not live:
            break
        asked = [(index, Prompts(clicks=tuple(clicks[index]))) for index in live]
        for index, mask in zip(live, answer(asked), strict=True):
            masks[index] = mask
            ious[index].append(iou(mask, truths[index]))
    return [curve + curve[-1:] * (MAX_NOC_CLICKS - len(curve)) for curve in ious]
