"""Who waits for others: turns, the place in the line on the page, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Server
from tests.browser.studio import Visitor
from tests.fuzz.visitor import Visitor as Other
from webapp.shared.text import ALL_WAITING

pytestmark = pytest.mark.browser

KEEP_STATUS = """() => {
    const line = document.querySelector('.status');
    window.said = [];
    new MutationObserver(() => window.said.push(line.textContent)).observe(line, { childList: true });
}"""


@pytest.fixture
def others(server: Server) -> Iterator[list[Other]]:
    others = [Other(server.url) for _ in range(3)]
    for other in others:
        other.open_sound()
    yield others
    for other in others:
        other.leave()


def ask(other: Other, x: int) -> None:
    """Click on the picture and do not wait for the answer."""
    other.seq += 1
    click = {"type": "click", "object": 1, "x": x, "y": 20, "positive": True}
    message: dict[str, Any] = {"seq": other.seq, "have": [], "number": other.seq}
    other.join("edit", None, {**message, "picture": other.picture, "actions": [click]})


def test_the_page_says_the_place_in_the_line(
    visitor: Visitor, server: Server, others: list[Other]
) -> None:
    visitor.page.evaluate(KEEP_STATUS)
    server.knobs.seconds.value = 1.0
    for other in others:
        ask(other, 10)
    visitor.click(300, 100)
    visitor.settle("2")
    assert visitor.masked(300, 130)
    said = visitor.page.evaluate("window.said")
    assert any(line.endswith("your place in the line: 2") for line in said), said


def test_who_asks_once_need_not_wait_for_all_that_another_has_asked_for(
    visitor: Visitor, server: Server, others: list[Other]
) -> None:
    server.knobs.seconds.value, before = 0.5, server.knobs.calls.value
    for x in range(10, 18):
        ask(others[0], x)
    visitor.click(300, 100)
    visitor.settle("2")
    assert visitor.masked(300, 130)
    assert server.knobs.calls.value - before <= 6


def test_what_is_refused_is_said_in_the_servers_words_and_asked_again(visitor: Visitor) -> None:
    page, full = visitor.page, True

    def refuse(route: Route) -> None:
        route.fulfill(status=503, json={"detail": ALL_WAITING}) if full else route.continue_()

    page.route("**/queue/join*", refuse)
    visitor.click(300, 100)
    expect(page.locator(".message")).to_have_text(ALL_WAITING)
    full = False
    visitor.settle("2")
    assert visitor.masked(300, 130)
    expect(page.locator(".message")).to_be_empty()
    visitor.errors[:] = [one for one in visitor.errors if "503" not in one]
