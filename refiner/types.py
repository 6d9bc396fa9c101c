"""The records that cross between the model and everything that uses it: numpy only.

Coordinates are source pixels, x to the right and y down, (0, 0) the top-left corner of the
picture and (width, height) its bottom-right corner; pixel (column, row) covers
[column, column + 1) x [row, row + 1). Images are uint8 RGB of shape (height, width, 3).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from refiner.config import VARIANTS

MAX_CLICKS = 1000
MAX_OBJECTS = 64

ImageArray = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float32]


class InputError(ValueError):
    """What a caller gave cannot be used; the message says what, why and what to do."""


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise InputError(f"{name} must be a number, got {type(value).__name__}.")
    if not math.isfinite(value):
        raise InputError(f"{name} must be a finite number, got {value}.")
    return float(value)


@dataclass(frozen=True, slots=True)
class Click:
    """A point that belongs to the object (positive) or does not (negative)."""

    x: float
    y: float
    positive: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", _number("The click's x", self.x))
        object.__setattr__(self, "y", _number("The click's y", self.y))
        if not isinstance(self.positive, (bool, np.bool_)):
            raise InputError(f"A click is positive or not (true or false), got {self.positive!r}.")


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle around the object; its corners are put in order, its sides must not be empty."""

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        xs = sorted((_number("The box's x0", self.x0), _number("The box's x1", self.x1)))
        ys = sorted((_number("The box's y0", self.y0), _number("The box's y1", self.y1)))
        if xs[0] == xs[1] or ys[0] == ys[1]:
            raise InputError(
                f"The box ({self.x0}, {self.y0}, {self.x1}, {self.y1}) is empty; "
                "its corners must differ in x and in y."
            )
        for name, value in zip(("x0", "y0", "x1", "y1"), (xs[0], ys[0], xs[1], ys[1]), strict=True):
            object.__setattr__(self, name, value)


def _check_mask_prompt(mask: Any) -> None:
    if np.ndim(mask) != 2:
        raise InputError(f"A mask prompt has two axes (height, width), got {np.shape(mask)}.")
    kind = np.asarray(mask).dtype.kind
    if kind not in "bf" or not ((mask >= 0) & (mask <= 1)).all():
        raise InputError(
            f"A mask prompt is bool or holds probabilities from 0 to 1, got {np.asarray(mask).dtype} "
            "with other values or type; compare it with its threshold first."
        )


@dataclass(frozen=True, slots=True, eq=False)
class Prompts:
    """What is known of one object: clicks of both signs, at most one box, at most one mask.

    `mask` is a coarse mask of the image's own size, bool or float probabilities in [0, 1].
    """

    clicks: tuple[Click, ...] = ()
    box: Box | None = None
    mask: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "clicks", tuple(self.clicks))
        if len(self.clicks) > MAX_CLICKS:
            raise InputError(
                f"One object takes at most {MAX_CLICKS} clicks, got {len(self.clicks)}; remove some."
            )
        if self.mask is not None:
            _check_mask_prompt(self.mask)

    @property
    def empty(self) -> bool:
        """True if there is nothing to segment from."""
        return not self.clicks and self.box is None and self.mask is None

    def check(self, size_hw: tuple[int, int]) -> None:
        """Raise InputError unless everything lies within a picture of `size_hw` pixels."""
        height, width = size_hw
        if self.empty:
            raise InputError("The object has no prompt; give it a click, a box or a mask.")
        points = [(click.x, click.y) for click in self.clicks]
        if self.box is not None:
            points += [(self.box.x0, self.box.y0), (self.box.x1, self.box.y1)]
        for x, y in points:
            if not (0 <= x <= width and 0 <= y <= height):
                raise InputError(
                    f"The point ({x:g}, {y:g}) lies outside the picture, which is {width} wide and "
                    f"{height} high; give coordinates in its pixels."
                )
        if self.mask is not None and self.mask.shape != (height, width):
            raise InputError(
                f"The mask prompt is {self.mask.shape[1]} x {self.mask.shape[0]}, the picture "
                f"{width} x {height}; they must be of the same size."
            )


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """One model's answer for one object, at the size of the source picture.

    `mask` is bool (height, width); `quality` the IoU the model predicts for it, in [0, 1];
    `logits` float32 (height, width) if asked for: `mask` is `logits > 0`.
    """

    mask: BoolArray
    quality: float
    logits: FloatArray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MaskPair:
    """SAM2's and SAM2Refiner's masks for the same object and the same prompts."""

    MODELS: ClassVar[Mapping[str, str]] = {"sam2": "base", "sam2refiner": "refined"}
    """Which half each model's is, in the order they stand side by side."""

    base: Mask
    refined: Mask

    def mask_of(self, model: str) -> Mask:
        """Return the mask of `sam2`, or of the one of `config.VARIANTS` that refined it.

        Raises:
            InputError: the model is unknown.
        """
        if model != "sam2" and model not in VARIANTS:
            known = ", ".join(("sam2", *VARIANTS))
            raise InputError(f"Unknown model {model!r}; expected one of: {known}.")
        return self.base if model == "sam2" else self.refined


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds of each stage; a cached picture costs no encoding.

    `encode` and `augment` are once a picture (image encoder; localization augment), `base` and
    `refine` once a call (SAM2's decoder, which answers SAM2Refiner in the same pass; prompt
    retargeting and mask refinement).
    """

    encode: float
    augment: float
    base: float
    refine: float

    @property
    def total(self) -> float:
        """All stages together."""
        return self.encode + self.augment + self.base + self.refine


@dataclass(frozen=True, slots=True, eq=False)
class ImageResult:
    """One pair of masks an object, in the order of the prompts."""

    objects: tuple[MaskPair, ...]
    timings: Timings


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is loaded, in words a page can show."""

    backbone: str
    device: str
    base_weights: str
    refiner_weights: str
    details: dict[str, Any] = field(default_factory=dict)


class Segmenter(Protocol):
    """The model as its users see it. Safe to call from several threads."""

    @property
    def info(self) -> ModelInfo:
        """What is loaded."""

    def prepare(self, image: ImageArray) -> None:
        """Encode `image` now, so that the next `segment` of it costs a click only."""

    def segment(
        self, image: ImageArray, objects: Sequence[Prompts], *, logits: bool = False
    ) -> ImageResult:
        """Segment each of `objects` with both models.

        Raises:
            InputError: the image or a prompt cannot be used.
        """


def check_image(image: Any) -> ImageArray:
    """Return `image` if it is a uint8 RGB array (height, width, 3), else raise InputError."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        got = f"{image.dtype} array" if isinstance(image, np.ndarray) else type(image).__name__
        raise InputError(f"The picture must be a uint8 numpy array, got {got}.")
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise InputError(f"The picture must have the shape (height, width, 3), got {image.shape}.")
    return image


def check_mask(mask: Any, size_hw: tuple[int, ...] | None = None) -> None:
    """Raise InputError unless `mask` is a bool array (height, width), of `size_hw` if given."""
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
        got = f"{mask.dtype} array" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise InputError(f"A mask must be a bool numpy array, got {got}; threshold it first.")
    if mask.ndim != 2 or 0 in mask.shape:
        raise InputError(f"A mask must have the shape (height, width), got {mask.shape}.")
    if size_hw is not None and mask.shape != tuple(size_hw):
        raise InputError(
            f"The mask is {mask.shape[1]} x {mask.shape[0]}, but {size_hw[1]} x {size_hw[0]} pixels "
            "are expected; masks and picture must be of the same size."
        )
