from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.conftest import Server
from tests.browser.studio import PHONE, WIDE, Visitor, seat
from tests.browser.test_compare_tab import wait_shape

pytestmark = pytest.mark.browser

WIDTHS = 1280, 1100, 1024, 820, 390, 320
TABS = "Image", "Video", "Compare", "Results", "Variants", "About"


@pytest.fixture(scope="module")
def pocket(browser: Browser) -> Iterator[BrowserContext]:
    """In the dark: other files have a phone in the light."""
    context = browser.new_context(**PHONE, color_scheme="dark")
    yield context
    context.close()


@pytest.fixture
def phone(pocket: BrowserContext, server: Server) -> Iterator[Visitor]:
    visitor = Visitor(pocket, server.url, page=seat(pocket))
    expect(visitor.page.locator('[data-view="swipe"]')).to_have_attribute("aria-pressed", "true")
    visitor.view("overlay")
    yield visitor
    visitor.close()
    assert visitor.errors == []


def test_nothing_is_wider_than_the_screen(phone: Visitor) -> None:
    phone.do("new_object")
    for view in ("overlay", "contour", "cutout", "difference", "soft", "swipe"):
        phone.view(view)
        assert phone.page.evaluate("document.documentElement.scrollWidth") == 390


def test_no_tab_is_wider_than_its_window(visitor: Visitor) -> None:
    page = visitor.page
    for tab in TABS:
        page.set_viewport_size({"width": WIDTHS[0], "height": 844})
        page.get_by_role("tab", name=tab, exact=True).click()
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 844})
            wanted = page.evaluate("document.documentElement.scrollWidth")
            assert (tab, wanted) == (tab, width)
            if tab == "Results":
                wait_shape(page, "tall" if width <= 700 else "wide")


def test_taps_add_clicks_of_both_signs(phone: Visitor) -> None:
    phone.page.touchscreen.tap(*phone.at(300, 100))
    phone.settle("2")
    assert phone.masked(300, 130)
    phone.page.locator('[data-tool="negative"]').tap()
    phone.page.touchscreen.tap(*phone.at(125, 150))
    phone.settle("3")
    assert not phone.masked(125, 137)
    phone.view("swipe")
    phone.page.touchscreen.tap(*phone.at(WIDE / 2, 60, "single"))  # the divider is there
    phone.settle("4")


def test_touch_targets_are_large_enough(phone: Visitor) -> None:
    sizes = phone.page.locator(".studio button:visible").evaluate_all(
        "buttons => buttons.map(b => b.getBoundingClientRect()).map(r => [r.width, r.height])"
    )
    assert len(sizes) >= 18
    assert min(min(size) for size in sizes) >= 40


def test_what_went_wrong_is_seen_wherever_one_is(phone: Visitor) -> None:
    phone.upload("notes.png", b"no picture")
    phone.wait_message("notes.png")
    message, tools = (
        phone.page.locator(f".{name}").first.bounding_box() for name in ("message", "tools")
    )
    assert message is not None
    assert tools is not None
    assert 0 < message["y"] < message["y"] + message["height"] <= tools["y"] < 844
    phone.page.locator(".message").first.tap()
    assert phone.message() == ""


def test_panes_are_stacked(phone: Visitor) -> None:
    above, below = phone.canvas("base").bounding_box(), phone.canvas("refined").bounding_box()
    assert above is not None
    assert below is not None
    assert below["y"] > above["y"] + above["height"]
    expect(phone.page.locator('[data-view="swipe"]')).to_be_visible()


def test_two_fingers_zoom_and_add_no_click(phone: Visitor) -> None:
    (x, y), touch = phone.at(100, 150), phone.context.new_cdp_session(phone.page)

    def fingers(kind: str, *apart: float) -> None:
        points = [{"x": x + side * far, "y": y, "id": side} for far in apart for side in (0, 1)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    assert phone.masked(100, 180)
    fingers("touchStart", 20)
    for far in range(30, 200, 20):
        fingers("touchMove", far)
    fingers("touchEnd")
    phone.page.wait_for_timeout(200)
    assert phone.masked(100, 190)
    assert phone.fact("prompts").text_content() == "1"
    phone.do("fit")
    assert not phone.masked(100, 195)
