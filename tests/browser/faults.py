"""Makes one request of a page to the server go wrong, in one of several ways."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any, Literal
from urllib.request import urlopen

from playwright.sync_api import APIResponse, Error, Page, Request, Route

Way = Literal["abort", "refuse", "delay", "lose", "garble", "hold", "forget"]
EVENT_WAYS: tuple[Way, ...] = ("abort", "refuse", "delay", "lose")
"""Not sent; answered 500; sent late; sent, but its answer never comes."""
WAYS: tuple[Way, ...] = (*EVENT_WAYS, "garble")
"""Also answered with nonsense. To hold is to send an event and keep its answer for the end, to forget
is to ask for a stream as a page that the server does not know."""

PATIENCE = 900
SCRIPT = f"""window.studioPatience = {{
    edit: {PATIENCE}, event: {PATIENCE}, open: {3 * PATIENCE}, upload: {PATIENCE}, reply: {PATIENCE},
    picture: {PATIENCE}, overtaken: {PATIENCE // 2}, pause: 20, stream: {4 * PATIENCE},
}};"""
"""Run it before the page's own scripts: they wait for an answer no longer than `PATIENCE` ms."""


class Fault:
    """The next request of a name fails: an event, a server function, `upload` or `image`.

    `spared` requests of that name go through before it.
    """

    def __init__(self, page: Page, url: str, name: str, way: Way, spared: int = 0) -> None:
        self.name, self.way, self.spared = name, way, spared
        self.met: Route | None = None
        self.held: APIResponse | None = None
        with urlopen(url + "/config") as reply:
            events = json.load(reply)["dependencies"]
        self.events = {item["id"]: [name for _, name in item["targets"]] for item in events}
        if page not in _FAULTS:
            page.route("**/gradio_api/**", lambda route: _FAULTS[page].handle(route))
        _FAULTS[page] = self

    def end(self) -> None:
        """Let the held request or answer go; it is an error if none was met."""
        assert self.met is not None, f"there was no request for {self.name}"
        with suppress(Error):  # the page may have given the request up meanwhile
            if self.way == "delay":
                self.met.continue_()
            elif self.held:
                self.met.fulfill(response=self.held)

    def handle(self, route: Route) -> None:
        """Let a request fail, or go through."""
        if self.met or not self._is_meant(route.request):
            return route.continue_()
        if self.spared:
            self.spared -= 1
            return route.continue_()
        self.met = route
        event = "/queue/join" in route.request.url
        if self.way == "abort":
            route.abort()
        elif self.way == "refuse":
            route.fulfill(status=500, json={"detail": "no"})
        elif self.way == "garble":
            route.fulfill(body="null", content_type="application/json")
        elif self.way == "forget":
            route.continue_(
                url=re.sub(r"session_hash=\w+", "session_hash=other", route.request.url)
            )
        elif self.way == "hold":
            self.held = route.fetch()
        elif self.way == "lose" and event:
            route.fetch()
            with suppress(Error):  # the page may have given the request up meanwhile
                route.fulfill(json={"event_id": "unheard"})

    def _is_meant(self, request: Request) -> bool:
        url = request.url
        if "/queue/join" in url:
            return self.name in self.events.get(_body(request)["fn_index"], [])
        if "/component_server" in url:
            return bool(self.name == _body(request)["fn_name"])
        return f"/{self.name}" in url.replace("/file=", "/image")


_FAULTS: dict[Page, Fault] = {}
"""The last one of each page. It stays: a request that is met while its route is taken away hangs."""


def _body(request: Request) -> dict[str, Any]:
    body: dict[str, Any] = request.post_data_json
    return body
