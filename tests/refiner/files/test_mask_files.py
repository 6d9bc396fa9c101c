"""Masks of other tools: what is read, and what is refused with a reason."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from faster_coco_eval.core import mask as coco
from PIL import Image

from refiner.files.mask_files import read_masks
from refiner.files.painting import mask_png
from refiner.files.run_lengths import encode_rle
from refiner.types import InputError

SIZE = (30, 40)
BOX = np.zeros(SIZE, dtype=np.bool_)
BOX[5:15, 10:30] = True
OTHER = np.zeros(SIZE, dtype=np.bool_)
OTHER[20:28, 2:9] = True
POLYGON = [10.0, 5.0, 30.0, 5.0, 30.0, 15.0, 10.0, 15.0]


def png(pixels: np.ndarray, palette: list[int] | None = None) -> bytes:
    image = Image.fromarray(pixels)
    if palette is not None:
        image = image.convert("L")
        image.putpalette(palette)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def document(value: Any) -> bytes:
    return json.dumps(value).encode()


def numbered() -> np.ndarray:
    return (BOX * 1 + OTHER * 2).astype(np.uint8)


def runs(mask: np.ndarray) -> list[int]:
    flat = np.concatenate([[False], mask.T.ravel()])
    changes = np.flatnonzero(np.diff(flat.astype(np.int8))) if mask.any() else np.array([], int)
    return np.diff([0, *changes, mask.size]).tolist()


def labelme(*shapes: dict[str, Any], **more: Any) -> bytes:
    return document({"shapes": list(shapes), "imageHeight": 30, "imageWidth": 40, **more})


def shape(points: Any = None, label: str = "cup", **more: Any) -> dict[str, Any]:
    corners = [[10, 5], [30, 5], [30, 15], [10, 15]]
    return {"label": label, "points": points or corners, "shape_type": "polygon", **more}


def annotation(segmentation: Any, **more: Any) -> dict[str, Any]:
    return {"id": 1, "image_id": 7, "category_id": 3, "segmentation": segmentation, **more}


def only(content: bytes, **options: Any) -> np.ndarray:
    (item,) = read_masks(content, SIZE, **options).masks
    return item.mask


def test_a_mask_picture_is_one_object():
    assert np.array_equal(only(mask_png(BOX)), BOX)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_small_grey_values_number_objects(dtype):
    first, second = read_masks(png(numbered().astype(dtype)), SIZE).masks
    assert np.array_equal(first.mask, BOX)
    assert np.array_equal(second.mask, OTHER)
    assert [first.label, second.label] == ["1", "2"]


def test_an_index_png_in_colours_has_an_object_a_colour():
    first, second = read_masks(png(numbered(), [0, 0, 0, 128, 0, 0, 0, 128, 0]), SIZE).masks
    assert np.array_equal(first.mask, BOX)
    assert np.array_equal(second.mask, OTHER)


def test_black_is_the_background_of_an_index_png_wherever_it_stands():
    first, second = read_masks(png(2 - numbered(), [0, 128, 0, 128, 0, 0, 0, 0, 0]), SIZE).masks
    assert np.array_equal(first.mask, OTHER)
    assert np.array_equal(second.mask, BOX)


def test_run_lengths_are_read_compressed_and_not():
    rle = encode_rle(BOX)
    assert np.array_equal(only(document(rle)), BOX)
    assert np.array_equal(only(document({"size": [*SIZE], "counts": runs(BOX)})), BOX)
    everything = np.ones(SIZE, dtype=np.bool_)
    counts = [0, everything.size]
    assert np.array_equal(only(document({"size": [*SIZE], "counts": counts})), everything)


def test_polygons_are_filled_as_coco_fills_them():
    corners = [3.3, 4.7, 33.1, 9.2, 12.8, 27.4]
    parts = coco.frPyObjects([corners, POLYGON], *SIZE)
    expected = coco.decode(coco.merge(parts)).astype(bool)
    assert np.array_equal(only(document(annotation([corners, POLYGON]))), expected)


def test_a_list_of_annotations_is_read_in_order():
    rows = [annotation(encode_rle(BOX)), annotation(encode_rle(OTHER))]
    first, second = read_masks(document(rows), SIZE).masks
    assert np.array_equal(first.mask, BOX)
    assert np.array_equal(second.mask, OTHER)


def test_an_annotation_file_gives_the_objects_of_the_named_picture():
    images = [
        {"id": 7, "file_name": "a/cup.jpg", "height": 30, "width": 40},
        {"id": 8, "file_name": "dog.jpg", "height": 10, "width": 10},
    ]
    rows = [annotation([POLYGON]), annotation([[1, 1, 5, 1, 5, 5]], image_id=8)]
    file = {"images": images, "annotations": rows, "categories": [{"id": 3, "name": "cup"}]}
    (item,) = read_masks(document(file), SIZE, picture="cup.png").masks
    assert item.label == "cup"
    assert np.array_equal(item.mask, BOX)
    for name in ("", "upload"):
        by_size = read_masks(document(file), SIZE, picture=name)
        assert np.array_equal(by_size.masks[0].mask, BOX)
        assert "'a/cup.jpg' is of this one's size" in by_size.notices[0]
    with pytest.raises(InputError, match="0 of them are called 'cat.png'"):
        read_masks(document(file), SIZE, picture="cat.png", named=True)
    images[1].update(height=30, width=40)
    with pytest.raises(InputError, match="give the masks of one"):
        read_masks(document(file), SIZE)
    one = {**file, "images": images[:1]}
    assert np.array_equal(only(document(one)), BOX)


def test_labelme_polygons_of_one_group_are_one_object():
    content = labelme(
        shape(group_id=4),
        shape([[2, 20], [9, 20], [9, 28], [2, 28]], group_id=4),
        shape([[10, 5], [30, 15]], "box", shape_type="rectangle"),
    )
    first, second = read_masks(content, SIZE).masks
    assert np.array_equal(first.mask, BOX | OTHER)
    assert np.array_equal(second.mask, BOX)
    assert [first.label, second.label] == ["cup", "box"]


def test_a_byte_order_mark_and_blanks_do_no_harm():
    assert np.array_equal(only(b"\xef\xbb\xbf" + document(annotation([POLYGON]))), BOX)
    assert np.array_equal(only(b" \n " + document(annotation([POLYGON]))), BOX)


HUGE = 10**400
REFUSED = {
    "empty": (b"", "is empty"),
    "cut off": (b'{"size": [30, 4', "damaged JSON"),
    "not utf-8": (b'{"size": "\xff\xfe"}', "damaged JSON"),
    "deep": (b"[" * 200_000, "damaged JSON"),
    "number too long": (b'{"counts": ' + b"9" * 5000 + b"}", "damaged JSON"),
    "a text": (document({"hello": 1}), "holds no masks known here"),
    "a list of numbers": (document([1, 2]), "list of records"),
    "an empty list": (document([]), "no object"),
    "no shapes": (labelme(), "no object"),
    "shapes no list": (document({"shapes": 5}), "list of records"),
    "a point": (labelme(shape(shape_type="point")), "has no area; polygons"),
    "two corners": (labelme(shape([[1, 2], [3, 4]])), "at least three"),
    "odd points": (labelme(shape([[1, 2, 3]])), r"\[x, y\]"),
    "texts for numbers": (labelme(shape([["a", 1], [2, 3], [4, 5]])), "finite numbers"),
    "no number": (b'{"segmentation": [[NaN, 1, 2, 3, 4, 5]]}', "finite numbers"),
    "endless number": (document(annotation([[HUGE, 1, 2, 3, 4, 5]])), "finite|far outside"),
    "far outside": (document(annotation([[1e9, 1, 2, 3, 4, 5]])), "far outside"),
    "long around": (document(annotation([[0, 0, 40, 30] * 30_000])), "pixels around"),
    "no polygon": (document(annotation([])), "no polygon"),
    "segmentation a text": (document(annotation("x")), "list of polygons or run lengths"),
    "another size": (document({"size": [40, 30], "counts": "1"}), "30 x 40 pixels, this one is 40"),
    "a huge size": (document({"size": [10**9, 10**9], "counts": "1"}), "this very picture"),
    "size a text": (document({"size": "30x40", "counts": "1"}), "this very picture"),
    "runs too short": (document({"size": [*SIZE], "counts": [5, 5]}), "do not fill"),
    "negative runs": (document({"size": [*SIZE], "counts": [-5, 1205]}), "do not fill"),
    "runs true": (document({"size": [*SIZE], "counts": [True, 1199]}), "do not fill"),
    "bad string": (document({"size": [*SIZE], "counts": "zzzzzz"}), "damaged|do not fill"),
    "labelme of another size": (labelme(shape(), imageWidth=51), "51 x 30 pixels"),
    "several pictures": (
        document([annotation([POLYGON]), annotation([POLYGON], image_id=8)]),
        "several pictures",
    ),
    "too many": (document([annotation([POLYGON])] * 65), "more than 64 objects"),
    "nothing marked": (document(annotation(encode_rle(BOX & OTHER))), "marks no pixel"),
    "an index png of another size": (png(numbered()[:20]), "40 x 20"),
    "a mask of another size": (mask_png(BOX[:20]), "40 x 20"),
    "no picture": (b"GIF8 broken", "damaged or incomplete"),
    "some text": (b"hello", "not a picture"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_with_the_reason(name):
    content, reason = REFUSED[name]
    with pytest.raises(InputError, match=reason) as error:
        read_masks(content, SIZE)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_a_file_over_the_limit_is_not_parsed(tmp_path):
    path = tmp_path / "masks.json"
    path.write_bytes(document(annotation([POLYGON])))
    with pytest.raises(InputError, match=r"'masks.json' has .* at most 50 are read"):
        read_masks(path, SIZE, max_bytes=50)
    assert np.array_equal(read_masks(path, SIZE).masks[0].mask, BOX)
