"""Who a visitor is: a cookie for each browser, and whose file each upload is."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from gradio.context import LocalContext
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from refiner.memory import hand_back
from webapp.shared.uploads import ANYONE, Uploads

COOKIE = "studio_visitor"
TOKEN = re.compile(rf"(?:^|;)\s*{COOKIE}=([\w-]{{43}})\s*(?:;|$)", re.ASCII)
UPLOAD = "/gradio_api/upload"
SWEEP_SECONDS = 600


def visitor_of(cookies: str) -> str:
    """Return the visitor that a `Cookie` header names; `ANYONE` if it names none."""
    found = TOKEN.search(cookies)
    return found[1] if found else ANYONE


def current_visitor() -> str:
    """Return who sent the event that gradio is handling; `ANYONE` without a cookie."""
    request = LocalContext.request.get(None)
    return visitor_of(request.headers.get("cookie", "")) if request else ANYONE


class Visitors:
    """ASGI middleware that gives browsers a cookie and hands what they upload to `Uploads`.

    gradio answers an upload with a path made of the file's hash, the same for all who send that
    file; the reply is changed to name the file where `Uploads` keeps it.

    The cookie holds nothing but a random word. A page in a frame of another site, where browsers
    neither keep nor send it, works without one. So does the client through which gradio's MCP
    server calls the endpoints: there is one for all its users, who would be one visitor.
    """

    def __init__(self, app: ASGIApp, uploads: Uploads) -> None:
        """Wrap an app.

        Args:
            app: gradio's.
            uploads: takes the files.
        """
        self.app = app
        self.uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        visitor = visitor_of(headers.get("cookie", ""))
        if scope["method"] == "POST" and scope["path"].endswith(UPLOAD):
            send = self._owning(send, visitor)
        elif scope["method"] == "GET" and not visitor and headers.get("x-gradio-user") != "mcp":
            send = _greeting(send, scope)
        with suppress(ClientDisconnect):  # a sender who breaks off is no failure of the server
            await self.app(scope, receive, send)

    def _owning(self, send: Send, visitor: str) -> Send:
        """Return what sends the reply to an upload once it is whole and names the files' owner."""
        start: Message = {}
        parts: list[bytes] = []

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))
                if message.get("more_body"):
                    return
                body = b"".join(parts)
                if start["status"] == 200:
                    body = self._owned(body, visitor)
                MutableHeaders(raw=start["headers"])["content-length"] = str(len(body))
                await send(start)
                await send({**message, "body": body})
            else:
                await send(message)

        return sent

    def _owned(self, body: bytes, visitor: str) -> bytes:
        """Return the reply with the paths that the files have from now on.

        The file is moved before anything else can run: the same file from another visitor would
        arrive at the same path.
        """
        places: dict[str, str] = {}
        paths = json.loads(body)
        for path in paths:
            if path not in places:
                places[path] = str(self.uploads.add(Path(path), visitor))
        return json.dumps([places[path] for path in paths]).encode()


def _greeting(send: Send, scope: Scope) -> Send:
    """Return what adds a cookie to the page, and to the record that gradio's client reads first."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            page = headers.get("content-type", "").startswith("text/html")
            if message["status"] == 200 and (page or scope["path"].endswith("/config")):
                scheme = Headers(scope=scope).get("x-forwarded-proto", scope["scheme"])
                secure = "; Secure" if scheme.startswith("https") else ""
                token = secrets.token_urlsafe(32)
                cookie = f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax{secure}"
                headers.append("set-cookie", cookie)
                headers.setdefault("cache-control", "private")  # a proxy must not hand it to others
        await send(message)

    return sent


def sweeping(
    uploads: Uploads, noted: Iterable[set[str]] = ()
) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """Return an app's lifespan: old files are deleted meanwhile, all uploads at the end.

    gradio's own deletion (`delete_cache`) ends for good when a file is added while it looks, and
    never sees one whose answer was given up.

    Args:
        uploads: knows the files.
        noted: where gradio notes the files of its own; nobody reads that.
    """

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        task = asyncio.create_task(_sweep(uploads, noted))
        try:
            yield
        finally:
            task.cancel()
            uploads.close()

    return lifespan


async def _sweep(uploads: Uploads, noted: Iterable[set[str]]) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        gc.collect()  # what a visitor left may lie in cycles, which nobody looks at while all is idle
        for paths in noted:
            paths.clear()
        await asyncio.to_thread(uploads.sweep)
        await asyncio.to_thread(hand_back)
