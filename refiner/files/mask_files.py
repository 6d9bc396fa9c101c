"""Masks as other tools save them: pictures, index pictures, COCO and labelme JSON.

Pictures are told from JSON by content, never by name. Whatever does not fit the picture raises
`InputError` with the reason; nothing is cut or resized to fit. Nothing here needs torch.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from faster_coco_eval.core import mask as coco
from numpy.typing import NDArray
from PIL import Image

from refiner.files.pictures import Source, open_picture, read_bytes, read_mask, source_name
from refiner.files.run_lengths import decode_rle
from refiner.types import MAX_OBJECTS, BoolArray, InputError

MAX_MASK_BYTES = 50_000_000
MAX_PERIMETER = 2_000_000
"""Pixels around all polygons of one object; filling them takes about 40 bytes each."""
_JSON_STARTS = (b"{", b"[", b"\xef\xbb\xbf")
_KINDS = (
    "a mask picture, an index PNG, a COCO annotation, annotation file or run-length mask, or a "
    "labelme file"
)


@dataclass(frozen=True, slots=True, eq=False)
class NamedMask:
    """One object of a mask file: bool (height, width) and what the file calls it, maybe nothing."""

    label: str
    mask: BoolArray


def read_masks(
    source: Source,
    size_hw: tuple[int, int],
    *,
    picture: str = "",
    max_bytes: int = MAX_MASK_BYTES,
) -> tuple[NamedMask, ...]:
    """Read the masks of all objects in a file.

    - A picture that numbers its objects (an indexed PNG in colours, as DAVIS has them, or grey
      values from 1 to 64 only) has an object a number; any other is one object by the rules of
      `media.read_mask`.
    - COCO: run lengths, compressed or not; an annotation or a list of them; an annotation file,
      of which the objects of one picture are taken. Polygons are filled as COCO fills them.
    - labelme: polygons and rectangles; shapes of one label and group are one object.

    Args:
        source: a path, or the content of a file as bytes.
        size_hw: the size of the picture the masks belong to.
        picture: its file name, which finds its objects in an annotation file of several pictures.
        max_bytes: the largest file to accept.

    Returns:
        1 to `types.MAX_OBJECTS` objects, each with at least one pixel, in the file's order.

    Raises:
        InputError: the file cannot be read, is of no such kind, does not fit the picture, or
            marks nothing.
    """
    data = read_bytes(source, max_bytes)
    if data.lstrip()[:3].startswith(_JSON_STARTS):
        found = _objects(_parse(data, source), size_hw, picture)
    else:
        found = _from_picture(source, size_hw, max_bytes)
    objects = _few(found, source)
    for number, item in enumerate(objects, start=1):
        if not item.mask.any():
            raise InputError(
                f"Object {number} of the mask file {source_name(source)} marks no pixel; remove it "
                "from the file."
            )
    return objects


def _few(found: Iterable[NamedMask], source: Source) -> tuple[NamedMask, ...]:
    """Collect the objects, and stop where there are too many."""
    objects: list[NamedMask] = []
    for item in found:
        if len(objects) == MAX_OBJECTS:
            raise InputError(
                f"The mask file {source_name(source)} has more than {MAX_OBJECTS} objects; split it."
            )
        objects.append(item)
    if not objects:
        raise InputError(f"The mask file {source_name(source)} has no object for this picture.")
    return tuple(objects)


def _from_picture(source: Source, size_hw: tuple[int, int], max_bytes: int) -> Iterable[NamedMask]:
    image = open_picture(source, max_bytes)
    numbers = _numbers(image) if (image.height, image.width) == tuple(size_hw) else []
    if not numbers:  # a plain mask, or one that does not fit
        return (NamedMask("", read_mask(source, size_hw, max_bytes=max_bytes)),)
    pixels = np.asarray(image)
    return (NamedMask(str(number), np.asarray(pixels == number)) for number in numbers)


def _numbers(image: Image.Image) -> list[int]:
    """Return the pixel values that stand for objects; none if the picture is a plain mask."""
    deep = image.mode.startswith("I;16")
    if not (deep or image.mode in ("L", "P")) or image.has_transparency_data:
        return []
    used = np.flatnonzero(np.bincount(np.asarray(image).ravel()))
    if image.mode != "P":
        return [int(n) for n in used if n] if used[-1] <= MAX_OBJECTS else []
    palette = np.zeros(768, dtype=np.uint8)
    given = image.getpalette("RGB") or []
    palette[: len(given)] = given
    colors = palette.reshape(-1, 3)[used]
    if (colors == colors[:, :1]).all():  # a grey picture stored with a palette
        return []
    black = used[~colors.any(axis=1)]
    return [int(n) for n in np.setdiff1d(used, black if len(black) else [0])]


def _parse(data: bytes, source: Source) -> Any:
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"The mask file {source_name(source)} is damaged JSON ({type(error).__name__}); "
            "export it again."
        ) from error


def _objects(document: Any, size_hw: tuple[int, int], picture: str) -> Iterable[NamedMask]:
    """Find out which kind of JSON it is."""
    if isinstance(document, list):
        return _annotations(document, size_hw, {})
    if isinstance(document, Mapping):
        if "shapes" in document:
            return _labelme(document, size_hw)
        if "annotations" in document:
            return _annotation_file(document, size_hw, picture)
        if "segmentation" in document or "counts" in document:
            return _annotations([document], size_hw, {})
    raise InputError(f"This JSON holds no masks known here; give {_KINDS}.")


def _annotation_file(
    document: Mapping[str, Any], size_hw: tuple[int, int], picture: str
) -> Iterable[NamedMask]:
    images = _records(document.get("images", []), "images")
    rows = _records(document["annotations"], "annotations")
    names = {
        str(row.get("id")): str(row.get("name", ""))
        for row in _records(document.get("categories", []), "categories")
    }
    if len(images) > 1:
        stem = Path(picture).stem
        images = [row for row in images if Path(str(row.get("file_name", ""))).stem == stem]
        if not stem:
            raise InputError("The annotation file has several pictures; give the masks of one.")
        if len(images) != 1:
            raise InputError(
                f"The annotation file has several pictures, and {len(images)} of them are called "
                f"{ascii(stem)}; give a picture with the name it has there."
            )
    for image in images:
        if (image.get("height"), image.get("width")) != tuple(size_hw):
            raise _other_size(image.get("width"), image.get("height"), size_hw)
        rows = [row for row in rows if row.get("image_id") == image.get("id")]
    return _annotations(rows, size_hw, names)


def _annotations(
    rows: Sequence[Any], size_hw: tuple[int, int], names: Mapping[str, str]
) -> Iterable[NamedMask]:
    rows = _records(rows, "annotations")
    if len({str(row.get("image_id")) for row in rows}) > 1:
        raise InputError(
            "The annotations belong to several pictures, and nothing says to which; give the whole "
            "annotation file, or those of one picture."
        )
    for row in rows:
        category = str(row.get("category_id", ""))
        label = names.get(category, category)
        yield NamedMask(label, _segmentation(row.get("segmentation", row), size_hw))


def _segmentation(value: Any, size_hw: tuple[int, int]) -> BoolArray:
    if isinstance(value, list):
        polygons = [_corners(part) for part in value]
        return _filled(polygons, size_hw)
    if not isinstance(value, Mapping) or not {"size", "counts"} <= value.keys():
        raise InputError(
            "A segmentation is a list of polygons or run lengths with size and counts; export it "
            "again."
        )
    size = value["size"]
    if not isinstance(size, list) or size != [*size_hw]:
        height, width = size if isinstance(size, list) and len(size) == 2 else (None, None)
        raise _other_size(width, height, size_hw)
    if isinstance(value["counts"], list):
        return _uncompressed(value["counts"], size_hw)
    return decode_rle(value)


def _uncompressed(counts: list[Any], size_hw: tuple[int, int]) -> BoolArray:
    """Return the mask of run lengths that go down the columns, the first outside the object."""
    height, width = size_hw
    if not all(type(count) is int and count >= 0 for count in counts) or sum(counts) != (
        height * width
    ):
        raise InputError(
            f"The run lengths do not fill a mask of {width} x {height} pixels; export it again."
        )
    inside = np.arange(len(counts)) % 2 == 1
    return np.ascontiguousarray(np.repeat(inside, counts).reshape(width, height).T)


def _labelme(document: Mapping[str, Any], size_hw: tuple[int, int]) -> Iterable[NamedMask]:
    size = document.get("imageHeight"), document.get("imageWidth")
    if size != (None, None) and size != tuple(size_hw):
        raise _other_size(size[1], size[0], size_hw)
    groups: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
    for number, shape in enumerate(_records(document["shapes"], "shapes")):
        group = shape.get("group_id")
        key = str(shape.get("label", "")), f"shape {number}" if group is None else f"group {group}"
        groups.setdefault(key, []).append(_shape(shape))
    return (NamedMask(key[0], _filled(parts, size_hw)) for key, parts in groups.items())


def _shape(shape: Mapping[str, Any]) -> NDArray[np.float64]:
    kind, points = shape.get("shape_type", "polygon"), shape.get("points")
    if kind not in ("polygon", "rectangle") or not isinstance(points, list):
        raise InputError(
            f"The shape {ascii(str(shape.get('label', '')))[:80]} is a {ascii(str(kind))[:40]}; only "
            "polygons and rectangles have an area here. Remove it, or draw it as a polygon."
        )
    if not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise InputError("A point of a labelme shape is [x, y]; save the file again.")
    if kind == "rectangle" and len(points) == 2:
        (x0, y0), (x1, y1) = points
        points = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
    return _corners([value for point in points for value in point])


def _corners(values: Any) -> NDArray[np.float64]:
    """Return x0, y0, x1, y1, ... as an array."""
    if not isinstance(values, list) or len(values) < 6 or len(values) % 2:
        raise InputError("A polygon is a list of at least three x, y pairs; export it again.")
    if not all(type(value) in (int, float) and abs(value) < math.inf for value in values):
        raise InputError("A polygon's corners are finite numbers; export it again.")
    try:
        return np.asarray(values, dtype=np.float64)
    except OverflowError as error:
        raise InputError("A polygon's corner lies far outside the picture.") from error


def _filled(polygons: Sequence[NDArray[np.float64]], size_hw: tuple[int, int]) -> BoolArray:
    """Fill the polygons of one object."""
    if not polygons:
        raise InputError("A segmentation has no polygon; remove it from the file.")
    height, width = size_hw
    perimeter = 0.0
    for corners in polygons:
        points = corners.reshape(-1, 2)
        most = (2 * width, 2 * height)
        if (points < (-width, -height)).any() or (points > most).any():
            raise InputError(
                f"A polygon's corner lies far outside the picture of {width} x {height} pixels; "
                "give its corners in pixels of the picture."
            )
        perimeter += float(np.abs(points - np.roll(points, 1, axis=0)).max(axis=1).sum())
    if perimeter > MAX_PERIMETER:
        raise InputError(
            f"The polygons of one object are {perimeter:,.0f} pixels around, at most "
            f"{MAX_PERIMETER:,} are filled; give the mask as a picture."
        )
    parts = coco.frPyObjects([corners.tolist() for corners in polygons], height, width)
    return np.ascontiguousarray(coco.decode(coco.merge(parts)), dtype=np.bool_)


def _records(rows: Any, name: str) -> list[Mapping[str, Any]]:
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise InputError(f"The {name} of a mask file are a list of records; export it again.")
    return rows


def _other_size(width: Any, height: Any, size_hw: tuple[int, int]) -> InputError:
    return InputError(
        f"The mask file belongs to a picture of {ascii(str(width))[1:-1][:20]} x "
        f"{ascii(str(height))[1:-1][:20]} pixels, this one is {size_hw[1]} x {size_hw[0]}; give "
        "the masks of this very picture."
    )
