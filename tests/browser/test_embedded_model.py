"""End to end: the served app with the embedded weights answers real clicks on a real photo."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gradio.media import get_image
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from refiner.files.pictures import read_image
from refiner.metrics import iou
from refiner.predict.segmenter import load_segmenter
from refiner.types import Box, Prompts
from tests.browser.studio import reached

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("real app")]

WAIT = 60_000


@pytest.fixture
def page(browser: Browser, real_app: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(WAIT)
    page = context.new_page()
    page.goto(real_app)
    ready(page)
    yield page
    context.close()


def ready(page: Page) -> None:
    page.wait_for_function(
        "() => document.querySelector('.about-picture')?.textContent"
        " && !['Working…', 'Opening…'].includes(document.querySelector('.status').textContent)"
        " && document.querySelector('[data-fact=\"iou\"] dd')?.textContent.includes('%')"
    )


def mask(page: Page, model: str) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    with page.expect_download() as waiting:
        reached(page, f'[data-export="mask"][data-model="{model}"]').click()
    return np.array(Image.open(io.BytesIO(Path(waiting.value.path()).read_bytes()))) > 127


def test_the_first_example_has_two_masks_that_mostly_agree_and_differ(page: Page) -> None:
    base, refined = mask(page, "base"), mask(page, "refined")
    assert 0.02 < base.mean() < 0.6
    assert iou(base, refined) > 0.5
    assert (base != refined).any()


def test_a_box_in_the_browser_gives_the_masks_of_the_library(page: Page) -> None:
    image = read_image(get_image("cheetah.jpg"))
    height, width = image.shape[:2]
    page.locator('[data-example="cheetah"]').click()
    expect(page.locator(".about-picture")).to_contain_text("Cheetah")
    ready(page)
    reached(page, '[data-do="clear"]').click()
    canvas = page.locator(".pane.base > canvas:not(.inset)")
    box = canvas.bounding_box()
    assert box is not None
    scale = min(box["width"] / width, box["height"] / height)
    left = box["x"] + box["width"] / 2 - width * scale / 2
    top = box["y"] + box["height"] / 2 - height * scale / 2
    corners = [(0.15, 0.3), (0.8, 0.72)]
    page.mouse.move(left + corners[0][0] * width * scale, top + corners[0][1] * height * scale)
    page.mouse.down()
    page.mouse.move(left + corners[1][0] * width * scale, top + corners[1][1] * height * scale)
    page.mouse.up()
    ready(page)
    (x0, y0), (x1, y1) = ((x * width, y * height) for x, y in corners)
    pair = load_segmenter(device="cpu").segment(image, [Prompts(box=Box(x0, y0, x1, y1))])
    for model, expected in (
        ("base", pair.objects[0].base.mask),
        ("refined", pair.objects[0].refined.mask),
    ):
        assert iou(mask(page, model), expected) > 0.97
