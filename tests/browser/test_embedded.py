"""End to end: the served app with the embedded weights answers clicks on a photo, tracks a clip."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from gradio.media import get_image
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from refiner.clips.clip import open_clip
from refiner.files.painting import OBJECT_COLORS
from refiner.files.pictures import read_image
from refiner.files.run_lengths import decode_rle
from refiner.metrics import iou
from refiner.predict.loading import load_segmenter
from refiner.types import Box, Prompts
from refiner.video_types import VideoInfo
from tests.browser.real import running_app
from tests.browser.studio import reached
from tests.browser.test_video_tab import Viewer
from tests.refiner.clip_making import run_ffmpeg

pytestmark = pytest.mark.browser

WIDE, HIGH, FRAMES = 320, 240, 5
CORNERS = (40, 20), (300, 235)
WAIT = 240_000


@pytest.fixture(scope="module")
def real_app() -> Iterator[str]:
    """The address of the app."""
    with running_app("--device", "cpu") as url:
        yield url


@pytest.fixture
def page(browser: Browser, real_app: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
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
    top = box["y"]  # the pane is higher than the picture
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


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A window that moves over a photo, with a sound."""
    file = tmp_path_factory.mktemp("clips") / "cheetah.mp4"
    seconds = str(FRAMES / 10)
    run_ffmpeg(
        "-loop", "1", "-framerate", "10", "-i", get_image("cheetah.jpg"),
        "-f", "lavfi", "-i", "sine=frequency=440", "-t", seconds,
        "-vf", f"crop={WIDE}:{HIGH}:80+8*n:40", "-c:v", "libx264", "-crf", "12",
        "-pix_fmt", "yuv420p", "-c:a", "aac", file,
    )  # fmt: skip
    return file


def painted(viewer: Viewer, model: str) -> np.ndarray:
    """The pane as it is painted, at the clip's size, uint8 (height, width, 3)."""
    viewer.page.wait_for_timeout(300)
    box = viewer.canvas(model).bounding_box()
    assert box is not None
    shot = viewer.canvas(model).evaluate("canvas => canvas.toDataURL('image/png')")
    with Image.open(io.BytesIO(base64.b64decode(shot.split(",")[1]))) as image:
        pane = np.asarray(image.convert("RGB"))
    scale = min(pane.shape[1] / WIDE, pane.shape[0] / HIGH)
    rows = (np.arange(HIGH) + 0.5) * scale
    columns = pane.shape[1] / 2 + (np.arange(WIDE) + 0.5 - WIDE / 2) * scale
    return pane[rows.astype(int)][:, columns.astype(int)]


def away_from_the_rim(mask: np.ndarray) -> np.ndarray:
    """Where all pixels within three are on the same side."""
    kernel = np.ones((7, 7), np.uint8)
    inside, outside = (cv2.erode(side.astype(np.uint8), kernel) for side in (mask, ~mask))
    return (inside | outside) > 0


def under_the_box() -> np.ndarray:
    """Where the box is drawn."""
    (left, top), (right, bottom) = CORNERS
    outer, inner = np.zeros((2, HIGH, WIDE), bool)
    outer[top - 6 : bottom + 7, left - 6 : right + 7] = True
    inner[top + 6 : bottom - 5, left + 6 : right - 5] = True
    return outer & ~inner


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_the_tab_opens_with_a_tracked_example_that_plays(
    browser: Browser, real_app: str, motion: str
) -> None:
    viewer = Viewer(browser, real_app, "0 + box", reduced_motion=motion)
    expect(viewer.tab.locator(".clock")).to_contain_text("of 47")
    expect(viewer.tab.locator(".pane.base i")).to_have_text(
        re.compile(r"overlap \d+ %, outline \d+ %")
    )
    expect(viewer.tab.locator('[data-do="track"]')).to_have_text("All tracked")
    expect(viewer.tab.locator(".steps [aria-current]")).to_have_text("Fix")
    playing = motion == "no-preference"
    expect(viewer.tab.locator('[data-do="play"]')).to_have_text("Pause" if playing else "Play")
    if playing:
        first = viewer.text("clock")
        expect(viewer.tab.locator(".clock")).not_to_have_text(first)
        viewer.press("p")
    stage = viewer.tab.locator(".stage").bounding_box()
    viewer.press("Home")
    viewer.shows(0)
    viewer.click(160, 40)
    expect(viewer.tab.locator(".status")).to_contain_text("Masks from frame 0 on", timeout=WAIT)
    expect(viewer.tab.locator(".lane i.stale")).to_have_count(1)
    assert viewer.tab.locator(".stage").bounding_box() == stage
    viewer.close()
    assert viewer.errors == []


def test_a_tracked_clip_is_exported_as_it_is_shown(
    browser: Browser, real_app: str, clip: Path, tmp_path: Path
) -> None:
    viewer = Viewer(browser, real_app, "0 + box")
    viewer.context.set_default_timeout(WAIT)
    viewer.open(clip)
    expect(viewer.tab.locator(".estimate")).to_contain_text("for 5 frames")
    viewer.drag(*CORNERS)
    viewer.quiet()
    viewer.do("track")
    expect(viewer.tab.locator('[data-do="track"]')).to_have_text("All tracked", timeout=WAIT)
    viewer.button(".opacity input").fill("100")
    document = json.loads(viewer.save("rle", tmp_path).read_text())
    archive = zipfile.ZipFile(viewer.save("masks", tmp_path))
    for frame in (0, 3):
        viewer.go(frame)
        (item,) = document["frames"][frame]["objects"]
        for model, half in (("sam2", "base"), ("sam2refiner", "refined")):
            name = f"{model}/cheetah/{frame:05}.png"
            with Image.open(io.BytesIO(archive.read(name))) as picture:
                mask = np.asarray(picture) == 1
            assert frame or 0.05 < mask.mean() < 0.9
            assert np.array_equal(decode_rle(item[half]["segmentation"]), mask)
            shown = np.abs(painted(viewer, half).astype(int) - OBJECT_COLORS[0]).max(axis=2) < 3
            sure = away_from_the_rim(mask) & ~under_the_box()
            assert np.array_equal(shown[sure], mask[sure])
    archive.close()
    with open_clip(viewer.save("comparison", tmp_path)) as video:
        assert video.info == VideoInfo((HIGH, 2 * WIDE), Fraction(10), FRAMES, audio=True)
    viewer.close()
    assert viewer.errors == []
