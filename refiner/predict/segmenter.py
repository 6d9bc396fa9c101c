"""segment(image, prompts): SAM2's and SAM2Refiner's mask of every object."""

from __future__ import annotations

import hashlib
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from refiner.network.accelerated import accelerated_base, accelerated_refiner
from refiner.network.base_model import BaseFeatures, Fpn, PointPrompts, SAM2Base, encode, normalise
from refiner.network.checkpoint import Refiner
from refiner.network.decoding import BaseOutput, decode, decode_both
from refiner.network.quarters import Local, local_features, picture_to_cut
from refiner.network.sam2refiner import RefinerOutput, SAM2Refiner
from refiner.predict.embedding_cache import SHARED_CACHE, Embedding
from refiner.predict.tensors import to_mask, to_mask_logits, to_points, to_square
from refiner.types import (
    MAX_OBJECTS,
    ImageArray,
    ImageResult,
    InputError,
    MaskPair,
    ModelInfo,
    Prompts,
    Timings,
    check_image,
)

BATCH = 8
"""Objects answered at once; a batch takes about 100 MB an object at S = 512."""


@dataclass
class Stopwatch:
    """Adds up the milliseconds of named stages."""

    device: torch.device
    spent: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside, the device's work included."""
        started = time.perf_counter()
        yield
        # a GPU works on after the call returns
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.spent[name] = self.spent.get(name, 0.0) + 1000 * (time.perf_counter() - started)

    def timings(self) -> Timings:
        """Return the stages measured; the others cost nothing."""
        return Timings(*(self.spent.get(name, 0.0) for name in Timings.__slots__))


class BaseSegmenter:
    """SAM2 alone on one device: both masks of each pair are its own; a `types.Segmenter`."""

    def __init__(
        self, base: SAM2Base, info: ModelInfo, device: torch.device, openvino: bool = False
    ) -> None:
        """Answer with `base`.

        Args:
            base: the model.
            info: what is said of it.
            device: where it runs.
            openvino: compute in OpenVINO what it computes faster; on a CPU only.
        """
        self.base = base.to(device).eval().requires_grad_(False)
        # what answers; `base` itself stays torch's, for comparisons
        self.twin = accelerated_base(self.base) if openvino else self.base
        self.info = info
        self.device = device
        self.cache = SHARED_CACHE
        self._owner = object()  # tells this model's embeddings from the others'; ids come again
        weakref.finalize(self, SHARED_CACHE.forget, self._owner)
        self._lock = threading.Lock()

    def prepare(self, image: ImageArray) -> None:
        """Encode `image` now, so that the next `segment` of it costs a click only."""
        with self.running():
            self._embedding(check_image(image), Stopwatch(self.device))

    def segment(
        self, image: ImageArray, objects: Sequence[Prompts], *, logits: bool = False
    ) -> ImageResult:
        """Segment each of `objects` in `image`, uint8 RGB (height, width, 3), with both models.

        Args:
            image: the picture, of any size.
            objects: the prompts of each object, in the picture's pixels.
            logits: also return float32 logits at the picture's size.

        Raises:
            InputError: the picture or a prompt cannot be used.
        """
        size_hw = check_objects(image, objects)
        watch = Stopwatch(self.device)
        pairs: dict[int, MaskPair] = {}
        with self.running():
            embedding = self._embedding(image, watch)
            # points of a batch are one tensor (N, P, 2), so that P must be the same
            for members in _alike(objects):
                group = [objects[i] for i in members]
                masks = self._answer(embedding, group, size_hw, logits, watch)
                pairs.update(zip(members, masks, strict=True))
        return ImageResult(tuple(pairs[i] for i in range(len(objects))), watch.timings())

    @contextmanager
    def running(self) -> Iterator[None]:
        """Hold the model: one call at a time, without gradients, bf16 where it is fast."""
        on_gpu = self.device.type == "cuda"
        autocast = torch.autocast(self.device.type, torch.bfloat16, enabled=on_gpu)
        with self._lock, torch.inference_mode(), autocast:
            yield

    def _embedding(self, image: ImageArray, watch: Stopwatch) -> Embedding:
        key = self._owner, picture_key(image)
        cached = self.cache.get(key)
        if cached is not None:
            return cached
        with watch.stage("encode"):
            size = self.base.image_size
            # copy: torch takes no array that is read-only or has negative strides
            pixels = torch.from_numpy(image.copy()).to(self.device).permute(2, 0, 1)[None] / 255
            picture = normalise(to_square(pixels, size))
            features, fpn = encode(self.twin, picture)
        with watch.stage("augment"):
            refined = self._augmented(pixels, picture, features, fpn)
        embedding = Embedding(features, refined)
        self.cache.put(key, embedding)
        return embedding

    def _augmented(self, pixels: Tensor, picture: Tensor, features: BaseFeatures, fpn: Fpn) -> Any:
        """Do for a picture what only the refined masks need."""
        return None

    def _answer(
        self,
        embedding: Embedding,
        group: list[Prompts],
        size_hw: tuple[int, int],
        logits: bool,
        watch: Stopwatch,
    ) -> list[MaskPair]:
        """Run objects with the same number of points in one batch."""
        points = to_points(group, size_hw, self.base.image_size, self.device)
        masks = to_mask_logits(group, self.base.image_size // 4, self.device)
        # all objects lie in picture 0 of the embedding
        index = torch.zeros(len(group), dtype=torch.int64, device=self.device)
        plain, output = self._outputs(embedding, index, points, masks, watch)
        with watch.stage("base"):
            base = [
                to_mask(plain.best[i], plain.best_iou[i], size_hw, logits)
                for i in range(len(group))
            ]
        with watch.stage("refine"):
            refined = (
                base
                if output is None
                else [
                    to_mask(output.logits[i], output.decoded.best_iou[i], size_hw, logits)
                    for i in range(len(group))
                ]
            )
        return [MaskPair(*pair) for pair in zip(base, refined, strict=True)]

    def _outputs(
        self,
        embedding: Embedding,
        index: Tensor,
        points: PointPrompts | None,
        masks: Tensor | None,
        watch: Stopwatch,
    ) -> tuple[BaseOutput, RefinerOutput | None]:
        """Answer prompts with SAM2, and with the refiner, if there is one."""
        with watch.stage("base"):
            return decode(self.twin, embedding.base, index, points, masks), None


class ImageSegmenter(BaseSegmenter):
    """Both models on one device, sharing one encoder pass a picture; a `types.Segmenter`."""

    def __init__(
        self,
        base: SAM2Base,
        refiner: Refiner,
        info: ModelInfo,
        device: torch.device,
        openvino: bool = False,
    ) -> None:
        super().__init__(base, info, device, openvino)
        self.refiner = refiner.to(device).eval().requires_grad_(False)
        if device.type == "cpu":
            # convolutions at S x S are faster on a CPU with the channels last
            self.refiner = self.refiner.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if openvino:
            self.refiner = accelerated_refiner(self.refiner)

    def _augmented(self, pixels: Tensor, picture: Tensor, features: BaseFeatures, fpn: Fpn) -> Any:
        local = self._local(pixels, picture)
        return self.refiner.prepare(self.twin, features.g, fpn, picture, local)

    def _local(self, pixels: Tensor, whole: Tensor) -> Local | None:
        """Encode the quarters of a picture (1, 3, H, W), if the refiner asks for them."""
        if self.refiner.quarters is None:
            return None
        doubled = normalise(to_square(pixels, 2 * self.base.image_size))
        return local_features(self.twin, picture_to_cut(self.refiner.quarters, whole, doubled))

    def _outputs(
        self,
        embedding: Embedding,
        index: Tensor,
        points: PointPrompts | None,
        masks: Tensor | None,
        watch: Stopwatch,
    ) -> tuple[BaseOutput, RefinerOutput | None]:
        features, prepared = embedding.base, embedding.refined
        given = self.twin, features, prepared, index, points, masks
        if isinstance(self.refiner, SAM2Refiner):
            with watch.stage("base"):
                plain, own = decode_both(self.twin, features, prepared.g, index, points, masks)
            with watch.stage("refine"):
                return plain, self.refiner(*given, plain.best, own)
        plain, _ = super()._outputs(embedding, index, points, masks, watch)
        with watch.stage("refine"):
            return plain, self.refiner(*given, plain.best)


def check_objects(image: ImageArray, objects: Sequence[Prompts]) -> tuple[int, int]:
    """Return the height and width of `image` if all of `objects` can be segmented in it.

    Raises:
        InputError: the picture or a prompt cannot be used, or there are too many objects.
    """
    size_hw = check_image(image).shape[0], image.shape[1]
    if not 0 < len(objects) <= MAX_OBJECTS:
        raise InputError(f"Expected 1 to {MAX_OBJECTS} objects, got {len(objects)}.")
    for prompts in objects:
        prompts.check(size_hw)
    return size_hw


def picture_key(image: ImageArray) -> str:
    """Name a picture by its content; the shape tells pictures of the same bytes apart."""
    return hashlib.blake2b(image.tobytes(), digest_size=16).hexdigest() + str(image.shape)


def _alike(objects: Sequence[Prompts]) -> list[list[int]]:
    """Group the objects of one batch: the same number of points, all or none with a mask, few."""
    groups: dict[tuple[int, bool], list[int]] = {}
    for i, prompts in enumerate(objects):
        points = len(prompts.clicks) + 2 * (prompts.box is not None)
        groups.setdefault((points, prompts.mask is not None), []).append(i)
    return [
        group[start : start + BATCH]
        for group in groups.values()
        for start in range(0, len(group), BATCH)
    ]
