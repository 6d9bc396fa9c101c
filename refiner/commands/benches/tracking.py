"""Speed and memory of tracking: ratios to the sam2 package's own tracking, growth of the process.

Timings of a shared machine are noisy: only the ratios compare across runs.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import ffmpeg
import psutil  # type: ignore[import-untyped]
from PIL import Image
from tqdm import tqdm

from refiner.clips.clip import Clip, open_clip
from refiner.clips.ffmpeg import executable
from refiner.network.base_model import reference_video_predictor
from refiner.predict.segmenter import ImageSegmenter
from refiner.predict.tracker import load_tracker
from refiner.types import Box, Prompts
from refiner.video_types import FramePrompts

_SIZE_HW = (360, 640)
_BOX = Box(200, 90, 440, 280)
TIMED = 16
"""Frames whose times are compared; the first two warm up and do not count."""
SETTLED = 100
"""From this frame on the process should not grow."""


def measure_tracking(segmenter: ImageSegmenter, frames: int) -> dict[str, float]:
    """Track one object through a 360p clip of `frames` frames, more than SETTLED.

    Returns:
        Medians of a frame's milliseconds: `track_sam2_ms` of SAM2VideoPredictor, which has the
        frames decoded and resized before, `track_both_ms` and `track_both_fast_ms` of ours, which
        decodes, resizes and tracks with both models; `*_ratio` to the former; and `track_growth_mb`,
        what the process's memory grows at most after frame 100.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "clip.mp4"
        make_test_clip(file, frames)
        with open_clip(file) as clip:
            numbers = _compare_times(segmenter, clip.part(0, TIMED), Path(folder))
            numbers["track_growth_mb"] = _growth(segmenter, clip)
    return numbers


def make_test_clip(file: Path, frames: int) -> None:
    """Write a moving test picture, the same in every run."""
    height, width = _SIZE_HW
    source = ffmpeg.input(f"testsrc2=size={width}x{height}:rate=25", format="lavfi")
    output = source.output(str(file), **{"frames:v": frames}, pix_fmt="yuv420p")
    output.run(cmd=executable(), quiet=True)


def _compare_times(segmenter: ImageSegmenter, clip: Clip, folder: Path) -> dict[str, float]:
    """Step through the same frames with all three in turns."""
    prompts = [FramePrompts(0, 1, Prompts(box=_BOX))]
    streams: dict[str, Iterable[object]] = {
        "track_sam2": _reference(segmenter, clip, folder),
        "track_both": load_tracker(segmenter).track(clip, prompts),
        "track_both_fast": load_tracker(segmenter, fast=True).track(clip, prompts),
    }
    times: dict[str, list[float]] = {name: [] for name in streams}
    steps = {name: iter(stream) for name, stream in streams.items()}
    for _ in range(len(clip)):
        for name, step in steps.items():
            started = time.perf_counter()
            next(step)
            times[name].append(1000 * (time.perf_counter() - started))
    numbers = {f"{name}_ms": statistics.median(values[2:]) for name, values in times.items()}
    for name in ("track_both", "track_both_fast"):
        numbers[f"{name}_ratio"] = numbers[f"{name}_ms"] / numbers["track_sam2_ms"]
    return numbers


def _reference(segmenter: ImageSegmenter, clip: Clip, folder: Path) -> Iterable[object]:
    """Return the sam2 package's own stream of masks of SAM2 alone."""
    for index in range(len(clip)):
        Image.fromarray(clip[index]).save(folder / f"{index:05}.jpg")
    predictor = reference_video_predictor(segmenter.base)
    state = predictor.init_state(str(folder))
    predictor.add_new_points_or_box(state, 0, 1, box=[_BOX.x0, _BOX.y0, _BOX.x1, _BOX.y1])
    stream: Iterable[object] = predictor.propagate_in_video(state)
    return stream


def _growth(segmenter: ImageSegmenter, clip: Clip) -> float:
    """Return the growth of resident memory after frame SETTLED, in MB."""
    process = psutil.Process()
    settled = most = 0
    tracked = load_tracker(segmenter, fast=True).track(
        clip, [FramePrompts(0, 1, Prompts(box=_BOX))]
    )
    for found in tqdm(tracked, total=len(clip), unit="frame"):
        now = process.memory_info().rss
        if found.index == SETTLED:
            settled = now
        most = max(most, now)
        if found.index < SETTLED:
            most = 0
    return (most - settled) / 2**20
