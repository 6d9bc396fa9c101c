"""The example pictures: photographs of installed packages, and rendered ones of `assets/`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
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
    """

    name: str
    label: str
    file: Path
    licence: str
    prompts: Prompts
    mask: Path | None = None


@dataclass(frozen=True, eq=False)
class Example:
    """An example ready to open; prompts in pixels of `pixels`.

    `truth` is the true mask, bool of the size of `pixels`, if known.
    """

    name: str
    label: str
    pixels: ImageArray
    original_hw: tuple[int, int]
    licence: str
    prompts: Prompts
    truth: BoolArray | None = None


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
    return Example(source.name, source.label, pixels, original_hw, source.licence, prompts, truth)


def installed(assets: Path) -> tuple[ExampleSource, ...]:
    """Return the examples that this installation has; the first one is shown when a page opens."""
    rendered = _rendered(assets / "examples.json")
    photographs = tuple(source for source in _photographs() if source.file.is_file())
    return photographs[:1] + rendered + photographs[1:]


def _photographs() -> Sequence[ExampleSource]:
    gradio = _package("gradio") / "media_assets" / "images"
    skimage = _package("skimage") / "data"
    from_gradio = "From the gradio package (Apache-2.0)."
    return (
        ExampleSource(
            "cheetah",
            "Cheetah",
            gradio / "cheetah.jpg",
            from_gradio,
            Prompts((Click(255, 155), Click(100, 158))),
        ),
        ExampleSource(
            "tower",
            "Tower",
            gradio / "tower.jpg",
            from_gradio,
            Prompts((Click(60, 200), Click(320, 250))),
        ),
        ExampleSource(
            "cat",
            "Cat",
            skimage / "chelsea.png",
            "Chelsea, by Stéfan van der Walt, CC0; from the scikit-image package.",
            Prompts((Click(230, 200), Click(300, 40))),
        ),
        ExampleSource(
            "coffee",
            "Coffee",
            skimage / "coffee.png",
            "By Rachel Michetti, CC0; from the scikit-image package.",
            Prompts(box=Box(76, 16, 482, 392)),
        ),
    )


def _rendered(index: Path) -> tuple[ExampleSource, ...]:
    if not index.is_file():
        return ()
    try:
        rows = json.loads(index.read_text(encoding="utf-8"))
        return tuple(_source(index.parent, row) for row in rows)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{index.name} is damaged ({error}); restore it.") from error


def _source(folder: Path, row: dict[str, Any]) -> ExampleSource:
    return ExampleSource(
        name=row["name"],
        label=row["label"],
        file=folder / row["file"],
        licence=row["licence"],
        prompts=Prompts(
            tuple(Click(x, y, bool(positive)) for x, y, positive in row.get("clicks") or ()),
            Box(*row["box"]) if row.get("box") else None,
        ),
        mask=folder / row["mask"] if row.get("mask") else None,
    )


def _package(name: str) -> Path:
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else Path(name)
