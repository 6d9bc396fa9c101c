"""Every picture of a run as a point: SAM2's IoU across, SAM2Refiner's up."""

from __future__ import annotations

from collections.abc import Sequence

from webapp.compare.markup import plain
from webapp.compare.scores import PictureRow
from webapp.compare.text import COMPARE as TEXT

SIDE, LEFT, BOTTOM, EDGE = 400, 44, 44, 10
"""The drawing's side, its margins with and without words, in its own units."""
STARTS = 0.0, 0.2, 0.4, 0.6, 0.8, 0.92
"""Where the axes may begin: a quarter of the way from there to 1 is a whole number of per cent."""


def scatter(pictures: Sequence[PictureRow], radius: float = 6) -> str:
    """Return the points as a drawing: above the diagonal SAM2Refiner is better.

    A point whose picture the browser has can be chosen: `picture/measured.js` opens it by its source.
    """
    lowest = min(min(one.sam2_iou, one.sam2refiner_iou) for one in pictures)
    start = max(one for one in STARTS if one <= lowest)
    inner = SIDE - LEFT - EDGE

    def across(value: float) -> float:
        return LEFT + inner * (value - start) / (1 - start)

    def up(value: float) -> float:
        return SIDE - BOTTOM - inner * (value - start) / (1 - start)

    ticks = [start + step * (1 - start) / 4 for step in range(5)]
    grid = "".join(
        f'<path class="grid" d="M{across(tick):.1f} {up(start):.1f}V{up(1):.1f}'
        f'M{across(start):.1f} {up(tick):.1f}H{across(1):.1f}"/>'
        f'<text x="{across(tick):.1f}" y="{up(start) + 16:.1f}" text-anchor="middle">{100 * tick:.0f}</text>'
        f'<text x="{LEFT - 6}" y="{up(tick) + 4:.1f}" text-anchor="end">{100 * tick:.0f}</text>'
        for tick in ticks
    )
    dots = "".join(
        f'<circle class="{_side(one)}" cx="{across(one.sam2_iou):.1f}" cy="{up(one.sam2refiner_iou):.1f}" '
        f'r="{radius}" {_way(one)} aria-label="{_words(one)}"><title>{_words(one)}</title></circle>'
        for one in pictures
    )
    middle = across((start + 1) / 2)
    return (
        f'<svg class="scatter" viewBox="0 0 {SIDE} {SIDE}" role="group" aria-label="{plain(TEXT["scatter"])}">'
        f'{grid}<path class="diagonal" d="M{across(start):.1f} {up(start):.1f}L{across(1):.1f} {up(1):.1f}"/>'
        f'<text x="{middle:.1f}" y="{SIDE - 8}" text-anchor="middle">{plain(TEXT["scatter_across"])}</text>'
        f'<text transform="translate(12 {up((start + 1) / 2):.1f}) rotate(-90)" text-anchor="middle">'
        f"{plain(TEXT['scatter_up'])}</text>{dots}</svg>"
    )


def _way(one: PictureRow) -> str:
    """Return what makes a point a button; those of a ZIP are none, as no browser looks into it."""
    if not one.source.startswith(("example:", "file:")):
        return 'role="img"'
    return f'role="button" tabindex="0" data-measured="{plain(one.source)}"'


def _side(one: PictureRow) -> str:
    return "refined" if one.sam2refiner_iou >= one.sam2_iou else "base"


def _words(one: PictureRow) -> str:
    base, refined = 100 * one.sam2_iou, 100 * one.sam2refiner_iou
    return plain(f"{one.picture}: IoU {base:.1f} → {refined:.1f} %")
