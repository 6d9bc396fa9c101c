from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from webapp.serving.sent_page import CALM, CalmPage, PackedPage

PAGE = "<html><head><script>gradio()</script></head><body><head></body></html>" * 20


def in_parts(request: Request) -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        yield b"<head>"
        yield b"</head>"

    return StreamingResponse(parts(), media_type="text/html")


@pytest.fixture(scope="module")
def visitor() -> TestClient:
    routes = [
        Route("/", lambda request: HTMLResponse(PAGE), methods=["GET", "HEAD"]),
        Route("/parts/", in_parts),
        Route("/config", lambda request: PlainTextResponse(PAGE)),
        Route("/file=a.html", lambda request: HTMLResponse(PAGE)),
    ]
    middleware = [Middleware(PackedPage), Middleware(CalmPage)]
    return TestClient(Starlette(routes=routes, middleware=middleware))


@pytest.mark.parametrize("packed", ["gzip", "identity"])
def test_the_script_comes_before_all_others_of_a_page(visitor: TestClient, packed: str) -> None:
    answer = visitor.get("/", headers={"accept-encoding": packed})
    script = f"<head><script>{CALM.read_text()}</script>"
    assert answer.text == PAGE.replace("<head>", script, 1)
    assert ("content-encoding" in answer.headers) == (packed == "gzip")


def test_a_page_that_comes_in_parts_has_it_too(visitor: TestClient) -> None:
    answer = visitor.get("/parts/")
    assert answer.text == f"<head><script>{CALM.read_text()}</script></head>"


@pytest.mark.parametrize("path", ["/config", "/file=a.html"])
def test_what_is_not_the_page_is_left_as_it_is(visitor: TestClient, path: str) -> None:
    assert visitor.get(path).text == PAGE


def test_the_headers_alone_are_those_of_the_page(visitor: TestClient) -> None:
    assert visitor.head("/").headers == visitor.get("/").headers


def test_other_answers_are_sent_as_they_come() -> None:
    sent: list[Message] = []

    async def events(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        assert len(sent) == 1
        await send({"type": "http.response.body", "body": b"data: 1", "more_body": True})
        assert len(sent) == 2

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(CalmPage(events)({"type": "http", "path": "/"}, receive, send))
    assert len(sent) == 2
