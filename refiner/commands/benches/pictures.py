"""Speed and memory of the image path, as milliseconds and as ratios inside one run.

Timings of a shared machine are noisy: only the ratios compare across runs.
"""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable

import numpy as np

from refiner.network.base_model import reference_predictor
from refiner.predict.segmenter import ImageSegmenter
from refiner.types import Click, Prompts

_SIZE_HW = (720, 960)
REPEATS = 9


def measure_clicks(segmenter: ImageSegmenter) -> dict[str, float]:
    """Time a new picture and clicks on it, ours and the sam2 package's predictor in turns.

    Returns:
        `*_ms` medians, `*_ratio` of ours (both models) to SAM2ImagePredictor's (SAM2 alone) for
        the same weights and prompts, and the peak memory of the process in MB.
    """
    predictor = reference_predictor(segmenter.base)
    pictures = [_picture(seed) for seed in range(REPEATS)]
    prompts = [
        Prompts((Click(480, 360), Click(300.0 + seed, 200, False))) for seed in range(REPEATS)
    ]
    segmenter.segment(_picture(REPEATS), prompts[:1])
    predictor.set_image(_picture(REPEATS))
    times: dict[str, list[float]] = {}
    for picture, prompt in zip(pictures, prompts, strict=True):
        coords = np.array([[click.x, click.y] for click in prompt.clicks])
        labels = np.array([int(click.positive) for click in prompt.clicks])
        for name, call in {
            "first_image": lambda: segmenter.segment(picture, [prompt]),  # noqa: B023
            "click": lambda: segmenter.segment(picture, [prompt]),  # noqa: B023
            "sam2_set_image": lambda: predictor.set_image(picture),  # noqa: B023
            "sam2_predict": lambda: predictor.predict(coords, labels, multimask_output=False),  # noqa: B023
        }.items():
            times.setdefault(name, []).append(_milliseconds(call))
    numbers = {f"{name}_ms": statistics.median(values) for name, values in times.items()}
    first = numbers["sam2_set_image_ms"] + numbers["sam2_predict_ms"]
    numbers["first_image_ratio"] = numbers["first_image_ms"] / first
    numbers["click_ratio"] = numbers["click_ms"] / numbers["sam2_predict_ms"]
    numbers["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return numbers


def _picture(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (*_SIZE_HW, 3), dtype=np.uint8)


def _milliseconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - started)
