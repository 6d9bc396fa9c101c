"""From the first click to the downloaded mask without a mouse."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.studio import Visitor

pytestmark = pytest.mark.browser


def keys(visitor: Visitor, *names: str) -> None:
    for name in names:
        visitor.page.keyboard.press(name)


def test_points_of_both_signs_a_box_and_the_mask_by_keyboard_alone(visitor: Visitor) -> None:
    keys(visitor, "Tab", "Enter")  # the first thing to reach is the way to the picture
    expect(visitor.page.locator("#picture-stage")).to_be_focused()
    keys(visitor, "ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "Enter")
    visitor.settle("2")
    first = visitor.clicks()[0][1]
    assert first[0] > 200 and first[1] == pytest.approx(150, abs=1) and first[2] is True
    visitor.page.locator(".stage").first.focus()
    keys(visitor, "ArrowDown", "ArrowDown", "Shift+Enter")
    visitor.settle("3")
    second = visitor.clicks()[0][2]
    assert second[1] > first[1] and second[2] is False
    visitor.page.locator(".stage").first.focus()
    keys(visitor, "n", "b", "Enter", *["Shift+ArrowRight", "Shift+ArrowDown"] * 2, "Enter")
    visitor.settle("0 + box")
    summary = visitor.page.locator("details.downloads > summary")
    summary.focus()
    keys(visitor, "Enter")
    with visitor.page.expect_download() as waiting:
        visitor.page.locator('[data-export="mask"][data-model="refined"]').focus()
        keys(visitor, "Enter")
    assert waiting.value.suggested_filename.endswith(".png")


def test_a_bar_of_buttons_is_one_stop_and_arrows_move_within_it(visitor: Visitor) -> None:
    def at(selector: str) -> None:
        expect(visitor.page.locator(selector)).to_be_focused()

    visitor.page.locator('[data-tool="positive"]').focus()
    keys(visitor, "ArrowRight", "Enter")
    at('[data-tool="negative"]')
    expect(visitor.page.locator('[data-tool="negative"]')).to_have_attribute("aria-pressed", "true")
    keys(visitor, "End", "ArrowRight")
    at('[data-tool="positive"]')
    keys(visitor, "ArrowLeft", "Tab")  # nothing can be undone: the objects are next
    at('[data-object="1"]')
    keys(visitor, "End", "Enter")
    at('[data-object="2"]')
    keys(visitor, "Home", "Enter")
    at('[data-object="1"]')
    visitor.page.locator("details.menu:has([data-do='clear']) > summary").focus()
    keys(visitor, "Tab")
    at('[data-view="overlay"]')
    keys(visitor, "ArrowRight", "Enter")
    at('[data-view="swipe"]')
    expect(visitor.page.locator('[data-view="swipe"]')).to_have_attribute("aria-pressed", "true")
    keys(visitor, "Tab", "Shift+Tab")
    at('[data-view="swipe"]')


def test_a_crosshair_is_painted_and_escape_takes_it_away(visitor: Visitor) -> None:
    visitor.page.locator(".stage").first.focus()
    before = visitor.pixel(206, 150)
    keys(visitor, "ArrowRight")
    assert visitor.pixel(206, 150) != before
    keys(visitor, "Escape")
    assert visitor.pixel(206, 150) == before
