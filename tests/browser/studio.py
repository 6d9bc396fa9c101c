"""A visitor at the page: what tests do and see there, in the pixels of the picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Download,
    Error,
    Locator,
    Page,
    Request,
    TimeoutError,
)

WIDE, HIGH = 400, 300

PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}


DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"}
KEPT = "indexeddb,local_storage"


def seat(context: BrowserContext) -> Page:
    """Return the empty page of a shared context: in a new one the studio opens more slowly."""
    return context.pages[0] if context.pages else context.new_page()


def reached(page: Page, selector: str) -> Locator:
    """Find a button or the like; the menu that it is in is opened."""
    found = page.locator(selector)
    found.evaluate("node => { const menu = node.closest('details'); if (menu) menu.open = true; }")
    return found


class Visitor:
    """Drives one page; keeps what its console said and which hosts it asked."""

    def __init__(
        self,
        browser: Browser | BrowserContext,
        url: str,
        starts: str = "1",
        script: str = "",
        page: Page | None = None,
        **options: Any,
    ) -> None:
        """Open the page.

        Args:
            browser: where to; or a context of it, which has the page's scripts compiled already. It
                is left open and nothing of the page is left in it.
            url: of the app.
            starts: the prompts that its first example has.
            script: what runs before any script of the page.
            page: an empty one of the context to open it in, see `seat`.
            **options: of the browser's context, if that is to be made.
        """
        self.shared = isinstance(browser, BrowserContext)
        self.context = (
            browser
            if isinstance(browser, BrowserContext)
            else browser.new_context(**{**DESK, **options})
        )
        if script:
            self.context.add_init_script(script)
        self.page: Page = page or self.context.new_page()
        self.window = self.page.viewport_size
        self.url = url
        self.errors: list[str] = []
        self.hosts: set[str | None] = set()
        self.page.on("pageerror", self._note_error)
        self.page.on("console", self._note_line)
        self.page.on("request", self._note_host)
        self.page.goto(url)
        self.settle(clicks=starts)

    def _note_error(self, error: Error) -> None:
        self.errors.append(str(error))

    def _note_line(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.errors.append(said.text)

    def _note_host(self, sent: Request) -> None:
        if not sent.url.startswith(("blob:", "about:")):
            self.hosts.add(urlparse(sent.url).hostname)

    def close(self) -> None:
        """Leave; of a shared context one empty page is left."""
        if not self.shared:
            self.context.close()
            return
        for other in self.context.pages:
            if other is not self.page:
                other.close()
        self.page.goto("about:blank")
        if self.window and self.page.viewport_size != self.window:
            self.page.set_viewport_size(self.window)
        with suppress(KeyError):  # a test went on with another page
            self.page.remove_listener("pageerror", self._note_error)
            self.page.remove_listener("console", self._note_line)
            self.page.remove_listener("request", self._note_host)
        self.page.unroute_all()
        devtools = self.context.new_cdp_session(self.page)
        devtools.send("Storage.clearDataForOrigin", {"origin": self.url, "storageTypes": KEPT})
        devtools.detach()
        self.context.clear_cookies()

    def canvas(self, model: str = "base") -> Locator:
        return self.page.locator(f".pane.{model} > canvas:not(.inset)")

    def at(self, x: float, y: float, model: str = "base") -> tuple[float, float]:
        """Where the picture's point is in the window, while all of it is shown."""
        self.canvas(model).scroll_into_view_if_needed()
        box = self.canvas(model).bounding_box()
        assert box is not None
        scale = min(box["width"] / WIDE, box["height"] / HIGH)
        return (
            box["x"] + box["width"] / 2 + (x - WIDE / 2) * scale,
            box["y"] + y * scale,  # at the pane's top
        )

    def click(self, x: float, y: float, model: str = "base", **options: Any) -> None:
        self.page.mouse.click(*self.at(x, y, model), **options)

    def drag(self, *points: tuple[float, float], **options: Any) -> None:
        places = [self.at(*point) for point in points]
        self.page.mouse.move(*places[0])
        self.page.mouse.down(**options)
        for place in places[1:]:
            self.page.mouse.move(*place, steps=4)
        self.page.mouse.up(**options)

    def press(self, keys: str) -> None:
        self.page.locator(".stage").press(keys)

    def button(self, selector: str) -> Locator:
        return reached(self.page, selector)

    def do(self, name: str) -> None:
        self.button(f'[data-do="{name}"]').click()

    def view(self, name: str) -> None:
        self.button(f'[data-view="{name}"]').click()

    def painted(self) -> None:
        """Wait until what was done last is on the page: it is painted with the next frame."""
        self.page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
        )

    def settle(self, clicks: str | None = None) -> None:
        """Wait for the given number of prompts, and until nothing is under way."""
        self.painted()
        if clicks is not None:
            self.wait_fact("prompts", clicks)
        self.page.wait_for_function(
            "() => document.querySelector('.about-picture')?.textContent"
            " && !/^(Working|Opening|Sending|Others)/.test(document.querySelector('.status').textContent)"
        )
        self.painted()

    def measured(self) -> None:
        """Wait until the differences of the masks shown have come."""
        self.page.wait_for_function(
            """() => document.querySelector('[data-fact="iou"] dd')?.textContent.includes('%')"""
        )

    def fact(self, name: str) -> Locator:
        return self.page.locator(f'[data-fact="{name}"] dd')

    def wait_fact(self, name: str, text: str) -> None:
        with self._telling(f"{name} is not {text!r}"):
            self.page.wait_for_function(
                '([name, text]) => document.querySelector(`[data-fact="${name}"] dd`)'
                "?.textContent === text",
                arg=[name, text],
            )

    def message(self) -> str:
        """What went wrong, or what else the page tells."""
        return "".join(self.page.locator(".message, .notice").all_inner_texts())

    def wait_message(self, part: str) -> None:
        with self._telling(f"there is no message {part!r}"):
            self.page.wait_for_function(
                """part => [...document.querySelectorAll(".message, .notice")]
                    .some((line) => line.textContent.includes(part))""",
                arg=part,
            )

    @contextmanager
    def _telling(self, missing: str) -> Iterator[None]:
        """If what is waited for does not come, tell all that the page says instead."""
        try:
            yield
        except TimeoutError as error:
            said = self.page.locator(".studio").all_inner_texts()
            raise AssertionError(f"{missing}; the page says {said}") from error

    def pixel(self, x: float, y: float, model: str = "base") -> list[int]:
        """The colour painted at a point of the picture."""
        left, top = self.at(x, y, model)
        box = self.canvas(model).bounding_box()
        assert box is not None
        self.painted()
        return self.canvas(model).evaluate(
            """(canvas, [x, y]) => {
                const ratio = canvas.width / canvas.clientWidth;
                const data = canvas.getContext("2d").getImageData(x * ratio, y * ratio, 1, 1).data;
                return [...data].slice(0, 3);
            }""",
            [left - box["x"], top - box["y"]],
        )

    def masked(self, x: float, y: float, model: str = "base") -> bool:
        """Whether a mask is painted over a point of the plain grey picture."""
        return any(abs(value - 120) > 20 for value in self.pixel(x, y, model))

    def download(self, kind: str, model: str | None = None) -> tuple[str, bytes]:
        button = f'[data-export="{kind}"]' + (f'[data-model="{model}"]' if model else "")
        with self.page.expect_download() as waiting:
            self.button(button).click()
        download: Download = waiting.value
        return download.suggested_filename, Path(download.path()).read_bytes()

    def clicks(self) -> list[list[list[float | bool]]]:
        """The clicks of each object that has masks, as the server knows them."""
        document = json.loads(self.download("json")[1])
        return [item["prompts"]["clicks"] for item in document["objects"]]

    def upload(self, name: str, content: bytes, mime: str = "image/png") -> None:
        self.page.locator("input.file").set_input_files(
            {"name": name, "mimeType": mime, "buffer": content}
        )
