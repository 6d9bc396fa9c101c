"""Training of SAM2Refiner, or of the HQ-SAM2 baseline, on a frozen base."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refiner.backbone import BaseFeatures, SAM2Base, decode, encode, normalise, set_image_size
from refiner.checkpoint import Refiner
from refiner.model import local_features
from refiner.training import prompts
from refiner.training.losses import bce_dice, flatten, soft_iou

Rng = np.random.Generator
Encoded = tuple[BaseFeatures, Any]
"""What base and refiner keep of a batch of pictures."""

INTERMEDIATE = 0.3
"""Weight of each intermediate loss (paper, equation 3)."""
CORRECTED_SHARE = 0.3
"""How often the base's own answer is corrected with a click or two before the refiner answers."""


class RefinerTask:
    """What the loop needs of a refiner in training; the base never changes."""

    def __init__(self, base: SAM2Base, refiner: Refiner, resizable: bool) -> None:
        """Train `refiner` on `base`; S follows the stages only if the base is `resizable`."""
        self.base = base.eval().requires_grad_(False)
        self.refiner = refiner
        self.module: nn.Module = refiner
        self.resizable = resizable

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """Return the optimizer's one group."""
        return [{"params": list(self.refiner.parameters()), "lr": rate}]

    def set_size(self, size: int) -> int:
        """Set S; return the side of the pictures wanted: 2S, of which the quarters are cut."""
        if self.resizable:
            set_image_size(self.base, size)
        return 2 * size

    def encode(self, images: Tensor) -> Encoded:
        """Encode uint8 pictures (B, 3, 2S, 2S); only the refiner's own part has gradients."""
        with torch.no_grad():
            doubled = normalise(images.float() / 255)
            whole = F.avg_pool2d(doubled, 2)
            features, fpn = encode(self.base, whole)
            local = local_features(self.base, doubled) if self.refiner.needs_local else None
        return features, self.refiner.prepare(self.base, features.g, fpn, whole, local)

    def loss(
        self, images: Tensor, masks: Tensor, rng: Rng, share: float
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the paper's loss (equation 3) for one prompt an object.

        Args:
            images: uint8 (B, 3, 2S, 2S).
            masks: uint8 coverage (B, K, S, S).
            rng: where the prompts come from.
            share: share of the training budget that is used; not needed here.
        """
        features, prepared = self.encode(images)
        index, targets, _ = flatten(masks)
        inside = targets > 127
        given = prompts.draw(inside, rng)
        if rng.random() < CORRECTED_SHARE:
            with torch.no_grad():
                answer = decode(self.base, features, index, given.points, given.mask_logits).best
            given = prompts.corrected(given, inside, answer, rng)
        output = self.refiner(self.base, features, prepared, index, given.points, given.mask_logits)
        truth = targets[:, None].float() / 255
        loss = bce_dice(output.logits, truth).mean()
        for logits in output.intermediate:
            small = F.interpolate(truth, logits.shape[-2:], mode="area")
            loss = loss + INTERMEDIATE * bce_dice(logits, small).mean()
        small = F.interpolate(truth, output.decoded.best.shape[-2:], mode="area")
        return loss, {
            "iou": float(soft_iou(output.logits, truth).mean()),
            "iou_decoded": float(soft_iou(output.decoded.best, small).mean()),
        }

    def answers(
        self, encoded: Encoded, masks: Tensor, given: prompts.TrainingPrompts
    ) -> dict[str, Tensor]:
        """Return both models' probability maps (N, 1, ., .) for the given prompts."""
        features, prepared = encoded
        index, _, _ = flatten(masks)
        asked = (index, given.points, given.mask_logits)
        base = decode(self.base, features, *asked).best
        side = self.base.image_size
        upsampled = F.interpolate(base, (side, side), mode="bilinear", align_corners=False)
        refined = self.refiner(self.base, features, prepared, *asked).logits
        return {"sam2": upsampled.sigmoid(), "refined": refined.sigmoid()}
