"""Masks of other tools, sessions and other backbones in the image tab."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from refiner.files.painting import mask_png
from refiner.files.run_lengths import encode_rle
from tests.browser.conftest import Server
from tests.browser.studio import HIGH, WIDE, Visitor
from tests.fakes import disc

pytestmark = pytest.mark.browser

MASK = disc((HIGH, WIDE), 280, 180, 50)


def give(visitor: Visitor, name: str, content: bytes, file: str = ".given-file") -> None:
    visitor.page.locator(f"input{file}").set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    )


def downloaded(visitor: Visitor, model: str) -> np.ndarray:
    with Image.open(io.BytesIO(visitor.download("mask", model)[1])) as image:
        return np.asarray(image) == 255


def test_an_uploaded_mask_is_refined_outlined_corrected_and_removed(visitor: Visitor) -> None:
    visitor.do("new_object")
    visitor.settle()
    give(visitor, "cup.png", mask_png(MASK))
    visitor.settle("0 + mask")
    assert np.array_equal(downloaded(visitor, "base"), MASK)
    visitor.view("contour")
    visitor.click(280, 180, button="right")
    visitor.settle("1 + mask")
    assert downloaded(visitor, "base").sum() < MASK.sum()
    rim = [visitor.pixel(280 + 50 + offset, 180) for offset in (-1, 0, 1, 2)]
    assert any(pixel != [120, 120, 120] for pixel in rim)
    visitor.do("delete_mask")
    visitor.settle()
    expect(visitor.page.locator('[data-do="delete_mask"]')).to_be_hidden()
    visitor.do("undo")
    visitor.settle("1 + mask")


def test_a_mask_that_can_be_read_in_two_ways_is_read_as_the_visitor_says(visitor: Visitor) -> None:
    content = mask_png(MASK)
    with Image.open(io.BytesIO(content)) as image:
        numbers = np.where(np.asarray(image) > 0, 1, 2).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(numbers).save(buffer, "PNG")
    visitor.do("clear")
    visitor.settle()
    give(visitor, "odd.png", buffer.getvalue())
    visitor.wait_message("has the numbers 1 and 2 only")
    bar = visitor.page.locator(".reading")
    expect(bar).to_contain_text("odd.png")
    visitor.do("read_ids")
    expect(visitor.page.locator(".objects .chip")).to_have_count(2)
    visitor.wait_message("2 objects")
    visitor.do("read_inverted")
    visitor.wait_message("inverted")
    visitor.settle("0 + mask")
    expect(visitor.page.locator(".objects .chip")).to_have_count(1)
    assert np.array_equal(downloaded(visitor, "base"), MASK)
    visitor.click(280, 180)
    visitor.settle("1 + mask")
    expect(bar).to_be_hidden()


def test_every_object_of_a_json_file_becomes_one(visitor: Visitor) -> None:
    rows = [{"segmentation": encode_rle(mask)} for mask in (MASK, disc((HIGH, WIDE), 60, 60, 20))]
    visitor.do("new_object")
    visitor.settle()
    give(visitor, "masks.json", json.dumps(rows).encode())
    visitor.settle("0 + mask")
    expect(visitor.page.locator(".chip")).to_have_count(3)
    assert visitor.masked(60, 60)


def test_a_mask_that_does_not_fit_gives_a_message(visitor: Visitor) -> None:
    give(visitor, "small.png", mask_png(MASK[:100]))
    visitor.wait_message("give a mask of the picture's own shape")
    give(visitor, "bad.json", b"{")
    visitor.wait_message("damaged JSON")
    visitor.click(300, 60)
    visitor.settle("2")
    assert visitor.message() == ""


def test_a_session_goes_down_and_up_again(visitor: Visitor) -> None:
    visitor.do("new_object")
    visitor.settle()
    give(visitor, "cup.png", mask_png(MASK))
    visitor.settle("0 + mask")
    name, content = visitor.download("session")
    assert name == "grey_session.json"
    visitor.do("reset")
    visitor.settle()
    give(visitor, name, content, ".session-file")
    visitor.settle("0 + mask")
    expect(visitor.page.locator(".chip")).to_have_count(2)
    assert visitor.message() == ""
    assert json.loads(visitor.download("session")[1])["objects"] == json.loads(content)["objects"]


def choose(visitor: Visitor, name: str) -> None:
    visitor.page.locator("#backbone input").click()
    visitor.page.get_by_role("option", name=name).click()


def test_another_backbone_answers_the_same_prompts(visitor: Visitor) -> None:
    expect(visitor.page.locator(".loaded")).to_contain_text("fake on cpu")
    choose(visitor, "other")
    expect(visitor.page.locator(".loaded")).to_contain_text("other on cpu")
    refined = visitor.page.locator(".pane.refined figcaption span").first
    expect(refined).to_have_text("Other + cascade of fake")
    visitor.settle("1")
    assert visitor.masked(100, 180)
    visitor.click(300, 100)
    visitor.settle("2")
    choose(visitor, "fake")
    expect(refined).to_have_text("SAM2Refiner")
    visitor.settle("2")


def test_a_backbone_that_cannot_be_had_is_told_and_the_old_one_stays(visitor: Visitor) -> None:
    choose(visitor, "gone")
    visitor.wait_message("The weights of gone could not be fetched")
    expect(visitor.page.locator("#backbone input")).to_have_value("fake")
    visitor.click(300, 100)
    visitor.settle("2")


def test_clicks_go_on_while_a_backbone_loads_which_the_page_says(
    visitor: Visitor, browser: Browser, server: Server
) -> None:
    other = Visitor(browser, server.url)
    server.knobs.loading.value = 1
    choose(visitor, "slow")
    expect(visitor.page.locator(".loaded")).to_have_text(re.compile(r"Loading slow… \d+ s"))
    for one in (visitor, other):
        one.click(300, 100)
        one.settle("2")
        assert one.masked(300, 100)
    expect(visitor.page.locator(".loaded")).to_contain_text("Loading slow…")
    server.knobs.loading.value = 0
    expect(visitor.page.locator(".loaded")).to_contain_text("slow on cpu")
    choose(visitor, "fake")
    expect(visitor.page.locator(".loaded")).to_contain_text("fake on cpu")
    visitor.settle("2")
    other.close()


def test_a_click_on_a_backbone_that_was_put_away_has_it_loaded_again(
    visitor: Visitor, server: Server
) -> None:
    choose(visitor, "slow")
    expect(visitor.page.locator(".loaded")).to_contain_text("slow on cpu")
    tab = visitor.context.new_page()  # what visitors use is put away for what they use elsewhere
    tab.goto(visitor.page.url)
    for name in ("third", "other"):
        tab.locator("#backbone input").click()
        tab.get_by_role("option", name=name).click()
        expect(tab.locator(".loaded")).to_contain_text(f"{name} on cpu")
    tab.close()
    visitor.page.bring_to_front()
    server.knobs.loading.value = 1
    visitor.click(300, 100)
    visitor.wait_message("Loading slow…")
    server.knobs.loading.value = 0
    visitor.wait_fact("prompts", "2")
    expect(visitor.page.locator(".pane.base > canvas:not(.inset)")).to_be_visible()
    visitor.page.wait_for_function("() => !document.querySelector('.notice').textContent")
    visitor.settle("2")
    assert visitor.masked(300, 100)
    expect(visitor.page.locator(".loaded")).to_contain_text("slow on cpu")
