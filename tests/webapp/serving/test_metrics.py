from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from refiner.types import InputError
from webapp.serving.metrics import METRICS, Metrics
from webapp.shared.events import explain

REFUSED = ("studio_refusals_total", (("kind", "input"),))


def test_refusals_are_counted_by_kind_and_nothing_said_in_them_is_told() -> None:
    routes = [Route("/", lambda request: PlainTextResponse("the page"))]
    client = TestClient(Starlette(routes=routes, middleware=[Middleware(Metrics)]))
    before = numbers(client).get(REFUSED, 0.0)
    explain(InputError("secret.png is no picture."))
    assert numbers(client)[REFUSED] == before + 1
    assert "secret" not in client.get(METRICS).text
    assert client.get("/").text == "the page"


def numbers(client: TestClient) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(client.get(METRICS).text)
    return {
        (one.name, tuple(one.labels.items())): one.value
        for family in families
        for one in family.samples
    }
