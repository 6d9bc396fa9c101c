"""How much one visitor may ask for; each limit can be set in the environment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from refiner.memory import spare_bytes
from refiner.types import InputError
from webapp.shared import text

PREFIX = "STUDIO_"


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds; `STUDIO_LONG_SIDE=4096` in the environment sets `long_side`, and so on.

    Attributes:
        file_megabytes: size of an uploaded file.
        megapixels: size of an uploaded picture.
        long_side: pictures are worked on with their longer side at most this many pixels.
        objects: objects in one picture.
        clicks: clicks of one object.
        actions: actions in one message of the browser.
        work: what the strokes of one message may cost, see `webapp.shared.editing.work_of`.
        waiting: requests that may wait, those of all visitors: a click and a look of each.
        waiting_each: requests of one visitor that may wait.
        sessions: visitors whose pictures are held at the same time.
        idle_seconds: how long an idle visitor's picture is held.
        backbones: models held beside the first that visitors chose.
        video_megabytes: size of an uploaded clip.
        video_long_side: clips are worked on with their longer side at most this many pixels.
        video_seconds: how much of a clip is tracked.
        video_frames: how many frames of a clip are tracked.
        clips: clips that are held at the same time, all visitors together.
        clip_idle_seconds: how long a clip is held that nobody looks at.
        tracks: clips that are tracked at the same time; others wait.
        archive_megabytes: size of an uploaded ZIP once unpacked.
        compare_pictures: pictures in one comparison.
        compare_objects: objects of a picture that are compared, the largest.
        compare_seeds: draws of random points in a comparison.
        compare_running: comparisons that run at the same time.
        compare_waiting: comparisons that run or wait.
        compare_seconds: how long one comparison may run.
        spare_megabytes: memory, and disk, that stays free: while less is, nothing new is opened.
    """

    file_megabytes: int = 20
    megapixels: int = 40
    long_side: int = 2048
    objects: int = 5
    clicks: int = 50
    actions: int = 200
    work: int = 4000
    waiting: int = 200
    waiting_each: int = 24
    sessions: int = 100
    idle_seconds: int = 3600
    backbones: int = 2
    video_megabytes: int = 70
    video_long_side: int = 1280
    video_seconds: int = 30
    video_frames: int = 600
    clips: int = 20
    clip_idle_seconds: int = 1800
    tracks: int = 1
    archive_megabytes: int = 200
    compare_pictures: int = 50
    compare_objects: int = 5
    compare_seeds: int = 5
    compare_running: int = 1
    compare_waiting: int = 8
    compare_seconds: int = 900
    spare_megabytes: int = 300

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Limits:
        """Return the defaults with what the environment sets.

        Raises:
            InputError: a value is no positive whole number.
        """
        limits = cls()
        for field in fields(cls):
            given = environ.get(PREFIX + field.name.upper())
            if given is None:
                continue
            if not given.isascii() or not given.isdigit() or int(given) == 0:
                raise InputError(
                    f"{PREFIX}{field.name.upper()} must be a positive whole number, got {given!r}."
                )
            limits = replace(limits, **{field.name: int(given)})
        return limits


def check_spare(limits: Limits, folder: Path) -> None:
    """Refuse to open more while memory, or the disk of `folder`, is nearly used up.

    A server that is killed for its memory loses what all visitors have open; so nothing new comes in.

    Raises:
        InputError: less than `spare_megabytes` is left.
    """
    spare = limits.spare_megabytes * 1_000_000
    if spare_bytes() < spare:
        raise InputError(text.NO_MEMORY)
    if shutil.disk_usage(folder).free < spare:
        raise InputError(text.DISK_FULL)
