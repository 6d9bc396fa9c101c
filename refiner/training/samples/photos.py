"""Training pictures with object masks: photos, regions, video frames and cut-and-paste composites."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from refiner.data.image_sets import read_training_rows
from refiner.data.manifest import Row, object_masks, read_grey, read_image_and_labels
from refiner.training.arrays import Rng
from refiner.training.samples import augment
from refiner.training.samples.drawn import drawing, wire_cutout
from refiner.types import ImageArray, InputError

Layers = list[NDArray[np.uint8]]

MIX = {
    "object": 0.54,
    "regions": 0.10,
    "clothing": 0.08,
    "street": 0.02,
    "video": 0.08,
    "composite": 0.18,
}
"""Share of each kind of picture; a kind the manifest lacks is left out."""
OBJECT_MIX = {
    "object": 0.66,
    "regions": 0.05,
    "clothing": 0.04,
    "street": 0.01,
    "video": 0.10,
    "composite": 0.08,
    "drawing": 0.06,
}
"""The same for what shall refine the outlines of real objects, not find regions of every kind."""
SOURCE_WEIGHTS = {
    "alphamatting": 8.0,
    "jokermatting": 8.0,
    "pymatting": 8.0,
    "cwfid": 4.0,
    "crackforest": 2.5,
    "pwfid": 3.0,
    "retina": 2.0,
    "pets": 1.5,
    "bags": 1.5,
    "inet": 1.5,
}
"""How much more often a photo of a small set of fine outlines is drawn; 1 where nothing is said."""
MOST_OF_SOURCE = 0.25
"""Largest share of all pictures that comes from one source, where there are sources enough."""
PASTE_SHARE = 0.4
"""Share of object photos that get one or two cut-outs, so that the prompt decides."""
WIRE_SHARE = 0.25
"""Share of the things pasted that are drawn, of thin parts, instead of cut-outs."""
EXACT_SHARE = 0.5
"""Share of the other things pasted that are cut out of photos with exact masks, if there are any."""
EXACT_SOURCES = ("bags", "people", "pets")
"""Sources whose hard masks are exact enough to cut things out by; soft masks always are."""
MIN_AREA = 0.0015
"""Least share of the picture a target covers."""
DEV_SHARE = 0.05
"""Share of the training groups kept back to watch a run; never trained on."""


@dataclass(frozen=True)
class DataOptions:
    """What one sample looks like."""

    manifests: tuple[Path, ...]
    """Each a manifest.jsonl, soft masks, cut-outs and backgrounds beside it; or a folder laid out as
    HQSeg-44K."""
    image_size: int
    """Side of the square picture, in pixels."""
    mask_size: int
    """Side of the square masks, in pixels."""
    masks: int = 3
    """Target masks a picture."""
    seed: int = 0
    """Where the random draws start."""
    mix: Mapping[str, float] = field(default_factory=lambda: MIX)
    """Share of each kind of picture; a kind the manifest lacks is left out."""
    dev: bool = False
    """Take the groups kept back, as they are, instead of the augmented training groups."""


def is_dev(group: str) -> bool:
    """Say whether a training group is kept back: sha1("dev:" + group) below DEV_SHARE."""
    return int(hashlib.sha1(f"dev:{group}".encode()).hexdigest()[:8], 16) / 2**32 < DEV_SHARE


class TrainingData(Dataset[tuple[Tensor, Tensor]]):
    """An endless set: sample `number` depends on the seed and the number alone.

    A sample is (image, masks): uint8 (3, image_size, image_size) and uint8 coverage
    (masks, mask_size, mask_size), 255 inside.
    """

    def __init__(self, options: DataOptions) -> None:
        self.options = options
        rows = [
            row
            for manifest in options.manifests
            for row in read_training_rows(manifest)
            if is_dev(row.group) == options.dev
        ]
        if not rows:
            part = "among the groups kept back to watch the run" if options.dev else "to train on"
            raise InputError(
                f"{' and '.join(map(str, options.manifests))} has no rows of split train {part}; it needs some forty groups "
                "or more."
            )
        roots = [path if path.is_dir() else path.parent for path in options.manifests]
        cutouts = [path for root in roots for path in _listed(root / "cutouts.jsonl")]
        backgrounds = [path for root in roots for path in _listed(root / "backgrounds.jsonl")]
        self.cutouts = [path for path in cutouts if is_dev(path.name) == options.dev]
        self.backgrounds = [path for path in backgrounds if is_dev(path.name) == options.dev]
        self.exact = [row for row in rows if row.alpha or row.source in EXACT_SOURCES]
        self.pools = _pools(rows, options.mix)
        self.weights = {
            kind: share
            for kind, share in options.mix.items()
            if kind in self.pools
            or kind == "drawing"
            or (kind == "composite" and self.cutouts and self.backgrounds)
        }

    def __len__(self) -> int:
        return 2**31

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for number in range(len(self)):
            yield self[number]

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.options.seed, number))
        size = self.options.mask_size
        for _ in range(20):
            image, layers = self._picture(rng)
            small = [augment.resize(layer, (size, size)) for layer in layers]
            targets = [layer for layer in small if (layer > 127).mean() >= MIN_AREA]
            if targets:
                break
        else:
            raise InputError("Twenty pictures in a row had no object; check the manifest's masks.")
        order = rng.permutation(len(targets))
        chosen = [targets[order[i % len(order)]] for i in range(self.options.masks)]
        masks = np.stack(chosen)
        return torch.from_numpy(image).permute(2, 0, 1).contiguous(), torch.from_numpy(masks)

    def _picture(self, rng: Rng) -> tuple[ImageArray, Layers]:
        kinds, shares = list(self.weights), np.array(list(self.weights.values()))
        kind = str(rng.choice(kinds, p=shares / shares.sum()))
        if kind == "drawing":
            image, layers = drawing(rng, self.options.image_size)
        elif kind == "composite":
            image, layers = self._composite(rng)
        else:
            image, layers = self._photo(kind, rng)
        if self.options.dev:
            return image, layers
        image, layers = augment.flip(image, layers, rng)
        return augment.degrade(augment.colour(image, rng), rng), layers

    def _photo(self, kind: str, rng: Rng) -> tuple[ImageArray, Layers]:
        rows, shares = self.pools[kind]
        row = rows[int(rng.choice(len(rows), p=shares))]
        # Of a set of tens of thousands of large photos few come again: do not keep them.
        load = _kept if row.threshold is None else _load
        image, masks = load(_frame(row, rng))
        size = self.options.image_size
        if self.options.dev:
            crop = augment.Crop(0, 0, image.shape[1], image.shape[0])
        else:
            crop = augment.random_crop(masks[int(rng.integers(len(masks)))] > 127, rng)
        image, layers = augment.take(image, masks, crop, size)
        if (
            kind == "object"
            and self.cutouts
            and not self.options.dev
            and rng.random() < PASTE_SHARE
        ):
            image, layers = self._paste(image, layers, int(rng.integers(1, 3)), rng)
        return image, layers

    def _composite(self, rng: Rng) -> tuple[ImageArray, Layers]:
        path = self.backgrounds[int(rng.integers(len(self.backgrounds)))]
        image = read_rgb(path)
        crop = augment.random_window((image.shape[0], image.shape[1]), rng)
        image, _ = augment.take(image, [], crop, self.options.image_size)
        return self._paste(image, [], int(rng.integers(3, 7)), rng)

    def _paste(
        self, image: ImageArray, layers: Layers, count: int, rng: Rng
    ) -> tuple[ImageArray, Layers]:
        for _ in range(count):
            image, alpha = augment.paste(image, self.cutout(rng), rng)
            layers = [(layer * (1 - alpha / 255.0)).astype(np.uint8) for layer in layers] + [alpha]
        return image, layers

    def cutout(self, rng: Rng) -> ImageArray:
        """Draw a thing to paste, uint8 (height, width, 4): from a file, a photo, or of thin parts."""
        if not self.options.dev and rng.random() < WIRE_SHARE:
            return wire_cutout(rng)
        if self.exact and rng.random() < EXACT_SHARE:
            return cut_out(self.exact[int(rng.integers(len(self.exact)))])
        return read_rgba(self.cutouts[int(rng.integers(len(self.cutouts)))])


def _listed(path: Path) -> list[Path]:
    if not path.is_file():
        return []
    return [path.parent / json.loads(line)["file"] for line in path.read_text().splitlines()]


def _pools(
    rows: list[Row], mix: Mapping[str, float]
) -> dict[str, tuple[list[Row], NDArray[np.float64]]]:
    """Group the rows by kind of picture, with the probability of each row."""
    pools: dict[str, list[Row]] = {}
    for row in rows:
        kind = "object" if row.kind in ("object", "human", "matting") else row.kind
        pools.setdefault(kind, []).append(row)
    result = {}
    for kind, members in pools.items():
        result[kind] = (members, _shares(members, MOST_OF_SOURCE / mix.get(kind, 1.0)))
    return result


def _shares(rows: Sequence[Row], most: float) -> NDArray[np.float64]:
    """Return the probability of each row; together those of a source have `most` of it at most."""
    counts = Counter(row.source for row in rows)
    wanted = np.array([counts[name] * SOURCE_WEIGHTS.get(name, 1.0) for name in counts])
    for _ in range(50):  # what is cut off one source goes to the others, in proportion
        wanted = np.minimum(wanted / wanted.sum(), most)
    by_source = dict(zip(counts, wanted / wanted.sum(), strict=True))
    return np.array([by_source[row.source] / counts[row.source] for row in rows])


def _frame(row: Row, rng: Rng) -> Row:
    """Return a video row as the photo row of one of its frames."""
    if row.kind != "video":
        return row
    frames = sorted(row.image.glob("*.jpg"))
    return still(row, frames[int(rng.integers(len(frames)))])


def still(row: Row, frame: Path) -> Row:
    """Return the photo row of one frame of a video row."""
    return replace(
        row, kind="object", image=frame, mask=row.mask / f"{frame.stem}.png", frames=None
    )


def _load(row: Row) -> tuple[ImageArray, Layers]:
    """Read a photo and the coverage of each of its objects."""
    image, labels = read_image_and_labels(row)
    if row.alpha:
        return image, [read_grey(row.mask)]
    masks = object_masks(labels, row.kind) or [labels > 0]
    return image, [mask.astype(np.uint8) * 255 for mask in masks]


_kept = lru_cache(maxsize=3000)(_load)


def cut_out(row: Row) -> ImageArray:
    """Cut the first object of a photo out of it, uint8 (height, width, 4)."""
    image, layers = _kept(row)
    alpha = layers[0]
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return np.dstack([image[window], alpha[window]])


@lru_cache(maxsize=2000)
def read_rgba(path: Path) -> ImageArray:
    """Read a cut-out, uint8 (height, width, 4)."""
    with Image.open(path) as image:
        return np.array(image.convert("RGBA"))


@lru_cache(maxsize=500)
def read_rgb(path: Path) -> ImageArray:
    """Read a background, uint8 (height, width, 3)."""
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def collate(samples: list[Any]) -> tuple[Tensor, Tensor]:
    """Stack samples: images (B, 3, H, W) and masks (B, K, h, w), both uint8."""
    images, masks = zip(*samples, strict=True)
    return torch.stack(images), torch.stack(masks)
