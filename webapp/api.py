"""The endpoints for programs: typed functions for gradio's clients and, as tools, for MCP."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import gradio as gr

from refiner.exports import encode_rle, iou
from refiner.types import Box, Click, ImageArray, InputError, Mask, Prompts
from webapp import text
from webapp.given import read_given
from webapp.limits import Limits
from webapp.models import Models
from webapp.pictures import ReadImage, read_within, uploaded_file, worked_size
from webapp.wiring import EVENT

Result = TypeVar("Result")


class MaskAnswer(TypedDict):
    """A mask as COCO run lengths {"size": [height, width], "counts": str}, and its predicted IoU."""

    segmentation: dict[str, Any]
    predicted_iou: float


class RefinedAnswer(MaskAnswer):
    """A refined mask, what the file calls it, and its IoU with the mask given."""

    label: str
    given_iou: float


class Comparison(TypedDict):
    """Both models' masks of one object, their IoU, and what they took."""

    sam2: MaskAnswer
    sam2refiner: MaskAnswer
    iou: float
    backbone: str
    milliseconds: dict[str, float]


class Refinement(TypedDict):
    """The refined mask of every object in the mask file."""

    objects: list[RefinedAnswer]
    backbone: str


class Endpoints:
    """What programs may call; the limits are those of the page."""

    def __init__(
        self, models: Models, read_image: ReadImage, uploads: Path, limits: Limits
    ) -> None:
        self._models = models
        self._read_image = read_image
        self._uploads = uploads
        self._limits = limits

    def compare_image(
        self,
        image: gr.FileData,
        points: list[list[float]] | None = None,
        box: list[float] | None = None,
        backbone: str = "",
    ) -> Comparison:
        """Segment one object of a picture with SAM2 and with SAM2Refiner.

        Args:
            image: the picture.
            points: clicks as [x, y, 1] on the object or [x, y, 0] beside it, in the picture's pixels.
            box: [x0, y0, x1, y1] around the object.
            backbone: one of those on offer; the page's first if empty.

        Returns:
            Both masks as COCO run lengths; of pictures scaled down at that smaller size.
        """

        def work() -> Comparison:
            segmenter = self._models.get(backbone)
            pixels, original_hw = self._picture(image)
            scale = _scale(pixels, original_hw)
            corners = None if box is None else _box(box, scale)
            prompts = Prompts(self._clicks(points, scale), corners)
            result = segmenter.segment(pixels, [prompts])
            pair = result.objects[0]
            return {
                "sam2": _answer(pair.base),
                "sam2refiner": _answer(pair.refined),
                "iou": iou(pair.base.mask, pair.refined.mask),
                "backbone": segmenter.info.backbone,
                "milliseconds": asdict(result.timings),
            }

        return _told(work)

    def refine_mask(
        self,
        image: gr.FileData,
        mask: gr.FileData,
        points: list[list[float]] | None = None,
    ) -> Refinement:
        """Refine the masks of any tool with SAM2Refiner.

        Args:
            image: the picture.
            mask: a mask picture, an index PNG, COCO or labelme JSON, of the picture's size.
            points: clicks that correct the mask of a single object: [x, y, 1] on it or [x, y, 0]
                beside it, in the picture's pixels.

        Returns:
            A mask for every object of the file, as COCO run lengths; of pictures scaled down at
            that smaller size.
        """

        def work() -> Refinement:
            segmenter = self._models.first
            pixels, original_hw = self._picture(image)
            size_hw = pixels.shape[0], pixels.shape[1]
            found = read_given(self._file(mask), size_hw, original_hw, self._limits)
            clicks = self._clicks(points, _scale(pixels, original_hw))
            if len(found) > self._limits.objects:
                raise InputError(
                    f"The mask file has {len(found)} objects, at most {self._limits.objects} are "
                    "refined at once; split it."
                )
            if clicks and len(found) > 1:
                raise InputError("Clicks correct the mask of a single object; the file has more.")
            objects: list[RefinedAnswer] = []
            for item in found:
                prompts = Prompts(clicks, mask=item.mask)
                refined = segmenter.segment(pixels, [prompts]).objects[0].refined
                given_iou = iou(refined.mask, item.mask)
                objects.append({"label": item.label, "given_iou": given_iou, **_answer(refined)})
            return {"objects": objects, "backbone": segmenter.info.backbone}

        return _told(work)

    def _file(self, file: Any) -> Path:
        """Return a file that was uploaded here, also if it is given by its address on this page."""
        path = file.get("path") if isinstance(file, dict) else None
        if not isinstance(path, str):
            raise InputError("A file is sent as an upload; see the client's handle_file.")
        if path.startswith(("http://", "https://")):
            path = path.partition("/gradio_api/file=")[2]
            if not path:
                raise InputError("Send the file itself: nothing is fetched from other addresses.")
        return uploaded_file(path, self._uploads)

    def _picture(self, file: Any) -> tuple[ImageArray, tuple[int, int]]:
        """Return the picture as worked on, and its own size."""
        image = read_within(self._read_image, self._file(file), self._limits)
        return worked_size(image, self._limits), (image.shape[0], image.shape[1])

    def _clicks(self, points: Any, scale: tuple[float, float]) -> tuple[Click, ...]:
        rows = [] if points is None else points
        if not isinstance(rows, list) or not all(
            isinstance(row, list) and len(row) == 3 and row[2] in (0, 1) for row in rows
        ):
            raise InputError("A point is [x, y, 1] on the object or [x, y, 0] beside it.")
        if len(rows) > self._limits.clicks:
            raise InputError(f"One object takes at most {self._limits.clicks} points.")
        return tuple(
            Click(_number(x) * scale[0], _number(y) * scale[1], bool(sign)) for x, y, sign in rows
        )


def build_api(endpoints: Endpoints) -> None:
    """Add the endpoints to the page being built; they share the model's queue."""
    shared = {name: EVENT[name] for name in ("concurrency_limit", "concurrency_id")}
    for function in (endpoints.compare_image, endpoints.refine_mask):
        gr.api(function, api_name=function.__name__, **shared)


def _told(work: Callable[[], Result]) -> Result:
    """Return what `work` returns; turn errors into messages that clients are shown."""
    try:
        return work()
    except InputError as error:
        raise gr.Error(str(error), print_exception=False) from error
    except Exception as error:
        logging.getLogger(__name__).exception("An endpoint failed.")
        raise gr.Error(text.API_FAILED, print_exception=False) from error


def _scale(pixels: ImageArray, original_hw: tuple[int, int]) -> tuple[float, float]:
    return pixels.shape[1] / original_hw[1], pixels.shape[0] / original_hw[0]


def _box(values: Any, scale: tuple[float, float]) -> Box:
    if not isinstance(values, list) or len(values) != 4:
        raise InputError("A box is [x0, y0, x1, y1].")
    x0, y0, x1, y1 = map(_number, values)
    return Box(x0 * scale[0], y0 * scale[1], x1 * scale[0], y1 * scale[1])


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise InputError("Coordinates are finite numbers, in pixels of the picture.")
    return float(value)


def _answer(mask: Mask) -> MaskAnswer:
    return {"segmentation": encode_rle(mask.mask), "predicted_iou": float(mask.quality)}
