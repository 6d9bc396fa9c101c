"""Who measures: the models of this process, or those of other processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from refiner.batch.jobs import Job, Pool, Work, with_progress
from refiner.commands.measuring.models import load_trackers
from refiner.data.manifest import VIDEO_KIND, Row
from refiner.data.video_sets import open_video
from refiner.evaluation.photos import photo_scores
from refiner.evaluation.records import Measure, Plan, Record
from refiner.evaluation.stability import measure_stability
from refiner.evaluation.videos import video_scores, videos_in_turn
from refiner.types import InputError, ModelInfo, Segmenter
from refiner.video_types import Tracker


class Crew(Protocol):
    """Measures photos and videos, here or elsewhere."""

    @property
    def infos(self) -> Mapping[str, ModelInfo]:
        """What is loaded, by the name of its refined model."""

    @property
    def tracks(self) -> bool:
        """Whether it measures videos, too."""

    def photos(self, plan: Plan) -> Measure:
        """Return what measures photos."""

    def videos(self, plan: Plan) -> Measure:
        """Return what measures videos."""


class ThisProcess:
    """The models of this process; `load_trackers` is called if there are videos."""

    def __init__(
        self,
        segmenters: Mapping[str, Segmenter],
        load_trackers: Callable[[], Mapping[str, Tracker]] | None = None,
        progress: bool = True,
    ) -> None:
        self._segmenters, self._load_trackers = segmenters, load_trackers
        self._progress = progress

    @property
    def infos(self) -> Mapping[str, ModelInfo]:
        """What is loaded, by the name of its refined model."""
        return {name: one.info for name, one in self._segmenters.items()}

    @property
    def tracks(self) -> bool:
        """Whether it measures videos, too."""
        return self._load_trackers is not None

    def photos(self, plan: Plan) -> Measure:
        """Measure photos one by one."""
        return lambda rows: (photo_scores(self._segmenters, plan, row) for row in rows)

    def videos(self, plan: Plan) -> Measure:
        """Measure videos one by one, and show how far it is."""
        assert self._load_trackers is not None
        return partial(videos_in_turn, self._load_trackers(), plan, self._progress)

    def stability(self, plan: Plan, photos: Sequence[Row]) -> list[dict[str, Any]]:
        """Compare the masks of changed photos with those of the photos themselves."""
        return measure_stability(self._segmenters, photos, plan.specs, plan.models)


class PooledCrew:
    """The models of others, which `scoring_work` loads."""

    tracks = True

    def __init__(self, pool: Pool, progress: bool = True) -> None:
        self._pool, self._progress = pool, progress

    @property
    def infos(self) -> Mapping[str, ModelInfo]:
        """What is loaded, by the name of its refined model."""
        infos: Mapping[str, ModelInfo] = self._pool.info
        return infos

    def photos(self, plan: Plan) -> Measure:
        """Measure photos as workers are free."""
        return lambda rows: self._records([Job(row.id, (plan, row)) for row in rows])

    def videos(self, plan: Plan) -> Measure:
        """Measure videos as workers are free, the longest first; show the frames of those done."""

        def measure(rows: Sequence[Row]) -> Iterator[Record]:
            jobs = [Job(row.id, (plan, row), row.frames or 1) for row in rows]
            yield from self._records(jobs, self._progress)

        return measure

    def _records(self, jobs: Sequence[Job], shown: bool = False) -> Iterator[Record]:
        for outcome in with_progress(self._pool.outcomes(jobs), jobs, "frame", shown):
            if outcome.error is not None:
                raise InputError(f"{outcome.job.name}: {outcome.error}")
            yield outcome.value


def scoring_work(load: Callable[[], Mapping[str, Segmenter]], fast: bool) -> Work:
    """Load the models and return what scores a photo or a video with them.

    Args:
        load: gives the models, by the name of the refined one.
        fast: as in `load_tracker`.
    """
    segmenters = load()
    trackers: dict[str, Tracker] = {}

    def score(task: tuple[Plan, Row]) -> Record:
        plan, row = task
        if row.kind != VIDEO_KIND:
            return photo_scores(segmenters, plan, row)
        if not trackers:
            trackers.update(load_trackers(segmenters, fast=fast))
        return video_scores(trackers, plan, row, open_video(row))

    return Work(score, {name: one.info for name, one in segmenters.items()})
