"""Times the served app in a real browser: page to first masks, click to both masks on screen."""

from __future__ import annotations

import statistics
import sys
import time

from playwright.sync_api import sync_playwright

from tests.browser.conftest import FLAGS
from tests.browser.real import running_app
from tests.machine import get_chromium

CLICKS = 12
READY = """() => document.querySelector('.about-picture')?.textContent
    && document.querySelector('[data-fact="prompts"]')
    && document.querySelector('.status').textContent !== 'Working…'
    && document.querySelector('.status').textContent !== 'Opening…'"""
COUNT = """count => document.querySelector('[data-fact="prompts"] dd')?.textContent === String(count)
    && document.querySelector('.status').textContent !== 'Working…'"""


def main() -> None:
    """Print medians in milliseconds."""
    chromium = get_chromium()
    with running_app() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        started = time.perf_counter()
        page.goto(url)
        page.wait_for_function(READY)
        say("page_to_first_masks_ms", 1000 * (time.perf_counter() - started))
        thumbs = page.locator(".examples button")
        opened = []
        for number in range(1, thumbs.count()):
            name = page.locator(".about-picture").inner_text()
            started = time.perf_counter()
            thumbs.nth(number).click()
            page.wait_for_function(
                "name => document.querySelector('.about-picture').textContent !== name", arg=name
            )
            page.wait_for_function(READY)
            opened.append(1000 * (time.perf_counter() - started))
        say("new_image_to_masks_median_ms", statistics.median(opened))
        page.locator('[data-do="reset"]').click()
        box = page.locator(".pane.base > canvas:not(.inset)").bounding_box()
        assert box is not None
        clicked = []
        for number in range(1, CLICKS + 1):
            x = box["x"] + box["width"] * (0.35 + 0.3 * (number % 4) / 3)
            y = box["y"] + box["height"] * (0.35 + 0.3 * (number // 4) / 3)
            started = time.perf_counter()
            page.mouse.click(x, y)
            page.wait_for_function(COUNT, arg=number)
            clicked.append(1000 * (time.perf_counter() - started))
        say("click_to_masks_median_ms", statistics.median(clicked))
        say("click_to_masks_worst_ms", max(clicked))
        browser.close()


def say(name: str, value: float) -> None:
    """Print one measured number."""
    sys.stdout.write(f"{name:44} {value:10.3f}\n")


if __name__ == "__main__":
    main()
