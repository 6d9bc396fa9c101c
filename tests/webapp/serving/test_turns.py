from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio.data_classes import PredictBodyInternal
from prometheus_client import REGISTRY

from webapp.serving.turns import Line, TurnQueue
from webapp.serving.visitors import COOKIE
from webapp.shared import text
from webapp.shared.limits import Limits


class Ask(str):
    """The number of an event, after its visitor's letter; `s` at the end says that it is soon done."""


def served(line: Line[Ask]) -> str:
    """Serve all that waits; return who was served."""
    order = []
    while line:
        order.append(line[0])
        line.remove(line[0])
    return " ".join(order)


def waiting(*asks: str) -> Line[Ask]:
    line: Line[Ask] = Line(lambda ask: ask[0], lambda ask: ask.endswith("s"))
    for ask in asks:
        line.append(Ask(ask))
    return line


def test_visitors_who_ask_once_are_served_as_they_came() -> None:
    assert served(waiting("c1", "a1", "b1")) == "c1 a1 b1"


def test_visitors_who_ask_for_much_take_turns_and_keep_their_own_order() -> None:
    assert served(waiting("a1", "a2", "a3", "b1", "b2", "c1")) == "a1 b1 c1 a2 b2 a3"


def test_who_comes_late_waits_for_one_round_only() -> None:
    line = waiting("a1", "a2", "a3", "a4", "b1", "b2")
    for _ in range(3):
        line.remove(line[0])
    line.append(Ask("c1"))
    line.append(Ask("a5"))
    assert served(line) == "b2 c1 a3 a4 a5"


def test_who_was_away_has_saved_no_turns() -> None:
    line = waiting("b1", "a1")
    for number in range(2, 9):
        line.remove(line[0])
        line.append(Ask(f"a{number}"))
    for number in range(2, 5):
        line.append(Ask(f"b{number}"))
    assert served(line) == "b2 a7 b3 a8 b4"


def test_what_is_soon_done_goes_first_and_costs_no_turn() -> None:
    assert served(waiting("a1", "b1", "c1s", "d1s", "c2", "e1")) == "c1s d1s a1 b1 c2 e1"


def test_what_is_soon_done_never_overtakes_what_its_visitor_asked_before() -> None:
    assert served(waiting("a1", "b1", "a2s", "a3s")) == "a1 b1 a2s a3s"


def test_what_is_given_up_leaves_the_line() -> None:
    line = waiting("a1", "a2", "b1")
    line.remove(line[1])
    assert served(line) == "a1 a2"


class Door:
    """A page whose events are never answered: what comes waits."""

    def __init__(self, **limits: int) -> None:
        self.limits = Limits(**limits)

    def asked(self, *visitors: str, cookie: str = "") -> list[str]:
        """Have visitors ask one after the other; return their words of refusal, empty if none."""
        return asyncio.run(self._asked(visitors, cookie))

    async def _asked(self, visitors: Sequence[str], cookie: str) -> list[str]:
        with gr.Blocks() as page:
            page.load(lambda: None)
        self.queue = TurnQueue(page, self.limits)
        request: Any = SimpleNamespace(headers={"cookie": cookie})
        words = []
        for visitor in visitors:
            body = PredictBodyInternal(fn_index=0, data=[], session_hash=visitor)
            taken, said, _ = await self.queue.push(body, request, None)
            words.append("" if taken else str(said))
        return words


def test_one_visitor_cannot_take_all_room() -> None:
    door = Door(waiting=10, waiting_each=2)
    assert door.asked("a", "a", "a", "b") == ["", "", text.OWN_WAITING, ""]


def test_a_visitor_with_two_tabs_is_one() -> None:
    door = Door(waiting=10, waiting_each=1)
    assert door.asked("a", "b", cookie=f"{COOKIE}={'x' * 43}") == ["", text.OWN_WAITING]


def test_where_there_is_no_room_left_it_is_said_in_words_and_counted() -> None:
    def refused() -> float:
        return REGISTRY.get_sample_value("studio_refusals_total", {"kind": "all waiting"}) or 0.0

    before = refused()
    assert Door(waiting=2, waiting_each=2).asked("a", "b", "c") == ["", "", text.ALL_WAITING]
    assert refused() == before + 1


def test_all_who_wait_are_told_their_places() -> None:
    door = Door(waiting=10, waiting_each=5)
    door.asked("a", "a", "b")
    places = {}
    for visitor in "ab":
        messages = door.queue.pending_messages_per_session[visitor]
        while not messages.empty():
            told = messages.get_nowait()
            places[visitor, told.event_id] = told.rank
    told_last = sorted((visitor, rank) for (visitor, _), rank in places.items())
    assert told_last == [("a", 0), ("a", 2), ("b", 1)]
