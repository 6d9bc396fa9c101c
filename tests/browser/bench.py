"""Times the served app in a real browser, and weighs what it sends and how much it moves."""

from __future__ import annotations

import io
import statistics
import sys
import time

import numpy as np
from PIL import Image
from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.browser.conftest import FLAGS
from tests.browser.real import running_app
from tests.browser.studio import DESK
from tests.machine import get_chromium

CLICKS = 8
SIDES = (640, 2048)
SEEN_WITHIN = 300
"""Milliseconds until the page has told how long it took."""
READY = """() => document.querySelector('.about-picture')?.textContent
    && document.querySelector('[data-fact="prompts"]')
    && !['Working…', 'Opening…'].includes(document.querySelector('.status').textContent)"""
EMPTY = """side => document.querySelector('.about-picture').textContent.includes(side + '×')
    && !['Working…', 'Opening…'].includes(document.querySelector('.status').textContent)"""
COUNT = """count => document.querySelector('[data-fact="prompts"] dd')?.textContent === String(count)
    && document.querySelector('[data-fact="seen"]')
    && document.querySelector('.status').textContent !== 'Working…'"""
SHIFTS = """window.shifted = 0;
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });"""


def main() -> None:
    """Print milliseconds, megabytes and layout shift as browsers score it (0.1 is still good)."""
    chromium = get_chromium()
    with running_app() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        context = browser.new_context(**DESK)
        context.add_init_script(SHIFTS)
        page = context.new_page()
        load(context, page, url)
        open_examples(page)
        for side in SIDES:
            click(page, side)
        browser.close()


def load(context: BrowserContext, page: Page, url: str) -> None:
    """Open the page for the first time."""
    sent: list[float] = []
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.on("Network.loadingFinished", lambda said: sent.append(said["encodedDataLength"]))
    started = time.perf_counter()
    page.goto(url)
    page.wait_for_function(READY)
    say("page_to_first_masks_ms", 1000 * (time.perf_counter() - started))
    page.wait_for_timeout(2000)
    say("page_megabytes_sent", sum(sent) / 1e6)
    say("layout_shift_of_load", page.evaluate("window.shifted"))


def open_examples(page: Page) -> None:
    """Open each example but the first."""
    page.evaluate("window.shifted = 0")
    thumbs, opened = page.locator(".examples button"), []
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


def click(page: Page, side: int) -> None:
    """Click a picture of this width; tell what of the wait is the model's and what the web's.

    That is what the page measures from a click to its painted masks, without the model's time; who
    drives the browser from here waits for more.
    """
    pixels = np.random.default_rng(side).integers(0, 255, (9, 12, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((side, side * 3 // 4)).save(buffer, "PNG")
    page.locator("#prompt-canvas input.file").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    )
    page.wait_for_function(EMPTY, arg=side)
    page.evaluate("window.shifted = 0")
    box = page.locator(".pane.base > canvas:not(.inset)").bounding_box()
    assert box is not None
    waited, seen, model = [], [], []
    for number in range(1, CLICKS + 1):
        x = box["x"] + box["width"] * (0.35 + 0.3 * (number % 4) / 3)
        y = box["y"] + box["height"] * (0.35 + 0.3 * (number // 4) / 3)
        started = time.perf_counter()
        page.mouse.click(x, y)
        page.wait_for_function(COUNT, arg=number)
        waited.append(1000 * (time.perf_counter() - started))
        page.wait_for_timeout(SEEN_WITHIN)
        seen.append(milliseconds(page, "seen"))
        model.append(milliseconds(page, "total"))
    waited, seen, model = waited[1:], seen[1:], model[1:]  # the first one encodes the picture
    say(f"click_to_masks_{side}px_median_ms", statistics.median(waited))
    say(f"click_to_masks_{side}px_worst_ms", max(waited))
    say(f"click_to_masks_{side}px_model_ms", statistics.median(model))
    say(f"click_to_masks_{side}px_web_ms", statistics.median(np.subtract(seen, model).tolist()))
    say(f"layout_shift_of_clicks_{side}px", page.evaluate("window.shifted"))


def milliseconds(page: Page, fact: str) -> float:
    """Return a time that the page shows."""
    words = page.locator(f'[data-fact="{fact}"] dd').text_content() or ""
    number, unit = words.replace(",", "").split()
    return float(number) * {"ms": 1, "s": 1000}[unit]


def say(name: str, value: float) -> None:
    """Print one measured number."""
    sys.stdout.write(f"{name:44} {value:10.3f}\n")


if __name__ == "__main__":
    main()
