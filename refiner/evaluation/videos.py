"""Evaluates trackers on annotated sequences: J, F and J&F as DAVIS and LVOS define them.

Each object is prompted on the first annotated frame that shows it and scored by itself on the
annotated frames after that one but the last; scores are averaged over frames, then objects, then
seeds. An object that is gone scores 1 where no mask is given for it, else 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from refiner.data.manifest import VIDEO_KIND, LabelMap, Row
from refiner.data.video_sets import SEEN, UNSEEN, AnnotatedVideo, open_video
from refiner.evaluation.prompts import PromptSpec, sample_prompts, stable_seed
from refiner.evaluation.records import (
    Measure,
    Measured,
    Plan,
    Record,
    check_models,
    fingerprint,
    gather,
    giver,
)
from refiner.evaluation.video_scores import ObjectScores
from refiner.types import InputError, ModelInfo
from refiner.video_types import FramePrompts, TrackedFrame, Tracker

_Scores = dict[str, dict[int, ObjectScores]]
"""By model, then by object."""


def measure_videos(
    infos: Mapping[str, ModelInfo],
    rows: Sequence[Row],
    plan: Plan,
    measure: Measure,
    *,
    resume: Path | None = None,
) -> list[Measured]:
    """Measure the sequences of `rows`, each once; photos are left out.

    Args:
        infos: What gives the masks, by the name of its refined model. All stand on one base; the
            masks of sam2 come from the first.
        rows: What to measure on.
        plan: Prompts that cannot be given to a video are left out.
        measure: Scores sequences as `video_scores` does.
        resume: A JSONL file that each finished sequence is added to; sequences in it are not run
            again.

    Raises:
        InputError: there is no sequence, no seed, no fitting prompt, an unknown model or one
            without a tracker, a file cannot be read, or `resume` belongs to another evaluation.
    """
    videos = [row for row in rows if row.kind == VIDEO_KIND]
    plan = plan.of_videos()
    if not videos or not plan.seeds or not plan.specs:
        raise InputError(
            f"Expected videos, seeds and prompts for videos (box, mask or points:K), got "
            f"{len(videos)}, {len(plan.seeds)} and {len(plan.specs)}."
        )
    check_models(infos, plan.models)
    return gather(videos, measure, fingerprint(infos, videos, plan), resume=resume)


def videos_in_turn(
    trackers: Mapping[str, Tracker], plan: Plan, progress: bool, rows: Sequence[Row]
) -> Iterator[Record]:
    """Score sequences one by one; show the frames done and the time left on stderr."""
    videos = [(row, open_video(row)) for row in rows]
    specs = plan.of_videos().specs
    runs = sum(len(plan.seeds) if spec.seeded else 1 for spec in specs)
    runs *= len(_givers(trackers, plan.models))
    frames = runs * sum(len(video.frames) for _, video in videos)
    with tqdm(total=frames, unit="frame", disable=not progress) as bar:
        for row, video in videos:
            yield video_scores(trackers, plan, row, video, bar)


def _givers(trackers: Mapping[str, Tracker], models: Sequence[str]) -> dict[str, list[str]]:
    """List the models whose masks each tracker gives."""
    found: dict[str, list[str]] = {}
    for model in models:
        found.setdefault(giver(trackers, model), []).append(model)
    return found


def video_scores(
    trackers: Mapping[str, Tracker], plan: Plan, row: Row, video: AnnotatedVideo, bar: Any = None
) -> Record:
    """Score one sequence: [seed][object][j, f] by prompts and model; `bar` counts the frames."""
    last = max(video.labels)
    scored = [label for label, first in video.first.items() if _frames(video, first, last)]
    scores: dict[str, dict[str, list[Any]]] = {}
    for spec in plan.of_videos().specs:
        scores[spec.name] = {model: [] for model in plan.models}
        for seed in plan.seeds if spec.seeded else plan.seeds[:1]:
            prompts = [_prompt(video, label, spec, seed, row.id) for label in scored]
            for name, given in _givers(trackers, plan.models).items():
                found = _track(trackers[name], video, prompts, given, last, bar)
                for model in given:
                    scores[spec.name][model].append(
                        [[*found[model][label].means()] for label in scored]
                    )
    return {"id": row.id, "objects": len(scored), "scores": scores}


def _frames(video: AnnotatedVideo, first: int, last: int) -> list[int]:
    """List the frames that count for an object prompted on frame `first`."""
    return [frame for frame in video.labels if first < frame < last]


def _prompt(
    video: AnnotatedVideo, label: int, spec: PromptSpec, seed: int, row_id: str
) -> FramePrompts:
    first = video.first[label]
    mask = video.read(first) == label
    return FramePrompts(first, label, sample_prompts(spec, mask, stable_seed(seed, row_id, label)))


def _track(
    tracker: Tracker,
    video: AnnotatedVideo,
    prompts: Sequence[FramePrompts],
    models: Sequence[str],
    last: int,
    bar: Any,
) -> _Scores:
    """Track a sequence once and score the masks of `models`."""
    scores: _Scores = {model: {} for model in models}
    for own in scores.values():
        for prompt in prompts:
            own[prompt.object_id] = ObjectScores()
    if prompts:
        for tracked in tracker.track(video.frames, prompts):
            if bar is not None:
                bar.update()
            if tracked.index in video.labels and tracked.index != last:
                _feed(scores, tracked, video.read(tracked.index), prompts)
    return scores


def _feed(
    scores: _Scores, tracked: TrackedFrame, labels: LabelMap, prompts: Sequence[FramePrompts]
) -> None:
    """Score one frame for the objects that were prompted before it."""
    for prompt in prompts:
        label = prompt.object_id
        if prompt.frame >= tracked.index:
            continue
        truth = labels == label
        for model, own in scores.items():
            mask = tracked.objects[label].mask_of(model).mask
            if mask.shape != truth.shape:
                raise InputError(
                    f"The tracker's mask on frame {tracked.index} is {mask.shape[1]} x "
                    f"{mask.shape[0]}, the frame {truth.shape[1]} x {truth.shape[0]}."
                )
            own[label].add(mask, truth)


def video_table(
    measured: Sequence[Measured], plan: Plan, total: str = "all"
) -> list[dict[str, Any]]:
    """Average over the objects of each source and of all; videos without an object do not count.

    Returns:
        A dict for each model, prompts and source: `n` sequences, `objects`, and means over the
        objects in [0, 1]: `j`, `f`, `jf` and its standard deviation over the seeds `jf_sd`. The
        source of all is called `total`; that of LVOS v2 is the mean over its seen and unseen part.
    """
    sources: dict[str, list[Record]] = {}
    for video in measured:
        if video.record["objects"]:
            sources.setdefault(video.source, []).append(video.record)
    everything = [record for records in sources.values() for record in records]
    parts = [sources[SEEN], sources[UNSEEN]] if set(sources) == {SEEN, UNSEEN} else [everything]
    single = {key: [sources[key]] for key in sorted(sources)}
    rows = []
    for source, groups in {total: parts, **single}.items():
        records = [record for group in groups for record in group]
        size = {"n": len(records), "objects": sum(record["objects"] for record in records)}
        for spec in plan.of_videos().specs if records else ():
            for model in plan.models:
                name = {"model": model, "prompts": spec.name, "source": source}
                scores = np.mean([_by_seed(group, spec.name, model) for group in groups], axis=0)
                rows.append(name | size | _statistics(scores))
    return rows


def _by_seed(records: Sequence[Record], spec: str, model: str) -> Any:
    """Average over all objects: (seeds, 2)."""
    scores = [np.array(record["scores"][spec][model]) for record in records]
    return np.concatenate(scores, axis=1).mean(axis=1)


def _statistics(scores: Any) -> dict[str, Any]:
    """Average [seed][j, f]; the deviation is that of a sample of seeds."""
    j, f = scores.mean(axis=0)
    both = scores.mean(axis=1)
    deviation = both.std(ddof=1) if len(both) > 1 else 0.0
    return {
        "j": float(j),
        "f": float(f),
        "jf": float((j + f) / 2),
        "jf_sd": float(deviation),
        "seeds": len(both),
    }
