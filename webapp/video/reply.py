"""What the video canvas is told: the scene complete, of masks only those that the browser lacks."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from refiner.files.results import prompts_value
from webapp.shared.events import pair_value
from webapp.video.context import FURTHER, Pace
from webapp.video.open_clips import ClipJob
from webapp.video.results import FrameResult, Score, TrackedPair, total
from webapp.video.state import FrameAnswer, FramePair, VideoObject
from webapp.video.work import Work

FRAMES_AT_ONCE = 60
"""TrackedPair frames in one reply."""


def clip_value(
    job: ClipJob | None,
    seq: int,
    have: Set[int] = frozenset(),
    message: str = "",
    frame: int | None = None,
    pace: Pace | None = None,
) -> dict[str, Any]:
    """Return the canvas's value for a clip.

    Args:
        job: what to show; None if nothing is open.
        seq: number of the message this answers; the browser keeps newer edits of its own.
        have: ids of answers that need not be sent again.
        message: what went wrong, in words; empty if nothing did.
        frame: which frame to show; None leaves the browser where it is.
        pace: what a tracked frame takes.
    """
    if job is None:
        return {"seq": seq, "clip": None, "objects": [], "next_id": 1, "message": message}
    state = job.state
    records = [record for item in state.scene.objects for record in item.frames.values()]
    answers = [one.answer for one in records if one.answer and one.answer.id not in have]
    return {
        "seq": seq,
        "revision": state.applied,
        "clip": _clip(job, pace),
        "frame": frame,
        "objects": [_object(item) for item in state.scene.objects],
        "next_id": state.scene.next_id,
        "can_undo": bool(state.past),
        "can_redo": bool(state.future),
        "answers": [_answer(answer) for answer in answers],
        "message": message,
        **range_value(job),
    }


def range_value(job: ClipJob) -> dict[str, Any]:
    """Return which frames are to be tracked, which are, by object, and how right they are."""
    state, span, results = job.snapshot()
    scores = total(results, state.scene)
    covered = [(item.id, results.coverage(state.scene, item, span)) for item in state.scene.objects]
    return {
        "span": [span.start, span.stop],
        "coverage": [[key, [*map(list, c.fresh)], [*map(list, c.stale)]] for key, c in covered],
        "needed": len(results.missing(state.scene, span)) if state.scene.prompts(span) else 0,
        "total": scores
        and {"frames": scores.frames, "base": [*scores.base], "refined": [*scores.refined]},
    }


def progress_value(
    job: ClipJob, version: int, ahead: int, pace: Pace | None = None
) -> dict[str, Any]:
    """Return how the work goes and the tracked frames that the browser lacks.

    Args:
        job: the clip.
        version: the last version that the browser has.
        ahead: how many works wait before this one's.
        pace: what a tracked frame takes.
    """
    with job.lock:
        newer = job.results.after(version, FRAMES_AT_ONCE)
        last = job.results.version
    return {
        "clip": job.key,
        "frame_seconds": pace and pace.seconds,
        "frames": [_frame(index, result) for index, result in newer],
        "version": newer[-1][1].version if newer else last,
        "more": bool(newer) and newer[-1][1].version < last,
        "work": job.work and _work(job.work, ahead),
        **range_value(job),
    }


def _work(work: Work, ahead: int) -> dict[str, Any]:
    return {
        "kind": work.kind,
        "status": work.status,
        "done": work.done,
        "total": work.total,
        "remaining": work.remaining,
        "ahead": ahead,
        "message": work.message,
        "ready": work.file is not None and work.status == "done",
    }


def _clip(job: ClipJob, pace: Pace | None) -> dict[str, Any]:
    info = job.clip.info
    return {
        "key": job.key,
        "width": info.size_hw[1],
        "height": info.size_hw[0],
        "frames": info.frames,
        "fps": float(info.fps),
        "seconds": info.seconds,
        "audio": info.audio,
        "notes": [*job.notes],
        "label": job.label,
        "licence": job.licence,
        "truth": job.truth is not None,
        "frame_seconds": pace and pace.seconds,
        "further": FURTHER,
        "start_seconds": pace and pace.start_seconds,
        "frame_bytes": job.frame_bytes,
    }


def _object(item: VideoObject) -> dict[str, Any]:
    return {
        "id": item.id,
        "slot": item.slot,
        "frames": [
            [
                frame,
                {
                    **prompts_value(record.prompts),
                    "answer": record.answer and record.answer.id,
                    "corrects": record.before is not None,
                },
            ]
            for frame, record in sorted(item.frames.items())
        ],
    }


def _answer(answer: FrameAnswer) -> dict[str, Any]:
    return {"id": answer.id, **_pair(answer.pair)}


def _frame(index: int, result: FrameResult) -> list[Any]:
    objects = [[key, _tracked(item)] for key, item in result.objects.items()]
    return [index, result.version, objects]


def _tracked(item: TrackedPair) -> dict[str, Any]:
    return {
        **_pair(item.pair),
        "scores": item.base and item.refined and [_score(item.base), _score(item.refined)],
    }


def _pair(pair: FramePair) -> dict[str, Any]:
    return {**pair_value(pair), "iou": pair.iou}


def _score(score: Score) -> list[float]:
    return [score.j, score.f]
