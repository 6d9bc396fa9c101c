"""The refine command: one picture, a folder of them, and what stops it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from refiner.commands.parser import main
from refiner.files.mask_files import read_mask, read_masks
from refiner.files.painting import mask_png
from refiner.files.pictures import read_image
from refiner.files.run_lengths import encode_rle
from refiner.predict.cascade import refine
from refiner.predict.loading import load_segmenter
from refiner.types import Click

BOX = np.zeros((60, 80), dtype=np.bool_)
BOX[20:50, 30:70] = True


@pytest.fixture
def folders(tmp_path, picture):
    """Two pictures with a mask each, and a place for the results."""
    images, masks = tmp_path / "images", tmp_path / "masks"
    for folder in (images, masks):
        folder.mkdir()
    for seed, name in enumerate(("a", "b")):
        Image.fromarray(picture(60, 80, seed)).save(images / f"{name}.png")
        (masks / f"{name}.png").write_bytes(mask_png(BOX))
    return images, masks, tmp_path / "out"


@pytest.fixture
def command(weights):
    """Run `refine` with the small models."""

    def run(image, mask, out, *more):
        standard = ["--weights", weights[0], "--refiner", weights[1], "--device", "cpu"]
        given = [image, "--mask", mask, "--out", out, *standard, *more]
        return main(["refine", *map(str, given)])

    return run


def refused(capsys, code):
    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    assert "Traceback" not in said.err
    return said.err


def test_the_mask_written_is_the_librarys_answer(folders, command, weights):
    images, masks, out = folders
    clicks = ("--point", "40,30", "--point", "5,5,-")
    assert command(images / "a.png", masks / "a.png", out, *clicks) == 0
    segmenter = load_segmenter(device="cpu", weights=weights[0], refiner=weights[1])
    expected = refine(
        segmenter, read_image(images / "a.png"), BOX, (Click(40, 30), Click(5, 5, False))
    )
    assert expected.mask.any()
    assert np.array_equal(read_mask(out / "a.png", (60, 80)), expected.mask)
    document = json.loads((out / "result.json").read_text())
    (row,) = document["annotations"]
    assert row["segmentation"] == encode_rle(expected.mask)
    assert row["predicted_iou"] == expected.quality
    assert 0 < row["given_iou"] < 1
    assert document["model"]["details"]["refiner_id"]


def test_a_folder_is_refined_picture_by_picture(folders, command, capsys):
    images, masks, out = folders
    assert command(images, masks, out) == 0
    assert "2 objects of 2 pictures" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == {".done", "a.png", "b.png", "result.json"}
    for name in ("a", "b"):
        (item,) = read_masks(out / "result.json", (60, 80), picture=f"{name}.png").masks
        assert np.array_equal(item.mask, read_mask(out / f"{name}.png", (60, 80)))


def test_every_object_of_a_file_is_refined(folders, command):
    images, masks, out = folders
    both = [{"segmentation": encode_rle(mask)} for mask in (BOX, ~BOX)]
    (masks / "a.json").write_text(json.dumps(both))
    assert command(images / "a.png", masks / "a.json", out) == 0
    assert {path.name for path in out.iterdir()} == {"a.png", "a_2.png", "result.json"}


def test_one_annotation_file_serves_a_folder(folders, command, tmp_path):
    images, _, out = folders
    size = {"width": 80, "height": 60}
    file = {
        "images": [{"id": n, "file_name": f"{name}.jpg", **size} for n, name in enumerate("ab")],
        "annotations": [{"image_id": n, "segmentation": encode_rle(BOX)} for n in range(2)],
    }
    (tmp_path / "all.json").write_text(json.dumps(file))
    assert command(images, tmp_path / "all.json", out) == 0
    assert len(json.loads((out / "result.json").read_text())["annotations"]) == 2


def test_a_damaged_picture_of_a_folder_is_left_out_and_told(folders, command, capsys):
    images, masks, out = folders
    (images / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    assert command(images, masks, out) == 1
    said = capsys.readouterr().out
    assert "1 object of 1 picture," in said
    assert "Left out a.png: The picture 'a.png' is damaged" in said
    assert not (out / "a.png").exists()


def test_nothing_refined_is_an_error(folders, command, capsys):
    images, masks, out = folders
    for name in "ab":
        (masks / f"{name}.png").write_bytes(mask_png(BOX[:20]))
    assert "None of the 2 pictures was refined. a.png: The mask" in refused(
        capsys, command(images, masks, out)
    )


def test_a_picture_without_a_mask_and_other_files_stop_nothing(folders, command, capsys):
    images, masks, out = folders
    (masks / "b.png").unlink()
    (masks / "c.png").write_bytes(mask_png(BOX))
    (images / "Thumbs.db").write_text("x")
    (images / "notes.py").write_text("print()")
    assert command(images, masks, out) == 1
    said = capsys.readouterr().out
    assert "1 object of 1 picture," in said
    assert "Left out b.png: no mask of its name" in said
    for name in ("Thumbs.db: no picture", "notes.py: no picture", "c.png: a mask without its"):
        assert f"Not used: {name}" in said


def test_files_that_are_no_pictures_are_no_failure(folders, command):
    images, masks, out = folders
    (images / "Thumbs.db").write_text("x")
    assert command(images, masks, out) == 0


def test_a_folder_without_a_pair_is_refused(folders, command, capsys):
    images, masks, out = folders
    for path in images.iterdir():
        path.unlink()
    assert "has no picture with a mask" in refused(capsys, command(images, masks, out))
    assert not out.exists()


def test_no_two_objects_share_a_file(folders, command, capsys):
    images, masks, out = folders
    (images / "b.png").rename(images / "a_2.png")
    (masks / "b.png").rename(masks / "a_2.png")
    numbers = BOX.astype(np.uint8)
    numbers[:10] = 2
    Image.fromarray(numbers).save(masks / "a.png")
    assert command(images, masks, out) == 0
    rows = json.loads((out / "result.json").read_text())["annotations"]
    names = [row["file_name"] for row in rows]
    assert len({*names}) == len(names) == 3
    assert "a_2.png" in names
    for row, name in zip(rows, names, strict=True):
        assert encode_rle(read_mask(out / name, (60, 80))) == row["segmentation"]
    assert "Notice: a.png: 2 objects (1, 2)" in capsys.readouterr().out


def test_pictures_and_annotations_of_one_folder(folders, command, picture):
    images, _, out = folders
    corners = [[30, 20], [70, 20], [70, 50], [30, 50]]
    for name in "ab":
        shapes = [{"label": "ball", "points": corners}, {"label": "x", "points": [[1, 1]]}]
        (images / f"{name}.json").write_text(json.dumps({"shapes": shapes}))
    assert command(images, images, images / "out") == 0
    assert command(images, images, images / "out") == 0  # results are no pictures
    written = {path.name for path in (images / "out").iterdir()}
    assert written == {".done", "a.png", "b.png", "result.json"}


def test_a_file_in_place_of_the_folder_is_named(folders, command, capsys):
    images, masks, out = folders
    out.write_text("x")
    assert f"{out} is a file; --out names the folder" in refused(
        capsys, command(images / "a.png", masks / "a.png", out)
    )


def test_a_picture_of_one_pixel_is_refused_in_words(folders, command, capsys):
    images, masks, out = folders
    for folder in (images, masks):
        Image.new("L", (1, 1), 255).save(folder / "a.png")
    assert "a single pixel" in refused(capsys, command(images / "a.png", masks / "a.png", out))


def test_the_choice_of_labels_reaches_the_reader(folders, command):
    images, masks, out = folders
    (masks / "a.png").write_bytes(mask_png(~BOX))
    plain = (images / "a.png", masks / "a.png", out)
    assert command(*plain, "--labels", "binary", "--invert") == 0
    inverted = json.loads((out / "result.json").read_text())["annotations"]
    (masks / "a.png").write_bytes(mask_png(BOX))
    assert command(*plain) == 0
    assert json.loads((out / "result.json").read_text())["annotations"] == inverted


def test_clicks_and_a_folder_do_not_go_together(folders, command, capsys):
    assert "single picture" in refused(capsys, command(*folders, "--point", "3,4"))
    images, masks, out = folders
    assert "is a folder" in refused(capsys, command(images / "a.png", masks, out))


def test_a_mask_that_does_not_fit_ends_before_anything_is_loaded(folders, capsys):
    images, masks, out = folders
    (masks / "a.png").write_bytes(mask_png(BOX[:20]))
    code = main(
        ["refine", str(images / "a.png"), "--mask", str(masks / "a.png"), "--out", str(out)]
        + ["--weights", "nowhere"]
    )
    assert "80 x 20, the picture 80 x 60" in refused(capsys, code)
    assert not out.exists()
