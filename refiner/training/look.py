"""Looks at a run: scores on kept-back groups for every kind of prompt, and rendered masks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from torch import Tensor, nn
from torch.utils.data import Dataset

from refiner.training.losses import flatten, mean_iou
from refiner.training.samples import prompts
from refiner.training.samples.photos import collate

Tile = tuple[Tensor, Tensor, Tensor]
"""What is rendered: a picture (3, H, W), an answer (1, h, w) in [0, 1], the true mask (S, S)."""


class PhotoTask(Protocol):
    """What is looked at on photos: `BaseTask`, `RefinerTask`."""

    def encode(self, images: Tensor) -> Any:
        """Return what the models keep of uint8 pictures (B, 3, ., .)."""

    def answers(
        self, encoded: Any, masks: Tensor, given: prompts.TrainingPrompts
    ) -> dict[str, Tensor]:
        """Return each model's probability maps (N, 1, ., .) for the given prompts."""


def look_at_photos(
    task: PhotoTask, data: Dataset[tuple[Tensor, Tensor]], count: int, device: str
) -> tuple[dict[str, float], list[Tile]]:
    """Score photos with two masks each for every kind of prompt.

    `*_wrong` is the IoU of the answer to another object's prompt: near the right one's, the model
    does not listen.
    """
    sums: dict[str, list[float]] = {}
    tiles: list[Tile] = []
    for start in range(0, count, 4):
        images, masks = collate([data[number] for number in range(start, start + 4)])
        images, masks = images.to(device), masks.to(device)
        _, targets, truth = flatten(masks)
        inside = targets > 127
        other = truth.reshape(-1, 2, *truth.shape[1:]).flip(1).reshape_as(truth)
        differs = ((truth - other).abs().mean((1, 2, 3)) > 1e-3).nonzero()[:, 0]
        encoded = task.encode(images)
        for kind, given in dev_prompts(inside, start).items():
            for model, answer in task.answers(encoded, masks, given).items():
                side = answer.shape[-1]
                wanted = nn.functional.interpolate(
                    targets[:, None] / 255, (side, side), mode="area"
                )
                sums.setdefault(f"{model}_{kind}", []).append(mean_iou(answer, wanted))
                if kind == "box":
                    wrong = nn.functional.interpolate(other, (side, side))[differs]
                    if len(differs):
                        sums.setdefault(f"{model}_wrong", []).append(
                            mean_iou(answer[differs], wrong)
                        )
                    if start < 24:
                        tiles += [(images[i // 2], answer[i], inside[i]) for i in (0, 2, 4, 6)]
    return {key: float(np.mean(values)) for key, values in sums.items()}, tiles


def dev_prompts(inside: Tensor, seed: int) -> dict[str, prompts.TrainingPrompts]:
    """Return fixed prompts of every kind for masks (N, S, S)."""
    rng = np.random.default_rng(seed)
    points = prompts.random_points(inside, 10, rng, negative_share=0.0)
    first = replace(points, coords=points.coords[:, :1], labels=points.labels[:, :1])
    three = replace(points, coords=points.coords[:, :3], labels=points.labels[:, :3])
    return {
        "box": prompts.TrainingPrompts(prompts.box(inside, noise=0.0), None),
        "1": prompts.TrainingPrompts(first, None),
        "3": prompts.TrainingPrompts(three, None),
        "10": prompts.TrainingPrompts(points, None),
    }


def render_tiles(tiles: list[tuple[Tensor, Tensor, Tensor]], path: Path) -> None:
    """Write pictures with the answer in orange and the true outline in white, 8 a row."""
    drawn = []
    for image, answer, truth in tiles:
        picture = cv2.resize(
            image.permute(1, 2, 0).cpu().numpy(), (256, 256), interpolation=cv2.INTER_AREA
        )
        share = cv2.resize(answer[0].float().cpu().numpy(), (256, 256))
        outline = cv2.resize(
            truth.byte().cpu().numpy(), (256, 256), interpolation=cv2.INTER_NEAREST
        )
        picture[share > 0.5] = picture[share > 0.5] // 2 + np.array([115, 80, 0], np.uint8)
        picture[cv2.morphologyEx(outline, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) > 0] = 255
        drawn.append(picture)
    rows = [np.hstack(drawn[i : i + 8]) for i in range(0, len(drawn) - len(drawn) % 8, 8)]
    if rows:
        cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))
