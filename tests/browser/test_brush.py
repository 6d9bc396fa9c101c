from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Request, expect

from refiner.types import BoolArray
from tests.browser.conftest import Server
from tests.browser.studio import HIGH, WIDE, Visitor
from tests.browser.test_files import mask_of, png
from tests.browser.test_live_curve import MEASURES, MODELS, scores, upload_truth, wait_points
from tests.fakes import disc

pytestmark = pytest.mark.browser

START = disc((HIGH, WIDE), 200, 150, 90)


class Sent:
    """The strokes that a page sends, as the server gets them."""

    def __init__(self, visitor: Visitor) -> None:
        self.strokes: list[dict[str, Any]] = []
        self.messages = 0
        visitor.page.on("request", self._note)

    def _note(self, request: Request) -> None:
        if request.method != "POST" or "actions" not in (request.post_data or ""):
            return
        self.messages += 1
        for value in json.loads(request.post_data or "{}")["event_data"]["actions"]:
            if value["type"] == "brush":
                self.strokes.append(value)

    def dot(self, number: int) -> BoolArray:
        stroke = self.strokes[number]
        (point,) = stroke["points"]
        return disc((HIGH, WIDE), *point, stroke["radius"])


def size(visitor: Visitor, level: int) -> None:
    visitor.page.locator(".bar.brush input").fill(str(level))


def measured(visitor: Visitor, truth: BoolArray) -> dict[tuple[str, str], float]:
    """What the downloads of both models score against a truth."""
    masks = {model: mask_of(visitor.download("mask", model)[1]) for model in MODELS}
    return {
        (model, name): measure(mask, truth)
        for model, mask in masks.items()
        for name, measure in MEASURES.items()
    }


def wait_curve(visitor: Visitor, label: str, points: int) -> None:
    expect(visitor.page.locator(".truth-note")).to_contain_text(label)
    wait_points(visitor, points)


def test_a_click_after_brushing_a_disc_has_the_scores_against_that_disc(visitor: Visitor) -> None:
    sent = Sent(visitor)
    visitor.do("clear")
    visitor.do("brush_truth")
    size(visitor, 100)
    expect(visitor.page.locator(".bar.brush output")).to_have_text("100 px")
    visitor.click(200, 150)
    expect(visitor.page.locator(".truth-note")).to_contain_text("The mask you brushed")
    assert (sent.strokes[0]["radius"], sent.strokes[0]["erase"]) == (50, False)
    visitor.do("brush_done")
    visitor.click(180, 150, "refined")
    visitor.settle("1")
    wait_points(visitor, 1)
    assert scores(visitor) == [measured(visitor, sent.dot(0))]


def test_a_drag_is_one_stroke_that_undo_takes_back_and_redo_brings_back(visitor: Visitor) -> None:
    sent = Sent(visitor)
    visitor.do("brush_truth")
    visitor.drag((110, 150), (250, 150))
    wait_curve(visitor, "The mask you brushed", 1)
    assert len(sent.strokes) == 1
    assert visitor.masked(225, 150)
    first = scores(visitor)
    visitor.click(300, 60)
    expect(visitor.page.locator(".scores td").first).not_to_have_attribute(
        "data-value", str(first[0]["base", "iou"])
    )
    visitor.press("Control+z")
    visitor.settle()
    assert scores(visitor) == first
    visitor.do("undo")
    expect(visitor.page.locator(".truth-note")).to_contain_text("Give this picture's true mask")
    assert not visitor.masked(225, 150)
    visitor.do("brush_redo")
    wait_curve(visitor, "The mask you brushed", 1)
    assert scores(visitor) == first
    assert visitor.fact("prompts").text_content() == "1"


@pytest.mark.parametrize("way", ["button", "key", "right"])
def test_the_truth_there_is_loses_what_is_erased(visitor: Visitor, way: str) -> None:
    upload_truth(visitor, png(np.where(START, 255, 0).astype(np.uint8)))
    wait_curve(visitor, "The mask you uploaded", 1)
    sent = Sent(visitor)
    visitor.do("brush_truth")
    assert visitor.masked(220, 150)
    if way == "button":
        visitor.do("brush_erase")
    elif way == "key":
        visitor.press("x")
    visitor.click(220, 150, button="right" if way == "right" else "left")
    wait_curve(visitor, "touched it up", 1)
    assert not visitor.masked(221, 150, "refined")
    assert visitor.masked(240, 150)
    assert scores(visitor) == [measured(visitor, START & ~sent.dot(0))]


@pytest.mark.parametrize("way", ["brush_done", "Escape", "tool"])
def test_leaving_sends_nothing_and_clicks_are_prompts_again(visitor: Visitor, way: str) -> None:
    visitor.do("brush_truth")
    visitor.click(300, 100)
    wait_curve(visitor, "The mask you brushed", 1)
    sent = Sent(visitor)
    if way == "tool":
        visitor.page.locator('[data-tool="positive"]').click()
    elif way == "Escape":
        visitor.press("Escape")
    else:
        visitor.do(way)
    expect(visitor.page.locator(".bar.brush")).to_be_hidden()
    assert sent.messages == 0
    visitor.click(300, 60)
    visitor.settle("2")
    assert sent.strokes == []
    wait_points(visitor, 2)
    visitor.do("undo")
    wait_points(visitor, 1)
    expect(visitor.page.locator(".truth-note")).to_contain_text("The mask you brushed")


def test_a_stroke_given_up_with_escape_is_not_sent(visitor: Visitor) -> None:
    sent = Sent(visitor)
    visitor.do("brush_truth")
    visitor.page.mouse.move(*visitor.at(200, 150))
    visitor.page.mouse.down()
    visitor.page.mouse.move(*visitor.at(250, 150), steps=4)
    visitor.press("Escape")
    visitor.page.mouse.up()
    expect(visitor.page.locator(".bar.brush")).to_be_visible()
    visitor.press("Delete")
    visitor.click(300, 100)
    wait_curve(visitor, "The mask you brushed", 1)
    assert len(sent.strokes) == 1
    assert sent.messages == 1


def test_an_endless_stroke_is_sent_in_parts(visitor: Visitor) -> None:
    sent = Sent(visitor)
    visitor.do("brush_truth")
    size(visitor, 1)
    box = visitor.canvas().bounding_box()
    assert box is not None
    visitor.canvas().evaluate(
        """canvas => {
            const bounds = canvas.getBoundingClientRect();
            canvas.setPointerCapture = () => {};
            const send = (type, x, y) => canvas.dispatchEvent(new PointerEvent(type, {
                bubbles: true, pointerId: 7, button: 0,
                clientX: bounds.left + x, clientY: bounds.top + bounds.height / 2 - 100 + y,
            }));
            send("pointerdown", 60, 60);
            for (let k = 0; k < 1500; k++) send("pointermove", 60 + 2 * (k % 100), 60 + (k / 10));
            send("pointerup", 60, 60);
        }"""
    )
    visitor.settle()
    wait_curve(visitor, "The mask you brushed", 1)
    assert [len(stroke["points"]) for stroke in sent.strokes][0] == 1000
    assert len(sent.strokes) == 2
    assert sent.strokes[0]["points"][-1] == sent.strokes[1]["points"][0]


def test_strokes_that_waited_go_in_messages_of_so_many_and_none_is_lost(
    visitor: Visitor, server: Server
) -> None:
    visitor.do("brush_truth")
    size(visitor, 0)
    visitor.click(30, 30)
    wait_curve(visitor, "The mask you brushed", 1)
    sent = Sent(visitor)
    server.knobs.seconds.value = 3.0
    visitor.press("Escape")
    visitor.click(350, 250)
    visitor.press("m")
    for number in range(45):
        visitor.click(30 + 8 * (number % 40), 60 + 40 * (number // 40))
    server.knobs.seconds.value = 0.0
    visitor.settle("2")
    visitor.page.wait_for_function(
        "() => document.querySelector('.status').textContent !== 'Working…'"
    )
    visitor.painted()
    assert len(sent.strokes) == 45
    assert sent.messages >= 4  # the click, and at most 19 dots of 201 each in one
    assert visitor.message() == ""


def test_a_finger_paints_and_two_fingers_zoom(phone: Visitor) -> None:
    sent = Sent(phone)
    phone.do("brush_truth")
    (x, y), touch = phone.at(200, 150), phone.context.new_cdp_session(phone.page)

    def fingers(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": px, "y": py, "id": number} for number, (px, py) in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", (x, y))
    fingers("touchMove", (x + 30, y + 20))
    fingers("touchEnd")
    wait_curve(phone, "The mask you brushed", 1)
    (stroke,) = sent.strokes
    assert len(stroke["points"]) == 2
    assert phone.masked(200, 150, "refined")
    x, y = phone.at(200, 150)
    fingers("touchStart", (x, y))
    fingers("touchStart", (x, y), (x + 40, y))
    for far in range(50, 200, 20):
        fingers("touchMove", (x - far / 2, y), (x + far / 2, y))
    fingers("touchEnd")
    phone.page.wait_for_timeout(200)
    assert len(sent.strokes) == 1
    assert phone.masked(203, 150)


def test_the_brush_fits_a_narrow_screen(phone: Visitor) -> None:
    phone.do("brush_truth")
    assert phone.page.evaluate("document.documentElement.scrollWidth") == 390
    sizes = phone.page.locator(
        ".bar.brush button, .bar.brush input, .truth button:visible"
    ).evaluate_all(
        "parts => parts.map(b => b.getBoundingClientRect()).map(r => [r.width, r.height])"
    )
    assert len(sizes) >= 8
    assert min(min(size) for size in sizes) >= 40
