"""A crowd of visitors for a while, and what they and the server say of it."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psutil

from tests.fuzz.raid import Host
from tests.load.visitors import Day, Diary, Known, click_through, track_through

BEATS = 6
"""How often the server's memory is looked at in a crowd's time."""


@dataclass(frozen=True)
class Crowd:
    """Who comes for how long: `trackers` of the `visitors` track a clip, all others click."""

    visitors: int
    seconds: float
    pause: tuple[float, float] = (4.0, 8.0)
    trackers: int = 0

    def __str__(self) -> str:
        every = (
            "no pauses" if self.pause[1] == 0 else "a click every {:g}-{:g} s".format(*self.pause)
        )
        return f"{self.visitors} visitors, {every}, {self.trackers} tracking, {self.seconds:.0f} s"


def gather(host: Host, crowd: Crowd, known: Known) -> Iterator[str]:
    """Let a crowd in; yield what is to be told of it, line by line."""
    day = Day(threading.Barrier(crowd.visitors + 1))
    with ThreadPoolExecutor(crowd.visitors) as threads:
        tracking = [
            threads.submit(track_through, host.url, crowd.pause, day) for _ in range(crowd.trackers)
        ]
        clicking = [
            threads.submit(click_through, host.url, place, crowd.pause, known, day)
            for place in range(crowd.visitors - crowd.trackers)
        ]
        day.begin.wait()
        busy, used = psutil.cpu_times(), host.process.cpu_times()
        memory = []
        for _ in range(BEATS):
            time.sleep(crowd.seconds / BEATS)
            own = host.process.memory_info().rss
            memory.append(f"{own / 1e6:.0f} + {(host.memory - own) / 1e6:.0f}")
        day.end.set()
        diaries = [one.result() for one in clicking]
        trackers = [one.result() for one in tracking]
    yield from _told(crowd, diaries, trackers)
    yield f"  memory of the server + its children over time, MB: {', '.join(memory)}"
    spent = host.process.cpu_times()
    others = _busy(psutil.cpu_times()) - _busy(busy)
    mine = spent.user + spent.system - used.user - used.system
    yield (
        f"  server: {mine:.0f} CPU seconds, all processes of the machine {others:.0f}"
        f" on {os.cpu_count()} cores"
    )


def _told(crowd: Crowd, diaries: Sequence[Diary], trackers: Sequence[Diary]) -> Iterator[str]:
    waits = [wait for one in diaries for wait in one.waits]
    openings = [wait for one in diaries for wait in one.openings]
    all_of_them = [*diaries, *trackers]
    refusals = sum((one.refusals for one in all_of_them), Counter[str]())
    errors = Counter(error for one in all_of_them for error in one.errors)
    yield f"{crowd}"
    yield f"  answers: {len(waits)}, {len(waits) / crowd.seconds:.2f} a second; p50 {_at(waits, 50)}, p95 {_at(waits, 95)}, longest {_at(waits, 100)}"
    yield f"  pictures opened: {len(openings)}; p50 {_at(openings, 50)}, p95 {_at(openings, 95)}"
    yield f"  refusals: {dict(refusals) or 'none'}; errors: {dict(errors) or 'none'}"
    yield f"  masks unlike those of a visitor alone: {sum(one.wrong for one in diaries)}"
    own = [statistics.median(one.waits) for one in diaries if one.waits]
    if own:
        middle = statistics.median(own)
        yield (
            f"  fairness: visitors' own medians {min(own):.2f} to {max(own):.2f} s, the longest "
            f"{max(own) / middle:.2f} times the middle one; the longest wait of all "
            f"{max(waits) / statistics.median(waits):.1f} times the median; "
            f"clicks a visitor {min(len(one.waits) for one in diaries)} to {max(len(one.waits) for one in diaries)}"
        )
    if trackers:
        yield f"  frames tracked: {[one.frames for one in trackers]}"


def _at(values: Sequence[float], percent: int) -> str:
    if not values:
        return "-"
    ranked = sorted(values)
    return f"{ranked[min(len(ranked) - 1, len(ranked) * percent // 100)]:.2f} s"


def _busy(times: psutil._common.scputimes) -> float:
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0))
