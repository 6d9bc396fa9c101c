"""Renders the example pictures with their exact masks: `python assets/examples/render.py`.

A pixel belongs to the mask if the object covers at least one half of it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import bicycle
import cage
import fern
import numpy as np
import tree
from drawing import Array
from PIL import Image

SCENES = {
    "wheel": (bicycle.render, 20),
    "tree": (tree.render, 4),
    "fern": (fern.render, 3),
    "cage": (cage.render, 5),
}


def render(name: str) -> tuple[Array, Array]:
    """Return picture and mask of the example `name`, always the same."""
    scene, seed = SCENES[name]
    return scene(np.random.default_rng(seed))


def main() -> None:
    """Write every example's picture and mask."""
    parser = argparse.ArgumentParser(description="Render the example pictures and their masks.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="the folder")
    folder = parser.parse_args().out
    for name in SCENES:
        picture, mask = render(name)
        Image.fromarray(picture).save(folder / f"{name}.jpg", quality=92)
        Image.fromarray(mask.astype(np.uint8) * 255).save(
            folder / f"{name}_mask.png", optimize=True
        )


if __name__ == "__main__":
    main()
