"""J and F of tracked masks as DAVIS defines them."""

from __future__ import annotations

import numpy as np

from refiner.types import BoolArray

OUTLINE_RATIO = 0.008
"""How far an outline may be off to count as right in F, in diagonals of the frame (DAVIS)."""


class ObjectScores:
    """J and F of one object, frame by frame.

    An object that is gone counts from the first frame on, as DAVIS counts it: a frame where neither
    the mask nor the truth shows it scores 1.
    """

    def __init__(self) -> None:
        from vos_benchmark.evaluator import Evaluator  # scipy: half a second of each start

        self._evaluator = Evaluator(boundary=OUTLINE_RATIO)
        self._evaluator.objects_in_gt.add(1)

    def add(self, mask: BoolArray, truth: BoolArray) -> None:
        """Score one frame's mask, both (height, width)."""
        self._evaluator.feed_frame(mask.astype(np.uint8), truth.astype(np.uint8))

    def means(self) -> tuple[float, float]:
        """Return J and F over all frames added, in [0, 1]."""
        j, f = self._evaluator.conclude()
        return float(j[1]) / 100, float(f[1]) / 100
