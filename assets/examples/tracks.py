"""Tracks the example clips with both models: `python assets/examples/tracks.py`.

What comes of the prompts that a clip opens with lies beside it, so that it is shown at once. It is
good for the weights it was made with only: make it again when they change.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from refiner.predict.loading import load_segmenter
from refiner.predict.tracker import load_tracker
from refiner.video_types import Tracker
from webapp.shared.examples import ClipSource
from webapp.shared.limits import Limits
from webapp.shared.uploads import Uploads
from webapp.video.actions import open_example_clip
from webapp.video.clip_files import TRACKS, track_file, video_studio
from webapp.video.context import VideoStudio
from webapp.video.results import Results
from webapp.video.tracking import track
from webapp.video.work import Work

FOLDER = Path(__file__).parent


def embedded_tracker() -> Tracker:
    """Return the tracker of the video tab."""
    return load_tracker(load_segmenter(device="cpu"), fast=True)


def tracked(studio: VideoStudio, source: ClipSource, frames: int | None = None) -> Results:
    """Return what tracking gives a clip, or its first frames."""
    job = open_example_clip(replace(studio, tracks={}), source, "", 0).job
    assert job is not None
    if frames:
        job.span = range(frames)
    track(job, Work("track"), studio.tracker, studio.score)
    return job.results


def main() -> None:
    """Write the track of each example clip beside it."""
    with tempfile.TemporaryDirectory() as folder:
        uploads = Uploads(Path(folder), lambda: "")
        studio = video_studio(embedded_tracker(), Limits(), uploads, FOLDER)
        for source in studio.examples:
            file = track_file(tracked(studio, source), studio.tracker.info)
            (FOLDER / f"{source.name}{TRACKS}").write_bytes(file)
        studio.store.close()


if __name__ == "__main__":
    main()
