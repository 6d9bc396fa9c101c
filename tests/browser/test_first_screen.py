"""What the first screen says: the verdict, the plot beside the panes, the magnified difference."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from refiner.evaluation.prompts import PromptSpec, sample_prompts, stable_seed
from refiner.metrics import boundary_iou, iou
from tests.browser.conftest import Server
from tests.browser.studio import HIGH, WIDE, Visitor
from tests.browser.test_files import png
from tests.browser.test_live_curve import scores, upload_truth, wait_points
from tests.fakes import RADIUS, disc

pytestmark = pytest.mark.browser

TRUTH = disc((HIGH, WIDE), 100, 150, round(RADIUS * 1.2))


def give_truth(visitor: Visitor) -> None:
    upload_truth(visitor, png(np.where(TRUTH, 255, 0).astype(np.uint8)))
    wait_points(visitor, 1)


def test_the_better_mask_is_named_with_its_scores(visitor: Visitor) -> None:
    visitor.measured()
    expect(visitor.page.locator(".verdict")).to_contain_text("The two masks agree on")
    give_truth(visitor)
    base = disc((HIGH, WIDE), 100, 150, RADIUS)
    said = f"IoU {100 * iou(base, TRUTH):.1f} → 100.0 %"
    outline = f"outline {100 * boundary_iou(base, TRUTH):.1f} → 100.0 %"
    verdict = visitor.page.locator(".verdict")
    expect(verdict).to_contain_text("With 1 click SAM2Refiner is closer to the true mask")
    expect(verdict).to_contain_text(said)
    expect(verdict).to_contain_text(outline)
    expect(visitor.page.locator(".pane.refined i")).to_contain_text("IoU 100.0 %")
    upload_truth(visitor, png(np.where(base, 255, 0).astype(np.uint8)))
    expect(verdict).to_contain_text("With 1 click SAM2 is closer to the true mask here")


def test_panes_and_plot_take_two_thirds_of_the_screen_and_nothing_is_below_it(
    visitor: Visitor,
) -> None:
    visitor.measured()
    work = visitor.page.locator(".work").bounding_box()
    assert work is not None
    assert work["width"] * work["height"] > 0.65 * 1280 * 900
    assert visitor.page.evaluate("document.documentElement.scrollHeight") <= 900


@pytest.mark.parametrize(
    ("way", "part"),
    [("How measured →", "How it was measured"), ("From Python", "pip install gradio_client")],
)
def test_the_first_screen_leads_to_how_it_was_measured_and_to_programs(
    visitor: Visitor, way: str, part: str
) -> None:
    visitor.page.get_by_text(way).click()
    expect(visitor.page.get_by_text(part)).to_be_in_viewport()


def test_the_largest_difference_is_magnified_after_each_click(visitor: Visitor) -> None:
    insets = visitor.page.locator("canvas.inset")
    visitor.measured()
    expect(insets.nth(0)).to_be_visible()
    expect(insets.nth(1)).to_be_visible()
    seen = [inset.evaluate("canvas => canvas.toDataURL()") for inset in insets.all()]
    assert seen[0] != seen[1]
    visitor.click(130, 150)
    visitor.settle("2")
    visitor.measured()
    expect(insets.nth(0)).to_be_visible()
    visitor.page.wait_for_function(
        "before => document.querySelector('canvas.inset').toDataURL() !== before", arg=seen[0]
    )
    visitor.do("reset")
    visitor.settle()
    expect(insets.nth(0)).to_be_hidden()


def test_what_is_magnified_covers_the_picture_until_something_is_drawn(phone: Visitor) -> None:
    insets = phone.page.locator("canvas.inset")
    phone.measured()
    expect(insets.nth(0)).to_be_visible()
    x, y = phone.at(30, 270)
    phone.page.mouse.click(x, y)
    phone.settle("2")
    assert phone.clicks()[0][1][:2] == [pytest.approx(30, abs=1), pytest.approx(270, abs=1)]
    expect(insets.nth(0)).to_be_hidden()


def test_what_is_magnified_lies_below_the_picture_where_there_is_room(visitor: Visitor) -> None:
    visitor.measured()
    corner = visitor.page.locator("canvas.inset").nth(0).bounding_box()
    assert corner is not None
    assert corner["y"] > visitor.at(0, HIGH)[1]
    assert corner["width"] > 150


def test_the_corner_shows_the_chosen_view(visitor: Visitor) -> None:
    visitor.measured()
    visitor.view("contour")
    visitor.painted()
    outline = visitor.page.locator("canvas.inset").nth(0).evaluate("canvas => canvas.toDataURL()")
    visitor.view("soft")  # outlines, too, until the probabilities are there
    visitor.page.wait_for_function(
        "outline => document.querySelector('canvas.inset').toDataURL() !== outline", arg=outline
    )


def test_ten_clicks_are_played_and_drawn_as_the_metrics_of_their_masks(visitor: Visitor) -> None:
    give_truth(visitor)
    visitor.do("play_clicks")
    wait_points(visitor, 10)
    expect(visitor.page.locator('[data-do="play_clicks"]')).to_contain_text("Play 10 clicks")
    expected = sample_prompts(PromptSpec("points:10", 10), TRUTH, stable_seed(0, "play", 1)).clicks
    played = visitor.clicks()[0]
    assert [click[:2] for click in played] == [
        [pytest.approx(one.x), pytest.approx(one.y)] for one in expected
    ]
    first = disc((HIGH, WIDE), expected[0].x, expected[0].y, RADIUS)
    assert scores(visitor)[0]["base", "iou"] == pytest.approx(iou(first, TRUTH), abs=1e-6)


def test_errors_are_painted_against_the_true_mask(visitor: Visitor) -> None:
    expect(visitor.page.locator('[data-view="errors"]')).to_be_disabled()
    give_truth(visitor)
    visitor.view("errors")
    repaired = visitor.pixel(100, 150 - round(RADIUS * 1.1), "single")
    assert repaired[1] > repaired[0] + 60
    assert visitor.pixel(120, 160, "single") == [120, 120, 120]
    visitor.do("drop_truth")
    expect(visitor.page.locator('[data-view="overlay"]')).to_have_attribute("aria-pressed", "true")


def test_a_menu_closes_with_a_choice_a_click_elsewhere_and_escape(visitor: Visitor) -> None:
    menu = visitor.page.locator("details.menu.downloads")
    for leave in ("choice", "elsewhere", "key"):
        menu.locator("summary").click()
        expect(menu.locator('[data-export="json"]')).to_be_visible()
        if leave == "choice":
            with visitor.page.expect_download():
                menu.locator('[data-export="json"]').click()
        elif leave == "elsewhere":
            visitor.page.locator('[data-tool="positive"]').click()
        else:
            visitor.page.keyboard.press("Escape")
        expect(menu.locator('[data-export="json"]')).to_be_hidden()


@pytest.mark.parametrize("kind", ["plot_svg", "plot_png", "plot_csv"])
def test_the_plot_is_saved(visitor: Visitor, kind: str) -> None:
    give_truth(visitor)
    with visitor.page.expect_download() as waiting:
        visitor.do(kind)
    with open(waiting.value.path(), "rb") as file:
        content = file.read()
    starts = {"plot_svg": b"<svg", "plot_png": b"\x89PNG", "plot_csv": b"curve,prompts,"}
    assert content.startswith(starts[kind])
    if kind == "plot_csv":
        value = scores(visitor)[0]["refined", "biou"]
        assert float(content.split(b"\r\n")[-2].split(b",")[-1]) == value


COUNT = """
    window.asked = 0;
    const nextFrame = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = (draw) => { window.asked++; return nextFrame(draw); };
"""


def test_a_page_that_rests_asks_for_no_frames(browser: Browser, server: Server) -> None:
    visitor = Visitor(browser, server.url, script=COUNT)
    visitor.measured()
    assert visitor.page.evaluate("window.asked") > 0
    for _ in range(20):  # what gradio moves while the page is loading comes to rest
        visitor.page.evaluate("window.asked = 0")
        visitor.page.wait_for_timeout(500)
        asked = visitor.page.evaluate("window.asked")
        if not asked:
            break
    assert asked == 0
    visitor.close()
