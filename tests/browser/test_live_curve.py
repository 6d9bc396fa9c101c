from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from refiner.metrics import boundary_iou, iou
from tests.browser.studio import HIGH, WIDE, Visitor
from tests.browser.test_files import mask_of, png
from tests.fakes import disc

pytestmark = pytest.mark.browser

TRUTH = disc((HIGH, WIDE), 200, 150, 90)


def upload_truth(visitor: Visitor, content: bytes) -> None:
    visitor.page.locator(".truth-file").set_input_files(
        {"name": "truth.png", "mimeType": "image/png", "buffer": content}
    )


def wait_points(visitor: Visitor, count: int) -> None:
    expect(visitor.page.locator(".scores tbody tr")).to_have_count(count)
    for model, marker in (("base", "circle"), ("refined", "rect")):
        shown = visitor.page.locator(f".curves svg g.yours.{model} {marker}")
        expect(shown).to_have_count(count)


def scores(visitor: Visitor) -> list[dict[tuple[str, str], float]]:
    """The table's values, a dict a row, by model and measure."""
    rows = visitor.page.locator(".scores tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.querySelectorAll('td')].map(cell => "
        "[cell.dataset.model, cell.dataset.metric, Number(cell.dataset.value)]))"
    )
    return [{(model, metric): value for model, metric, value in row} for row in rows]


def test_three_clicks_give_three_points_that_are_the_scores_of_the_downloads(
    visitor: Visitor,
) -> None:
    expect(visitor.page.locator(".truth-note")).to_contain_text("Give this picture's true mask")
    visitor.do("clear")
    upload_truth(visitor, png(np.where(TRUTH, 255, 0).astype(np.uint8)))
    expect(visitor.page.locator(".truth-note")).to_contain_text("Click the object")
    expected = []
    for number, x in enumerate((150, 200, 250), start=1):
        visitor.click(x, 150)
        visitor.settle(str(number))
        masks = {model: mask_of(visitor.download("mask", model)[1]) for model in MODELS}
        expected.append(
            {
                (model, name): measure(mask, TRUTH)
                for model, mask in masks.items()
                for name, measure in MEASURES.items()
            }
        )
        wait_points(visitor, number)
    assert scores(visitor) == expected
    shown = visitor.page.locator(".scores tbody tr:last-child td").first
    expect(shown).to_have_text(f"{100 * expected[-1]['base', 'iou']:.1f}")
    visitor.do("undo")
    wait_points(visitor, 2)
    assert scores(visitor) == expected[:2]
    visitor.do("redo")
    wait_points(visitor, 3)
    visitor.do("drop_truth")
    wait_points(visitor, 0)
    expect(visitor.page.locator(".truth-note")).to_contain_text("Give this picture's true mask")


def test_a_mask_of_another_size_is_refused_in_words(visitor: Visitor) -> None:
    upload_truth(visitor, png(np.full((20, 30), 255, np.uint8)))
    visitor.wait_message("give a mask of the picture's own shape")
    expect(visitor.page.locator(".truth-note")).to_contain_text("Give this picture's true mask")


MODELS = ("base", "refined")
MEASURES = {"iou": iou, "biou": boundary_iou}
