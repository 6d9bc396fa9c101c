"""The endpoints for programs: typed functions for gradio's clients and, as tools, for MCP."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Literal, TypedDict, get_args, get_origin, get_type_hints

import gradio as gr

from refiner.files.labels.records import LabelChoice
from refiner.files.pictures import scaled_mask
from refiner.files.run_lengths import encode_rle
from refiner.metrics import iou
from refiner.types import InputError, Mask, Prompts
from webapp.api.inputs import TELL_SECONDS, Inbox, client_errors, read_box
from webapp.api.track_video import ClipEndpoint
from webapp.compare.queue import Jobs
from webapp.compare.run import compare, read_plan
from webapp.compare.samples import pair_sample
from webapp.shared import text
from webapp.shared.backbones import Models
from webapp.shared.events import EVENT
from webapp.shared.mask_reading import picture_name, read_uploaded_masks
from webapp.video.context import VideoStudio


class MaskAnswer(TypedDict):
    """A mask as COCO run lengths {"size": [height, width], "counts": str}, and its predicted IoU."""

    segmentation: dict[str, Any]
    predicted_iou: float


class RefinedAnswer(MaskAnswer):
    """A refined mask, what the file calls it, and its IoU with the mask given."""

    label: str
    given_iou: float


class ImageComparison(TypedDict):
    """Both models' masks of one object, their IoU, and what they took."""

    sam2: MaskAnswer
    sam2refiner: MaskAnswer
    iou: float
    backbone: str
    milliseconds: dict[str, float]


class Refinement(TypedDict):
    """The refined mask of every object in the mask file, and how that was understood."""

    objects: list[RefinedAnswer]
    notices: list[str]
    backbone: str


class PromptCurve(TypedDict):
    """How far it is, from 0 to 1; at the end the rows and efforts of the compare tab's table.

    A row is a number of prompts and a model with its `miou` and `mbiou`, in [0, 1]; an effort, of
    clicks only, is a model's number of clicks until it is good.
    """

    stage: str
    done: float
    rows: list[dict[str, Any]]
    efforts: list[dict[str, Any]]


class Endpoints:
    """What programs may do with pictures; the limits are those of the page."""

    def __init__(self, models: Models, inbox: Inbox, jobs: Jobs) -> None:
        self._models = models
        self._inbox = inbox
        self._limits = inbox.limits
        self._jobs = jobs

    def compare_image(
        self,
        image: gr.FileData,
        points: list[list[float]] | None = None,
        box: list[float] | None = None,
        backbone: str = "",
    ) -> ImageComparison:
        """Segment one object of a picture with SAM2 and with SAM2Refiner.

        Give a point on the object, or a box around it, or both. Coordinates are pixels of the
        picture as it was sent, from its upper left corner. To correct the masks, call again with all
        points and another one where they are wrong. An official backbone (sam2.1-...) may have to be
        loaded first, and takes GPU time of the caller's where the GPU is lent by Hugging Face.

        Args:
            image: the picture, as an uploaded file.
            points: clicks as [x, y, 1] on the object or [x, y, 0] beside it, in the picture's pixels.
            box: [x0, y0, x1, y1] around the object.
            backbone: sam2-lite, or sam2.1- and tiny, small, base-plus or large; the page's first if empty.

        Returns:
            Both masks as COCO run lengths at the picture's own size, and `iou`, how far they agree.
        """
        with client_errors():
            segmenter = self._models.get(backbone)
            pixels, scale = self._inbox.picture(image)
            prompts = Prompts(self._inbox.clicks(points, scale), read_box(box, scale))
            result = segmenter.segment(pixels, [prompts])
            pair = result.objects[0]
            return {
                "sam2": _answer(pair.base, scale.original_hw),
                "sam2refiner": _answer(pair.refined, scale.original_hw),
                "iou": iou(pair.base.mask, pair.refined.mask),
                "backbone": segmenter.info.backbone,
                "milliseconds": asdict(result.timings),
            }

    def refine_mask(
        self,
        image: gr.FileData,
        mask: gr.FileData,
        points: list[list[float]] | None = None,
        labels: Literal["auto", "binary", "ids", "colours"] = "auto",
        invert: bool = False,
    ) -> Refinement:
        """Refine the masks of any tool with SAM2Refiner.

        Each object of the mask file gets a finer mask of its own. `notices` of the answer say how the
        file was understood; if that was wrong, call again with `labels` or `invert`.

        Args:
            image: the picture, as an uploaded file.
            mask: a picture of labels, or annotations of COCO, labelme, ISAT, Label Studio or YOLO.
            points: clicks that correct a single object's mask, [x, y, 1] on it or [x, y, 0] beside it.
            labels: how to read a picture of labels: one object, an object a number or a colour.
            invert: whether the object is what is not marked.

        Returns:
            A mask an object as COCO run lengths, at the picture's own size.
        """
        with client_errors():
            segmenter = self._models.first
            pixels, scale = self._inbox.picture(image)
            file = self._inbox.file(mask)
            found = read_uploaded_masks(
                self._inbox.reader,
                file,
                scale.worked_hw,
                scale.original_hw,
                self._limits,
                name=picture_name(image.get("orig_name")) if isinstance(image, dict) else "",
                choice=LabelChoice(labels, invert),
            )
            clicks = self._inbox.clicks(points, scale)
            if len(found.masks) > self._limits.objects:
                raise InputError(
                    f"The mask file has {len(found.masks)} objects, at most {self._limits.objects} are "
                    "refined at once; split it."
                )
            if clicks and len(found.masks) > 1:
                raise InputError("Clicks correct the mask of a single object; the file has more.")
            objects: list[RefinedAnswer] = []
            for item in found.masks:
                prompts = Prompts(clicks, mask=item.mask)
                refined = segmenter.segment(pixels, [prompts]).objects[0].refined
                given_iou = iou(refined.mask, item.mask)
                answer = _answer(refined, scale.original_hw)
                objects.append({"label": item.label, "given_iou": given_iou, **answer})
            return {
                "objects": objects,
                "notices": list(found.notices),
                "backbone": segmenter.info.backbone,
            }

    def prompt_curve(
        self,
        image: gr.FileData,
        mask: gr.FileData,
        policy: Literal["random", "clicks"] = "random",
        prompts: int = 10,
        seeds: int = 3,
    ) -> Iterator[PromptCurve]:
        """Measure SAM2 and SAM2Refiner on one object after 1, 2, ... prompts: IoU and boundary IoU.

        Tells how far it is meanwhile; ends when the client gives the call up.

        Args:
            image: the picture; random points depend on its file's name, as in the compare tab.
            mask: the object's true mask, a picture of the same size: white on black.
            policy: random points of the object, or clicks at each model's largest error.
            prompts: up to how many, at most 20.
            seeds: how many draws of random points; clicks have one.

        Returns:
            In `rows` miou and mbiou of each model and number of prompts, in `efforts` NoC of clicks.
        """
        with client_errors():
            plan = read_plan(policy, prompts, seeds, self._limits)
            picture = self._inbox.file(image)
            truth = self._inbox.file(mask)
            sample = pair_sample(picture.stem, picture, truth, self._limits, self._inbox.reader)
            job = self._jobs.start(secrets.token_hex(16))
            try:
                next_told = 0.0
                for progress in compare(self._models.first, plan, [sample], self._jobs, job):
                    if progress.stage == "late":
                        raise InputError(text.API_LATE.format(seconds=self._limits.compare_seconds))
                    outcome = progress.comparison
                    if outcome or time.monotonic() > next_told:
                        next_told = time.monotonic() + TELL_SECONDS
                        yield {
                            "stage": progress.stage,
                            "done": progress.done,
                            "rows": [asdict(row) for row in outcome.rows] if outcome else [],
                            "efforts": [asdict(one) for one in outcome.efforts] if outcome else [],
                        }
            finally:
                self._jobs.end(job)


def build_api(models: Models, inbox: Inbox, jobs: Jobs, studio: VideoStudio | None) -> None:
    """Add the endpoints to the page being built.

    Masks to refine wait for the model with the page's events. What may load a backbone and long work
    wait in queues of their own, and take one of the page's places at a time.

    Args:
        models: the models.
        inbox: reads what is sent.
        jobs: the compare tab's runs.
        studio: the video tab's; None if there is none.
    """
    endpoints = Endpoints(models, inbox, jobs)
    shared = {name: EVENT[name] for name in ("concurrency_limit", "concurrency_id")}
    _add(endpoints.compare_image, concurrency_limit=1)
    _add(endpoints.refine_mask, **shared)
    _add(endpoints.prompt_curve, concurrency_limit=1)
    if studio is not None:
        _add(ClipEndpoint(studio, inbox).track_video, concurrency_limit=1)


def _add(endpoint: Any, **queue: Any) -> None:
    """Add an endpoint with its types as gradio reads them: of a generator what it yields."""
    hints = get_type_hints(endpoint)
    if get_origin(hints["return"]) is Iterator:
        (hints["return"],) = get_args(hints["return"])
    endpoint.__func__.__annotations__ = hints
    gr.api(endpoint, api_name=endpoint.__name__, **queue)


def _answer(mask: Mask, size_hw: tuple[int, int]) -> MaskAnswer:
    segmentation = encode_rle(scaled_mask(mask.mask, size_hw))
    return {"segmentation": segmentation, "predicted_iou": float(mask.quality)}
