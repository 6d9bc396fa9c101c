"""A clip and what was said of it survive going back, a closed tab and a lost connection.

A reload is in `tests.browser.test_video_tab`, a server started anew in `tests.browser.test_restore`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Server
from tests.browser.faults import SCRIPT
from tests.browser.test_video_tab import Viewer, make_clip

pytestmark = pytest.mark.browser


def look(viewer: Viewer) -> None:
    """Open the video tab of a page that has come again, and take up what it offers."""
    viewer.page.get_by_role("tab", name="Video").click()
    expect(viewer.tab.locator(".restore")).to_contain_text("your work on grey.mp4: objects 1")
    viewer.do("restore_work")
    expect(viewer.tab.locator(".restore")).to_be_hidden()
    expect(viewer.tab.locator(".about-picture")).to_contain_text("Your clip")


def test_a_click_without_an_answer_survives_each_loss(
    browser: Browser, server: Server, tmp_path: Path
) -> None:
    make_clip(tmp_path / "grey.mp4")
    viewer = Viewer(browser, server.url, script=SCRIPT)
    address = viewer.page.url
    viewer.open(tmp_path / "grey.mp4")
    viewer.prompt(60, 80, 1)

    viewer.context.set_offline(True)
    viewer.click(200, 80)
    expect(viewer.tab.locator(".message")).to_contain_text("your prompts are kept")
    viewer.context.set_offline(False)
    expect(viewer.tab.locator(".message")).to_be_empty()
    viewer.quiet()
    assert viewer.masked(200, 92)

    server.knobs.seconds.value = 1.5
    viewer.click(120, 180)
    viewer.page.wait_for_timeout(700)  # it is kept before it is answered
    server.knobs.seconds.value = 0.0
    viewer.page.goto("about:blank")
    viewer.page.go_back()
    look(viewer)
    expect(viewer.tab.locator('[data-fact="prompts"] dd')).to_have_text("3")
    assert viewer.masked(120, 192)

    viewer.page.close()
    viewer.page = viewer.context.new_page()
    viewer.tab = viewer.page.locator("#video-canvas")
    viewer.page.goto(address)
    look(viewer)
    expect(viewer.tab.locator('[data-fact="prompts"] dd')).to_have_text("3")
    assert viewer.masked(120, 192)
    viewer.close()
