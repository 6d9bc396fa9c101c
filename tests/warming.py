"""Makes once, before the tests, what each of their processes would make at its start.

That is the bytecode of what is imported, and what OpenVINO makes of the embedded models.
"""

from __future__ import annotations

import runpy
import tempfile
from pathlib import Path

import app
from refiner.predict.loading import load_segmenter
from refiner.predict.tracker import load_tracker
from webapp.shared.limits import Limits
from webapp.shared.uploads import Uploads
from webapp.video.clip_files import video_studio

EXAMPLES = Path(app.__file__).parent / "assets" / "examples"


def main() -> None:
    """Track two frames of an example."""
    tracker = load_tracker(load_segmenter(device="cpu"), fast=True)
    tracked = runpy.run_path(str(EXAMPLES / "tracks.py"))["tracked"]
    with tempfile.TemporaryDirectory() as folder:
        studio = video_studio(tracker, Limits(), Uploads(Path(folder), lambda: ""), EXAMPLES)
        tracked(studio, studio.examples[0], frames=2)


if __name__ == "__main__":
    main()
