from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.browser.serving import Knobs, serving
from tests.browser.studio import DESK, PHONE, Visitor, seat
from tests.machine import find_chromium
from webapp.shared.examples import ExampleSource

expect.set_options(timeout=20_000)  # a busy machine must not decide what passes

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Try what fails in a browser once more; the summary counts these as rerun."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@dataclass
class Server:
    """The app under test, the knobs of the fake model inside it, and where it keeps files."""

    url: str
    knobs: Knobs
    files: Path


@pytest.fixture(scope="package")
def server(example: ExampleSource, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    files = tmp_path_factory.mktemp("gradio")
    with serving(files, example) as (url, knobs):
        yield Server(url, knobs, files)


@pytest.fixture(scope="package")
def browser(server: Server) -> Iterator[Browser]:
    chromium = find_chromium()
    if chromium is None:
        pytest.fail("There is no Chromium; `python -m tests.machine` gets one.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def desk(browser: Browser) -> Iterator[BrowserContext]:
    """One context for many tests, with one page: it opens twice as fast where it was open before."""
    context = browser.new_context(**DESK)
    yield context
    context.close()


@pytest.fixture
def visitor(desk: BrowserContext, server: Server) -> Iterator[Visitor]:
    server.knobs.seconds.value, server.knobs.broken.value = 0.0, 0
    server.knobs.loading.value = 0
    visitor = Visitor(desk, server.url, page=seat(desk))
    yield visitor
    visitor.close()
    assert visitor.errors == []
    assert visitor.hosts == {"127.0.0.1"}


@pytest.fixture(scope="package")
def pocket(browser: Browser) -> Iterator[BrowserContext]:
    """As `desk`, on a phone."""
    context = browser.new_context(**PHONE)
    yield context
    context.close()


@pytest.fixture
def phone(pocket: BrowserContext, server: Server) -> Iterator[Visitor]:
    visitor = Visitor(pocket, server.url, page=seat(pocket))
    visitor.view("overlay")
    yield visitor
    visitor.close()
    assert visitor.errors == []
