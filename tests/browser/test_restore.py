"""What was drawn survives a reload, a closed tab and another address of the server's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Route, expect

from tests.browser.faults import SCRIPT
from tests.browser.serving import free_port, server_process
from tests.browser.studio import HIGH, WIDE, Visitor
from tests.browser.test_files import png
from tests.browser.test_video_tab import Viewer, make_clip
from webapp.shared.examples import ExampleSource

pytestmark = pytest.mark.browser


def kept(visitor: Visitor) -> None:
    """Wait until what was drawn last has been stored."""
    visitor.page.wait_for_timeout(900)


def refuse_uploads(visitor: Visitor, times: int) -> None:
    left = iter(range(times))

    def refuse(route: Route) -> None:
        route.continue_() if next(left, None) is None else route.abort()

    visitor.page.route("**/gradio_api/upload*", refuse)


def come_back(visitor: Visitor, way: str) -> None:
    if way == "reload":
        visitor.page.reload()
    else:
        address = visitor.page.url
        visitor.page.close()
        visitor.page = visitor.context.new_page()
        visitor.page.goto(address)
    visitor.settle("1")


@pytest.mark.parametrize("way", ["reload", "closed tab"])
def test_an_own_picture_comes_back_with_all_its_objects(visitor: Visitor, way: str) -> None:
    picture = png(np.full((HIGH, WIDE, 3), 120, np.uint8))
    visitor.upload("mine.png", picture)
    expect(visitor.page.locator(".about-picture")).to_contain_text("Your picture")
    visitor.settle()
    visitor.upload("damaged.png", picture[:50])  # mine.png stays open
    visitor.wait_message("damaged.png")
    visitor.click(300, 100)
    visitor.settle("1")
    visitor.do("new_object")
    visitor.drag((20, 30), (80, 90))
    visitor.settle("0 + box")
    before = visitor.clicks()
    kept(visitor)
    come_back(visitor, way)
    offer = visitor.page.locator(".restore")
    expect(offer).to_contain_text("your work on mine.png: objects 2, clicks 1")
    visitor.do("restore_work")
    visitor.settle("0 + box")
    expect(offer).to_be_hidden()
    expect(visitor.page.locator(".about-picture")).to_contain_text("Your picture")
    assert visitor.clicks() == before
    assert visitor.masked(300, 130)


def test_clicks_on_an_example_come_back(visitor: Visitor) -> None:
    leaving = "window.dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    visitor.click(300, 100)
    visitor.page.wait_for_function(f"!{leaving}")  # it asks until the click is kept
    visitor.settle("2")
    before = visitor.clicks()
    kept(visitor)
    assert visitor.page.evaluate(leaving)
    come_back(visitor, "reload")
    visitor.do("restore_work")
    visitor.settle("2")
    assert visitor.clicks() == before


def test_what_is_forgotten_is_offered_no_more(visitor: Visitor) -> None:
    visitor.click(300, 100)
    visitor.settle("2")
    kept(visitor)
    come_back(visitor, "reload")
    visitor.do("forget_work")
    kept(visitor)
    come_back(visitor, "reload")
    kept(visitor)
    expect(visitor.page.locator(".restore")).to_be_hidden()


def test_who_did_nothing_is_offered_nothing(visitor: Visitor) -> None:
    kept(visitor)
    come_back(visitor, "reload")
    kept(visitor)
    expect(visitor.page.locator(".restore")).to_be_hidden()


def test_picture_and_clip_are_sent_again_to_a_server_that_was_started_anew(
    browser: Browser, example: ExampleSource, tmp_path: Path
) -> None:
    make_clip(tmp_path / "grey.mp4")
    port, folders = free_port(), [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    with server_process(folders[0], example, port) as (url, _, process):
        visitor = Visitor(browser, url, script=SCRIPT)
        visitor.upload("mine.png", png(np.full((HIGH, WIDE, 3), 120, np.uint8)))
        expect(visitor.page.locator(".about-picture")).to_contain_text("Your picture")
        visitor.settle()
        visitor.click(300, 100)
        visitor.settle("1")
        viewer = Viewer(visitor.context, url)
        viewer.open(tmp_path / "grey.mp4")
        viewer.prompt(60, 80, 1)
        viewer.track()
        viewer.go(5)
        process.kill()
        process.join()
    viewer.click(200, 200)
    visitor.click(200, 230)
    expect(viewer.tab.locator(".message")).to_contain_text("your prompts are kept")
    visitor.wait_message("your prompts are kept")
    refuse_uploads(visitor, 2)  # so the first opening fails
    with server_process(folders[1], example, port):
        visitor.wait_message("it was sent again with your clicks")
        visitor.settle("2")
        assert visitor.masked(300, 130)
        assert visitor.masked(200, 250)
        assert len(visitor.clicks()[0]) == 2
        expect(viewer.tab.locator(".notice")).to_contain_text("with your clicks")
        viewer.shows(5)  # tracked up to there again: the click there corrects
        expect(viewer.tab.locator('[data-do="track"]')).to_have_text("Track again from frame 5")
        assert viewer.masked(200, 212)
        assert viewer.masked(60 + 4 * 5, 92)
        visitor.context.close()
