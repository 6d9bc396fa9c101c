from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from refiner.types import InputError
from webapp.serving import visitors
from webapp.serving.visitors import COOKIE, Visitors, sweeping, visitor_of
from webapp.shared.uploads import ANYONE, Uploads

WORD = "a-B_9" * 8 + "xyz"


class Site:
    """An app that stores uploads as gradio does, by their contents, behind the middleware."""

    def __init__(self, root: Path) -> None:
        self.visitor = ANYONE
        self.root = root
        self.uploads = Uploads(root, lambda: self.visitor)
        visitors = Middleware(Visitors, uploads=self.uploads)
        routes = [
            Route("/", self._page),
            Route("/studio/config", self._config),
            Route("/gradio_api/upload", self._upload, methods=["POST", "GET"]),
            Route("/picture", self._picture),
        ]
        app = Starlette(routes=routes, middleware=[visitors], lifespan=sweeping(self.uploads))
        self.app = app

    def client(self, **options: str) -> TestClient:
        return TestClient(self.app, **options)

    async def _page(self, request: Request) -> Response:
        return HTMLResponse("<p>")

    async def _config(self, request: Request) -> Response:
        return JSONResponse({})

    async def _picture(self, request: Request) -> Response:
        return Response(b"", media_type="image/jpeg")

    async def _upload(self, request: Request) -> Response:
        names = (await request.body()).decode().split()
        if not names:
            return PlainTextResponse("too large", 413)
        folder = self.root / "hash"
        folder.mkdir(exist_ok=True)
        for name in names:
            (folder / name).write_bytes(b"content")
        return JSONResponse([str(folder / name) for name in names])


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.parametrize(
    ("header", "visitor"),
    [
        (f"{COOKIE}={WORD}", WORD),
        (f"a=b; {COOKIE}={WORD}; c=d", WORD),
        (f"a=b;{COOKIE}={WORD}", WORD),
        ("", ANYONE),
        (f"{COOKIE}=", ANYONE),
        (f"{COOKIE}={WORD}x", ANYONE),
        (f"{COOKIE}={WORD[:-1]}", ANYONE),
        (f"{COOKIE}={WORD[:-1]}é", ANYONE),
        (f"x{COOKIE}={WORD}", ANYONE),
        (f"a={COOKIE}={WORD}", ANYONE),
    ],
)
def test_a_cookie_names_a_visitor_only_if_it_is_one_of_ours(header: str, visitor: str) -> None:
    assert visitor_of(header) == visitor


def test_a_browser_gets_one_cookie_and_keeps_it(site: Site) -> None:
    browser = site.client()
    reply = browser.get("/")
    said = reply.headers["set-cookie"]
    assert reply.headers["cache-control"] == "private"
    assert visitor_of(said.partition(";")[0])
    assert said.endswith("; Path=/; HttpOnly; SameSite=Lax")
    assert "set-cookie" not in browser.get("/").headers
    assert "set-cookie" not in browser.get("/studio/config").headers
    assert site.client().get("/").headers["set-cookie"] != said


def test_gradios_client_finds_it_with_the_config(site: Site) -> None:
    assert COOKIE in site.client().get("/studio/config").headers["set-cookie"]


def test_the_cookie_is_for_https_alone_where_the_page_is(site: Site) -> None:
    assert "; Secure" in site.client(base_url="https://a.org").get("/").headers["set-cookie"]
    proxied = site.client().get("/", headers={"x-forwarded-proto": "https"})
    assert "; Secure" in proxied.headers["set-cookie"]


def test_nothing_else_sets_it(site: Site) -> None:
    client = site.client()
    assert "set-cookie" not in client.get("/picture").headers
    assert "set-cookie" not in client.get("/nothing").headers
    assert "set-cookie" not in client.post("/gradio_api/upload", content="a.png").headers
    assert "set-cookie" not in client.get("/", headers={"x-gradio-user": "mcp"}).headers


def test_an_upload_belongs_to_the_cookie_it_came_with(site: Site) -> None:
    browser = site.client()
    site.visitor = visitor_of(browser.get("/").headers["set-cookie"].partition(";")[0])
    reply = browser.post("/gradio_api/upload", content="a.png b.png")
    assert int(reply.headers["content-length"]) == len(reply.content)
    paths = reply.json()
    assert [Path(path).name for path in paths] == ["a.png", "b.png"]
    assert [site.uploads.file(path).read_bytes() for path in paths] == [b"content"] * 2
    site.visitor = WORD
    for path in paths:
        with pytest.raises(InputError):
            site.uploads.file(path)


def test_gradios_path_is_gone(site: Site) -> None:
    (path,) = site.client().post("/gradio_api/upload", content="a.png").json()
    assert not (site.root / "hash").exists()
    with pytest.raises(InputError):
        site.uploads.file(str(site.root / "hash" / "a.png"))
    assert site.uploads.file(path).exists()


def test_a_file_sent_twice_at_once_is_one_upload(site: Site) -> None:
    first, second = site.client().post("/gradio_api/upload", content="a.png a.png").json()
    assert first == second
    assert site.uploads.file(first).exists()


def test_a_refused_upload_is_answered_as_it_was(site: Site) -> None:
    reply = site.client().post("/gradio_api/upload", content="")
    assert (reply.status_code, reply.text) == (413, "too large")


def test_uploads_go_with_the_server(site: Site) -> None:
    with site.client() as client:
        (path,) = client.post("/gradio_api/upload", content="a.png").json()
        assert Path(path).exists()
    assert not Path(path).exists()


def test_old_files_are_deleted_again_and_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitors, "SWEEP_SECONDS", 0.01)
    swept: list[bool] = []
    monkeypatch.setattr(site.uploads, "sweep", lambda: swept.append(True))
    noted = {"picture.jpg"}

    async def served() -> None:
        async with sweeping(site.uploads, [noted])(site.app):
            while noted or len(swept) < 2:
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(served(), 20))


def test_a_reply_in_pieces_is_put_together(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"content")
    body = json.dumps([str(file)]).encode()

    async def app(scope: object, receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]
        for part in (body[:5], body[5:]):
            more = part == body[:5]
            await send({"type": "http.response.body", "body": part, "more_body": more})  # type: ignore[operator]

    sent: list[dict[str, object]] = []

    async def keep(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/sub/gradio_api/upload", "headers": []}
    asyncio.run(Visitors(app, site.uploads)(scope, keep, keep))  # type: ignore[arg-type]
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    (path,) = json.loads(sent[1]["body"])  # type: ignore[arg-type]
    assert site.uploads.file(path).read_bytes() == b"content"
