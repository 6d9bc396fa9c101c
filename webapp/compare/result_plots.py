"""Plots of the measured results, each drawn when a browser first asks for it.

To draw them all before the page is served would take a second of every start.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from refiner.evaluation.report.photos import Results
from refiner.evaluation.report.plots import figure_bytes
from refiner.evaluation.report.readme import plot_curves
from webapp.compare.markup import plain

WIDE, TALL = "wide", "tall"
_SHAPES = {WIDE: 'width="800" height="340"', TALL: 'width="400" height="680"'}
"""What the page keeps free for them."""


class ResultPlots:
    """One plot a document of results, in two shapes."""

    def __init__(self, results: Sequence[Results]) -> None:
        self._results = {one.name: one for one in results}
        self._svg = cache(self._draw)
        self.route = Route("/plots/{shape}/{name}.svg", self._answer)

    @property
    def names(self) -> list[str]:
        """Of the documents that have a plot."""
        return list(self._results)

    def markup(self, name: str, label: str) -> str:
        """Return the plot as an image; narrow screens show its panels one below the other."""
        wide, tall = (f"plots/{shape}/{plain(name)}.svg" for shape in (WIDE, TALL))
        return (
            f'<picture><source media="(max-width: 700px)" srcset="{tall}" {_SHAPES[TALL]}>'
            f'<img class="plot" alt="{plain(label)}" src="{wide}" loading="lazy" {_SHAPES[WIDE]}>'
            "</picture>"
        )

    def _draw(self, name: str, shape: str) -> bytes:
        return figure_bytes(plot_curves(self._results[name], tall=shape == TALL), "svg")

    def _answer(self, request: Request) -> Response:
        name, shape = request.path_params["name"], request.path_params["shape"]
        if name not in self._results or shape not in _SHAPES:
            return Response(status_code=404)
        return Response(self._svg(name, shape), media_type="image/svg+xml")
