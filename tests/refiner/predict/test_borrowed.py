"""Models on a lent device: what is asked for, what it took, and that all of it pickles."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from refiner.predict.borrowed import (
    FIRST_CLICK,
    FIRST_START,
    BorrowedSegmenter,
    Lender,
    declared,
)
from refiner.types import Click, ImageArray, InputError, Prompts
from tests.fakes import FakeSegmenter

PROMPTS = [Prompts((Click(100, 150),))]


class Desk:
    """Lends this very process, through pickles; notes what was asked for and what it took."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, float]] = []

    def lend(self, task: Callable[..., Any], duration: Callable[..., int]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            seconds, started = duration(*args), time.monotonic()
            result = task(*pickle.loads(pickle.dumps(args)))
            self.calls.append((seconds, time.monotonic() - started))
            return pickle.loads(pickle.dumps(result))

        return call


@pytest.mark.parametrize("seconds", [0.01, 1.0, 1.4, 1.99, 2.0, 2.3, 7.7, 40.0])
def test_whole_seconds_are_asked_for_and_never_too_few(seconds: float) -> None:
    assert seconds <= declared(seconds) <= max(1.5 * seconds, 2)


def test_a_click_asks_for_at_most_half_as_much_again_as_it_takes(grey: ImageArray) -> None:
    desk, model = Desk(), FakeSegmenter(seconds=1.4)
    borrowed = BorrowedSegmenter(Lender(desk.lend, {"other": model}), "other")
    borrowed.prepare(grey)
    assert desk.calls == []
    for _ in range(3):
        borrowed.segment(grey, PROMPTS)
    (first, _), *later = desk.calls
    assert first == declared(FIRST_START + FIRST_CLICK)
    assert all(took <= asked <= 1.5 * took for asked, took in later), later


def test_two_first_clicks_fit_into_the_day_of_a_visitor_without_an_account() -> None:
    assert 2 * declared(FIRST_START + FIRST_CLICK) <= 120


def test_masks_and_logits_come_back_whole(grey: ImageArray) -> None:
    borrowed = BorrowedSegmenter(Lender(Desk().lend, {"other": FakeSegmenter()}), "other")
    (lent,) = borrowed.segment(grey, PROMPTS, logits=True).objects
    (own,) = FakeSegmenter().segment(grey, PROMPTS, logits=True).objects
    for one, other in ((lent.base, own.base), (lent.refined, own.refined)):
        assert np.array_equal(one.mask, other.mask)
        assert one.logits is not None and other.logits is not None
        assert np.array_equal(one.logits, other.logits)


def test_a_bad_prompt_is_refused_before_anything_is_lent(grey: ImageArray) -> None:
    desk = Desk()
    borrowed = BorrowedSegmenter(Lender(desk.lend, {"other": FakeSegmenter()}), "other")
    with pytest.raises(InputError, match="outside the picture"):
        borrowed.segment(grey, [Prompts((Click(9999, 1),))])
    assert desk.calls == []


def test_what_the_model_refuses_comes_back_in_words(grey: ImageArray) -> None:
    class Choosy(FakeSegmenter):
        def segment(self, *args: Any, **options: Any) -> Any:
            raise InputError("Not this one.")

    borrowed = BorrowedSegmenter(Lender(Desk().lend, {"other": Choosy()}), "other")
    with pytest.raises(InputError, match="Not this one"):
        borrowed.segment(grey, PROMPTS)
