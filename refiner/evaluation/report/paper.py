"""What the paper reports: official SAM 2.1 bases, data that is not ours; not comparable.

From tables 1 and 3 of arXiv 2502.09660, in percent.
"""

from __future__ import annotations

from collections.abc import Mapping

PaperScores = tuple[float, float]

POINTS = (1, 2, 5, 10)
BY_POINTS: Mapping[str, tuple[PaperScores, ...]] = {
    "SAM2-L": ((11.4, 9.9), (35.6, 31.7), (73.9, 66.4), (78.5, 71.5)),
    "HQ-SAM-L": ((17.7, 14.3), (44.6, 40.2), (84.2, 75.5), (87.7, 80.0)),
    "SAM2Refiner-L": ((25.2, 20.6), (52.5, 47.4), (90.0, 84.9), (93.1, 88.9)),
}
"""(mIoU, mBIoU) for each of `POINTS`, the mean of DIS, COIFT, HRSOD and ThinObject."""


def _by_points() -> str:
    heads = [f"{count} point" + "s" * (count > 1) for count in POINTS]
    lines = ["| model | " + " | ".join(heads) + " |", "|---" * (len(POINTS) + 1) + "|"]
    for model, scores in BY_POINTS.items():
        cells = [f"{miou:.1f} / {mbiou:.1f}" for miou, mbiou in scores]
        lines.append("| " + " | ".join([model, *cells]) + " |")
    return "\n".join(lines)


PAPER = f"""### Reported in the paper (official SAM 2.1 bases, other data): not comparable

mIoU / mBIoU, 10 points:

| model | DIS | COIFT | HRSOD | ThinObject | mean |
|---|---|---|---|---|---|
| SAM2-B+ | 57.2 / 49.9 | 93.2 / 88.7 | 85.2 / 76.3 | 66.3 / 65.1 | 75.5 / 70.0 |
| SAM2-L | 57.6 / 50.7 | 92.4 / 88.0 | 86.3 / 79.5 | 77.8 / 67.7 | 78.5 / 71.5 |
| HQ-SAM-L | 77.4 / 69.2 | 94.4 / 89.7 | 91.9 / 84.6 | 87.0 / 76.6 | 87.7 / 80.0 |
| SAM2Refiner-B+ | 83.4 / 78.5 | 96.5 / 93.3 | 94.1 / 89.4 | 95.1 / 90.1 | 92.3 / 87.8 |
| SAM2Refiner-L | 85.2 / 80.6 | 96.6 / 93.6 | 94.7 / 90.2 | 95.9 / 91.0 | 93.1 / 88.9 |

mIoU / mBIoU, mean of the four sets:

{_by_points()}"""
