"""The same picture and prompts through every trained variant of the refiner."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from refiner.files.painting import object_color, overlay
from refiner.metrics import boundary_iou, iou
from refiner.types import BoolArray, ImageArray, InputError, Segmenter
from webapp.compare.text import COMPARE
from webapp.image.state import ImageState
from webapp.shared import text

Loader = Callable[[], Segmenter]

_DIFFERENCE = (230, 159, 0), (47, 143, 216)
"""Only the other model, only SAM2Refiner: as in `browser/picture/picture.css`."""


@dataclass(frozen=True, eq=False)
class VariantPicture:
    """One variant's masks on the picture.

    Attributes:
        pixels: masks painted over the picture, uint8 RGB (height, width, 3).
        caption: the variant's name, its scores, how far it agrees with SAM2Refiner.
        marked: where it differs from SAM2Refiner, like `pixels`; None for SAM2Refiner itself.
    """

    pixels: ImageArray
    caption: str
    marked: ImageArray | None = None


class Variants:
    """Variants by name, each loaded when it is first asked for. Safe from several threads."""

    def __init__(self, loaders: Mapping[str, Loader]) -> None:
        self.names = tuple(loaders)
        self._loaders = dict(loaders)
        self._loaded: dict[str, Segmenter] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Segmenter:
        """Return a variant.

        Raises:
            InputError: its weights cannot be used.
        """
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = self._loaders[name]()
            return self._loaded[name]


def run_variants(
    full: Segmenter, variants: Variants, state: ImageState
) -> Iterator[VariantPicture]:
    """Show SAM2, SAM2Refiner and each variant on the open picture with its prompts.

    With a ground truth and one object the captions have the scores. The two colours of what differs
    are those of the image tab's difference view.

    Raises:
        InputError: no picture is open, nothing is prompted, or a variant cannot be loaded.
    """
    image = state.current_picture.pixels
    items = [item for item in state.scene.objects if not item.prompts.empty]
    if not items:
        raise InputError(COMPARE["nothing_prompted"])
    prompts = [item.prompts for item in items]
    colors = [object_color(item.slot) for item in items]

    def painted(name: str, masks: list[BoolArray]) -> VariantPicture:
        caption = name
        if state.truth and len(masks) == 1:
            truth = state.truth.mask
            caption += COMPARE["caption_scores"].format(
                100 * iou(masks[0], truth), 100 * boundary_iou(masks[0], truth)
            )
        return VariantPicture(overlay(image, masks, colors), caption)

    def compared(name: str, masks: list[BoolArray]) -> VariantPicture:
        mine, its = np.logical_or.reduce(masks), np.logical_or.reduce(refined)
        marked = overlay(image // 2, [mine & ~its, its & ~mine], _DIFFERENCE, opacity=0.9)
        shown = painted(name, masks)
        agreement = COMPARE["caption_agreement"].format(100 * iou(mine, its))
        return VariantPicture(shown.pixels, shown.caption + agreement, marked)

    pairs = full.segment(image, prompts).objects
    refined = [pair.refined.mask for pair in pairs]
    yield compared(text.CANVAS["base"], [pair.base.mask for pair in pairs])
    yield painted(COMPARE["full"], refined)
    for name in variants.names:
        pairs = variants.get(name).segment(image, prompts).objects
        yield compared(name, [pair.refined.mask for pair in pairs])
