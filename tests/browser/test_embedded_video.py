"""End to end: the served app tracks a short clip with the embedded weights and exports it."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from gradio.media import get_image
from PIL import Image
from playwright.sync_api import Browser, expect

from refiner.clips.clip import open_clip
from refiner.files.painting import OBJECT_COLORS
from refiner.files.run_lengths import decode_rle
from refiner.video_types import VideoInfo
from tests.browser.test_video_tab import Viewer
from tests.refiner.clip_making import run_ffmpeg

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("real app")]

WIDE, HIGH, FRAMES = 320, 240, 5
CORNERS = (40, 20), (300, 235)
WAIT = 240_000


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
    rows = pane.shape[0] / 2 + (np.arange(HIGH) + 0.5 - HIGH / 2) * scale
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
