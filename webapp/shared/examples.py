"""The example pictures and clips: photographs of installed packages, and rendered ones of `assets/`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from refiner.files.mask_files import read_mask
from refiner.files.reading import Reader
from refiner.types import BoolArray, Box, Click, ImageArray, InputError, Prompts
from refiner.video_types import FramePrompts
from webapp.shared.limits import Limits
from webapp.shared.pictures import read_within, worked_mask, worked_size

CURVES = "curves.json"
"""The file beside the examples with what `curves.py` there measured."""
DRAWS = 3
"""Draws of random points that each row of a curve is the mean of."""
Curve = tuple[tuple[float, ...], ...]
"""Rows `(points, IoU of SAM2, boundary IoU of SAM2, IoU of SAM2Refiner, boundary IoU of it)`."""

TrueMasks = Callable[[int], Mapping[int, BoolArray]]
"""The true masks of a frame, by object."""


@dataclass(frozen=True, eq=False)
class ExampleSource:
    """Where an example comes from; prompts in pixels of the file.

    Attributes:
        name: short, unique, plain ASCII.
        label: what to call it on the page.
        file: the picture.
        licence: its terms, in words.
        prompts: the prompts it opens with.
        mask: the true mask of what it shows, if known, as a picture of the same size.
        curve: both models' scores over random points of it, if they were measured.
    """

    name: str
    label: str
    file: Path
    licence: str
    prompts: Prompts
    mask: Path | None = None
    curve: Curve = ()


@dataclass(frozen=True, eq=False)
class Example:
    """An example ready to open; prompts in pixels of `pixels`.

    `truth` is the true mask, bool of the size of `pixels`, if known, and `curve` what was measured
    against it.
    """

    name: str
    label: str
    pixels: ImageArray
    original_hw: tuple[int, int]
    licence: str
    prompts: Prompts
    truth: BoolArray | None = None
    curve: Curve = ()


@dataclass(frozen=True, eq=False)
class ClipSource:
    """An example clip.

    Attributes:
        name: short, unique, plain ASCII.
        label: what to call it on the page.
        file: the clip.
        picture: one picture of it, to choose it by.
        licence: its terms, in words.
        prompts: the prompts it opens with, in pixels of the clip.
        truth: the true masks of a frame by object of `prompts`, if they are known.
    """

    name: str
    label: str
    file: Path
    picture: ImageArray
    licence: str
    prompts: tuple[FramePrompts, ...] = ()
    truth: TrueMasks | None = None


def load(source: ExampleSource, reader: Reader, limits: Limits) -> Example:
    """Read the picture of `source` and scale it and its prompts to the size worked at.

    Raises:
        InputError: the picture or its mask cannot be read.
    """
    image = read_within(reader, source.file, limits).pixels
    pixels = worked_size(image, limits)
    x_scale, y_scale = pixels.shape[1] / image.shape[1], pixels.shape[0] / image.shape[0]
    box = source.prompts.box
    prompts = Prompts(
        tuple(Click(c.x * x_scale, c.y * y_scale, c.positive) for c in source.prompts.clicks),
        box and Box(box.x0 * x_scale, box.y0 * y_scale, box.x1 * x_scale, box.y1 * y_scale),
    )
    original_hw = image.shape[0], image.shape[1]
    truth = None
    if source.mask:
        truth = worked_mask(read_mask(source.mask, original_hw), (pixels.shape[0], pixels.shape[1]))
    return Example(
        source.name,
        source.label,
        pixels,
        original_hw,
        source.licence,
        prompts,
        truth,
        source.curve,
    )


def installed(assets: Path) -> tuple[ExampleSource, ...]:
    """Return the examples that this installation has; the first one is shown when a page opens.

    Raises:
        InputError: the list of them or their curves are damaged.
    """
    rows, curves = _document(assets / "examples.json", []), _document(assets / CURVES, {})
    try:
        sources = [_source(assets, row, curves.get(row["name"], ())) for row in rows]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"examples.json is damaged ({error!r}); restore it.") from error
    return tuple(source for source in sources if source.file.is_file())


def _document(file: Path, otherwise: Any) -> Any:
    if not file.is_file():
        return otherwise
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{file.name} is damaged ({error}); restore it.") from error


def _source(folder: Path, row: dict[str, Any], curve: Any) -> ExampleSource:
    home = _package(row["package"]) if row.get("package") else folder
    return ExampleSource(
        name=row["name"],
        label=row["label"],
        file=home / row["file"],
        licence=row["licence"],
        prompts=Prompts(
            tuple(Click(x, y, bool(positive)) for x, y, positive in row.get("clicks") or ()),
            Box(*row["box"]) if row.get("box") else None,
        ),
        mask=folder / row["mask"] if row.get("mask") else None,
        curve=tuple(tuple(scores) for scores in curve),
    )


def _package(name: str) -> Path:
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else Path(name)
