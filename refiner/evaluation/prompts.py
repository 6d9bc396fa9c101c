"""Prompts made from a ground-truth mask: the same for every model, the same on every run.

`box` is the tight box, `points:K` are K random pixels of the object, `noc` (number of clicks)
is a user who clicks the largest error until the mask is good: `refiner.metrics.next_click`.
`dilated`, `eroded` and `polygon` give a degraded mask as mask prompt: see `degraded`. `mask` gives
the true mask, for the first frame of a video.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refiner.metrics import MAX_NOC_CLICKS, iou, next_click
from refiner.types import MAX_CLICKS, BoolArray, Box, Click, InputError, Prompts

BOX = "box"
NOC = "noc"
MASK = "mask"
DEGRADED = ("dilated", "eroded", "polygon")
DEGRADED_BY = 8
"""Pixels of dilation, of erosion, and between a simplified polygon and the mask's rim."""
GOOD_IOU = 0.9
_EXPECTED = (
    f"expected box, points:K with K from 1 to {MAX_CLICKS}, noc, mask, or one of "
    f"{', '.join(DEGRADED)}"
)

AskMasks = Callable[[Sequence[tuple[int, Prompts]]], Sequence[BoolArray]]


@dataclass(frozen=True, slots=True)
class PromptSpec:
    """One way to prompt: `name` as written; `points` is K of `points:K`, 0 for all others."""

    name: str
    points: int = 0

    @property
    def seeded(self) -> bool:
        """True if the prompts depend on the seed."""
        return self.points > 0

    @property
    def for_photos(self) -> bool:
        """True if photos can be measured with it: the true mask would be its own answer."""
        return self.name != MASK

    @property
    def for_videos(self) -> bool:
        """True if videos can be measured with it: given once, not clicked after the answer."""
        return self.name in (BOX, MASK) or self.seeded

    @property
    def degraded(self) -> bool:
        """True if the prompt is a mask, which then has scores of its own."""
        return self.name in DEGRADED


def parse_prompt_specs(text: str) -> tuple[PromptSpec, ...]:
    """Read a list like `box,points:1,points:10,noc`; a spec named twice is taken once.

    Raises:
        InputError: a spec is unknown, or there is none.
    """
    specs = [_parse_spec(part.strip()) for part in text.split(",")]
    return tuple(dict.fromkeys(specs))


def _parse_spec(text: str) -> PromptSpec:
    if text in (BOX, NOC, MASK, *DEGRADED):
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
    if spec.name == MASK:
        return Prompts(mask=mask)
    if spec.degraded:
        return Prompts(mask=degraded(mask, spec.name))
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


def degraded(mask: BoolArray, kind: str) -> BoolArray:
    """Spoil a mask, bool (height, width), as rough tools do, by `DEGRADED_BY` pixels.

    `dilated` and `eroded` move its rim by steps of 3 x 3 pixels; the border of the picture is no
    rim. Erosion stops before nothing is left. `polygon` is the outline of each part simplified by
    Douglas and Peucker's rule, so holes are filled; a part too small for a polygon stays.

    Raises:
        InputError: `kind` is none of `DEGRADED`.
    """
    pixels, kernel = mask.view(np.uint8), np.ones((3, 3), np.uint8)
    if kind == "dilated":
        return np.asarray(cv2.dilate(pixels, kernel, iterations=DEGRADED_BY), dtype=np.bool_)
    if kind == "eroded":
        for _ in range(DEGRADED_BY):
            smaller = cv2.erode(pixels, kernel)
            if not smaller.any():
                break
            pixels = smaller
        return np.asarray(pixels, dtype=np.bool_)
    if kind == "polygon":
        return _simplified(pixels)
    raise InputError(f"Unknown degradation {kind!r}; expected one of {', '.join(DEGRADED)}.")


def _simplified(pixels: NDArray[np.uint8]) -> BoolArray:
    contours, _ = cv2.findContours(pixels, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    simple = [cv2.approxPolyDP(contour, DEGRADED_BY, closed=True) for contour in contours]
    out = np.zeros_like(pixels)
    for contour, polygon in zip(contours, simple, strict=True):
        cv2.fillPoly(out, [polygon if len(polygon) > 2 else contour], 1)
    return np.asarray(out, dtype=np.bool_)


def tight_box(mask: BoolArray) -> Box:
    """Return the box whose edges are the outer edges of the outermost pixels of a mask."""
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    return Box(
        x0=float(columns[0]), y0=float(rows[0]), x1=float(columns[-1]) + 1, y1=float(rows[-1]) + 1
    )


def click_rounds(
    answer: AskMasks,
    truths: Sequence[BoolArray],
    *,
    most: int = MAX_NOC_CLICKS,
    good: float = GOOD_IOU,
) -> Iterator[dict[int, tuple[BoolArray, float]]]:
    """Click objects of one picture where they are most wrong, each once a round.

    `answer` maps the prompts of several objects, given as (index in `truths`, prompts), to their
    masks, bool (height, width). An object is clicked until its IoU reaches `good`, nothing is left
    to click or it has had `most` clicks.

    Yields:
        The mask and the IoU, in [0, 1], of each object that the round clicked, by its index.

    Raises:
        InputError: a ground truth is empty or of another shape than its mask.
    """
    if not all(truth.any() for truth in truths):
        raise InputError("Clicks need masks with at least one pixel, got an empty one.")
    masks = [np.zeros_like(truth) for truth in truths]
    clicks: list[list[Click]] = [[] for _ in truths]
    live = list(range(len(truths)))
    for _ in range(most):
        nexts = {index: next_click(masks[index], truths[index], clicks[index]) for index in live}
        asked = []
        for index, click in nexts.items():
            if click is not None:
                clicks[index].append(click)
                asked.append((index, Prompts(clicks=tuple(clicks[index]))))
        if not asked:
            return
        done = {}
        for (index, _), mask in zip(asked, answer(asked), strict=True):
            masks[index] = mask
            done[index] = mask, iou(mask, truths[index])
        yield done
        live = [index for index, (_, value) in done.items() if value < good]


def simulate_clicks(answer: AskMasks, truths: Sequence[BoolArray]) -> list[list[float]]:
    """Run `click_rounds` and return the objects' IoU after each click.

    Returns:
        For each object 20 IoUs in [0, 1]; after its last click the IoU stays what it was.

    Raises:
        InputError: a ground truth is empty or of another shape than its mask.
    """
    ious: list[list[float]] = [[] for _ in truths]
    for clicked in click_rounds(answer, truths):
        for index, (_, value) in clicked.items():
            ious[index].append(value)
    return [curve + curve[-1:] * (MAX_NOC_CLICKS - len(curve)) for curve in ious]
