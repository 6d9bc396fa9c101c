"""Annotation files of labelling tools: odd records are left out and named, the rest is read."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from refiner.files.annotations.label_studio import decode_brush
from refiner.files.labels.records import LabelChoice
from refiner.files.mask_files import read_masks
from refiner.files.run_lengths import encode_rle
from refiner.types import InputError

SIZE = (30, 40)
BOX = np.zeros(SIZE, dtype=np.bool_)
BOX[5:15, 10:30] = True
OTHER = np.zeros(SIZE, dtype=np.bool_)
OTHER[20:28, 2:9] = True
CORNERS = [[10, 5], [30, 5], [30, 15], [10, 15]]
FLAT = [value for corner in CORNERS for value in corner]


def read(value, size=SIZE, **more):
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return read_masks(content, size, **more)


def labelme(*shapes, **more):
    return {"shapes": list(shapes), "imageHeight": 30, "imageWidth": 40, **more}


def shape(kind="polygon", points=CORNERS, **more):
    return {"label": "cup", "points": points, "shape_type": kind, **more}


def png_text(mask):
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def coco(*rows, **image):
    record = {"id": 1, "file_name": "cup.jpg", "height": 30, "width": 40, **image}
    return {"images": [record], "annotations": [{"image_id": 1, **row} for row in rows]}


# labelme and X-AnyLabeling


def test_a_mask_of_labelmes_ai_tool_lies_where_its_corner_says():
    (item,) = read(
        labelme(shape("mask", [[10, 5], [29, 14]], mask=png_text(BOX[5:15, 10:30])))
    ).masks
    assert np.array_equal(item.mask, BOX)
    outside = read(
        labelme(shape("mask", [[-5, -2], [9, 9]], mask=png_text(np.ones((12, 15), bool))))
    )
    assert outside.masks[0].mask.sum() == 10 * 10


@pytest.mark.parametrize("kind", ["polygon", "rotation", "quadrilateral", "", None])
def test_shapes_with_corners_are_filled(kind):
    assert np.array_equal(read(labelme(shape(kind))).masks[0].mask, BOX)


def test_a_circle_has_its_radius():
    mask = read(labelme(shape("circle", [[20, 15], [28, 15]]))).masks[0].mask
    assert mask.sum() == pytest.approx(np.pi * 64, rel=0.05)
    assert mask[15, 13] and mask[15, 26] and not mask[15, 11]


@pytest.mark.parametrize(
    "odd",
    [
        shape("point", [[3, 4]]),
        shape("line", [[3, 4], [9, 9]]),
        shape("linestrip"),
        shape("cuboid"),
        shape(points=[[1, 2], [3, 4]]),
        shape(points=[[1e9, 2], [3, 4], [5, 6]]),
        shape(points=[[float("nan"), 2], [3, 4], [5, 6]]),
        shape(points=None),
        shape("mask", [[1, 2], [3, 4]], mask="no base64!"),
        shape("mask", [[1, 2], [3, 4]], mask=None),
        shape("mask", [[1, 2], [3, 4]], mask=png_text(BOX)[:60]),
        shape("mask", [[1e300, 2], [3, 4]], mask=png_text(BOX)),
        shape("mask", [[1, 2], [3, 4]], mask=png_text(np.ones((2000, 2000), bool))),
        shape("circle", [[3, 4]]),
        shape("circle", [[3, 4], [3, 4]]),
        shape(points=[[900, 900], [901, 900], [901, 901]]),
        shape(points=[[0, 0], [40, 30]] * 500_000),
    ],
    ids=range(17),
)
def test_an_odd_shape_is_left_out_and_named(odd):
    found = read(labelme({**odd, "label": "odd"}, shape()))
    assert np.array_equal(found.masks[0].mask, BOX)
    (told,) = found.notices
    assert told.startswith("left out 'odd': ")
    with pytest.raises(InputError, match="no object for this picture; left out 'odd'"):
        read(labelme({**odd, "label": "odd"}))


def test_the_list_of_what_is_left_out_is_short():
    rows = [{**shape("point", [[1, 1]]), "label": f"p{number}"} for number in range(1000)]
    notices = read(labelme(*rows, shape())).notices
    assert len(notices) == 6
    assert notices[-1] == "and 995 more records like these"
    assert read(labelme(*rows[:1] * 9, shape())).notices[0].endswith("(9 times)")


# COCO


def test_an_annotation_without_polygons_is_its_box():
    for nothing in ([], None, [[1, 2, 3, 4]]):
        found = read(coco({"segmentation": nothing, "bbox": [10, 5, 20, 10]}))
        assert np.array_equal(found.masks[0].mask, BOX)
        assert "taken as its box" in found.notices[0]


def test_a_degenerate_polygon_is_left_out_of_its_object():
    found = read(coco({"segmentation": [FLAT, [2, 20, 9, 20]]}))
    assert np.array_equal(found.masks[0].mask, BOX)
    assert "1 of its polygons left out" in found.notices[0]


def test_a_flat_polygon_and_crowds_are_read():
    runs = np.diff([0, *np.flatnonzero(np.diff(BOX.T.ravel().astype(int))) + 1, BOX.size]).tolist()
    for value in (FLAT, encode_rle(BOX), {"size": [*SIZE], "counts": runs}):
        (item,) = read(coco({"segmentation": value, "iscrowd": 1})).masks
        assert np.array_equal(item.mask, BOX)


@pytest.mark.parametrize(
    "value",
    [
        {"size": [*SIZE], "counts": [0, 10**30, 5]},
        {"size": [*SIZE], "counts": "~" * 64},
        {"size": [*SIZE], "counts": "o" * 400},
        {"size": [*SIZE], "counts": None},
        {"size": [10**9, 10**9], "counts": [10**18]},
        {"size": [0, 0], "counts": []},
        {"counts": [1]},
        5,
        [[10**400, 1, 2, 3, 4, 5]],
        [[True, 1, 2, 3, 4, 5]],
    ],
)
def test_a_damaged_segmentation_is_left_out(value):
    found = read(coco({"segmentation": value}, {"segmentation": [FLAT]}))
    (item,) = found.masks
    assert np.array_equal(item.mask, BOX)
    assert found.notices


def test_records_that_are_none_are_left_out():
    document = coco({"segmentation": [FLAT]})
    document["annotations"] += [5, None, "x"]
    assert len(read(document).masks) == 1


def test_a_picture_is_found_by_its_name_then_its_path():
    names = ("sub/cup.jpg", "other/cup.jpg", "cup.png", "dog.jpg")
    images = [
        {"id": n, "file_name": f"images/{name}", "height": 30, "width": 40}
        for n, name in enumerate(names)
    ]
    rows = [{"image_id": n, "category_id": n, "segmentation": [FLAT]} for n in range(len(names))]
    document = {"images": images, "annotations": rows}

    def label(picture, **more):
        return read(document, picture=picture, **more).masks[0].label

    assert label("cup.png") == "2"
    assert label("dog.tif") == "3"
    assert label("/home/me/images/sub/cup.jpg") == "0"
    assert label("C:\\data\\images\\other\\cup.jpg") == "1"
    for unclear in ("cup.jpg", "cat.jpg"):
        with pytest.raises(InputError, match="several pictures"):
            label(unclear)


def test_a_file_of_all_pictures_has_to_name_each():
    with pytest.raises(InputError, match="0 of them are called 'dog.jpg'"):
        read(coco({"segmentation": [FLAT]}), picture="dog.jpg", named=True)
    assert len(read(coco({"segmentation": [FLAT]}), picture="dog.jpg").masks) == 1


def test_sizes_of_the_stored_and_of_a_scaled_picture_are_understood():
    lying = read(coco({"segmentation": [FLAT]}, height=40, width=30))
    assert np.array_equal(lying.masks[0].mask, BOX)
    assert "the picture lying" in lying.notices[0]
    double = read(coco({"segmentation": [[2 * one for one in FLAT]]}, height=60, width=80))
    assert np.array_equal(double.masks[0].mask, BOX)
    assert "drawn on 80 x 60" in double.notices[0]
    large = np.kron(BOX, np.ones((2, 2), bool))
    for drawn in ((60, 80), None):
        found = read([{"segmentation": encode_rle(large)}], drawn_hw=drawn)
        assert np.array_equal(found.masks[0].mask, BOX)
    with pytest.raises(InputError, match="this very picture"):
        read(coco({"segmentation": [FLAT]}, height=30, width=60))


# ISAT, YOLO, Label Studio


def isat(*rows):
    return {"info": {"name": "cup.jpg", "width": 40, "height": 30}, "objects": list(rows)}


def test_isat_groups_layers_and_holes():
    other = [[2, 20], [9, 20], [9, 28], [2, 28]]
    hole = [[12, 7], [20, 7], [20, 12], [12, 12]]
    rows = (
        {"category": "__background__", "segmentation": hole, "layer": 2},
        {"category": "cup", "group": 3, "segmentation": CORNERS, "layer": 1},
        {"category": "cup", "group": 3, "segmentation": other, "layer": 1},
        {"category": "dog", "group": 4, "segmentation": [[1, 1]], "layer": 1},
    )
    found = read(isat(*rows))
    expected = BOX | OTHER
    expected[7:12, 12:20] = False
    assert [item.label for item in found.masks] == ["cup"]
    assert np.array_equal(found.masks[0].mask, expected)
    assert "'dog'" in found.notices[0]


def test_yolo_has_polygons_and_boxes_in_shares():
    polygon = " ".join(f"{x / 40} {y / 30}" for x, y in CORNERS)
    text = f"0 {polygon}\n\n3 {20 / 40} {10 / 30} {20 / 40} {10 / 30}\n1 {polygon} 0.9\n"
    found = read(text.encode())
    assert [item.label for item in found.masks] == ["0", "3", "1"]
    for item in found.masks:
        assert np.array_equal(item.mask, BOX)
    odd = read(
        f"0 {polygon}\n1 5 5 90 90 3 3\n2 nan 0 1 1 0 1\n4 0.1 0.2\n5 a b c d e f\n".encode()
    )
    assert len(odd.masks) == 1
    assert len(odd.notices) == 4


def brush(mask):
    """A brush as runs of a word each and literals, of the lengths Label Studio chooses."""
    pixels = np.repeat(mask.ravel(), 4).astype(np.uint8) * 255
    bits = f"{pixels.size:032b}{7:05b}" + "".join(f"{n - 1:04b}" for n in (3, 4, 8, 16))
    place = 0
    while place < len(pixels):
        end = place + 1
        while end < len(pixels) and pixels[end] == pixels[place] and end - place < 65536:
            end += 1
        if end - place > 1:
            bits += f"111{end - place - 1:016b}{pixels[place]:08b}"
        else:
            bits += f"000{0:03b}{pixels[place]:08b}"
        place = end
    bits += "0" * (-len(bits) % 8)
    return [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]


def task(value, name="/data/upload/1/ab12-cup.jpg", kind="polygonlabels", **size):
    row = {"original_width": 40, "original_height": 30, "type": kind, "value": value, **size}
    return {"data": {"image": name}, "annotations": [{"result": [row]}]}


PERCENT = [[x / 0.4, y / 0.3] for x, y in CORNERS]
SHAPES = {
    "polygon": {"points": PERCENT, "polygonlabels": ["cup"]},
    "box": {"x": 25, "y": 5 / 0.3, "width": 50, "height": 10 / 0.3, "rectanglelabels": ["cup"]},
    "turned box": {
        "x": 75,
        "y": 5 / 0.3,
        "width": 25,
        "height": 20 / 0.3,
        "rotation": 90,
        "labels": ["cup"],
    },
    "brush": {"format": "rle", "rle": brush(BOX), "brushlabels": ["cup"]},
    "picture": {"imageDataURL": f"data:image/png;base64,{png_text(BOX)}", "labels": ["cup"]},
}


@pytest.mark.parametrize("name", SHAPES)
def test_label_studios_shapes(name):
    for document in ([task(SHAPES[name])], task(SHAPES[name])):
        (item,) = read(document).masks
        assert item.label == "cup"
        assert np.array_equal(item.mask, BOX)


def test_label_studio_finds_the_picture_and_leaves_out_what_has_no_area():
    tasks = [task(SHAPES["polygon"]), task(SHAPES["box"], "/x/cd34-dog.jpg")]
    tasks[1]["annotations"][0]["result"] += task({"x": 1, "y": 2}, kind="keypointlabels")[
        "annotations"
    ][0]["result"]
    assert read(tasks, picture="cup.jpg").notices == ()
    assert "'keypointlabels' has no area" in read(tasks, picture="dog.jpg").notices[0]
    with pytest.raises(InputError, match="several pictures"):
        read(tasks, picture="cat.jpg")
    short = [
        {
            "image": "/x/cup.jpg",
            "id": 1,
            "label": [{"original_width": 40, "original_height": 30, **SHAPES["polygon"]}],
        }
    ]
    assert np.array_equal(read(short).masks[0].mask, BOX)


@given(st.lists(st.integers(0, 255), max_size=60))
def test_a_damaged_brush_ends_in_words(runs):
    head = brush(BOX)[:7]
    for value in (runs, head + runs):
        try:
            assert decode_brush(value, SIZE).shape == SIZE
        except InputError as error:
            assert "brush mask" in str(error)


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"shapes": NaN}', b'{"annotations": {"a": 1}}'])
def test_senseless_json_is_refused_in_words(text):
    with pytest.raises(InputError):
        read(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "shapes",
                    "points",
                    "annotations",
                    "images",
                    "segmentation",
                    "counts",
                    "size",
                    "bbox",
                ]
                + [
                    "result",
                    "value",
                    "rle",
                    "info",
                    "objects",
                    "id",
                    "image_id",
                    "file_name",
                    "x",
                    "y",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_read_or_refused_in_words(value):
    try:
        found = read(json.dumps(value).encode())
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert found.masks


def test_annotations_of_one_object_can_be_inverted():
    found = read(labelme(shape()), choice=LabelChoice(invert=True))
    assert np.array_equal(found.masks[0].mask, ~BOX)
