import json

import numpy as np
import pytest
from PIL import Image

from refiner.data.manifest import object_ids, object_masks, read_image_and_labels, read_manifest
from refiner.types import InputError


def line(**changes):
    value = {
        "id": "a",
        "image": "images/ecssd/a.png",
        "mask": "masks/ecssd/a.png",
        "kind": "object",
        "source": "someone/somewhere",
        "split": "val",
        "group": "g",
        "w": 6,
        "h": 4,
    }
    return {key: value for key, value in (value | changes).items() if value is not None}


def write(tmp_path, *lines):
    path = tmp_path / "manifest.jsonl"
    path.write_text("".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines))
    return path


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def test_a_row_holds_paths_below_the_manifest_and_the_short_source(tmp_path):
    video = line(
        id="v",
        kind="video",
        image="videos/davis/camel/frames",
        mask="videos/davis/camel/masks",
        frames=30,
    )
    photo, clip = read_manifest(write(tmp_path, line(), "", video))
    assert photo.image == tmp_path / "images/ecssd/a.png"
    assert photo.mask == tmp_path / "masks/ecssd/a.png"
    assert (photo.source, photo.split, photo.group) == ("ecssd", "val", "g")
    assert photo.size_hw == (4, 6)
    assert photo.frames is None
    assert (clip.source, clip.frames) == ("davis", 30)


def test_a_flat_path_keeps_the_source_of_the_line_and_is_its_own_group(tmp_path):
    (row,) = read_manifest(write(tmp_path, line(image="a.png", group=None)))
    assert (row.source, row.group) == ("someone/somewhere", "a")


def test_a_split_keeps_its_rows_in_order(tmp_path):
    path = write(tmp_path, line(id="b"), line(id="c", split="train"), line(id="a"))
    assert [row.id for row in read_manifest(path, "val")] == ["b", "a"]
    assert [row.id for row in read_manifest(path)] == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("{", "line 2: not valid JSON"),
        ("[1]", "line 2: expected a JSON object, got list"),
        (line(id="b", mask=None), "line 2: the key 'mask' is missing"),
        (line(id="b", w="6"), "line 2: 'w' must be a whole number above 0, got '6'"),
        (line(id="b", h=-1), "line 2: 'h' must be a whole number above 0, got -1"),
        (line(id=""), "line 2: 'id' must be text, got ''"),
        (line(), "line 2: the id 'a' is used twice"),
        (line(id="b", kind="cat"), "line 2: unknown kind 'cat'; expected one of: object"),
        (line(id="b", kind="video"), "line 2: the key 'frames' is missing"),
        (line(id="b", image="../a.png"), "line 2: the path '../a.png' leaves"),
        (line(id="b", mask="masks/../../a.png"), "leaves the manifest's folder"),
        (line(id="b", image="/etc/a.png"), "line 2: the path '/etc/a.png' leaves"),
    ],
)
def test_a_bad_line_is_named_with_its_number(tmp_path, second, message):
    with pytest.raises(InputError) as caught:
        read_manifest(write(tmp_path, line(), second))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_empty_or_binary_manifest_and_an_unknown_split_are_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_manifest(tmp_path / "nope.jsonl")
    with pytest.raises(InputError, match="has no rows"):
        read_manifest(write(tmp_path))
    with pytest.raises(InputError, match="no split 'test'; choose one of: val"):
        read_manifest(write(tmp_path, line()), "test")
    (tmp_path / "manifest.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="Cannot read the manifest"):
        read_manifest(tmp_path / "manifest.jsonl")


def test_a_photo_and_its_labels_are_read_as_they_are_and_can_be_written_to(tmp_path):
    labels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    photo = np.stack([labels, labels + 100, 255 - labels], axis=2)
    save(tmp_path / "images/ecssd/a.png", photo)
    save(tmp_path / "masks/ecssd/a.png", labels)
    (row,) = read_manifest(write(tmp_path, line()))
    image, ids = read_image_and_labels(row)
    np.testing.assert_array_equal(image, photo)
    np.testing.assert_array_equal(ids, labels)
    assert image.flags.writeable and ids.flags.writeable


def test_files_that_do_not_fit_the_row_are_refused(tmp_path):
    (row,) = read_manifest(write(tmp_path, line()))
    with pytest.raises(InputError, match="Cannot read the photo .*No such file"):
        read_image_and_labels(row)
    save(row.image, np.zeros((4, 6, 3), np.uint8))
    row.mask.parent.mkdir(parents=True)
    row.mask.write_bytes(b"no picture")
    with pytest.raises(InputError, match="Cannot read the label map"):
        read_image_and_labels(row)
    colours = np.arange(400 * 3, dtype=np.uint16).reshape(20, 20, 3) % 256
    save(row.mask, colours.astype(np.uint8))
    with pytest.raises(InputError, match="label map .* numbers more than 255 objects"):
        read_image_and_labels(row)
    save(row.mask, np.zeros((6, 4), np.uint8))
    with pytest.raises(InputError, match="label map .* is 4 x 6, the manifest says 6 x 4 for a"):
        read_image_and_labels(row)


def test_a_video_row_is_not_read_as_a_photo(tmp_path):
    (row,) = read_manifest(write(tmp_path, line(kind="video", frames=2)))
    with pytest.raises(InputError, match="a is a video"):
        read_image_and_labels(row)


def test_every_instance_is_an_object_and_regions_need_two_thousandths_of_the_picture():
    labels = np.zeros((50, 40), np.uint8)  # 2000 pixels: at least 4 a region
    labels[0, :3] = 7
    labels[1, :4] = 9
    labels[2, 0] = 2
    assert object_ids(labels, "object") == [2, 7, 9]
    for kind in ("regions", "clothing", "street"):
        assert object_ids(labels, kind) == [9]
    (mask,) = object_masks(labels, "clothing")
    assert mask.dtype == np.bool_
    assert [tuple(p) for p in np.argwhere(mask)] == [(1, 0), (1, 1), (1, 2), (1, 3)]


def test_an_empty_map_has_no_object_and_an_unknown_kind_is_refused():
    assert object_ids(np.zeros((3, 3), np.uint8), "object") == []
    with pytest.raises(InputError, match="Unknown kind 'dog'"):
        object_ids(np.zeros((3, 3), np.uint8), "dog")
