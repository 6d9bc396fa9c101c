"""What is dropped where, which of several wishes wins, and how an upload shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Server
from tests.browser.faults import SCRIPT, Fault
from tests.browser.studio import Visitor
from tests.browser.test_files import png

pytestmark = pytest.mark.browser

PICTURE = [*png(np.zeros((48, 64, 3), np.uint8))]


@pytest.fixture(scope="module")
def dropper(browser: Browser, server: Server) -> Iterator[Visitor]:
    server.knobs.seconds.value, server.knobs.broken.value = 0.0, 0
    dropper = Visitor(browser, server.url, script=SCRIPT)
    yield dropper
    assert dropper.errors == []
    dropper.close()


@pytest.fixture
def fresh(dropper: Visitor) -> Visitor:
    dropper.page.locator('[data-example="grey"]').click()
    dropper.settle("1")
    return dropper


def drop(visitor: Visitor, place: str, files: int = 0, link: str = "", folder: bool = False) -> Any:
    """Drop something; return whether the browser would still leave the page for it."""
    return visitor.page.evaluate(
        """([place, bytes, files, link, folder]) => {
            const transfer = new DataTransfer();
            for (let n = 0; n < files; n++) {
                transfer.items.add(new File([new Uint8Array(bytes)], n + ".png", { type: "image/png" }));
            }
            if (link) transfer.setData("text/uri-list", link);
            if (folder) {
                DataTransferItem.prototype.webkitGetAsEntry = () => ({ isDirectory: true });
            }
            const at = document.querySelector(place);
            const options = { bubbles: true, cancelable: true, dataTransfer: transfer };
            const over = at.dispatchEvent(new DragEvent("dragover", options));
            const left = at.dispatchEvent(new DragEvent("drop", options));
            if (folder) DataTransferItem.prototype.webkitGetAsEntry = () => null;
            return over || left;
        }""",
        [place, PICTURE, files, link, folder],
    )


@pytest.mark.parametrize("place", [".stage", "#heading", "body"])
def test_a_file_dropped_anywhere_is_opened_and_the_page_stays(fresh: Visitor, place: str) -> None:
    assert not drop(fresh, place, files=1)
    expect(fresh.page.locator(".about-picture")).to_contain_text("64×48")


def test_a_file_dropped_on_another_tab_changes_nothing(fresh: Visitor) -> None:
    fresh.page.get_by_role("tab", name="About").click()
    assert not drop(fresh, "body", files=1)
    fresh.page.get_by_role("tab", name="Image").click()
    fresh.settle("1")


def test_a_dropped_link_says_what_to_do(fresh: Visitor) -> None:
    assert not drop(fresh, ".stage", link="https://example.org/a.png")
    fresh.wait_message("That is a link")
    fresh.settle("1")


def test_a_dropped_folder_says_what_to_do(fresh: Visitor) -> None:
    assert not drop(fresh, ".stage", files=1, folder=True)
    fresh.wait_message("That is a folder")
    fresh.settle("1")


def test_of_two_dropped_files_the_first_is_opened_and_that_is_said(fresh: Visitor) -> None:
    assert not drop(fresh, ".stage", files=2)
    expect(fresh.page.locator(".about-picture")).to_contain_text("64×48")
    fresh.settle()
    assert "Of the 2 files only the first is opened" in fresh.message()


def test_what_was_told_is_told_again_after_a_lost_answer(fresh: Visitor, server: Server) -> None:
    fault = Fault(fresh.page, server.url, "open_file", "lose")
    assert not drop(fresh, ".stage", files=2)
    expect(fresh.page.locator(".about-picture")).to_contain_text("64×48")
    fault.end()
    fresh.settle()
    assert "Of the 2 files only the first is opened" in fresh.message()


def test_a_file_chosen_after_an_example_wins(fresh: Visitor, server: Server) -> None:
    server.knobs.seconds.value = 0.3
    fresh.page.locator('[data-example="grey"]').click()
    fresh.upload("a.png", bytes(PICTURE))
    fresh.settle()
    server.knobs.seconds.value = 0.0
    expect(fresh.page.locator(".about-picture")).to_contain_text("64×48")
    assert fresh.message() == ""


def test_an_example_chosen_after_a_file_wins(fresh: Visitor) -> None:
    fresh.upload("a.png", bytes(PICTURE))
    fresh.page.locator('[data-example="grey"]').click()
    fresh.settle("1")
    expect(fresh.page.locator(".about-picture")).to_contain_text("Grey")


def test_the_last_of_several_files_chosen_quickly_wins(fresh: Visitor) -> None:
    for side in (40, 50, 60, 70):
        fresh.upload("a.png", png(np.zeros((side, side, 3), np.uint8)))
    expect(fresh.page.locator(".about-picture")).to_contain_text("70×70")
    fresh.settle()
    fresh.click(200, 150)
    fresh.settle("1")


def test_a_refused_file_leaves_the_example_chosen_before_it(fresh: Visitor) -> None:
    fresh.click(300, 100)
    fresh.settle("2")
    fresh.page.locator('[data-example="grey"]').click()
    fresh.upload("a.png", b"no picture at all")
    fresh.settle("1")
    assert fresh.message()
    fresh.click(300, 100)
    fresh.settle("2")


def test_a_slow_upload_shows_how_much_is_sent_and_is_not_given_up(fresh: Visitor) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (700, 700, 3), dtype=np.uint8)
    devtools = fresh.context.new_cdp_session(fresh.page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 500_000}
    devtools.send("Network.emulateNetworkConditions", slow)
    fresh.upload("a.png", png(noise))
    fresh.page.wait_for_function(
        "/^Sending [1-9]\\d? % .* of 1.5 MB/.test(document.querySelector('.status').textContent)"
    )
    assert fresh.message() == ""
    expect(fresh.page.locator(".about-picture")).to_contain_text("700×700", timeout=15_000)
    assert fresh.message() == ""
    devtools.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
