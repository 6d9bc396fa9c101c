"""The same picture and prompts through every trained variant of the refiner."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from refiner.files.results import object_color, overlay
from refiner.metrics import boundary_iou, iou
from refiner.types import BoolArray, ImageArray, InputError, Segmenter
from webapp.compare.text import COMPARE
from webapp.image.state import ImageState
from webapp.shared import text

Loader = Callable[[], Segmenter]


@dataclass(frozen=True, eq=False)
class VariantPicture:
    """One variant's masks painted over the picture, uint8 RGB (height, width, 3)."""

    pixels: ImageArray
    caption: str


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

    With a ground truth and one object the captions have the scores.

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

    pairs = full.segment(image, prompts).objects
    yield painted(text.CANVAS["base"], [pair.base.mask for pair in pairs])
    yield painted(COMPARE["full"], [pair.refined.mask for pair in pairs])
    for name in variants.names:
        pairs = variants.get(name).segment(image, prompts).objects
        yield painted(name, [pair.refined.mask for pair in pairs])
