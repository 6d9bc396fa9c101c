from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Server
from tests.browser.studio import HIGH, WIDE, Visitor
from tests.browser.test_files import png

pytestmark = pytest.mark.browser


def test_the_first_example_is_open_with_both_masks(visitor: Visitor) -> None:
    assert visitor.masked(100, 150 - 30)
    assert not visitor.masked(100, 150 - 44)
    assert visitor.masked(100, 150 - 44, "refined")
    assert not visitor.masked(300, 150)
    expect(visitor.page.locator("#heading")).to_contain_text("none (larger discs)")
    expect(visitor.fact("base-time")).to_have_text("4.0 ms")
    expect(visitor.page.locator(".verdict")).to_contain_text("agree on 69.")


def test_clicks_of_both_signs_change_both_masks(visitor: Visitor) -> None:
    visitor.click(300, 100)
    visitor.settle("2")
    assert visitor.masked(300, 130)
    assert visitor.masked(300, 145, "refined")
    visitor.click(130, 150, button="right")
    visitor.settle("3")
    assert not visitor.masked(130, 136)
    visitor.page.keyboard.down("Shift")
    visitor.click(300, 70, "refined")
    visitor.page.keyboard.up("Shift")
    visitor.settle("4")
    assert not visitor.masked(300, 84)


def test_a_marker_shows_before_the_model_answers(visitor: Visitor, server: Server) -> None:
    server.knobs.seconds.value = 4.0
    visitor.click(300, 100)
    green = visitor.pixel(303, 103)
    assert green[1] > green[0] + 40
    expect(visitor.page.locator(".status")).to_have_text("Working…")
    assert not visitor.masked(300, 130)
    visitor.settle("2")
    assert visitor.masked(300, 130)


def test_clicks_while_the_model_works_are_all_kept(visitor: Visitor, server: Server) -> None:
    server.knobs.seconds.value = 60.0
    calls = server.knobs.calls.value
    for x in (200, 240, 280, 320, 360):
        visitor.click(x, 60)
    visitor.wait_fact("prompts", "6")
    server.knobs.seconds.value = 0.0
    visitor.settle("6")
    assert [round(click[0]) for click in visitor.clicks()[0]] == [100, 200, 240, 280, 320, 360]
    assert server.knobs.calls.value - calls == 2


def test_a_drag_draws_a_box_and_undo_takes_it_back(visitor: Visitor) -> None:
    visitor.drag((200, 50), (350, 250))
    visitor.settle("1 + box")
    assert visitor.masked(340, 200)
    visitor.press("Control+z")
    visitor.settle("1")
    assert not visitor.masked(340, 200)
    visitor.press("Control+Shift+Z")
    visitor.settle("1 + box")


def test_markers_are_moved_and_deleted(visitor: Visitor) -> None:
    visitor.drag((100, 150), (250, 150))
    visitor.settle()
    visitor.page.wait_for_function("!document.querySelector('.status').textContent")
    assert visitor.masked(250, 180)
    assert not visitor.masked(100, 180)
    visitor.click(300, 60)
    visitor.settle("2")
    visitor.click(250, 150)
    visitor.settle("1")
    assert not visitor.masked(250, 180)


def test_a_second_object_has_its_own_colour_and_prompts(visitor: Visitor) -> None:
    visitor.do("new_object")
    visitor.click(300, 150)
    visitor.settle("1")
    assert visitor.page.locator(".chip").count() == 2
    assert visitor.pixel(100, 180) != visitor.pixel(300, 180)
    visitor.press("1")
    visitor.press("Delete")
    visitor.settle("1")
    assert visitor.page.locator(".chip").count() == 1
    assert not visitor.masked(100, 180)
    visitor.do("undo")
    visitor.settle()
    expect(visitor.page.locator(".chip")).to_have_count(2)


def test_objects_stop_at_the_limit_with_a_message(visitor: Visitor) -> None:
    for _ in range(5):
        visitor.do("new_object")
    visitor.wait_message("at most 5 objects")
    expect(visitor.page.locator(".chip")).to_have_count(5)


def test_clearing_and_resetting_can_be_undone(visitor: Visitor) -> None:
    visitor.do("clear")
    visitor.settle()
    assert not visitor.masked(100, 180)
    visitor.do("undo")
    visitor.settle("1")
    assert visitor.masked(100, 180)
    visitor.do("reset")
    visitor.settle()
    assert not visitor.masked(100, 180)
    expect(visitor.page.locator(".status")).to_contain_text("Click what you want")
    visitor.do("undo")
    visitor.settle("1")


def test_holding_ctrl_collects_clicks(visitor: Visitor, server: Server) -> None:
    calls = server.knobs.calls.value
    visitor.page.keyboard.down("Control")
    visitor.click(200, 60)
    visitor.click(300, 60)
    expect(visitor.page.locator(".status")).to_contain_text("2 clicks collected")
    visitor.page.keyboard.up("Control")
    visitor.settle("3")
    assert server.knobs.calls.value == calls + 1


def test_tools_and_keys_choose_what_a_click_does(visitor: Visitor) -> None:
    visitor.page.locator('[data-tool="negative"]').click()
    visitor.click(125, 150)
    visitor.settle("2")
    visitor.press("q")
    visitor.click(300, 60)
    visitor.settle("3")
    visitor.press("t")
    visitor.click(325, 60)
    visitor.settle("4")
    assert [click[2] for click in visitor.clicks()[0]] == [True, False, True, False]


def test_each_view_is_painted(visitor: Visitor) -> None:
    ring = (100, 150 - 44)
    visitor.view("contour")
    assert not visitor.masked(100, 180)
    visitor.view("cutout")
    assert visitor.pixel(100, 180) == [120, 120, 120]
    assert min(visitor.pixel(300, 150)) > 200
    visitor.view("difference")
    only_refined, both = visitor.pixel(*ring, "single"), visitor.pixel(100, 175, "single")
    assert only_refined[2] > only_refined[0] + 60
    assert max(both) - min(both) < 12
    visitor.view("swipe")
    assert not visitor.masked(*ring, "single")
    visitor.page.mouse.move(*visitor.at(200, 250, "single"))
    visitor.page.mouse.down()
    visitor.page.mouse.move(*visitor.at(20, 250, "single"), steps=3)
    visitor.page.mouse.up()
    assert visitor.masked(*ring, "single")
    visitor.press("v")
    expect(visitor.page.locator('[data-view="cutout"]')).to_have_attribute("aria-pressed", "true")


def test_masks_of_a_picture_larger_than_its_pane_lie_where_they_are(visitor: Visitor) -> None:
    visitor.upload("large.png", png(np.full((4 * HIGH + 3, 4 * WIDE + 3, 3), 120, np.uint8)))
    expect(visitor.page.locator(".about-picture")).to_contain_text("1603×1203")
    visitor.settle()
    visitor.drag((100, 100), (300, 200))
    visitor.settle("0 + box")
    inside, outside = (
        [(104, 104), (296, 196), (200, 150)],
        [(94, 150), (306, 150), (200, 94), (200, 206)],
    )
    for model in ("base", "refined"):
        assert [visitor.masked(*at, model) for at in inside] == [True] * 3
        assert [visitor.masked(*at, model) for at in outside] == [False] * 4


def test_views_and_zoom_ask_nothing_of_the_server(visitor: Visitor) -> None:
    visitor.measured()
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    for name in ("contour", "cutout", "difference", "swipe", "overlay"):
        visitor.view(name)
    for name in ("zoom_in", "zoom_out", "largest", "fit"):
        visitor.do(name)
    visitor.press("]")
    visitor.page.wait_for_timeout(200)
    assert asked == []


def test_zoom_is_linked_and_clicks_land_where_they_are_seen(visitor: Visitor) -> None:
    visitor.page.mouse.move(*visitor.at(300, 150))
    for _ in range(5):
        visitor.page.mouse.wheel(0, -240)
    visitor.page.mouse.click(*visitor.at(300, 150, "base"))
    visitor.settle("2")
    x, y, _ = visitor.clicks()[0][1]
    assert (x, y) == (pytest.approx(300, abs=1), pytest.approx(150, abs=1))
    left, right = (
        visitor.canvas(model).evaluate("canvas => canvas.toDataURL().length")
        for model in ("base", "refined")
    )
    assert left > 1000
    assert right > 1000
    visitor.press("0")
    assert visitor.masked(300, 130)


def test_a_failing_model_gives_a_message_and_the_marker_goes(
    visitor: Visitor, server: Server
) -> None:
    server.knobs.broken.value = 1
    visitor.click(300, 100)
    visitor.wait_message("Something went wrong on the server")
    visitor.settle("1")
    server.knobs.broken.value = 0
    visitor.click(300, 100)
    visitor.settle("2")
    assert visitor.message() == ""


def test_two_visitors_do_not_see_each_other(
    browser: Browser, server: Server, visitor: Visitor
) -> None:
    other = Visitor(browser, server.url)
    other.click(300, 100)
    other.settle("2")
    visitor.do("new_object")
    visitor.settle()
    assert len(other.clicks()[0]) == 2
    assert other.page.locator(".chip").count() == 1
    other.close()


def test_help_opens_and_closes(visitor: Visitor) -> None:
    visitor.press("?")
    expect(visitor.page.locator("dialog.help")).to_be_visible()
    visitor.do("close")
    expect(visitor.page.locator("dialog.help")).to_be_hidden()


def test_the_about_tab_explains(visitor: Visitor) -> None:
    visitor.page.get_by_role("tab", name="About").click()
    expect(visitor.page.get_by_text("Two models, one click")).to_be_visible()
    visitor.page.get_by_role("tab", name="Image").click()
    visitor.click(300, 100)
    visitor.settle("2")


def test_space_drag_and_middle_drag_pan(visitor: Visitor) -> None:
    visitor.do("zoom_in")
    visitor.do("zoom_in")
    assert not visitor.masked(200, 150)
    visitor.press("Shift")
    visitor.page.keyboard.down("Space")
    visitor.drag((200, 150), (350, 150))
    visitor.page.keyboard.up("Space")
    assert visitor.masked(200, 150)
    visitor.drag((350, 150), (200, 150), button="middle")
    assert not visitor.masked(200, 150)
    assert visitor.fact("prompts").text_content() == "1"
