from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from refiner.evaluation.report import plots
from refiner.evaluation.report.readme import drawable
from webapp.compare import result_plots
from webapp.compare.result_plots import ResultPlots

RESULTS = Path(__file__).resolve().parents[3] / "assets" / "results"


@pytest.fixture(scope="module")
def drawn() -> ResultPlots:
    return ResultPlots(drawable(RESULTS))


def test_what_the_page_shows_is_served_and_drawn_once(
    drawn: ResultPlots, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(
        result_plots, "figure_bytes", lambda *of: calls.append(of) or plots.figure_bytes(*of)
    )
    client = TestClient(Starlette(routes=[drawn.route]))
    for address in ("plots/wide/val.svg", "plots/tall/val.svg"):
        assert address in drawn.markup("val", "The curves")
        first, second = client.get(address), client.get(address)
        assert first.headers["content-type"] == "image/svg+xml"
        assert first.content == second.content
        assert b"<svg" in first.content
    assert len(calls) == 2


@pytest.mark.parametrize("address", ["plots/wide/none.svg", "plots/flat/val.svg", "plots/wide/val"])
def test_nothing_else_is_served(drawn: ResultPlots, address: str) -> None:
    assert TestClient(Starlette(routes=[drawn.route])).get(address).status_code == 404
