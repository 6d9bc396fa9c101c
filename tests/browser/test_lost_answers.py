"""Each kind of request fails once, in each way: the page stays usable and nothing drawn is gone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Server
from tests.browser.faults import EVENT_WAYS, PATIENCE, SCRIPT, WAYS, Fault, Way
from tests.browser.studio import HIGH, WIDE, Visitor
from tests.browser.test_files import png
from tests.browser.test_video_tab import Viewer, make_clip
from tests.fakes import disc

pytestmark = pytest.mark.browser

SMALL = {"width": 900, "height": 600}
"""Less of it is painted."""
MASK = png(disc((HIGH, WIDE), 100, 150, 40).astype(np.uint8) * 255)


def others(errors: list[str]) -> list[str]:
    """What the console says but that a request failed."""
    return [error for error in errors if not error.startswith("Failed to load resource")]


FULL: dict[str, tuple[Way, ...]] = {"edit_prompts": EVENT_WAYS, "upload": WAYS, "pictures": WAYS}
"""One request of each kind, an event, an upload and a call of a function, fails in every way."""
LATE: tuple[Way, ...] = ("delay", "lose")
"""What differs for the others: the server acts late, or acts and is not heard."""


def each_way(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test with each way in which requests of these names fail."""
    both = [(name, way) for name in names for way in FULL.get(name, LATE)]
    return pytest.mark.parametrize(("request_name", "way"), both)


@pytest.fixture(scope="module")
def painter(browser: Browser, server: Server) -> Iterator[Visitor]:
    server.knobs.seconds.value, server.knobs.broken.value = 0.0, 0
    painter = Visitor(browser, server.url, script=SCRIPT, viewport=SMALL)
    yield painter
    assert others(painter.errors) == []
    painter.close()


@pytest.fixture
def drawn(painter: Visitor) -> Visitor:
    """The example with a click of the visitor's own."""
    painter.page.evaluate("window.stillHere = true")
    painter.view("overlay")
    painter.page.locator('[data-example="grey"]').click()
    painter.settle("1")
    painter.click(300, 100)
    painter.settle("2")
    return painter


def goes_on(visitor: Visitor, prompts: str) -> None:
    """What is drawn is there, and one more click is answered."""
    visitor.settle(prompts)
    assert visitor.masked(300, 125)
    visitor.click(200, 230)
    visitor.settle(prompts.replace("2", "3", 1))
    assert visitor.masked(200, 250)
    assert visitor.message() == ""
    assert visitor.page.evaluate("window.stillHere")


def choose(visitor: Visitor, chooser: str, content: bytes, kind: str = "image/png") -> None:
    file = {"name": "file", "mimeType": kind, "buffer": content}
    visitor.page.locator(f"input.{chooser}-file").set_input_files(file)


def wait_grey(visitor: Visitor, grey: int) -> None:
    for _ in range(100):
        if visitor.pixel(10, 10) == [grey] * 3:
            return
        visitor.page.wait_for_timeout(50)
    raise AssertionError(f"no grey {grey} is painted, but {visitor.pixel(10, 10)}")


@each_way("upload", "open_file", "image")
def test_a_picture_is_opened_all_the_same(
    drawn: Visitor, server: Server, request_name: str, way: Way
) -> None:
    fault = Fault(drawn.page, server.url, request_name, way)
    drawn.upload("a.png", png(np.full((HIGH, WIDE, 3), 90, np.uint8)))
    expect(drawn.page.locator(".about-picture")).to_contain_text("Your picture")
    fault.end()
    drawn.settle()
    wait_grey(drawn, 90)
    drawn.page.wait_for_function("!document.querySelector('.message').textContent")
    drawn.click(200, 230)
    drawn.settle("1")
    assert drawn.masked(200, 250)


@pytest.mark.parametrize("way", LATE)
def test_an_example_is_opened_all_the_same(drawn: Visitor, server: Server, way: Way) -> None:
    fault = Fault(drawn.page, server.url, "open_example", way)
    drawn.page.locator('[data-example="grey"]').click()
    drawn.settle("1")
    fault.end()
    drawn.click(300, 100)
    goes_on(drawn, "2")


@pytest.mark.parametrize("way", EVENT_WAYS)
def test_a_click_is_made_once(drawn: Visitor, server: Server, way: Way) -> None:
    fault = Fault(drawn.page, server.url, "edit_prompts", way)
    drawn.click(200, 60)
    assert drawn.pixel(203, 63)[1] > drawn.pixel(203, 63)[0] + 40
    drawn.settle("3")
    fault.end()
    drawn.settle("3")
    assert [round(click[0]) for click in drawn.clicks()[0]] == [100, 300, 200]
    drawn.do("undo")
    goes_on(drawn, "2")


def test_an_answer_that_comes_after_newer_ones_changes_nothing(
    drawn: Visitor, server: Server
) -> None:
    fault = Fault(drawn.page, server.url, "edit_prompts", "hold")
    drawn.click(200, 60)
    drawn.settle("3")  # it was sent again
    drawn.do("undo")
    drawn.settle("2")
    fault.end()
    drawn.page.wait_for_timeout(PATIENCE // 3)
    drawn.settle("2")
    assert not drawn.masked(200, 85)
    goes_on(drawn, "2")


@pytest.mark.parametrize("way", LATE)
def test_a_truth_arrives(drawn: Visitor, server: Server, way: Way) -> None:
    fault = Fault(drawn.page, server.url, "open_truth", way)
    choose(drawn, "truth", MASK)
    expect(drawn.page.locator(".truth-note")).to_contain_text("The mask you uploaded")
    fault.end()
    goes_on(drawn, "2")


@pytest.mark.parametrize("way", LATE)
def test_a_mask_prompt_arrives(drawn: Visitor, server: Server, way: Way) -> None:
    fault = Fault(drawn.page, server.url, "give_mask", way)
    choose(drawn, "given", MASK)
    drawn.settle("2 + mask")
    fault.end()
    goes_on(drawn, "2 + mask")


def test_a_mask_prompt_comes_after_the_click_made_before_it(drawn: Visitor, server: Server) -> None:
    fault = Fault(drawn.page, server.url, "edit_prompts", "delay")
    drawn.click(200, 60)
    choose(drawn, "given", MASK)
    drawn.settle("3 + mask")
    drawn.do("undo")
    drawn.settle("3")
    drawn.do("undo")
    goes_on(drawn, "2")
    fault.end()


@pytest.mark.parametrize("way", ["delay", "forget"])
def test_a_stream_that_hangs_or_is_refused_is_asked_for_anew(
    drawn: Visitor, server: Server, way: Way
) -> None:
    fault = Fault(drawn.page, server.url, "queue/data", way)
    drawn.click(200, 60)
    drawn.settle("3")
    fault.end()
    drawn.do("undo")
    goes_on(drawn, "2")


def test_a_server_that_was_not_there_for_a_while_is_asked_again_soon(
    drawn: Visitor, server: Server
) -> None:
    drawn.context.set_offline(True)
    drawn.click(200, 60)
    drawn.page.wait_for_timeout(2 * PATIENCE)  # refused many times
    drawn.page.wait_for_event("requestfailed", lambda request: "/queue/join" in request.url)
    fault = Fault(drawn.page, server.url, "edit_prompts", "lose")
    drawn.context.set_offline(False)
    drawn.settle("3")
    fault.end()
    drawn.do("undo")
    goes_on(drawn, "2")


@pytest.mark.parametrize("way", LATE)
def test_a_session_arrives(drawn: Visitor, server: Server, way: Way) -> None:
    content = drawn.download("session")[1]
    drawn.do("undo")
    drawn.settle("1")
    fault = Fault(drawn.page, server.url, "open_session", way)
    choose(drawn, "session", content, "application/json")
    drawn.settle("2")
    fault.end()
    goes_on(drawn, "2")


@pytest.mark.parametrize("way", LATE)
def test_the_differences_arrive(drawn: Visitor, server: Server, way: Way) -> None:
    drawn.measured()
    fault = Fault(drawn.page, server.url, "show_differences", way)
    drawn.click(350, 250)
    drawn.settle("3")
    assert drawn.message() == ""
    drawn.measured()
    fault.end()
    assert drawn.message() == ""
    drawn.do("undo")
    goes_on(drawn, "2")


@each_way("show_soft", "image")
def test_the_probabilities_arrive(
    drawn: Visitor, server: Server, request_name: str, way: Way
) -> None:
    fault = Fault(drawn.page, server.url, request_name, way)
    drawn.view("soft")
    drawn.settle("2")
    fault.end()
    drawn.settle("2")
    assert drawn.pixel(300, 100 + 20) != [120, 120, 120]
    drawn.view("overlay")
    goes_on(drawn, "2")


@pytest.mark.parametrize("way", LATE)
def test_a_download_that_does_not_come_can_be_had_again(
    drawn: Visitor, server: Server, way: Way
) -> None:
    fault = Fault(drawn.page, server.url, "export_file", way)
    drawn.button('[data-export="json"]').click()
    drawn.wait_message("The download has not come")
    fault.end()
    assert len(json.loads(drawn.download("json")[1])["objects"]) == 1
    goes_on(drawn, "2")


def test_a_broken_connection_neither_reloads_the_page_nor_loses_a_click(
    drawn: Visitor, server: Server
) -> None:
    server.knobs.seconds.value = 0.5
    drawn.click(200, 60)
    drawn.page.wait_for_timeout(100)
    drawn.context.set_offline(True)
    drawn.click(240, 60)
    drawn.wait_message("has not answered")
    server.knobs.seconds.value = 0.0
    drawn.context.set_offline(False)
    drawn.settle("4")
    assert drawn.page.evaluate("window.stillHere")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("clips") / "grey.mp4"
    make_clip(file)
    return file


@pytest.fixture(scope="module")
def director(browser: Browser, server: Server, clip: Path) -> Iterator[Viewer]:
    director = Viewer(browser, server.url, script=SCRIPT, viewport=SMALL)
    director.open(clip)
    yield director
    server.knobs.seconds.value = 0.0
    assert others(director.errors) == []
    director.close()


@pytest.fixture
def filmed(director: Viewer, server: Server) -> Viewer:
    """A clip with nothing but one click on its first frame."""
    server.knobs.seconds.value = 0.0
    director.do("whole")
    director.do("reset")
    director.press("Home")
    director.shows(0)
    director.quiet()
    director.prompt(60, 80, 1)
    return director


def films_on(viewer: Viewer, prompts: int = 1) -> None:
    """What is drawn is there, one more click is answered and all can be tracked."""
    viewer.press("Home")
    viewer.prompt(200, 80, prompts + 1)
    assert viewer.masked(60, 92)
    viewer.track()
    assert viewer.text("message") == ""


@each_way("upload", "open_file", "pictures")
def test_a_clip_is_opened_all_the_same(
    filmed: Viewer, server: Server, clip: Path, request_name: str, way: Way
) -> None:
    fault = Fault(filmed.page, server.url, request_name, way)
    filmed.tab.locator("input.file").set_input_files(str(clip))
    expect(filmed.tab.locator('[data-fact="prompts"]')).to_have_count(0)
    filmed.page.wait_for_function(
        "!document.querySelector('#video-canvas .message').textContent", timeout=10_000
    )
    fault.end()
    filmed.quiet()
    filmed.prompt(60, 80, 1)
    assert filmed.masked(60, 92)


@each_way("edit_prompts")
def test_a_click_on_a_frame_is_made_once(
    filmed: Viewer, server: Server, request_name: str, way: Way
) -> None:
    fault = Fault(filmed.page, server.url, request_name, way)
    filmed.prompt(200, 200, 2)
    fault.end()
    filmed.quiet()
    films_on(filmed, 2)


def test_an_answer_of_a_clip_that_comes_after_newer_ones_changes_nothing(
    filmed: Viewer, server: Server
) -> None:
    fault = Fault(filmed.page, server.url, "edit_prompts", "hold")
    filmed.prompt(200, 200, 2)  # it was sent again
    filmed.do("undo")
    expect(filmed.tab.locator('[data-fact="prompts"] dd')).to_have_text("1")
    filmed.quiet()
    fault.end()
    filmed.page.wait_for_timeout(PATIENCE // 3)
    filmed.quiet()
    assert not filmed.masked(200, 212)
    films_on(filmed)


@each_way("start_track", "follow")
def test_tracking_goes_on_by_itself(
    filmed: Viewer, server: Server, request_name: str, way: Way
) -> None:
    server.knobs.seconds.value = 0.02
    fault = Fault(filmed.page, server.url, request_name, way)
    filmed.track()
    fault.end()
    server.knobs.seconds.value = 0.0
    films_on(filmed)


@each_way("cancel")
def test_tracking_is_cancelled_all_the_same(
    filmed: Viewer, server: Server, request_name: str, way: Way
) -> None:
    server.knobs.seconds.value = 0.2
    filmed.do("track")
    expect(filmed.tab.locator(".lane i.fresh").first).to_be_visible()
    fault = Fault(filmed.page, server.url, request_name, way)
    filmed.do("track")
    expect(filmed.tab.locator('[data-do="track"]')).to_have_text("Go on tracking")
    fault.end()
    server.knobs.seconds.value = 0.0
    films_on(filmed)


@each_way("set_span")
def test_frames_are_chosen_all_the_same(
    filmed: Viewer, server: Server, request_name: str, way: Way
) -> None:
    filmed.go(5)
    fault = Fault(filmed.page, server.url, request_name, way)
    filmed.do("stop_here")
    expect(filmed.tab.locator(".part")).to_contain_text("6 of 24 frames")
    fault.end()
    films_on(filmed)


@each_way("start_export")
def test_an_export_comes_all_the_same(
    filmed: Viewer, server: Server, tmp_path: Path, request_name: str, way: Way
) -> None:
    fault = Fault(filmed.page, server.url, request_name, way)
    assert filmed.save("rle", tmp_path).stat().st_size > 100
    fault.end()
    filmed.page.wait_for_timeout(500)  # a start that came late is carried out, too
    films_on(filmed)


@each_way("export_file")
def test_an_export_that_does_not_come_can_be_had_again(
    filmed: Viewer, server: Server, tmp_path: Path, request_name: str, way: Way
) -> None:
    fault = Fault(filmed.page, server.url, request_name, way)
    filmed.button('[data-export="rle"]').click()
    expect(filmed.tab.locator(".message")).to_contain_text("The download has not come")
    if way == "delay":
        with filmed.page.expect_download():  # it comes after all
            fault.end()
    else:
        fault.end()
    assert filmed.save("rle", tmp_path).stat().st_size > 100
    films_on(filmed)


@each_way("pictures")
def test_playing_goes_on_by_itself(
    filmed: Viewer, server: Server, clip: Path, request_name: str, way: Way
) -> None:
    fault = Fault(filmed.page, server.url, request_name, way, spared=1)  # the first frames
    filmed.tab.locator("input.file").set_input_files(str(clip))
    expect(filmed.tab.locator('[data-fact="prompts"]')).to_have_count(0)
    filmed.shows(0)
    filmed.do("play")
    filmed.shows(23)
    fault.end()
    expect(filmed.tab.locator('[data-do="play"]')).to_have_text("Play")
