"""Whether the server is well, for who runs it, and how it ends when it is told to."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from webapp.shared import counts, text

HEALTH = "/healthz"
FINISH_SECONDS, SEND_SECONDS, CLOSE_SECONDS = 5.0, 0.3, 2
"""At most so long: for what runs, for answers on their way, for connections that stay open."""


@dataclass(eq=False)
class Doorway:
    """Lets new work in until the server is to end.

    Attributes:
        models: names the backbones that are loaded.
        busy: whether anything is being worked on that a visitor waits for.
        leaving: whether the server is to end.
    """

    models: Callable[[], Sequence[str]]
    busy: Callable[[], bool]
    leaving: bool = False

    def end(self) -> None:
        """Refuse new work from now on, and return when what runs is done, or has had its time."""
        self.leaving = True
        deadline = time.monotonic() + FINISH_SECONDS
        while self.busy() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(SEND_SECONDS)


class Health:
    """ASGI middleware that answers `GET /healthz` and refuses new work when the server is to end."""

    def __init__(self, app: ASGIApp, doorway: Doorway) -> None:
        self.app = app
        self.doorway = doorway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app, leaving = self.app, self.doorway.leaving
        if scope["type"] == "http" and scope["path"] == HEALTH:
            models = list(self.doorway.models())
            value = {"alive": True, "ready": not leaving, "models": models}
            app = JSONResponse(value, 503 if leaving else 200, {"cache-control": "no-store"})
        elif scope["type"] == "http" and scope["method"] == "POST" and leaving:
            counts.REFUSALS.labels("leaving").inc()
            app = JSONResponse({"detail": text.LEAVING}, 503, {"retry-after": "10"})
        await app(scope, receive, send)


def end_on_sigterm(page: Any, doorway: Doorway) -> None:
    """Have SIGTERM end a page that is being served, in less than 10 seconds; a second one at once."""
    if threading.current_thread() is not threading.main_thread():
        return  # signals are the main thread's

    def end(number: int, frame: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        doorway.end()
        logging.getLogger("uvicorn.error").setLevel(
            logging.CRITICAL
        )  # what is cut off now is meant to
        if page.server is not None:
            page.server.config.timeout_graceful_shutdown = CLOSE_SECONDS
        raise KeyboardInterrupt  # on which gradio closes its server and returns

    signal.signal(signal.SIGTERM, end)
