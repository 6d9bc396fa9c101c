"""What is told without anything having gone wrong looks and sounds otherwise than a failure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from tests.browser.studio import HIGH, WIDE, Visitor
from tests.browser.test_files import png
from tests.browser.test_refine_tab import give
from tests.fakes import disc

pytestmark = pytest.mark.browser

TWO = disc((HIGH, WIDE), 80, 80, 30) + 2 * disc((HIGH, WIDE), 300, 200, 40)


def red(line: Locator) -> bool:
    seen: Any = line.evaluate("node => getComputedStyle(node).color.match(/[\\d.]+/g).map(Number)")
    return bool(seen[0] > seen[1] + 40 and seen[0] > seen[2] + 40)


def test_a_notice_is_no_alert_and_not_red_and_a_failure_is_both(visitor: Visitor) -> None:
    notice, failure = visitor.page.locator(".notice"), visitor.page.locator(".message")
    give(visitor, "two.png", png(TWO.astype(np.uint8)))
    expect(notice).to_contain_text("2 objects")
    expect(notice).to_have_attribute("role", "status")
    expect(failure).to_be_empty()
    assert not red(notice)
    give(visitor, "small.png", png(np.full((9, 9), 255, np.uint8)))
    expect(failure).to_contain_text("give a mask of the picture's own shape")
    expect(failure).to_have_attribute("role", "alert")
    expect(notice).to_be_empty()
    assert red(failure)
    visitor.page.emulate_media(color_scheme="dark")
    in_the_dark = red(failure)
    visitor.page.emulate_media(color_scheme="light")
    assert in_the_dark
