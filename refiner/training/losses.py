"""Mask losses."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from refiner.network.decoding import BaseOutput


def bce_dice(logits: Tensor, truth: Tensor) -> Tensor:
    """Return BCE + Dice of each mask: logits and soft truth in [0, 1], (N, M, H, W) -> (N, M)."""
    logits = logits.float()
    bce = F.binary_cross_entropy_with_logits(logits, truth, reduction="none").mean((-2, -1))
    share = logits.sigmoid()
    overlap = (share * truth).sum((-2, -1))
    dice = 1 - (2 * overlap + 1) / (share.sum((-2, -1)) + truth.sum((-2, -1)) + 1)
    return bce + dice


def soft_iou(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the IoU of `logits > 0` with `truth > 0.5`, (N, M, H, W) -> (N, M)."""
    answer, wanted = logits > 0, truth > 0.5
    union = (answer | wanted).sum((-2, -1))
    return (answer & wanted).sum((-2, -1)) / union.clamp(min=1)


def shrink(masks: Tensor, size: int) -> Tensor:
    """Average masks (N, S, S) of uint8 coverage to float (N, 1, size, size) in [0, 1]."""
    return F.interpolate(masks[:, None].float() / 255, (size, size), mode="area")


def flatten(masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Flatten masks (B, K, S, S): picture of each (N,), masks (N, S, S), truth (N, 1, S/4, S/4)."""
    pictures, count, size = masks.shape[:3]
    index = torch.arange(pictures, device=masks.device).repeat_interleave(count)
    targets = masks.flatten(0, 1)
    return index, targets, shrink(targets, size // 4)


def answer_loss(answer: BaseOutput, truth: Tensor) -> tuple[Tensor, float]:
    """Return the loss of the best candidate, of all predicted IoUs and of presence; and the IoU.

    SAM2's recipe: the mask loss counts only for the candidate that fits the truth best.
    """
    truth_all = truth.expand_as(answer.masks)
    ious = soft_iou(answer.masks, truth_all)
    quality = (answer.ious - ious).abs().mean()
    presence = F.binary_cross_entropy_with_logits(
        answer.object_score, torch.ones_like(answer.object_score)
    )
    loss = bce_dice(answer.masks, truth_all).min(dim=1).values.mean() + quality + 0.1 * presence
    return loss, float(soft_iou(answer.best, truth).mean())


def mean_iou(answer: Tensor, truth: Tensor) -> float:
    """Return the mean IoU of probability maps with soft truth, both (N, 1, H, W)."""
    return float(soft_iou(answer - 0.5, truth).mean())
