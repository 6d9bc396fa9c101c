"""COCO: annotation files, lists of annotations, run lengths, polygons, boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from refiner.files.annotations.parts import (
    Annotations,
    Corners,
    Page,
    Part,
    box_corners,
    finite_numbers,
    is_scaled,
    make_page,
    name_matches,
    other_size,
    read_corners,
    read_records,
)
from refiner.files.run_lengths import MAX_RLE_PIXELS, decode_rle
from refiner.types import BoolArray, InputError

_SHOWN = 3


def read_coco_file(
    document: Mapping[str, Any],
    picture: str,
    size_hw: tuple[int, int],
    drawn_hw: tuple[int, int],
    *,
    named: bool,
) -> Annotations:
    """Return the annotations of one picture of a file.

    Args:
        document: has `annotations`, mostly `images` and `categories`, too.
        picture: the picture's file name or path, maybe nothing.
        size_hw: its size.
        drawn_hw: the size that coordinates refer to where the file does not say one.
        named: whether the picture has to be found by its name.

    Raises:
        InputError: the picture is not in it, or cannot be told, or is of another shape.
    """
    rows = read_records(document["annotations"], "annotations")
    images = document.get("images", [document["image"]] if "image" in document else [])
    images = read_records(images, "images")
    names = {
        str(row.get("id")): str(row.get("name", ""))
        for row in read_records(document.get("categories", []), "categories")
    }
    if not images:
        return read_annotation_list(rows, picture, size_hw, drawn_hw, names)
    image, told = _picked(images, picture, drawn_hw, named)
    page, scaled = make_page((image.get("height"), image.get("width")), size_hw, drawn_hw)
    if "images" in document:
        rows = [row for row in rows if str(row.get("image_id")) == str(image.get("id"))]
    return Annotations(tuple(_part(row, page, names) for row in rows), (*told, *scaled))


def _picked(
    images: Sequence[Mapping[str, Any]], picture: str, drawn_hw: tuple[int, int], named: bool
) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Return the record of the picture, by name, then by size, and what to say of it."""

    def name(row: Mapping[str, Any]) -> str:
        return str(row.get("file_name", row.get("path", "")) or "")

    if len(images) == 1 and not (named and name(images[0])):
        return images[0], ()
    found = name_matches(images, picture, name)
    if len(found) == 1:
        return found[0], ()
    if found or not named:
        same = [r for r in found or images if (r.get("height"), r.get("width")) == drawn_hw]
        if len(same) == 1:
            told = f"several pictures are in the file; {name(same[0])[:80]!a} is of this one's size"
            return same[0], (told,)
    some = ", ".join(f"{name(row)[-60:]!a}" for row in images[:_SHOWN])
    some += ", ..." * (len(images) > _SHOWN)
    raise InputError(
        f"The annotation file has several pictures ({some}), and {len(found)} of them are called "
        f"{picture[-80:]!a}; give the picture the name it has there."
        if picture
        else f"The annotation file has several pictures ({some}); give the masks of one."
    )


def read_annotation_list(
    rows: Any,
    picture: str,
    size_hw: tuple[int, int],
    drawn_hw: tuple[int, int],
    names: Mapping[str, str],
) -> Annotations:
    """Return annotations that nothing but their `image_id` says the picture of.

    Raises:
        InputError: they belong to several pictures.
    """
    rows = read_records(rows, "annotations")
    if len({str(row.get("image_id")) for row in rows}) > 1:
        stem = picture.replace("\\", "/").rpartition("/")[2].rpartition(".")[0]
        numbers = {stem, stem.lstrip("0")}
        rows = [row for row in rows if stem and str(row.get("image_id")) in numbers]
        if not rows:
            raise InputError(
                "The annotations belong to several pictures, and nothing says to which; give the "
                "whole annotation file, or those of one picture."
            )
    page = Page(size_hw, drawn_hw)
    return Annotations(tuple(_part(row, page, names) for row in rows))


def _part(row: Mapping[str, Any], page: Page, names: Mapping[str, str]) -> Part:
    """Return an annotation, drawn by its segmentation, or by its box where it has none."""
    category = str(row.get("category_id", ""))
    label = names.get(category, category)
    value = row if "counts" in row else row.get("segmentation")
    if isinstance(value, Mapping):
        return Part(label, partial(run_length_mask, value, page))
    polygons, reasons = _polygons(value)
    remark = f"{len(reasons)} of its polygons left out ({reasons[0]})" if reasons else ""
    box = row.get("bbox")
    if not polygons and isinstance(box, list) and len(box) == 4:
        remark = "taken as its box"

    def drawn() -> BoolArray:
        if polygons:
            return page.fill(polygons)
        if remark != "taken as its box":
            raise InputError(reasons[0] if reasons else "it has no polygon and no box")
        return page.fill([box_corners(*finite_numbers(box or []).tolist())])

    return Part(label, drawn, remark=remark)


def _polygons(value: Any) -> tuple[list[Corners], list[str]]:
    """Return the polygons of a segmentation, and why others of it are none."""
    if value is not None and not isinstance(value, list):
        return [], ["a segmentation is a list of polygons or run lengths with size and counts"]
    if value and not any(isinstance(part, (list, Mapping)) for part in value):
        value = [value]
    polygons, reasons = [], []
    for part in value or []:
        try:
            polygons.append(read_corners(part))
        except InputError as error:
            reasons.append(str(error))
    return polygons, reasons


def run_length_mask(value: Mapping[str, Any], page: Page) -> BoolArray:
    """Return the mask of run lengths, compressed or not, at the page's size.

    Raises:
        InputError: they are damaged or of another shape than the picture.
    """
    size = value.get("size")
    if not (isinstance(size, list) and len(size) == 2 and all(type(one) is int for one in size)):
        raise other_size(None, None, page.size_hw)
    shape = int(size[0]), int(size[1])
    known = (page.size_hw, page.drawn_hw)
    if shape[0] * shape[1] > MAX_RLE_PIXELS or not (
        shape in known or is_scaled(shape, page.drawn_hw)
    ):
        raise other_size(shape[1], shape[0], page.size_hw)
    counts = value.get("counts")
    mask = _uncompressed(counts, shape) if isinstance(counts, list) else decode_rle(value)
    return page.fit(mask)


def _uncompressed(counts: list[Any], size_hw: tuple[int, int]) -> BoolArray:
    """Return the mask of run lengths that go down the columns, the first outside the object."""
    height, width = size_hw
    if not all(type(count) is int and count >= 0 for count in counts) or sum(counts) != (
        height * width
    ):
        raise InputError(f"The run lengths do not fill a mask of {width} x {height} pixels.")
    inside = np.arange(len(counts)) % 2 == 1
    return np.ascontiguousarray(np.repeat(inside, counts).reshape(width, height).T)
