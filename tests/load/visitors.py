"""Those who come: some click on pictures, some track a clip, as the page's scripts would for them."""

from __future__ import annotations

import hashlib
import io
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
from PIL import Image

from tests.fuzz.hostile import Hostile, short_clip
from tests.fuzz.visitor import Visitor

WIDTH, HEIGHT = 640, 480
CLICKS = 10
"""So many on a picture, then the next one is opened."""
PAUSE, LONGEST_PAUSE = 1.0, 15.0
"""After what was refused, in seconds; doubled with each refusal, as in `panes/calls.js`."""
FOLLOW_SECONDS = 0.5

Known = Mapping[tuple[int, int], str]
"""The masks of a picture after so many clicks, in short."""


@dataclass
class Diary:
    """What one visitor met.

    Attributes:
        waits: seconds from a click to its masks, those of refusals included.
        openings: the same of pictures.
        refusals: how often each word of refusal came.
        errors: what else went wrong.
        wrong: masks that are not those of a visitor who is alone.
        frames: of a clip, tracked.
    """

    waits: list[float] = field(default_factory=list)
    openings: list[float] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    wrong: int = 0
    frames: int = 0


@dataclass(frozen=True)
class Day:
    """When all have opened something, and when it is over."""

    begin: threading.Barrier
    end: threading.Event = field(default_factory=threading.Event)


class Guest(Visitor):
    """Clicks on pictures; asks again for what was refused."""

    def __init__(self, url: str, diary: Diary) -> None:
        super().__init__(url)
        self.diary = diary
        self.have: list[int] = []
        self.edits = 0

    def open_picture(self, number: int) -> None:
        """Upload and open a picture."""
        path = self.upload("photo.png", photo(number))
        self.have = []
        self.patient("picture", {"path": path, "name": "photo.png"})

    def click(self, number: int, count: int) -> str:
        """Click for the `count`-th time on a picture; return both masks, in short."""
        x, y = point(number, count)
        click = {"type": "click", "object": 1, "x": x, "y": y, "positive": count % 4 != 3}
        self.edits += 1
        value = self.patient("edit", {"actions": [click], "number": self.edits, "have": self.have})
        answer = value["answers"][-1]
        self.have.append(answer["id"])
        masks = json.dumps([answer["base"], answer["refined"]], sort_keys=True)
        return hashlib.sha256(masks.encode()).hexdigest()

    def look(self) -> None:
        """Ask where the masks differ, as the page does once it has painted them."""
        self.patient("differences", {"have": self.have, "answers": self.have[-1:]})

    def patient(self, kind: str, values: dict[str, Any]) -> dict[str, Any]:
        """Send a message until it is taken; return the answer."""
        pause = PAUSE
        while True:
            try:
                value = self.tell(kind, values)
            except httpx.HTTPStatusError as error:
                self.diary.refusals[error.response.json()["detail"].split(".")[0]] += 1
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            if value["message"]:
                raise RuntimeError(f"{kind}: {value['message']}")
            return value


def photo(number: int) -> bytes:
    """Return a picture of blobs, a different one for each number."""
    draw = np.random.default_rng(number)
    coarse = Image.fromarray(draw.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


def point(number: int, count: int) -> tuple[int, int]:
    """Return where the `count`-th click on a picture goes."""
    draw = random.Random(f"{number} {count}")
    return draw.randrange(20, WIDTH - 20), draw.randrange(20, HEIGHT - 20)


def masks_alone(url: str, pictures: int) -> dict[tuple[int, int], str]:
    """Click through the pictures as the only visitor; return the masks."""
    found = {}
    guest = Guest(url, Diary())
    for number in range(pictures):
        guest.open_picture(number)
        for count in range(CLICKS):
            found[number, count] = guest.click(number, count)
    guest.leave()
    return found


def click_through(
    url: str, place: int, pause: tuple[float, float], known: Known, day: Day
) -> Diary:
    """Click every so many seconds on one picture after another until it is over."""
    diary, draw, pictures = Diary(), random.Random(place), 1 + max(number for number, _ in known)
    guest = Guest(url, diary)
    number = place % pictures
    try:
        guest.open_picture(number)
        day.begin.wait()
        end = day.end
        end.wait(draw.uniform(0, pause[1]))
        while not end.is_set():
            for count in range(CLICKS):
                if end.wait(draw.uniform(*pause)):
                    break
                with _timed(diary.waits):
                    masks = guest.click(number, count)
                diary.wrong += masks != known[number, count]
                guest.look()
            number = (number + pictures // 2) % pictures
            if not end.is_set():
                with _timed(diary.openings):
                    guest.open_picture(number)
    except Exception as error:
        day.begin.abort()
        diary.errors.append(repr(error))
    guest.leave()
    return diary


def track_through(url: str, pause: tuple[float, float], day: Day) -> Diary:
    """Click on a short clip and track it, again and again until it is over."""
    diary, draw = Diary(), random.Random(0)
    guest = Guest(url, diary)
    try:
        _open_clip(guest)
        day.begin.wait()
        end = day.end
        while not end.is_set():
            if guest.edits and guest.edits % CLICKS == 0:  # an object takes only so many
                _open_clip(guest)
            x, y = draw.randrange(20, 300), draw.randrange(20, 220)
            click = {"type": "click", "object": 1, "frame": 0, "x": x, "y": y, "positive": True}
            guest.edits += 1
            guest.patient("clip edit", {"number": guest.edits, "actions": [click]})
            diary.frames += _track(guest, end)
            end.wait(draw.uniform(*pause))
    except Exception as error:
        day.begin.abort()
        diary.errors.append(repr(error))
    guest.leave()
    return diary


def _open_clip(guest: Guest) -> None:
    opened = guest.send(Hostile("clip", "clip.mp4", short_clip()))
    guest.picture = opened["clip"]["key"]


def _track(guest: Guest, end: threading.Event) -> int:
    """Track the clip that is open; return how many frames were done when all was over."""
    guest.call("start_track", {"clip": guest.picture})
    done, version = 0, 0
    while not end.wait(FOLLOW_SECONDS):
        told = guest.call("follow", {"clip": guest.picture, "version": version})
        version, done = told["version"], told["work"]["done"]
        if told["work"]["status"] not in ("waiting", "running"):
            if told["work"]["status"] != "done":
                raise RuntimeError(told["work"]["message"])
            break
    return int(done)


@contextmanager
def _timed(seconds: list[float]) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds.append(time.monotonic() - started)
