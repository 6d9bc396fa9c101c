"""Measures both models on the examples over their prompts: `python assets/examples/curves.py`.

Random points of the true mask, the same for both models, as `refiner.evaluation` draws them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from refiner.evaluation.prompts import PromptSpec, sample_prompts, stable_seed
from refiner.files.pictures import read_picture
from refiner.metrics import boundary_iou, iou
from refiner.predict.loading import load_segmenter
from refiner.types import Segmenter
from webapp.shared.examples import CURVES, DRAWS, Example, installed, load
from webapp.shared.limits import Limits

FOLDER = Path(__file__).parent
COUNTS = (1, 2, 3, 5, 10)


def curve(
    segmenter: Segmenter, example: Example, counts: Sequence[int] = COUNTS
) -> list[list[float]]:
    """Return rows of `Example.curve`, the means of `DRAWS` draws."""
    truth, rows = example.truth, []
    assert truth is not None
    for count in counts:
        scores = []
        for draw in range(DRAWS):
            seed = stable_seed(draw, example.name, 1)
            prompts = sample_prompts(PromptSpec(f"points:{count}", count), truth, seed)
            pair = segmenter.segment(example.pixels, [prompts]).objects[0]
            masks = (pair.base.mask, pair.refined.mask)
            scores.append([of(mask, truth) for mask in masks for of in (iou, boundary_iou)])
        rows.append([count, *(round(float(score), 4) for score in np.mean(scores, axis=0))])
    return rows


def measure() -> dict[str, list[list[float]]]:
    """Return the curve of each example that has a true mask."""
    segmenter = load_segmenter()
    loaded = [load(source, read_picture, Limits()) for source in installed(FOLDER)]
    return {one.name: curve(segmenter, one) for one in loaded if one.truth is not None}


def main() -> None:
    """Write the curves beside the examples."""
    curves = measure()
    rows = [
        f"  {json.dumps(name)}: [\n"
        + ",\n".join(f"    {json.dumps(row)}" for row in curve)
        + "\n  ]"
        for name, curve in curves.items()
    ]
    (FOLDER / CURVES).write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
