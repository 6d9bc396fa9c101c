"""Numbers for whoever runs the server, at an address of their own."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

METRICS = "/metrics"


class Metrics:
    """ASGI middleware that answers `GET /metrics` with `webapp.shared.counts` and the process's own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app = self.app
        if scope["type"] == "http" and scope["path"] == METRICS:
            headers = {"content-type": CONTENT_TYPE_LATEST, "cache-control": "no-store"}
            app = Response(generate_latest(), headers=headers)
        await app(scope, receive, send)
