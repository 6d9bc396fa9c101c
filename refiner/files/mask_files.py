"""Masks as other tools save them: pictures of labels and annotation files.

Their kind is told by content, never by name. What can be read is read; what had to be left out,
scaled or guessed is said in notices. Nothing here needs torch.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from refiner.files.annotations.coco import read_annotation_list, read_coco_file
from refiner.files.annotations.isat import is_isat, read_isat
from refiner.files.annotations.label_studio import is_label_studio, read_label_studio
from refiner.files.annotations.labelme import read_labelme
from refiner.files.annotations.parts import Annotations, Part, is_scaled, nearest_mask
from refiner.files.annotations.yolo import is_yolo, read_yolo
from refiner.files.decoding.kinds import kind_of
from refiner.files.labels.picture import read_label_picture
from refiner.files.labels.records import AUTO, LabelChoice, MaskFile, NamedMask
from refiner.files.pictures import (
    MAX_IMAGE_BYTES,
    MAX_IMAGE_PIXELS,
    Source,
    open_picture,
    read_bytes,
    source_name,
)
from refiner.types import MAX_OBJECTS, BoolArray, InputError

MAX_MASK_BYTES = 50_000_000
_JSON_STARTS = (b"{", b"[", b"\xef\xbb\xbf")
_KINDS = "a picture of labels, or annotations of COCO, labelme, X-AnyLabeling, ISAT, Label Studio or YOLO"
_LABEL_LENGTH = 80
_SHOWN = 5


def read_masks(
    source: Source,
    size_hw: tuple[int, int],
    *,
    picture: str = "",
    choice: LabelChoice = AUTO,
    drawn_hw: tuple[int, int] | None = None,
    named: bool = False,
    max_bytes: int = MAX_MASK_BYTES,
    max_pixels: int = MAX_IMAGE_PIXELS,
) -> MaskFile:
    """Read the masks of all objects in a file.

    - A picture: see `labels.picture.read_label_picture`. One of another size but the same shape is scaled.
    - COCO: run lengths, compressed or not; an annotation or a list of them; an annotation file,
      of which the objects of one picture are taken. Polygons are filled as COCO fills them; an
      annotation without any is its box.
    - labelme and X-AnyLabeling, ISAT, Label Studio, YOLO: all shapes that have an area.

    Args:
        source: a path, or the content of a file as bytes.
        size_hw: the size of the picture the masks belong to.
        picture: its file name or path, which finds its objects in a file of several pictures.
        choice: how to read a picture of labels.
        drawn_hw: the size before the picture was scaled to `size_hw`, if it was; coordinates
            refer to it where the file does not say otherwise.
        named: whether a file of several pictures has to name this one; else its size may tell.
        max_bytes: the largest file to accept.
        max_pixels: the most pixels to accept of a picture of labels.

    Returns:
        1 to `types.MAX_OBJECTS` objects, each with at least one pixel, in the file's order.

    Raises:
        InputError: the file cannot be read, is of no such kind, does not fit the picture, can be
            read in two ways, or marks nothing.
    """
    size_hw = int(size_hw[0]), int(size_hw[1])
    drawn_hw = drawn_hw or size_hw
    data = read_bytes(source, max_bytes)
    if data.lstrip()[:3].startswith(_JSON_STARTS):
        document = _parse(data, source)
        annotations = _annotations(document, picture, size_hw, drawn_hw, named)
        return _drawn(annotations, source, choice)
    if kind_of(data) == "text" and is_yolo(data):
        return _drawn(read_yolo(data, size_hw), source, choice)
    return _from_picture(source, data, size_hw, drawn_hw, choice, max_pixels)


def read_mask(
    source: Source,
    size_hw: tuple[int, int],
    *,
    choice: LabelChoice = AUTO,
    max_bytes: int = MAX_IMAGE_BYTES,
    max_pixels: int = MAX_IMAGE_PIXELS,
) -> BoolArray:
    """Read the mask of one object, bool (height, width): all objects of a file together.

    Raises:
        InputError: as `read_masks`.
    """
    found = read_masks(source, size_hw, choice=choice, max_bytes=max_bytes, max_pixels=max_pixels)
    return all_masks(found)


def all_masks(found: MaskFile) -> BoolArray:
    """Return all objects of a file as one mask, bool (height, width)."""
    return np.asarray(np.any([item.mask for item in found.masks], axis=0))


def _from_picture(
    source: Source,
    data: bytes,
    size_hw: tuple[int, int],
    drawn_hw: tuple[int, int],
    choice: LabelChoice,
    max_pixels: int,
) -> MaskFile:
    image = open_picture(source if not isinstance(source, bytes) else data, len(data), max_pixels)
    shape = image.height, image.width
    if shape not in (size_hw, drawn_hw) and not is_scaled(shape, drawn_hw):
        turned = shape == size_hw[::-1]
        raise InputError(
            f"The mask {source_name(source)} is {image.width} x {image.height}, the picture "
            f"{size_hw[1]} x {size_hw[0]}; "
            + ("turn it upright." if turned else "give a mask of the picture's own shape.")
        )
    lossy = kind_of(data) in ("JPEG", "AVIF", "HEIF") or (
        kind_of(data) == "WEBP" and b"VP8L" not in data[:64]
    )
    try:
        found = read_label_picture(image, choice, lossy=lossy)
    except InputError as error:
        raise InputError(f"The mask {source_name(source)} is not clear. {error}") from error
    if not any(item.mask.any() for item in found.masks):
        raise InputError(
            f"The mask {source_name(source)} marks no pixel as the object; paint the object white "
            "on black."
        )
    notices = found.notices
    if shape not in (size_hw, drawn_hw):
        told = f"scaled from {shape[1]} x {shape[0]} to the picture's {size_hw[1]} x {size_hw[0]}"
        notices = (*notices, told)
    masks: list[NamedMask] = []
    lost: list[NamedMask] = []
    for item in found.masks:
        mask = nearest_mask(item.mask, size_hw)
        (masks if mask.any() else lost).append(replace(item, mask=mask))
    if not masks:
        raise InputError(
            f"The mask {source_name(source)} vanishes when it is scaled to {size_hw[1]} x "
            f"{size_hw[0]}; give a larger one."
        )
    if lost:
        names = ", ".join(item.label for item in lost[:6])
        notices = (*notices, f"left out, as nothing is left of them when scaled: {names}")
    return MaskFile(tuple(masks), notices)


def _parse(data: bytes, source: Source) -> Any:
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"The mask file {source_name(source)} is damaged JSON ({type(error).__name__}); "
            "export it again."
        ) from error


def _annotations(
    document: Any,
    picture: str,
    size_hw: tuple[int, int],
    drawn_hw: tuple[int, int],
    named: bool,
) -> Annotations:
    """Find out which kind of JSON it is."""
    if isinstance(document, (list, Mapping)) and is_label_studio(document):
        return read_label_studio(document, picture, size_hw, drawn_hw)
    if isinstance(document, list):
        return read_annotation_list(document, picture, size_hw, drawn_hw, {})
    if isinstance(document, Mapping):
        if "shapes" in document:
            return read_labelme(document, size_hw, drawn_hw)
        if "annotations" in document:
            return read_coco_file(document, picture, size_hw, drawn_hw, named=named)
        if is_isat(document):
            return read_isat(document, size_hw, drawn_hw)
        if "segmentation" in document or "counts" in document:
            return read_annotation_list([document], picture, size_hw, drawn_hw, {})
    raise InputError(f"This JSON holds no masks known here; give {_KINDS}.")


def _drawn(annotations: Annotations, source: Source, choice: LabelChoice) -> MaskFile:
    """Draw what can be drawn, and list the rest."""
    remarks: Counter[str] = Counter()
    masks = tuple(item for item in _united(annotations, remarks, source) if item.mask.any())
    reasons = [text + (f" ({count} times)" if count > 1 else "") for text, count in remarks.items()]
    if not masks:
        raise InputError(
            f"The mask file {source_name(source)} has no object for this picture"
            + (f"; {reasons[0]}." if reasons else "; export it with one.")
        )
    if choice.invert:
        if len(masks) > 1:
            raise InputError(f"A mask with one object can be inverted, this file has {len(masks)}.")
        masks = (replace(masks[0], mask=~masks[0].mask),)
    if len(reasons) > _SHOWN:
        more = sum(remarks.values()) - sum(list(remarks.values())[:_SHOWN])
        reasons = [*reasons[:_SHOWN], f"and {more} more records like these"]
    return MaskFile(masks, (*annotations.notices, *reasons))


def _united(annotations: Annotations, remarks: Counter[str], source: Source) -> list[NamedMask]:
    """Draw all parts, those of one key as one object; `remarks` is told of what is amiss."""
    masks: list[NamedMask] = []
    places: dict[Any, int] = {}
    for part in annotations.parts:
        mask = _mask_of(part, remarks)
        if mask is None:
            continue
        if part.cuts:
            masks = [replace(item, mask=item.mask & ~mask) for item in masks]
            continue
        place = len(masks) if part.key is None else places.setdefault(part.key, len(masks))
        if place < len(masks):
            masks[place] = replace(masks[place], mask=masks[place].mask | mask)
        elif len(masks) == MAX_OBJECTS:
            raise InputError(
                f"The mask file {source_name(source)} has more than {MAX_OBJECTS} objects; split it."
            )
        else:
            masks.append(NamedMask(part.label, mask))
    return masks


def _mask_of(part: Part, remarks: Counter[str]) -> BoolArray | None:
    """Draw a part; None if it has no area in the picture."""
    label = ascii(part.label[:_LABEL_LENGTH])
    try:
        mask = part.draw()
    except InputError as error:
        remarks[f"left out {label}: {str(error).rstrip('.')}"] += 1
        return None
    if not mask.any():
        remarks[f"left out {label}: it marks no pixel of the picture"] += 1
        return None
    if part.remark:
        remarks[f"{label}: {part.remark}"] += 1
    return mask
