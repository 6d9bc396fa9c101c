"""Renders what the embedded models get wrong: `python assets/render_failures.py`.

Each picture shows the prompts, the mask of SAM2 and that of SAM2Refiner, side by side.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from refiner.files.painting import object_color, overlay
from refiner.files.pictures import read_image
from refiner.predict.loading import load_segmenter
from refiner.types import Click, ImageArray, Prompts
from webapp.shared.examples import ExampleSource, installed

ASSETS = Path(__file__).parent
CASES = {
    "edge": ("cat", ((230, 200),)),
    "twigs": ("tree", ((481, 560),)),
    "parts": ("wheel", ((540, 405), (135, 420), (836, 452))),
}
"""The example's name and clicks on what is meant."""
SIDE = 420
"""Longer side of each of the three pictures."""


def shown_prompts(image: ImageArray, prompts: Prompts) -> ImageArray:
    """Draw the clicks, a white ring around green."""
    drawn = image.copy()
    radius = max(image.shape[:2]) // 60
    for click in prompts.clicks:
        centre = round(click.x), round(click.y)
        cv2.circle(drawn, centre, radius, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(drawn, centre, radius * 2 // 3, (0, 158, 115), -1, cv2.LINE_AA)
    return drawn


def main() -> None:
    """Write a picture for each case."""
    parser = argparse.ArgumentParser(description="Render failures of the embedded models.")
    parser.add_argument("--out", type=Path, default=ASSETS / "failures", help="the folder")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    sources = {source.name: source for source in installed(ASSETS / "examples")}
    segmenter = load_segmenter(device="cpu")
    for name, (example, clicks) in CASES.items():
        source: ExampleSource = sources[example]
        image = read_image(source.file)
        prompts = Prompts(tuple(Click(x, y) for x, y in clicks))
        pair = segmenter.segment(image, [prompts]).objects[0]
        masks = [overlay(image, [one.mask], [object_color(0)]) for one in (pair.base, pair.refined)]
        row = np.hstack([shown_prompts(image, prompts), *masks])
        scale = SIDE / max(image.shape[:2])
        small = cv2.resize(row, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        Image.fromarray(small).save(folder / f"{name}.jpg", quality=88)


if __name__ == "__main__":
    main()
