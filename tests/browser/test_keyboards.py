"""Other keyboards than a US one, input methods, and a Mac's mouse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Server
from tests.browser.studio import Visitor

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def typist(browser: Browser, server: Server) -> Iterator[Visitor]:
    server.knobs.seconds.value, server.knobs.broken.value = 0.0, 0
    typist = Visitor(browser, server.url)
    yield typist
    assert typist.errors == []
    typist.close()


def send(visitor: Visitor, key: str, code: str, **modifiers: bool) -> None:
    """Press a key as a browser tells it of another layout."""
    visitor.page.locator(".stage").evaluate(
        """(stage, [key, code, modifiers]) => {
            const { altGraph, ...others } = modifiers;
            const options = { key, code, bubbles: true, cancelable: true, ...others };
            options.modifierAltGraph = Boolean(altGraph);
            stage.dispatchEvent(new KeyboardEvent("keydown", options));
        }""",
        [key, code, modifiers],
    )


def chosen_tool(visitor: Visitor) -> str | None:
    visitor.painted()
    return visitor.page.locator('[data-tool][aria-pressed="true"]').get_attribute("data-tool")


@pytest.mark.parametrize(
    ("key", "code", "tool"),
    [
        ("у", "KeyE", "negative"),  # Russian
        ("Process", "KeyE", "negative"),  # an input method
        ("E", "KeyE", "negative"),
        ("e", "KeyD", "negative"),  # Dvorak: the letter counts
        ("'", "KeyQ", "box"),  # Dvorak: a sign of its own means nothing
    ],
)
def test_tools_are_chosen_by_letter_else_by_place(
    typist: Visitor, key: str, code: str, tool: str
) -> None:
    typist.page.locator('[data-tool="box"]').click()
    send(typist, key, code)
    assert chosen_tool(typist) == tool


@pytest.mark.parametrize(("key", "code"), [("я", "KeyZ"), ("Process", "KeyZ"), ("z", "KeyY")])
def test_undo_works_on_other_keyboards(typist: Visitor, key: str, code: str) -> None:
    typist.page.locator('[data-example="grey"]').click()
    typist.settle("1")
    typist.press("q")
    typist.click(300, 100)
    typist.settle("2")
    send(typist, key, code, ctrlKey=True)
    typist.settle("1")


def test_alt_gr_is_no_shortcut(typist: Visitor) -> None:
    typist.page.locator('[data-example="grey"]').click()
    typist.settle("1")
    typist.page.locator('[data-tool="box"]').click()
    send(typist, "z", "KeyZ", ctrlKey=True, altKey=True, altGraph=True)
    send(typist, "e", "KeyE", altGraph=True)
    typist.settle("1")
    assert chosen_tool(typist) == "box"


def test_an_object_is_chosen_by_the_place_of_its_number(typist: Visitor) -> None:
    typist.page.locator('[data-example="grey"]').click()
    typist.settle("1")
    typist.do("new_object")
    expect(typist.page.locator('[data-object][aria-pressed="true"]')).to_have_text("Object 2")
    send(typist, "&", "Digit1")
    expect(typist.page.locator('[data-object][aria-pressed="true"]')).to_have_text("Object 1")


def test_space_does_not_stick_when_let_go_elsewhere(typist: Visitor) -> None:
    stage = typist.page.locator(".stage").first
    stage.focus()
    typist.page.keyboard.down("Space")
    assert "panning" in (stage.get_attribute("class") or "")
    typist.button('[data-do="help"]').focus()
    assert "panning" not in (stage.get_attribute("class") or "")
    typist.page.keyboard.up("Space")


@pytest.mark.parametrize("mac", [True, False])
def test_ctrl_click_is_negative_on_a_mac_and_collects_elsewhere(
    browser: Browser, server: Server, mac: bool
) -> None:
    platform = "MacIntel" if mac else "Win32"
    script = f"Object.defineProperty(navigator, 'platform', {{ get: () => '{platform}' }});"
    visitor = Visitor(browser, server.url, script=script)
    visitor.page.keyboard.down("Control")
    visitor.click(300, 100)
    visitor.page.keyboard.up("Control")
    visitor.settle("2")
    assert [click[2] for click in visitor.clicks()[0]] == [True, not mac]
    visitor.close()
    assert visitor.errors == []
