"""What becomes of the page on its way to a browser: it gets a script and is compressed."""

from __future__ import annotations

from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEAD = b"<head>"
CALM = Path(__file__).parents[1] / "browser" / "calm.js"


class CalmPage:
    """ASGI middleware that puts `calm.js` before all other scripts of a page.

    Gradio's own `head` comes too late for it: by then gradio's scripts have run.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an app."""
        self.app = app
        self.head = HEAD + b"<script>" + CALM.read_bytes() + b"</script>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; of other answers than pages nothing is held back."""
        begun: Message | None = None
        body = b""

        async def send_calm(message: Message) -> None:
            nonlocal begun, body
            if message["type"] == "http.response.start" and _is_page(message):
                begun = message
                return
            if begun is None:
                return await send(message)
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            if HEAD in body:
                body = body.replace(HEAD, self.head, 1)
                MutableHeaders(raw=begun["headers"])["content-length"] = str(len(body))
            await send(begun)
            await send({**message, "body": body})

        await self.app(scope, receive, send_calm if _is_asked_for(scope, "/") else send)


class PackedPage:
    """ASGI middleware that compresses the page itself, over half a megabyte; gradio packs its files."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an app."""
        # the most there is, 9, takes three times as long for 1 %
        self.plain, self.packed = app, GZipMiddleware(app, compresslevel=6)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        page = _is_asked_for(scope, "/", "/config")
        await (self.packed if page else self.plain)(scope, receive, send)


def _is_asked_for(scope: Scope, *ends: str) -> bool:
    return scope["type"] == "http" and str(scope["path"]).endswith(ends)


def _is_page(begun: Message) -> bool:
    return Headers(raw=begun["headers"]).get("content-type", "").startswith("text/html")
