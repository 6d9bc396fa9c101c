"""Which mask belongs to which picture of a folder, and that no two results share a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from refiner.data.mask_pairs import PicturePair, name_masks, pair_folder
from refiner.types import InputError

OUT = Path("nowhere")


def make(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def paired(images, masks, out=OUT):
    found = pair_folder(images, masks, out)
    return {pair.name: pair.mask.relative_to(masks).as_posix() for pair in found.pairs}


@pytest.mark.parametrize(
    "name", ["a.png", "a.json", "a.txt", "a_mask.png", "a-mask.tif", "a.jpg.png"]
)
def test_the_mask_of_a_picture_has_its_name(tmp_path, name):
    images = make(tmp_path / "i", "a.jpg", "b.jpg")
    masks = make(tmp_path / "m", name)
    found = pair_folder(images, masks, OUT)
    assert [(pair.name, pair.mask.name) for pair in found.pairs] == [("a.jpg", name)]
    assert [text.partition(":")[0] for text in found.without] == ["b.jpg"]


def test_letters_may_differ_in_case_and_in_how_accents_are_written(tmp_path):
    images = make(tmp_path / "i", "IMG_1.JPG", "caf\u00e9.jpg")
    masks = make(tmp_path / "m", "img_1.png", "cafe\u0301.png")
    assert len(paired(images, masks)) == 2


def test_folders_below_are_paired_place_by_place(tmp_path):
    images = make(tmp_path / "i", "x/a.jpg", "y/a.jpg", "b.jpg")
    masks = make(tmp_path / "m", "x/a.png", "y/a.png", "deep/b.png")
    assert paired(images, masks) == {
        "x/a.jpg": "x/a.png",
        "y/a.jpg": "y/a.png",
        "b.jpg": "deep/b.png",
    }


def test_one_folder_may_hold_both(tmp_path):
    both = make(
        tmp_path, "a.jpg", "a.json", "b.jpg", "b.png", "c.png", "c_mask.png", "d.png", "d.json"
    )
    assert paired(both, both) == {
        "a.jpg": "a.json",
        "b.jpg": "b.png",
        "c.png": "c_mask.png",
        "d.png": "d.json",
    }


def test_masks_and_results_below_the_pictures_are_no_pictures(tmp_path):
    images = make(tmp_path, "a.jpg", "masks/a.png", "out/a.png", ".cache/a.png", "__MACOSX/a.jpg")
    found = pair_folder(images, tmp_path / "masks", tmp_path / "out")
    assert [pair.name for pair in found.pairs] == ["a.jpg"]
    assert found.without == found.others == ()


def test_two_masks_of_a_picture_leave_it_out_alone(tmp_path):
    images = make(tmp_path / "i", "a.jpg", "b.jpg")
    masks = make(tmp_path / "m", "a.png", "a.json", "b.png")
    found = pair_folder(images, masks, OUT)
    assert [pair.name for pair in found.pairs] == ["b.jpg"]
    assert found.without == ("a.jpg: it has several masks, a.json and a.png; leave one",)


def test_a_folder_without_pictures_names_what_it_has(tmp_path):
    with pytest.raises(InputError, match=r"the first file is a.py: no picture"):
        pair_folder(make(tmp_path / "i", "a.py"), make(tmp_path / "m"), OUT)


def names_of(folder, *images, objects=3, masks=None):
    pairs = [
        PicturePair(Path("i", name), Path("m", name) if masks is None else masks / name, name)
        for name in images
    ]
    names = name_masks(folder, pairs)
    return [names[pair.image].of(number) for pair in pairs for number in range(1, objects + 1)]


@pytest.mark.parametrize(
    "images",
    [
        ("cat.jpg", "cat_2.jpg"),
        ("cat.jpg", "cat_2.jpg", "cat__2.jpg", "cat_2_2.jpg"),
        ("a.jpg", "a.png"),
        ("a.jpg", "A.JPG", "a.jpeg"),
        ("caf\u00e9.jpg", "cafe\u0301.jpg"),
        ("x/a.jpg", "y/a.jpg", "a.jpg"),
        ("a.jpg.jpg", "a.jpg", "a.png"),
        ("a.jpg", "a_.jpg", "a_2.jpg", "a__2.jpg"),
        ("\u732b.jpg", "\u72ac.jpg"),
    ],
)
def test_no_two_results_share_a_name(images, tmp_path):
    every = names_of(tmp_path, *images)
    assert len({name.casefold() for name in every}) == 3 * len(images)


def test_no_result_takes_the_place_of_a_file_that_is_read(tmp_path):
    every = names_of(tmp_path, "a.png", "b.png", masks=tmp_path)
    assert not {"a.png", "b.png"} & {*every}
