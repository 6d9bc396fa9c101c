"""Published image sets by folder: tiny trees in their layouts, read, evaluated and trained on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from refiner.commands import evaluate as evaluate_command
from refiner.commands.evaluate import EvaluateOptions, evaluate_models
from refiner.commands.parser import build_parser, main
from refiner.data.image_sets import EVALUATION_SETS, TRAINING_SETS, read_dataset, read_training_rows
from refiner.data.manifest import Row, object_masks, read_image_and_labels
from refiner.training.samples.photos import DataOptions, TrainingData, is_dev
from refiner.types import ImageResult, InputError, Mask, MaskPair, ModelInfo, Timings

PLACES = {
    "dis": ("DIS5K/DIS-VD", "im", "gt"),
    "coift": ("thin_object_detection/COIFT", "images", "masks"),
    "hrsod": ("thin_object_detection/HRSOD", "images", "masks_max255"),
    "thinobject": ("thin_object_detection/ThinObject5K", "images_test", "masks_test"),
}
TRAINING_PLACES = {
    "dis5k-tr": ("DIS5K/DIS-TR", "im", "gt"),
    "thinobject5k-tr": ("thin_object_detection/ThinObject5K", "images_train", "masks_train"),
    "fss": ("cascade_psp/fss_all", ".", "."),
    "duts-tr": ("cascade_psp/DUTS-TR", ".", "."),
    "duts-te": ("cascade_psp/DUTS-TE", ".", "."),
    "ecssd": ("cascade_psp/ecssd", ".", "."),
    "msra10k": ("cascade_psp/MSRA_10K", ".", "."),
}


def scene(height=40, width=56):
    """A white square on black; its grey mask fades around the square, dimmer than half."""
    mask = np.zeros((height, width), np.uint8)
    mask[7:29, 9:33] = 128
    mask[8:28, 10:32] = 255
    mask[8, 10:32] = 129
    return np.repeat((mask > 128)[..., None] * np.uint8(255), 3, axis=2), mask


def add(root, place, *stems, size=(40, 56)):
    folder, images, masks = place
    photo, mask = scene(*size)
    for stem in stems:
        for name, array in ((f"{images}/{stem}.jpg", photo), (f"{masks}/{stem}.png", mask)):
            path = root / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(path)


class WhiteSegmenter:
    """Finds what is white; its base finds nothing."""

    info = ModelInfo("fake", "cpu", "none", "none")

    def segment(self, image, objects, *, logits=False):
        mask = image[..., 0] > 127
        pair = MaskPair(Mask(np.zeros_like(mask), 0), Mask(mask, 1))
        return ImageResult((pair,) * len(objects), Timings(0, 0, 0, 0))


# sets to evaluate on


def test_the_layouts_are_those_published():
    assert {
        name: (str(one.folder), one.images, one.masks) for name, one in EVALUATION_SETS.items()
    } == PLACES
    assert [one.count for one in EVALUATION_SETS.values()] == [470, 280, 287, 500]
    assert {
        name: (str(one.folder), one.images, one.masks) for name, one in TRAINING_SETS.items()
    } == TRAINING_PLACES


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_set_is_found_from_the_root_down_to_its_own_folder(tmp_path, name, depth, capsys):
    folder, images, masks = PLACES[name]
    add(tmp_path, PLACES[name], "b", "a.1")
    (tmp_path / folder / images / "._a.jpg").write_bytes(b"left by a file manager")
    (tmp_path / folder / masks / "readme.txt").write_text("")
    root = tmp_path.joinpath(*folder.split("/")[:depth])
    rows = read_dataset(name, root)
    assert [row.id for row in rows] == [f"{name}_a.1", f"{name}_b"]
    assert {(row.kind, row.source, row.split) for row in rows} == {("object", name, "test")}
    assert rows[0].image.resolve() == (tmp_path / folder / images / "a.1.jpg").resolve()
    image, labels = read_image_and_labels(rows[0])
    assert image.shape == (40, 56, 3)
    (mask,) = object_masks(labels, "object")
    np.testing.assert_array_equal(mask, scene()[1] > 128)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Warning: ")
    assert f"2 photos; {name} was published with {EVALUATION_SETS[name].count}" in err


def test_a_set_of_the_published_size_gives_no_warning(tmp_path, capsys):
    add(tmp_path, PLACES["coift"], "0")
    for number in range(1, 280):
        for name in (f"images/{number}.jpg", f"masks/{number}.png"):
            (tmp_path / PLACES["coift"][0] / name).touch()
    assert len(read_dataset("coift", tmp_path)) == 280
    assert capsys.readouterr() == ("", "")


def test_a_set_that_is_not_there_is_refused_with_what_was_expected(tmp_path):
    with pytest.raises(InputError, match="Unknown dataset 'coco'; choose one of: dis, coift, hrs"):
        read_dataset("coco", tmp_path)
    expected = r"photos DIS5K/DIS-VD/im/\*.jpg and masks DIS5K/DIS-VD/gt/\*.png in it"
    for root in (tmp_path, tmp_path / "gone"):
        with pytest.raises(InputError, match=expected):
            read_dataset("dis", root)
    (tmp_path / "DIS5K/DIS-VD/im").mkdir(parents=True)
    with pytest.raises(InputError, match="There is no folder .*DIS-VD/gt; expected the masks of"):
        read_dataset("dis", tmp_path)
    (tmp_path / "DIS5K/DIS-VD/gt").mkdir()
    with pytest.raises(InputError, match="DIS-VD/im has no photos; expected NAME.jpg, with NAME"):
        read_dataset("dis", tmp_path)


@pytest.mark.parametrize(("lost", "kept"), [("gt/b.png", "im/b.jpg"), ("im/b.jpg", "gt/b.png")])
def test_a_file_without_its_partner_is_named(tmp_path, lost, kept):
    add(tmp_path, PLACES["dis"], "a", "b", "c")
    (tmp_path / "DIS5K/DIS-VD" / lost).unlink()
    with pytest.raises(InputError, match=f"{kept} has no partner: expected .*{lost}. So have 1 of"):
        read_dataset("dis", tmp_path)


def test_a_mask_of_another_size_or_kind_is_refused(tmp_path):
    add(tmp_path, PLACES["dis"], "a")
    (row,) = read_dataset("dis", tmp_path)
    Image.fromarray(scene(56, 40)[1]).save(row.mask)
    with pytest.raises(InputError, match="a.png is 40 x 56, its photo is 56 x 40 for dis_a"):
        read_image_and_labels(row)
    Image.fromarray(scene()[1].astype(np.uint16) * 257).save(row.mask)
    with pytest.raises(InputError, match="must have 8-bit channels, got mode I;16"):
        read_image_and_labels(row)


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGB", "RGBA"])
def test_masks_saved_in_other_modes_mean_the_same(tmp_path, mode):
    add(tmp_path, PLACES["dis"], "a")
    (row,) = read_dataset("dis", tmp_path)
    binary = (scene()[1] > 128) * np.uint8(255)
    Image.fromarray(binary).convert(mode).save(row.mask)
    np.testing.assert_array_equal(read_image_and_labels(row)[1], binary // 255)


def test_a_photo_of_a_set_stays_as_its_pixels_are_stored(tmp_path):
    add(tmp_path, PLACES["dis"], "a")
    (row,) = read_dataset("dis", tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by a quarter
    with Image.open(row.image) as photo:
        photo.save(row.image, exif=exif)
    assert read_image_and_labels(row)[0].shape == (40, 56, 3)


def test_evaluate_measures_on_a_set(tmp_path):
    add(tmp_path, PLACES["hrsod"], "a", "b", "c")
    options = EvaluateOptions(
        dataset="hrsod", root=tmp_path, prompts="box,points:1,noc", limit=2, progress=False
    )
    document = evaluate_models({"sam2refiner": WhiteSegmenter()}, options)
    rows = {(row["source"], row["prompts"], row["model"]): row for row in document["rows"]}
    found = rows["hrsod", "box", "sam2refiner"]
    assert (found["n"], found["objects"]) == (2, 2)
    assert (found["miou"], found["mbiou"]) == pytest.approx((1, 1))
    assert rows["hrsod", "points:1", "sam2"]["miou"] == 0
    assert rows["hrsod", "noc", "sam2refiner"]["noc90"] == 1
    config = document["config"]
    assert (config["dataset"], config["split"], config["rows"]) == ("hrsod", None, 2)
    assert "manifest_sha256" not in config


def test_the_command_takes_a_dataset_or_a_manifest(tmp_path, capsys, monkeypatch):
    add(tmp_path, PLACES["coift"], "a")
    fakes = {"sam2refiner": WhiteSegmenter()}
    monkeypatch.setattr(evaluate_command, "load_segmenters", lambda *_: fakes)
    given = ["evaluate", "--dataset", "coift", "--prompts", "box"]
    assert main([*given, "--root", str(tmp_path)]) == 0
    assert "coift             box         sam2refiner      1   100.0" in capsys.readouterr().out
    assert main(given) == 2
    assert "--dataset NAME with --root DIR" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*given, "--manifest", "m.jsonl"])
    assert "not allowed with argument" in capsys.readouterr().err


# the training set


def names(source, train, dev):
    """Make up file names of which `dev` fall to the photos kept back."""
    numbers = [f"n{number}" for number in range(400)]
    kept = [name for name in numbers if is_dev(f"{source}_{name}")]
    return [name for name in numbers if name not in kept][:train] + kept[:dev]


def test_the_sets_that_are_there_are_the_training_set(tmp_path):
    add(tmp_path, PLACES["thinobject"], "t")  # the test part alone is no training set
    with pytest.raises(InputError) as caught:
        read_training_rows(tmp_path)
    for folder, images, masks in TRAINING_PLACES.values():
        for path in (f"{folder}/{images}/*.jpg", f"{folder}/{masks}/*.png"):
            assert path.replace("/./", "/") in str(caught.value)
    add(tmp_path, TRAINING_PLACES["fss"], "a", "b")
    add(tmp_path, TRAINING_PLACES["dis5k-tr"], "a")
    rows = read_training_rows(tmp_path)
    assert [row.id for row in rows] == ["dis5k-tr_a", "fss_a", "fss_b"]
    assert {(row.kind, row.split) for row in rows} == {("object", "train")}
    for name, place in TRAINING_PLACES.items():
        add(tmp_path, place, f"of-{name}")
    assert {row.source for row in read_training_rows(tmp_path)} == set(TRAINING_PLACES)


def test_a_training_photo_without_its_mask_and_a_missing_folder_are_refused(tmp_path):
    add(tmp_path, TRAINING_PLACES["ecssd"], "a")
    (tmp_path / "cascade_psp/ecssd/a.png").unlink()
    with pytest.raises(InputError, match=r"ecssd/a.jpg has no partner: expected .*ecssd/a.png"):
        read_training_rows(tmp_path)
    with pytest.raises(InputError, match="gone is neither a manifest nor a folder laid out as HQ"):
        read_training_rows(tmp_path / "gone")
    with pytest.raises(InputError, match="Cannot read the manifest"):
        read_training_rows(tmp_path / "gone.jsonl")


def test_samples_are_drawn_from_the_training_set(tmp_path):
    for source in ("dis5k-tr", "duts-tr"):
        add(tmp_path, TRAINING_PLACES[source], *names(source, 4, 1))
    data = TrainingData(DataOptions((tmp_path,), 64, 64, 2))
    assert set(data.weights) == {"object"}
    assert {row.source for row in data.pools["object"][0]} == {"dis5k-tr", "duts-tr"}
    assert len(data.pools["object"][0]) == 8
    fits = []
    for number in range(12):
        image, masks = data[number]
        assert (image.shape, masks.shape) == ((3, 64, 64), (2, 64, 64))
        assert torch.equal(masks[0], masks[1])  # one object a photo
        bright = image.float().mean(0) > 100
        inside = masks[0] > 127
        fits.append(float((bright & inside).sum() / (bright | inside).sum()))
    assert np.median(fits) > 0.9 and min(fits) > 0.5  # small ones are all edge
    kept_back = TrainingData(DataOptions((tmp_path,), 64, 64, 2, dev=True))
    assert len(kept_back.pools["object"][0]) == 2
    assert kept_back[0][1].max() == 255


def test_the_train_command_takes_a_folder_or_a_manifest(tmp_path, capsys):
    given = ["train", "refiner", "--out", str(tmp_path / "out"), "--steps", "1"]
    for option in ("--data", "--manifest"):
        assert build_parser().parse_args([*given, option, "d", option, "e"]).manifests == [
            Path("d"),
            Path("e"),
        ]
    with pytest.raises(SystemExit):
        main(given)
    assert "--manifest --data" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*given, "--data", "d", "--manifest", "m"])
    assert "not allowed with argument" in capsys.readouterr().err


def test_soft_masks_stand_in_for_hard_ones(tmp_path):
    def line(name, **more):
        row = {"id": name, "image": f"{name}.jpg", "mask": f"{name}.png", "kind": "object"}
        return json.dumps({**row, "split": "train", "w": 8, "h": 8, **more}) + "\n"

    manifest, soft = tmp_path / "manifest.jsonl", tmp_path / "soft.jsonl"
    manifest.write_text(line("a") + line("b") + line("v", split="val"))
    soft.write_text(line("c", alpha=True) + line("soft-b", alpha=True, hard="b"))
    rows = read_training_rows(manifest)
    assert [(row.id, row.alpha) for row in rows] == [("a", False), ("c", True), ("soft-b", True)]
    soft.write_text(line("soft-v", alpha=True, hard="v"))  # would be trained on, though in val
    with pytest.raises(
        InputError, match="soft-v stands in for 'v', which is no row of split train"
    ):
        read_training_rows(manifest)
    soft.write_text(line("a", alpha=True))
    with pytest.raises(InputError, match="the id 'a' is in the manifest beside it, too"):
        read_training_rows(manifest)


def test_a_soft_mask_is_cut_at_half_a_pixel_where_labels_are_asked_for(tmp_path):
    Image.fromarray(np.zeros((1, 4, 3), np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.array([[0, 127, 128, 255]], np.uint8)).save(tmp_path / "m.png")
    row = Row("a", tmp_path / "a.png", tmp_path / "m.png", "object", "s", "train", "a", alpha=True)
    assert read_image_and_labels(row)[1].tolist() == [[0, 0, 1, 1]]
