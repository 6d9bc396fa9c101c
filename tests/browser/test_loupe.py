from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Server
from tests.browser.faults import Fault
from tests.browser.studio import HIGH, WIDE, Visitor
from tests.fakes import disc

pytestmark = pytest.mark.browser

PICTURE = [120, 120, 120]
RING = np.count_nonzero(disc((HIGH, WIDE), 100, 150, 48)) - np.count_nonzero(
    disc((HIGH, WIDE), 100, 150, 40)
)


def region(visitor: Visitor) -> str:
    return visitor.page.locator(".region").inner_text()


def wait_region(visitor: Visitor, text: str) -> None:
    expect(visitor.page.locator(".region")).to_contain_text(text)


def two_regions(visitor: Visitor) -> None:
    """Two rings of disagreement: one around (100, 150), a larger one around two discs in one."""
    visitor.click(280, 150)
    visitor.click(320, 150)
    visitor.settle("3")
    visitor.measured()


def darkened(visitor: Visitor, x: float, y: float, model: str = "base") -> bool:
    return max(visitor.pixel(x, y, model)) < 40


def set_band(visitor: Visitor, percent: str) -> None:
    visitor.button(".band input").fill(percent)


def painted(visitor: Visitor, model: str) -> list[list[int]]:
    """A row of colours across the middle of a pane."""
    visitor.painted()
    return visitor.canvas(model).evaluate(
        """canvas => {
            const y = canvas.height >> 1;
            const data = canvas.getContext("2d").getImageData(0, y, canvas.width, 1).data;
            return Array.from({ length: canvas.width }, (_, x) => [...data.slice(4 * x, 4 * x + 3)]);
        }"""
    )


def green_share(visitor: Visitor, model: str) -> float:
    row = painted(visitor, model)
    return sum(green > red + 20 for red, green, _ in row) / len(row)


def test_the_regions_are_counted_with_their_pixels(visitor: Visitor) -> None:
    wait_region(visitor, f"regions: 1 · {RING:,} px in all")
    two_regions(visitor)
    wait_region(visitor, "regions: 2 · ")


def test_masks_are_painted_before_they_are_measured_and_nothing_moves(
    visitor: Visitor, server: Server
) -> None:
    def places() -> list[object]:
        parts = visitor.page.locator(".loupe > :not([hidden]), .stage")
        return [part.bounding_box() for part in parts.all()]

    visitor.click(300, 100)
    visitor.settle("2")
    visitor.measured()
    before = region(visitor)
    fault = Fault(visitor.page, server.url, "show_differences", "delay")
    visitor.click(300, 250)
    visitor.settle("3")
    assert visitor.masked(300, 275)
    assert visitor.masked(300, 295, "refined")
    expect(visitor.fact("iou")).to_have_text("…")
    assert region(visitor) == before
    expect(visitor.page.locator(".region")).to_have_class("region former")
    awaiting = places()
    fault.end()
    visitor.measured()
    expect(visitor.page.locator(".region")).to_have_class("region")
    assert region(visitor) != before
    assert places() == awaiting


def test_each_answer_is_measured_once(visitor: Visitor) -> None:
    asked: list[str] = []
    visitor.measured()
    visitor.page.on("request", lambda request: asked.append(request.url))
    for step, requests in ((lambda: visitor.click(300, 100), 2), (lambda: visitor.do("undo"), 3)):
        step()
        visitor.settle("2" if requests == 2 else "1")
        visitor.measured()
        visitor.page.wait_for_timeout(200)
        assert len([url for url in asked if "/queue/join" in url]) == requests
    assert region(visitor) == f"regions: 1 · {RING:,} px in all"


def test_steps_go_to_the_largest_region_first_and_round(visitor: Visitor) -> None:
    two_regions(visitor)
    seen = []
    for number in (1, 2, 1):
        visitor.press(".")
        wait_region(visitor, f"region {number} of 2")
        seen.append(int(region(visitor).split(" · ")[1].removesuffix(" px").replace(",", "")))
    assert seen[0] > seen[1] == RING
    assert seen[2] == seen[0]
    visitor.press(",")
    wait_region(visitor, "region 2 of 2")
    visitor.do("previous_region")
    wait_region(visitor, "region 1 of 2")
    visitor.do("next_region")
    wait_region(visitor, "region 2 of 2")
    visitor.press("l")
    wait_region(visitor, "region 1 of 2")


def test_a_step_moves_both_panes_and_fit_brings_the_picture_back(visitor: Visitor) -> None:
    two_regions(visitor)
    whole = [painted(visitor, model) for model in ("base", "refined")]
    visitor.do("next_region")
    visitor.do("next_region")
    wait_region(visitor, f"region 2 of 2 · {RING:,} px")
    for model, diameter in (("base", 80), ("refined", 96)):
        shown = 1.6 * 96 * visitor.canvas(model).evaluate("c => Math.max(1, c.width / c.height)")
        assert green_share(visitor, model) == pytest.approx(diameter / shown, abs=0.12)
    visitor.do("fit")
    assert [painted(visitor, model) for model in ("base", "refined")] == whole


def test_another_click_starts_the_count_again(visitor: Visitor) -> None:
    visitor.do("next_region")
    wait_region(visitor, "region 1 of 1")
    visitor.do("fit")
    visitor.click(300, 150)
    visitor.settle("2")
    wait_region(visitor, "regions: 2")


def test_masks_that_agree_have_nothing_to_step_through(visitor: Visitor) -> None:
    visitor.do("clear")
    visitor.settle()
    expect(visitor.page.locator('[data-do="next_region"]')).to_be_disabled()
    assert region(visitor) == ""
    visitor.drag((200, 50), (350, 250))
    wait_region(visitor, "nowhere")
    expect(visitor.page.locator('[data-do="next_region"]')).to_be_disabled()


def test_the_band_darkens_all_but_each_model_s_contour(visitor: Visitor) -> None:
    bright = visitor.pixel(100, 150 - 30)
    set_band(visitor, "2")
    expect(visitor.page.locator(".band output")).to_have_text("2 % · 10 px")
    for model, radius in (("base", 40), ("refined", 48)):
        assert visitor.pixel(100, 150 - radius + 5, model) == bright
        assert visitor.pixel(100, 150 - radius - 5, model) == PICTURE
        assert darkened(visitor, 100, 150 - radius - 13, model)
        assert visitor.pixel(100, 150 - radius + 13, model) != bright
        assert darkened(visitor, 300, 150, model)
    visitor.view("difference")
    assert not darkened(visitor, 100, 150 - 56, "single")
    assert darkened(visitor, 100, 150 - 61, "single")
    visitor.view("swipe")
    assert darkened(visitor, 100, 150 - 56, "single")
    visitor.view("overlay")
    set_band(visitor, "4")
    assert visitor.pixel(100, 150 - 40 - 13) == PICTURE
    set_band(visitor, "0")
    expect(visitor.page.locator(".band output")).to_have_text("off")
    assert visitor.pixel(300, 150) == PICTURE


def test_the_rim_of_the_picture_counts_as_outside(visitor: Visitor) -> None:
    visitor.do("clear")
    visitor.drag((0.5, 0.5), (WIDE / 2, HIGH - 0.5))
    visitor.settle("0 + box")
    bright = visitor.pixel(100, 150)
    set_band(visitor, "2")
    assert visitor.pixel(5, 150) == bright
    assert visitor.pixel(100, 150) != bright


def test_probabilities_are_painted_when_they_are_looked_at(
    visitor: Visitor, server: Server
) -> None:
    calls = server.knobs.calls.value
    visitor.view("soft")
    expect(visitor.page.locator(".ramp")).to_be_visible()
    visitor.settle("1")
    assert server.knobs.calls.value == calls + 1
    base, refined = visitor.pixel(110, 170), visitor.pixel(110, 170, "refined")
    outside = visitor.pixel(300, 150), visitor.pixel(300, 150, "refined")
    assert sum(outside[1]) > sum(outside[0]) > sum(base) > sum(refined)
    ring = (100, 150 - 44)
    assert sum(visitor.pixel(*ring)) > sum(visitor.pixel(*ring, "refined"))
    visitor.view("overlay")
    visitor.view("soft")
    assert visitor.pixel(110, 170) == base
    assert server.knobs.calls.value == calls + 1
    visitor.click(300, 100)
    visitor.settle("2")
    assert visitor.pixel(310, 120) == base
    assert server.knobs.calls.value == calls + 3


def test_probabilities_that_cannot_be_made_give_a_message(visitor: Visitor, server: Server) -> None:
    server.knobs.broken.value = 1
    visitor.view("soft")
    visitor.wait_message("Something went wrong on the server")
    visitor.settle("1")
    server.knobs.broken.value = 0
    visitor.view("overlay")
    visitor.view("soft")
    visitor.settle("1")
    assert visitor.pixel(110, 170) != visitor.pixel(110, 170, "refined")


def test_other_views_ask_for_no_probabilities(visitor: Visitor) -> None:
    visitor.measured()
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.do("next_region")
    set_band(visitor, "1")
    visitor.view("difference")
    visitor.page.wait_for_timeout(200)
    assert asked == []


def test_on_a_phone_all_fits_and_can_be_touched(phone: Visitor) -> None:
    phone.page.locator('[data-do="next_region"]').tap()
    wait_region(phone, "region 1 of 1")
    phone.view("soft")
    set_band(phone, "2")
    phone.settle("1")
    assert phone.page.evaluate("document.documentElement.scrollWidth") == 390
    sizes = phone.page.locator(".loupe button, .loupe input, .modes button").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect()).map(r => [r.width, r.height])"
    )
    assert len(sizes) == 8
    assert min(min(size) for size in sizes) >= 40
