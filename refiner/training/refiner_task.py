"""Training of SAM2Refiner, its ablations and the HQ-SAM2 baseline, side by side on a frozen base."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from refiner.network.base_model import BaseFeatures, SAM2Base, encode, normalise, set_image_size
from refiner.network.checkpoint import Refiner
from refiner.network.decoding import decode
from refiner.network.quarters import local_features, picture_to_cut
from refiner.network.sam2refiner import RefinerOutput
from refiner.training.arrays import Rng
from refiner.training.look import Tile, look_at_photos
from refiner.training.losses import bce_dice, flatten, soft_iou
from refiner.training.samples import prompts
from refiner.training.samples.photos import OBJECT_MIX, DataOptions, TrainingData

Encoded = tuple[BaseFeatures, dict[str, Any]]
"""What the base keeps of a batch of pictures, and what each refiner keeps of it, by name."""

INTERMEDIATE = 0.3
"""Weight of each intermediate loss (paper, equation 3)."""
_CORRECTED_SHARE = 0.3
"""How often the base's own answer is corrected with a click or two before the refiner answers."""


class RefinerTask:
    """What the loop needs of refiners in training; the base never changes.

    All see the same pictures and prompts at every step and share one encoding of them. Nothing else
    is shared: each has its own loss and its own group of the optimizer.
    """

    def __init__(self, base: SAM2Base, refiners: Mapping[str, Refiner], resizable: bool) -> None:
        """Train `refiners` on `base`; S follows the stages only if the base is `resizable`."""
        self.base = base.eval().requires_grad_(False)
        self.module: nn.Module = nn.ModuleDict(refiners)
        self.module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.resizable = resizable

    @property
    def refiners(self) -> Iterator[tuple[str, Any]]:
        """The refiners in training, by name."""
        return self.module.named_children()

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """Return the optimizer's groups, one for each refiner."""
        return [{"params": list(one.parameters()), "lr": rate} for _, one in self.refiners]

    def set_size(self, size: int) -> int:
        """Set S; return the side of the pictures wanted: 2S, of which the quarters are cut."""
        if self.resizable:
            set_image_size(self.base, size)
        return 2 * size

    def data(self, options: DataOptions) -> Dataset[tuple[Tensor, Tensor]]:
        """Return photos with masks, most of them of objects."""
        return TrainingData(replace(options, mix=OBJECT_MIX))

    def look(
        self, data: Dataset[tuple[Tensor, Tensor]], count: int, device: str
    ) -> tuple[dict[str, float], list[Tile]]:
        """Score `count` photos; see `look_at_photos`."""
        return look_at_photos(self, data, count, device)

    def encode(self, images: Tensor) -> Encoded:
        """Encode uint8 pictures (B, 3, 2S, 2S); only the refiners' own parts have gradients."""
        with torch.no_grad():
            doubled = normalise(images.float() / 255)
            whole = F.avg_pool2d(doubled, 2)
            features, fpn = encode(self.base, whole)
            local = {
                cut: local_features(self.base, picture_to_cut(cut, whole, doubled))
                for cut in {one.quarters for _, one in self.refiners if one.quarters}
            }
        prepared = {}
        for name, one in self.refiners:
            own = local.get(one.quarters)
            prepared[name] = one.prepare(self.base, features.g, fpn, whole, own)
        return features, prepared

    def loss(
        self, images: Tensor, masks: Tensor, rng: Rng, share: float
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the sum of the refiners' losses (paper, equation 3).

        Each of the K masks of a picture gets prompts of a kind of its own: most photos show one
        object, which the same box K times would not teach more about.

        Args:
            images: uint8 (B, 3, 2S, 2S).
            masks: uint8 coverage (B, K, S, S).
            rng: where the prompts come from.
            share: share of the training budget that is used; not needed here.
        """
        encoded = self.encode(images)
        total = torch.zeros((), device=images.device)
        logs: list[dict[str, float]] = []
        for targets in torch.split(masks, 1, dim=1):
            loss, log = self._answer_loss(encoded, targets, rng)
            total = total + loss / masks.shape[1]
            logs.append(log)
        return total, {key: float(np.mean([log[key] for log in logs])) for key in logs[0]}

    def _answer_loss(
        self, encoded: Encoded, masks: Tensor, rng: Rng
    ) -> tuple[Tensor, dict[str, float]]:
        """Prompt each picture's mask (B, 1, S, S) in one way; return the losses of the answers."""
        features, prepared = encoded
        index, targets, _ = flatten(masks)
        inside, edges = targets > 127, prompts.soft_edges(targets)
        given = prompts.draw_prompts(inside, rng, edges=edges)
        if rng.random() < _CORRECTED_SHARE:
            with torch.no_grad():
                answer = decode(self.base, features, index, given.points, given.mask_logits).best
            given = prompts.corrected(given, inside, answer, rng, edges)
        truth = targets[:, None].float() / 255
        total, log = truth.new_zeros(()), {}
        for name, one in self.refiners:
            output = one(
                self.base, features, prepared[name], index, given.points, given.mask_logits
            )
            total = total + refiner_loss(output, truth)
            log[f"iou_{name}"] = float(soft_iou(output.logits, truth).mean())
        return total, log

    def answers(
        self, encoded: Encoded, masks: Tensor, given: prompts.TrainingPrompts
    ) -> dict[str, Tensor]:
        """Return every model's probability maps (N, 1, ., .) for the given prompts."""
        features, prepared = encoded
        index, _, _ = flatten(masks)
        asked = (index, given.points, given.mask_logits)
        base = decode(self.base, features, *asked).best
        side = self.base.image_size
        upsampled = F.interpolate(base, (side, side), mode="bilinear", align_corners=False)
        refined = {
            name: one(self.base, features, prepared[name], *asked).logits.sigmoid()
            for name, one in self.refiners
        }
        return {"sam2": upsampled.sigmoid(), **refined}


def refiner_loss(output: RefinerOutput, truth: Tensor) -> Tensor:
    """Return equation 3 of the paper for soft truth (N, 1, S, S)."""
    loss = bce_dice(output.logits, truth).mean()
    for logits in output.intermediate:
        small = F.interpolate(truth, logits.shape[-2:], mode="area")
        loss = loss + INTERMEDIATE * bce_dice(logits, small).mean()
    return loss
