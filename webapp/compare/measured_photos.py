"""The measured photos one by one, read from what `evaluate --per-photo` wrote."""

from __future__ import annotations

import csv
from pathlib import Path

from refiner.evaluation.harm import HARM
from webapp.compare.markup import plain
from webapp.compare.scatter import scatter
from webapp.compare.scores import PictureRow
from webapp.compare.text import COMPARE as TEXT

PROMPTS = "box"
ENDING = "-photos.csv"


def photo_scatters(results: Path) -> dict[str, str]:
    """Return a drawing of every photo measured with a box, by the name of the measurement."""
    found = {}
    for file in sorted(results.glob(f"*{ENDING}")):
        photos = read_photos(file)
        better = sum(one.sam2refiner_iou - one.sam2_iou > HARM for one in photos)
        worse = sum(one.sam2_iou - one.sam2refiner_iou > HARM for one in photos)
        words = TEXT["photos_note"].format(photos=len(photos), better=better, worse=worse)
        found[file.name.removesuffix(ENDING)] = f"<p>{plain(words)}</p>{scatter(photos, radius=3)}"
    return found


def read_photos(file: Path) -> list[PictureRow]:
    """Read the scores of each photo with a box; photos that only one model has are left out."""
    scores: dict[str, dict[str, dict[str, str]]] = {}
    with file.open(newline="", encoding="utf-8") as lines:
        for line in csv.DictReader(lines):
            if line["prompts"] == PROMPTS:
                scores.setdefault(line["id"], {})[line["model"]] = line
    rows = []
    for name, models in scores.items():
        if {"sam2", "sam2refiner"} <= models.keys():
            base, refined = models["sam2"], models["sam2refiner"]
            ious = (float(one["miou"]) for one in (base, refined))
            bious = (float(one["mbiou"]) for one in (base, refined))
            rows.append(PictureRow(name, "measured", int(base["objects"]), *ious, *bious))
    return rows
