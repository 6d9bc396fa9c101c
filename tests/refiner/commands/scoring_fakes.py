"""Fakes that score for workers of Ray; loaded with torch, as everything that measures."""

from __future__ import annotations

import pytest

from refiner.batch.jobs import Work
from refiner.commands.measuring import crew
from tests.fakes import FakeSegmenter, FakeTracker


def fake_segmenters() -> dict[str, FakeSegmenter]:
    return {"sam2refiner": FakeSegmenter()}


def fake_trackers() -> dict[str, FakeTracker]:
    return {"sam2refiner": FakeTracker()}


def scoring() -> Work:
    """What scores photos and videos, in a process of its own."""
    patch = pytest.MonkeyPatch()
    patch.setattr(crew, "load_trackers", lambda segmenters, fast: fake_trackers())
    return crew.scoring_work(fake_segmenters, fast=False)
