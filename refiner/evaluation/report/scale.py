"""What large amounts cost, worked out from the paces that `python -m refiner bench` measured."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refiner.types import InputError

PHOTOS = 1_000_000
VIDEO_HOURS, FPS = 1000, 25
VISITORS, PICTURES, CLICKS, CLIP_SECONDS = 10_000, 3, 20, 10
BUSIEST = 0.1
"""Share of a day's visitors that come in its busiest hour."""
PHOTO_MB, LINE_MB = 0.5, 125
"""Megabytes of a photo, and what a line of 1 Gbit/s brings a second."""
MEMORY_GB = 64


@dataclass(frozen=True, slots=True)
class _Paces:
    """Seconds on `threads` CPU threads: a new picture, a click, a frame of each way to track."""

    threads: int
    photo: float
    click: float
    sam2: float
    both: float
    fast: float
    memory_mb: float

    @property
    def visit(self) -> float:
        """Seconds of work that a visitor of the image tab makes."""
        return PICTURES * self.photo + CLICKS * self.click

    @property
    def clip(self) -> float:
        """Seconds of work that one clip in the video tab makes."""
        return CLIP_SECONDS * FPS * self.fast


def render_scale(results_dir: Path) -> str:
    """Write the markdown of what `bench.json` in a results folder comes to.

    Raises:
        InputError: there is no such file, or it is no document of bench.
    """
    file = results_dir / "bench.json"
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        numbers = document["numbers"]
        names = ("first_image", "click", "track_sam2", "track_both", "track_both_fast")
        photo, click, sam2, both, fast = (float(numbers[f"{name}_ms"]) / 1000 for name in names)
        memory = float(numbers["peak_memory_mb"])
        paces = _Paces(int(document["threads"]), photo, click, sam2, both, fast, memory)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{file} is no document of bench: {error!r}; run it again.") from error
    lines = [*_costs(paces), "", "What is used up first:", "", *_limits(paces), *_workers(numbers)]
    return "\n".join(lines)


def _costs(paces: _Paces) -> Iterator[str]:
    """Write a table: hours of machines and of cores, and how many machines that is."""
    frames = VIDEO_HOURS * 3600 * FPS
    visits = f"{VISITORS:,} visitors a day, {PICTURES} pictures and {CLICKS} clicks each"
    rows = [
        (f"{PHOTOS:,} photos, a prompt each", paces.photo, PHOTOS, 24.0),
        (f"{VIDEO_HOURS:,} hours of video at {FPS} frames a second", paces.both, frames, 24.0),
        ("the same, tracked with `--fast`", paces.fast, frames, 24.0),
        (visits, paces.visit, VISITORS, 1 / BUSIEST),
        (
            f"the same, and a clip of {CLIP_SECONDS} s each",
            paces.visit + paces.clip,
            VISITORS,
            1 / BUSIEST,
        ),
    ]
    yield "| work | one takes | machine hours | core hours | machines |"
    yield "|---|---|---|---|---|"
    for name, each, count, hours in rows:
        total = each * count / 3600
        machines = -int(-total / hours // 1)
        yield (
            f"| {name} | {each:,.2f} s | {total:,.0f} | {total * paces.threads:,.0f} | "
            f"{machines:,} |"
        )


def _limits(paces: _Paces) -> Iterator[str]:
    """Say what of the work takes longest, and what a machine runs out of."""
    encoder = 100 * (paces.photo - paces.click) / paces.photo
    clicks = 100 * CLICKS * paces.click / paces.visit
    tracking = 100 * paces.clip / (paces.visit + paces.clip)
    refiner = 100 * (paces.both - paces.sam2) / paces.both
    yield (
        f"- **Photos**: cores. {encoder:.0f} % of a photo is the encoder, once a picture however "
        "many objects are asked for; prompts of one picture belong into one call."
    )
    yield (
        f"- **Video**: cores. {refiner:.0f} % of a frame is what SAM2Refiner adds to SAM2, decoding with it; "
        "`--fast` takes part of that away, a GPU all that a batch can fill."
    )
    yield (
        f"- **Visitors**: cores. {clicks:.0f} % of a visit are clicks; once visitors track clips, "
        f"{tracking:.0f} % is tracking. Then clips go to machines of their own first, so that a "
        "click never waits for one."
    )
    yield (
        f"- **Memory**: {paces.memory_mb:,.0f} MB a process, so that {MEMORY_GB} GB hold "
        f"{1024 * MEMORY_GB / paces.memory_mb:.0f} of them: cores go first, unless a core has less "
        "than that."
    )
    yield (
        f"- **Disks**: photos of {PHOTO_MB:g} MB over a line of 1 Gbit/s feed "
        f"{LINE_MB * paces.photo / PHOTO_MB:,.0f} machines; beyond, shards read copies of their own."
    )


def _workers(numbers: Mapping[str, Any]) -> Iterator[str]:
    """Say what sharing out with Ray costs, where it was measured."""
    if "workers_ratio" in numbers:
        yield (
            f"- **Ray**: two workers of one thread do {numbers['workers_ratio']:.2f} times what one "
            f"process of two threads does; a clip costs {numbers['worker_overhead_ms']:.1f} ms more, "
            f"and a worker holds {numbers['worker_memory_mb']:,.0f} MB."
        )
