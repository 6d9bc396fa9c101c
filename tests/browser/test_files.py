from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from refiner.files.run_lengths import decode_rle
from refiner.types import Box, Click, Prompts
from tests.browser.studio import HIGH, WIDE, Visitor
from tests.fakes import RADIUS, drawn

pytestmark = pytest.mark.browser

START = Click(100, 150)


def png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def mask_of(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image) == 255


def test_downloads_are_the_models_answers(visitor: Visitor) -> None:
    visitor.drag((200, 50), (350, 250))
    visitor.settle("1 + box")
    (item,) = json.loads(visitor.download("json")[1])["objects"]
    prompts = Prompts((START,), Box(*item["prompts"]["box"]))
    base = drawn((HIGH, WIDE), prompts, RADIUS)
    refined = drawn((HIGH, WIDE), prompts, RADIUS * 1.2)
    name, content = visitor.download("mask", "base")
    assert name == "grey_sam2_mask.png"
    assert np.array_equal(mask_of(content), base)
    assert np.array_equal(mask_of(visitor.download("mask", "refined")[1]), refined)
    name, content = visitor.download("cutout", "refined")
    assert name == "grey_sam2refiner_cutout.png"
    assert np.array_equal(mask_of(content)[..., 3], refined)
    assert visitor.download("overlay", "base")[0] == "grey_sam2_overlay.png"
    assert np.array_equal(decode_rle(item["base"]["segmentation"]), base)


def test_a_picture_is_uploaded_scaled_and_segmented(visitor: Visitor) -> None:
    wide = np.full((1500, 4000, 3), 120, dtype=np.uint8)
    visitor.upload("<img src=x onerror=alert(1)>.png", png(wide))
    about = visitor.page.locator(".about-picture")
    expect(about).to_contain_text("2048×768, scaled down from 4000×1500")
    expect(visitor.page.locator(".status")).to_contain_text("Click what you want")
    box = visitor.canvas().bounding_box()
    assert box is not None
    visitor.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 8)
    visitor.settle("1")
    name, content = visitor.download("mask", "base")
    assert mask_of(content).shape == (1500, 4000)
    assert name == "img src=x onerror=alert(1)_sam2_mask.png"


def test_a_dropped_and_a_pasted_picture_are_opened(visitor: Visitor) -> None:
    for event, attribute, side in (("drop", "dataTransfer", 64), ("paste", "clipboardData", 48)):
        content = [*png(np.zeros((side, side, 3), np.uint8))]
        visitor.page.evaluate(
            """([event, attribute, bytes]) => {
                const transfer = new DataTransfer();
                const file = new File([new Uint8Array(bytes)], "a.png", { type: "image/png" });
                transfer.items.add(file);
                const made = new Event(event, { bubbles: true, cancelable: true });
                Object.defineProperty(made, attribute, { value: transfer });
                document.querySelector(".stage").dispatchEvent(made);
            }""",
            [event, attribute, content],
        )
        expect(visitor.page.locator(".about-picture")).to_contain_text(f"{side}×{side}")


def test_a_bad_file_gives_a_message_and_nothing_is_lost(visitor: Visitor) -> None:
    visitor.click(300, 60)
    visitor.settle("2")
    visitor.upload("photo.png", b"\x89PNG\r\n\x1a\n and then nothing of the kind")
    visitor.page.wait_for_function("document.querySelector('.message').textContent")
    assert "Traceback" not in visitor.message()
    assert "/" not in visitor.message()
    visitor.upload("notes.txt", b"text", "text/plain")
    visitor.wait_message("That is no picture")
    visitor.upload("big.png", b"\0" * 2_500_000)
    visitor.wait_message("larger than 2 MB")
    visitor.click(320, 200)
    visitor.settle("3")
    assert visitor.message() == ""


def test_an_example_can_be_opened_again(visitor: Visitor) -> None:
    visitor.click(300, 100)
    visitor.settle("2")
    visitor.page.locator('[data-example="grey"]').click()
    visitor.settle("1")
    expect(visitor.page.locator('[data-do="undo"]')).to_be_disabled()
