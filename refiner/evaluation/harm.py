"""What refinement does to single objects: means hide the masks that it tears."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refiner.evaluation.prompts import NOC
from refiner.evaluation.records import Measured

HARM = 0.02
"""Loss of IoU from which on an object counts as harmed."""
BINS = (0.5, 0.7, 0.8, 0.9)
"""Where the base's IoU is cut into bins."""


def harm(base: Sequence[Any], refined: Sequence[Any]) -> dict[str, Any]:
    """Compare two models object by object; both are scores [photo][seed][object][iou, ...].

    Returns:
        `harm`, the share of objects, over all seeds, whose IoU is more than `HARM` below the
        base's, `harm_loss`, the mean loss of those (0 if there are none), and `by_base`, for each
        bin of the base's IoU (its lower end, how many objects, mean IoU of the base and of the
        other).
    """
    before, after = _ious(base), _ious(refined)
    lost = (before - after)[before - after > HARM]
    places = np.digitize(before, BINS)
    bins = []
    for place, start in enumerate((0.0, *BINS)):
        here = places == place
        if here.any():
            means = float(before[here].mean()), float(after[here].mean())
            bins.append([start, int(here.sum()), *means])
    loss = float(lost.mean()) if lost.size else 0.0
    return {"harm": lost.size / before.size, "harm_loss": loss, "by_base": bins}


def write_per_photo(path: Path, measured: Iterable[Measured]) -> None:
    """Write a CSV with a line a photo, model and kind of prompt: means over objects and seeds."""
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["id", "source", "prompts", "model", "objects", "miou", "mbiou"])
        for photo in measured:
            objects = photo.record["objects"]
            for prompts, models in photo.record["scores"].items():
                for model, scores in models.items():
                    if prompts == NOC or not objects:
                        continue
                    means = np.mean(scores, axis=(0, 1))
                    name = [photo.id, photo.source, prompts, model, objects]
                    lines.writerow([*name, f"{means[0]:.4f}", f"{means[1]:.4f}"])


def _ious(scores: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([one[0] for photo in scores for seed in photo for one in seed])
