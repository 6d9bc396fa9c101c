"""Renders the example clip with its exact masks: `python assets/examples/render_clip.py`.

The masks are a ZIP in DAVIS layout, `wheel-clip/00000.png` and so on, the value of a pixel being the
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
from drawing import Array
from PIL import Image

from refiner.clips.formats import H264, Timing
from refiner.clips.writing import ClipWriter
from refiner.files.painting import object_color

NAME = "wheel-clip"
SEED = 20


def mask_png(mask: Array) -> bytes:
    """Return an index mask as a palette PNG."""
    picture = Image.fromarray(mask)
    picture.putpalette([0, 0, 0, *object_color(0), *object_color(1)])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def main() -> None:
    """Write the clip and its masks."""
    parser = argparse.ArgumentParser(description="Render the example clip and its masks.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="the folder")
    folder = parser.parse_args().out
    frames = rolling.render(np.random.default_rng(SEED))
    size_hw = rolling.CLIP_HEIGHT, rolling.CLIP_WIDTH
    with (
        ClipWriter(folder / f"{NAME}.mp4", H264, size_hw, Timing(Fraction(rolling.FPS))) as video,
        zipfile.ZipFile(folder / f"{NAME}_masks.zip", "w") as masks,
    ):
        for index, (picture, mask) in enumerate(frames):
            video.write(picture)
            entry = zipfile.ZipInfo(f"{NAME}/{index:05}.png")  # of no date: always the same file
            masks.writestr(entry, mask_png(mask))


if __name__ == "__main__":
    main()
