"""The values of a label picture, whatever its mode: greys, numbers, indices, colours, alpha."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refiner.files.labels.levels import MAX_LEVELS, Levels, level_counts
from refiner.types import BoolArray

_UNSIGNED, _SAMPLE_FORMAT = 1, 339
_HALF = 127
_CUT_SOFT = "read as one object with soft edges, cut at half"
_CUT_LOGITS = "read as one object, cut at 0 as values below are there"
_CUT_ALPHA = "read as one object, what is not transparent"


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """A picture as numbers.

    Attributes:
        values: (height, width) of one channel or of indices, or (height, width, 3) of colours.
        palette: uint8 (n, 3), the colours of indices; None if the values are none.
        visible: bool (height, width); None if nothing is transparent.
        notices: what had to be changed to get here.
        cut: set if there is but one reading, one object; it says which.
    """

    values: NDArray[Any]
    palette: NDArray[np.uint8] | None = None
    visible: BoolArray | None = None
    notices: tuple[str, ...] = ()
    cut: str | None = None

    @property
    def coloured(self) -> bool:
        """Whether the values are colours."""
        return self.values.ndim == 3

    @property
    def indexed(self) -> bool:
        """Whether the values are indices into colours, which have no order."""
        return self.palette is not None and not _is_grey(self.palette[np.unique(self.values)])

    def binary(self) -> BoolArray:
        """Return the one object: what is visible, coloured, or brighter than half."""
        if self.visible is not None:
            return self.visible
        if self.palette is not None:
            if not _is_grey(self.palette[np.unique(self.values)]):
                marked = np.asarray(self.palette.any(axis=1))[self.values]
                return np.asarray(self.values != 0 if marked.all() else marked)
            grey = self.palette[:, 0][self.values]
        else:
            grey = self.values.max(axis=2) if self.coloured else self.values
        low, high = float(grey.min()), float(grey.max())
        if low == high:
            return np.full(grey.shape, high > 0)
        if grey.dtype.kind == "f" and high <= 1:
            return np.asarray(grey > (0.0 if low < 0 else min(0.5, (low + high) / 2)))
        return np.asarray(grey > (low + high) / 2)

    def levels(self) -> Levels | None:
        """Return the distinct values; None if there are too many."""
        if self.coloured:
            return self.colours()
        if self.palette is None:
            return _table_of(self.values, self.visible)
        grey = _is_grey(self.palette[np.unique(self.values)])
        found = _table_of(self.values, self.visible)
        if found is None:
            return None
        used = np.array([int(name) for name in found.names if name])
        colors = self.palette[used].astype(np.float64)
        clear = [0] if found.background == 0 else []
        table = np.concatenate([np.full((len(clear), 3), -1.0), colors])
        if grey:
            return _ordered(
                Levels(found.codes, table[:, :1], found.names, found.counts, found.background)
            )
        background = found.background
        if background is None:
            background = _black_index(used, colors, found.counts)
        return Levels(found.codes, table, found.names, found.counts, background)

    def numbers(self) -> Levels | None:
        """Return the distinct numbers, of colours as red + 256 green + 65536 blue."""
        if not self.coloured:
            return _table_of(self.values, self.visible)
        return _table_of(_packed(self.values), self.visible)

    def colours(self) -> Levels | None:
        """Return the distinct colours; None if there are too many."""
        if not self.coloured:
            if self.palette is None:
                return _table_of(self.values, self.visible)
            rgb = self.palette[self.values]
        else:
            rgb = self.values
        found = _table_of(_packed(rgb), self.visible)
        if found is None:
            return _reduced(rgb, self.visible)
        numbers = np.array([int(name) if name else 0 for name in found.names])
        table = np.stack([numbers & 255, numbers >> 8 & 255, numbers >> 16], axis=1)
        names = tuple("#{:02x}{:02x}{:02x}".format(*color) for color in table.tolist())
        return Levels(found.codes, table.astype(np.float64), names, found.counts, found.background)


def read_pixels(image: Image.Image) -> Pixels:
    """Return the values of a picture in any of Pillow's modes."""
    visible = _visible(image)
    if image.mode in ("P", "PA"):
        return _indices(image, visible)
    if image.mode == "F":
        return _floats(np.asarray(image))
    if image.mode == "I":
        values = np.asarray(image)
        tags = getattr(image, "tag_v2", None)
        unsigned = tags is not None and tags.get(_SAMPLE_FORMAT, (1,)) in (_UNSIGNED, (_UNSIGNED,))
        return Pixels(values.view(np.uint32) if unsigned else values)
    if image.mode in ("1", "L", "LA", "La"):
        return _maybe_cut(
            Pixels(
                np.asarray(image.convert("L") if image.mode != "1" else image).astype(np.uint8),
                None,
                visible,
            )
        )
    if image.mode.startswith("I;16"):
        return Pixels(np.asarray(image).astype(np.uint16))
    rgb = np.asarray(image.convert("RGB"))
    if (rgb == rgb[..., :1]).all():
        return _maybe_cut(Pixels(rgb[..., 0], None, visible))
    return _maybe_cut(Pixels(rgb, None, visible))


def _visible(image: Image.Image) -> BoolArray | None:
    if not image.has_transparency_data:
        return None
    alpha = np.asarray(image.convert("RGBA").getchannel("A"))
    low, high = int(alpha.min()), int(alpha.max())
    return np.asarray(alpha > (low + high) / 2) if low < high else None


def _maybe_cut(pixels: Pixels) -> Pixels:
    """Take a cut-out, what is left of a photo or of one colour, as the one object it shows."""
    if pixels.visible is None:
        return pixels
    levels = pixels.levels()
    if levels is not None:
        shown = np.delete(levels.counts, levels.background or 0)
        large = np.sort(shown)[::-1][:64]
        if (
            len(shown) > 1
            and len(shown) <= 64
            and large.sum() >= 0.9 * shown.sum()
            and large[1] > 8
        ):
            return pixels
    return Pixels(pixels.values, None, pixels.visible, (), _CUT_ALPHA)


def _indices(image: Image.Image, visible: BoolArray | None) -> Pixels:
    indices = np.asarray(image.getchannel(0) if image.mode == "PA" else image)
    given = np.array(image.getpalette("RGB") or [], dtype=np.uint8).reshape(-1, 3)
    # Indices beyond the palette are shown black, but number objects all the same.
    palette = np.full((256, 3), 255, dtype=np.uint8)
    palette[: len(given)] = given
    beyond = np.arange(len(given), 256)
    palette[beyond] = np.stack([beyond, 255 - beyond, beyond], axis=1)
    used = len(np.unique(indices))
    if used > 64 and not _is_grey(palette[np.unique(indices)]):
        return Pixels(palette[indices], None, visible)
    shown = used if visible is None else len(np.unique(indices[visible]))
    if visible is not None and shown < 2:
        return Pixels(indices, palette, visible, (), _CUT_ALPHA)
    return Pixels(indices, palette, visible)


def _floats(values: NDArray[Any]) -> Pixels:
    finite = np.isfinite(values)
    notices: tuple[str, ...] = ()
    if not finite.all():
        notices = (f"{np.count_nonzero(~finite):,} pixels hold no number and count as background",)
        values = np.where(finite, values, 0)
    if (values == np.rint(values)).all() and np.abs(values).max() < 2**31:
        return Pixels(values.astype(np.int64), None, None, notices)
    cut = _CUT_LOGITS if values.min() < 0 else _CUT_SOFT
    return Pixels(values, None, None, notices, cut)


def _is_grey(colors: NDArray[np.uint8]) -> bool:
    return bool((colors == colors[:, :1]).all())


def _black_index(used: Any, colors: Any, counts: Any) -> int:
    """Return which of the indices used is the background: 0 if it is black, else any that is."""
    black = np.flatnonzero(~colors.any(axis=1))
    if used[0] == 0 and (not len(black) or black[0] == 0):
        return 0
    return int(black[counts[black].argmax()]) if len(black) else -1


def _packed(rgb: NDArray[Any]) -> NDArray[np.int32]:
    wide = rgb.astype(np.int32)
    return np.asarray(wide[..., 0] | wide[..., 1] << 8 | wide[..., 2] << 16)


def _table_of(values: NDArray[Any], visible: BoolArray | None) -> Levels | None:
    """Return the distinct values of one channel; where nothing is visible a background of its own."""
    if values.dtype.kind in "iu" and values.min() >= 0 and values.max() < 1 << 24:
        flags = np.zeros(int(values.max()) + 1, dtype=np.bool_)
        flags[values if visible is None else values[visible]] = True
        distinct = np.flatnonzero(flags)
        lookup = np.zeros(len(flags), dtype=np.uint16)
    else:
        distinct = np.unique(values if visible is None else values[visible])
        lookup = None
    if len(distinct) > MAX_LEVELS:
        return None
    shift = int(visible is not None)
    if lookup is not None:
        lookup[distinct] = np.arange(len(distinct)) + shift
        codes = lookup[values]
    else:
        codes = (np.searchsorted(distinct, values) + shift).astype(np.uint16)
    if visible is not None:
        codes[~visible] = 0
    table: NDArray[np.float64] = distinct.astype(np.float64).reshape(-1, 1)
    names = tuple(f"{value:g}" if value != int(value) else str(int(value)) for value in distinct)
    if shift:
        table, names = np.concatenate([[[min(0.0, table.min()) - 1]], table]), ("", *names)
    counts = level_counts(codes, len(names))
    return Levels(codes, table, names, counts, 0 if shift else None)


def _ordered(levels: Levels) -> Levels:
    """Return grey levels in their order; equal ones stay apart."""
    order = np.argsort(levels.table[:, 0], kind="stable")
    place = np.empty(len(order), dtype=np.uint16)
    place[order] = np.arange(len(order))
    background = None if levels.background is None else int(place[levels.background])
    return Levels(
        place[levels.codes],
        levels.table[order],
        tuple(levels.names[index] for index in order),
        levels.counts[order],
        background,
    )


def _reduced(rgb: NDArray[Any], visible: BoolArray | None) -> Levels | None:
    """Return the colours to five bits a channel, for noise of a lossy format; None if too many."""
    coarse = (rgb >> 3) << 3
    coarse = np.where(rgb >= 252, 255, coarse)
    found = _table_of(_packed(coarse), visible)
    if found is None:
        return None
    return Pixels(coarse, None, visible).colours()
