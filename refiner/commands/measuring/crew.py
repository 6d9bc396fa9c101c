"""Who measures: the models of this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from refiner.data.manifest import Row
from refiner.evaluation.photos import photo_scores
from refiner.evaluation.records import Measure, Plan
from refiner.evaluation.stability import measure_stability
from refiner.evaluation.videos import videos_in_turn
from refiner.types import ModelInfo, Segmenter
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

    def stability(self, plan: Plan, photos: Sequence[Row]) -> list[dict[str, Any]]:
        """Return what `measure_stability` does."""


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
