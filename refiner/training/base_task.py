"""Training of sam2-lite's image path: neck, prompt encoder and mask decoder on an ImageNet trunk."""

from __future__ import annotations

from torch import Tensor, nn
from torch.utils.data import Dataset

from refiner.network.base_model import BaseFeatures, SAM2Base, normalise, project, set_image_size
from refiner.network.decoding import decode
from refiner.training.arrays import Rng
from refiner.training.look import Tile, look_at_photos
from refiner.training.losses import answer_loss, flatten
from refiner.training.samples import prompts
from refiner.training.samples.photos import DataOptions, TrainingData

_CORRECTED_SHARE = 0.6
"""How often the second prompt corrects the first answer instead of being a new one."""
EARLY_TRUNK = ("net.conv_stem.", "net.blocks.0.", "net.blocks.1.")
"""The trunk up to stride 4 never learns: edges are edges, and its backward pass on a CPU takes
two fifths of a step at 512 px."""


class BaseTask:
    """What the loop needs of a sam2-lite in training."""

    trained = ("image_encoder.neck", "no_mem_embed", "sam_prompt_encoder", "sam_mask_decoder")

    def __init__(self, base: SAM2Base, trunk_from: float = 2.0) -> None:
        """Train `base`; its trunk only after the share `trunk_from` of the budget."""
        self.base = base
        self.module: nn.Module = base
        self.trunk_from = trunk_from
        base.requires_grad_(False)
        for name, parameter in base.named_parameters():
            parameter.requires_grad_(name.startswith(self.trained))

    def parameter_groups(self, rate: float) -> list[dict[str, object]]:
        """Return the optimizer's groups: the trunk learns at a fifth of the rate."""
        trunk = list(self.base.image_encoder.trunk.parameters())
        rest = [parameter for parameter in self.base.parameters() if parameter.requires_grad]
        return [{"params": rest, "lr": rate}, {"params": trunk, "lr": rate / 5}]

    def set_size(self, size: int) -> int:
        """Set S; return the side of the pictures wanted."""
        set_image_size(self.base, size)
        return size

    def data(self, options: DataOptions) -> Dataset[tuple[Tensor, Tensor]]:
        """Return photos with masks."""
        return TrainingData(options)

    def look(
        self, data: Dataset[tuple[Tensor, Tensor]], count: int, device: str
    ) -> tuple[dict[str, float], list[Tile]]:
        """Score `count` photos; see `look_at_photos`."""
        return look_at_photos(self, data, count, device)

    def encode(self, images: Tensor) -> BaseFeatures:
        """Encode uint8 pictures (B, 3, S, S); no gradient reaches a trunk that is frozen."""
        encoder = self.base.image_encoder
        stages = encoder.trunk(normalise(images.float() / 255))
        s0, s1, s2 = encoder.neck(stages)[0][:3]
        return project(self.base, (s0, s1, s2))

    def loss(
        self, images: Tensor, masks: Tensor, rng: Rng, share: float
    ) -> tuple[Tensor, dict[str, float]]:
        """Prompt, answer, then correct or prompt anew: the loss of both answers.

        Args:
            images: uint8 (B, 3, S, S).
            masks: uint8 coverage (B, K, S, S).
            rng: where the prompts come from.
            share: share of the training budget that is used.
        """
        for name, parameter in self.base.image_encoder.trunk.named_parameters():
            parameter.requires_grad_(share >= self.trunk_from and not name.startswith(EARLY_TRUNK))
        features = self.encode(images)
        index, targets, truth = flatten(masks)
        inside = targets > 127
        first = prompts.draw_prompts(inside, rng)
        answer = decode(self.base, features, index, first.points, first.mask_logits)
        loss, iou_first = answer_loss(answer, truth)
        if rng.random() < _CORRECTED_SHARE:
            second = prompts.corrected(first, inside, answer.best, rng)
        else:
            second = prompts.draw_prompts(inside, rng)
        answer = decode(self.base, features, index, second.points, second.mask_logits)
        again, iou_second = answer_loss(answer, truth)
        return loss + again, {"iou_first": iou_first, "iou_second": iou_second}

    def answers(
        self, encoded: BaseFeatures, masks: Tensor, given: prompts.TrainingPrompts
    ) -> dict[str, Tensor]:
        """Return the probability maps (N, 1, S/4, S/4) for the given prompts."""
        index, _, _ = flatten(masks)
        answer = decode(self.base, encoded, index, given.points, given.mask_logits)
        return {"sam2": answer.best.sigmoid()}
