"""Renders the example clips with their exact masks: `python assets/examples/render_clip.py`.

The masks of each are a ZIP in DAVIS layout, `wheel-clip/00000.png` and so on, the value of a pixel being the
object's index, 0 the ground.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import rolling
import swaying
from drawing import Array
from PIL import Image

from refiner.clips.formats import H264, Timing
from refiner.clips.writing import ClipWriter
from refiner.files.painting import object_color

CLIPS = {"wheel-clip": (rolling.render, 20), "tree-clip": (swaying.render, 4)}


def mask_png(mask: Array) -> bytes:
    """Return an index mask as a palette PNG."""
    picture = Image.fromarray(mask)
    picture.putpalette([0, 0, 0, *object_color(0), *object_color(1)])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def write_clip(name: str, folder: Path) -> None:
    """Write the example clip `name` and its masks."""
    scene, seed = CLIPS[name]
    frames = scene(np.random.default_rng(seed))
    size_hw = rolling.CLIP_HEIGHT, rolling.CLIP_WIDTH
    with (
        ClipWriter(folder / f"{name}.mp4", H264, size_hw, Timing(Fraction(rolling.FPS))) as video,
        zipfile.ZipFile(folder / f"{name}_masks.zip", "w") as masks,
    ):
        for index, (picture, mask) in enumerate(frames):
            video.write(picture)
            entry = zipfile.ZipInfo(f"{name}/{index:05}.png")  # of no date: always the same file
            masks.writestr(entry, mask_png(mask))


def main() -> None:
    """Write every clip and its masks."""
    parser = argparse.ArgumentParser(description="Render the example clips and their masks.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="the folder")
    folder = parser.parse_args().out
    for name in CLIPS:
        write_clip(name, folder)


if __name__ == "__main__":
    main()
