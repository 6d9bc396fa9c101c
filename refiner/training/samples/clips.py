"""Training clips: real sequences, and photos and cut-outs that move, bend and hide one another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from refiner.data.manifest import LabelMap, Row, object_ids, read_image_and_labels
from refiner.training.arrays import U8, Rng
from refiner.training.samples import augment
from refiner.training.samples.photos import (
    MIN_AREA,
    PASTE_SHARE,
    DataOptions,
    TrainingData,
    read_rgb,
    still,
)
from refiner.types import ImageArray, InputError

Floats = NDArray[np.float32]
ClipLayers = list[list[U8]]
"""Coverage of each object (outer list) on each frame (inner list)."""
Shot = Callable[[int], tuple[ImageArray, list[U8]]]
"""Gives picture and masks of a frame before the camera moves."""

FRAMES = 8
"""Frames of a clip, as in SAM2's training."""
CLIP_MIX = {
    "video": 0.3,
    "object": 0.3,
    "composite": 0.25,
    "regions": 0.05,
    "clothing": 0.07,
    "street": 0.03,
}
"""Share of each kind of clip; a kind the manifest lacks is left out."""
CANVAS = 1.5
"""Side of what the camera moves over, in sides of a frame."""
MOST_MASKS = 2
"""Objects of one photo or sequence that a clip follows; pasted ones come on top."""


@dataclass(frozen=True)
class Motion:
    """How a source moves and bends in the frame; each pair is the value at the start and the end.

    Attributes:
        source: the source's point that lies on `target`, (2, 2) pixels x, y.
        target: that point in the frame, (2, 2) pixels x, y.
        zoom: pixels of the source for one of the frame.
        angle: degrees.
        bend: two coarse fields (2, 5, 5, 2) in pixels of the frame; the displacement goes round
            between them.
    """

    source: Floats
    target: Floats
    zoom: Floats
    angle: Floats
    bend: Floats

    def maps(self, size: int, share: float) -> Floats:
        """Return where each pixel of the frame lies in the source, (size, size, 2), for cv2.remap.

        `share` is the time within the clip, in [0, 1].
        """
        source, target, zoom, angle = (
            pair[0] + (pair[1] - pair[0]) * share
            for pair in (self.source, self.target, self.zoom, self.angle)
        )
        turn = np.deg2rad(angle)
        cos, sin = zoom * np.cos(turn), zoom * np.sin(turn)
        x = np.arange(size, dtype=np.float32)[None, :] - target[0]
        y = np.arange(size, dtype=np.float32)[:, None] - target[1]
        maps = np.stack([source[0] + cos * x - sin * y, source[1] + sin * x + cos * y], axis=-1)
        phase = 2 * np.pi * share
        field = zoom * (self.bend[0] * np.cos(phase) + self.bend[1] * np.sin(phase))
        smooth = cv2.resize(field, (size, size), interpolation=cv2.INTER_CUBIC)
        moved: Floats = (maps + smooth).astype(np.float32)
        return moved


def _pair(start: object, change: object) -> Floats:
    return np.array([start, np.add(start, change)], np.float32)  # type: ignore[call-overload]


def _bend(size: int, rng: Rng) -> Floats:
    """Draw the bending: none for half of the sources, up to a twentieth of the frame."""
    strength = size * max(0.0, rng.uniform(-0.05, 0.05))
    return (rng.normal(0, 0.5, (2, 5, 5, 2)) * strength).astype(np.float32)


def camera(size: int, pace: float, rng: Rng) -> Motion:
    """Draw a camera's way over a canvas of CANVAS * size; at a `pace` of 0 it stands still."""
    side = CANVAS * size
    centre = side * (0.5 + rng.uniform(-0.12, 0.12, 2))
    zoom = rng.uniform(0.85, 1.3)
    return Motion(
        source=_pair(centre, pace * side * rng.uniform(-0.3, 0.3, 2)),
        target=_pair([size / 2, size / 2], [0, 0]),
        zoom=_pair(zoom, zoom * (0.75 ** (pace * rng.uniform(-1, 1)) - 1)),
        angle=_pair(rng.uniform(-8, 8), pace * rng.uniform(-25, 25)),
        bend=pace * _bend(size, rng),
    )


def flight(source: U8, size: int, rng: Rng) -> tuple[U8, Motion]:
    """Draw a cut-out's way through the frame; return it shrunk to about its size there, too."""
    height, width = source.shape[:2]
    zoom = max(height, width) / (size * rng.uniform(0.18, 0.75))
    if zoom > 1.5:  # shrink by area first: a linear warp would drop thin parts
        wh = max(8, int(width / zoom)), max(8, int(height / zoom))
        source, zoom = augment.resize(np.ascontiguousarray(source), wh), 1.0
        height, width = source.shape[:2]
    pace = rng.random()
    return source, Motion(
        source=_pair([width / 2, height / 2], [0, 0]),
        target=_pair(size * rng.uniform(0.15, 0.85, 2), pace * size * rng.uniform(-0.7, 0.7, 2)),
        zoom=_pair(zoom, zoom * (0.7 ** (pace * rng.uniform(-1, 1)) - 1)),
        angle=_pair(rng.uniform(-25, 25), pace * rng.uniform(-40, 40)),
        bend=_bend(size, rng),
    )


def warp(source: U8, maps: Floats, border: int = cv2.BORDER_CONSTANT) -> U8:
    """Sample a source at `Motion.maps`; beyond its edges 0, or as `border` says."""
    warped: U8 = cv2.remap(
        np.ascontiguousarray(source), maps, None, cv2.INTER_LINEAR, borderMode=border
    )
    return warped


class ClipData(TrainingData):
    """An endless set of clips: sample `number` depends on the seed and the number alone.

    A sample is (frames, masks): uint8 (FRAMES, 3, S, S) and uint8 coverage (FRAMES, masks, S, S),
    255 inside. Every object is visible on the first frame; on others it may be hidden or gone.
    """

    def __init__(self, options: DataOptions) -> None:
        super().__init__(replace(options, mix=CLIP_MIX))

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.options.seed, number))
        for _ in range(20):
            frames, layers = self._clip(rng)
            visible = [layer for layer in layers if (layer[0] > 127).mean() >= MIN_AREA]
            if visible:
                break
        else:
            raise InputError("Twenty clips in a row had no object; check the manifest's masks.")
        order = rng.permutation(len(visible))
        chosen = [visible[order[i % len(order)]] for i in range(self.options.masks)]
        masks = torch.from_numpy(np.stack([np.stack(layer) for layer in chosen], axis=1))
        return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).contiguous(), masks

    def _clip(self, rng: Rng) -> tuple[list[ImageArray], ClipLayers]:
        kinds, shares = list(self.weights), np.array(list(self.weights.values()))
        kind = str(rng.choice(kinds, p=shares / shares.sum()))
        shot = self._background(rng) if kind == "composite" else self._shot(kind, rng)
        size = self.options.image_size
        # A real sequence moves by itself.
        motion = camera(size, rng.random() * (0.4 if kind == "video" else 1.0), rng)
        frames, layers = _film(shot, motion, size)
        count = rng.integers(2, 5) if kind == "composite" else rng.integers(1, 3)
        if self.cutouts and (kind == "composite" or rng.random() < PASTE_SHARE):
            for _ in range(count):
                frames, layers = self._fly(frames, layers, rng)
        return (frames, layers) if self.options.dev else _varied(frames, layers, rng)

    def _background(self, rng: Rng) -> Shot:
        image = read_rgb(self.backgrounds[int(rng.integers(len(self.backgrounds)))])
        crop = augment.random_window((image.shape[0], image.shape[1]), rng)
        canvas, _ = augment.take(image, [], crop, int(CANVAS * self.options.image_size))
        return lambda frame: (canvas, [])

    def _shot(self, kind: str, rng: Rng) -> Shot:
        """Open a photo, or a sequence at a random place, pace and direction."""
        rows, shares = self.pools[kind]
        row = rows[int(rng.choice(len(rows), p=shares))]
        stills = [row]
        if kind == "video":
            files = sorted(row.image.glob("*.jpg"))
            stills = [still(row, files[place]) for place in _places(len(files), rng)]
        _, labels = _kept_labels(stills[0])
        ids = object_ids(labels, stills[0].kind) or [0]
        chosen = [int(label) for label in rng.permutation(ids)[:MOST_MASKS]]
        crop = augment.random_crop(labels == chosen[0], rng)
        canvas = int(CANVAS * self.options.image_size)

        def read(frame: int) -> tuple[ImageArray, list[U8]]:
            image, labels = _kept_labels(stills[frame])
            masks = [(labels == label).astype(np.uint8) * 255 for label in chosen]
            return augment.take(image, masks, crop, canvas)

        if kind == "video":
            return read
        opened = read(0)
        return lambda frame: opened

    def _fly(
        self, frames: list[ImageArray], layers: ClipLayers, rng: Rng
    ) -> tuple[list[ImageArray], ClipLayers]:
        """Let a cut-out move through a clip; it hides what lies below it."""
        size = self.options.image_size
        source, motion = flight(self.cutout(rng), size, rng)
        flown, alphas = [], []
        for frame, image in enumerate(frames):
            layer = warp(source, motion.maps(size, frame / (FRAMES - 1)))
            share = layer[..., 3:].astype(np.float32) / 255
            flown.append((image * (1 - share) + layer[..., :3] * share).astype(np.uint8))
            alphas.append(np.ascontiguousarray(layer[..., 3]))
        below = [
            [
                (mask * (1 - alpha / 255.0)).astype(np.uint8)
                for mask, alpha in zip(layer, alphas, strict=True)
            ]
            for layer in layers
        ]
        return flown, [*below, alphas]


def _places(count: int, rng: Rng) -> list[int]:
    """Choose FRAMES of `count` frames: every first to third, either way, turning at the ends."""
    step = int(rng.integers(1, 4)) * int(rng.choice((-1, 1)))
    period = max(1, 2 * (count - 1))
    way = (int(rng.integers(count)) + step * np.arange(FRAMES)) % period
    return [int(place) for place in np.minimum(way, period - way)]


def _film(shot: Shot, motion: Motion, size: int) -> tuple[list[ImageArray], ClipLayers]:
    """Let the camera move over a shot."""
    frames, masks = [], []
    for frame in range(FRAMES):
        image, layers = shot(frame)
        maps = motion.maps(size, frame / (FRAMES - 1))
        frames.append(warp(image, maps, cv2.BORDER_REPLICATE))
        masks.append([warp(layer, maps) for layer in layers])
    return frames, [list(layer) for layer in zip(*masks, strict=True)]


def _varied(
    frames: list[ImageArray], layers: ClipLayers, rng: Rng
) -> tuple[list[ImageArray], ClipLayers]:
    """Mirror every second clip and change its colours, all frames alike."""
    if rng.random() < 0.5:
        frames = [np.ascontiguousarray(image[:, ::-1]) for image in frames]
        layers = [[np.ascontiguousarray(mask[:, ::-1]) for mask in layer] for layer in layers]
    seed = int(rng.integers(2**62))
    return [augment.colour(image, np.random.default_rng(seed)) for image in frames], layers


@lru_cache(maxsize=800)
def _kept_labels(row: Row) -> tuple[ImageArray, LabelMap]:
    return read_image_and_labels(row)
