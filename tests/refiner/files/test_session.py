"""Session files and their replay: the same masks again, or the reason why not."""

from __future__ import annotations

import json
from copy import deepcopy

import numpy as np
import pytest
from PIL import Image

from refiner.commands.parser import main
from refiner.files.mask_files import read_mask
from refiner.files.pictures import read_image, scaled_down
from refiner.files.session import check_model, mask_hash, read_session, session_document
from refiner.predict.loading import load_segmenter
from refiner.types import Box, Click, InputError, Prompts
from tests.fakes import FakeSegmenter

MASK = np.zeros((60, 80), dtype=np.bool_)
MASK[20:50, 30:70] = True
OBJECTS = (
    Prompts((Click(20.123456789, 1 / 3), Click(60, 10, False))),
    Prompts((Click(40, 30),), Box(10, 5, 70.5, 55)),
    Prompts((Click(40, 30),), mask=MASK),
)


def made(segmenter, image, objects=OBJECTS, long_side=2048):
    pairs = [segmenter.segment(image, [prompts]).objects[0] for prompts in objects]
    return session_document(image, long_side, objects, pairs, segmenter.info)


@pytest.fixture
def document(picture):
    return made(FakeSegmenter(), picture(60, 80))


@pytest.fixture
def files(tmp_path, picture, weights):
    """A picture of 160 x 120, worked on at 80 x 60, and a session of the small models."""
    Image.fromarray(picture(120, 160)).save(tmp_path / "picture.png")
    segmenter = load_segmenter(device="cpu", weights=weights[0], refiner=weights[1])
    image = scaled_down(read_image(tmp_path / "picture.png"), 80)
    (tmp_path / "session.json").write_text(json.dumps(made(segmenter, image, long_side=80)))
    return tmp_path


@pytest.fixture
def replay(files, weights):
    def run(*more):
        standard = ["--weights", weights[0], "--refiner", weights[1]]
        given = [files / "session.json", "--image", files / "picture.png", "--out", files / "out"]
        return main(["replay", *map(str, [*given, *standard, *more])])

    return run


def change(files, edit):
    document = json.loads((files / "session.json").read_text())
    edit(document)
    (files / "session.json").write_text(json.dumps(document))


def refused(capsys, code):
    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


def test_a_session_comes_back_as_it_was(document, picture):
    session = read_session(json.dumps(document).encode())
    for item, prompts in zip(session.objects, OBJECTS, strict=True):
        assert item.prompts.clicks == prompts.clicks
        assert item.prompts.box == prompts.box
    assert np.array_equal(session.objects[2].prompts.mask, MASK)
    assert session.size_hw == (60, 80)
    pair = FakeSegmenter().segment(picture(60, 80), [OBJECTS[0]]).objects[0]
    assert session.objects[0].sha256["sam2"] == mask_hash(pair.base.mask)
    check_model(session, FakeSegmenter().info)


def test_a_replay_makes_the_same_masks_bit_for_bit(files, replay, capsys):
    assert replay() == 0
    assert capsys.readouterr().out == "All 6 masks are identical, bit for bit.\n"
    session = read_session((files / "session.json").read_bytes())
    for number, item in enumerate(session.objects, start=1):
        for name in ("sam2", "sam2refiner"):
            mask = read_mask(files / "out" / f"object{number}_{name}.png", (60, 80))
            assert mask_hash(mask) == item.sha256[name]
    assert json.loads((files / "out" / "replay.json").read_text())["differ"] == []


def test_a_mask_that_differs_is_named_with_what_changed(files, replay, capsys):
    def edit(document):
        document["objects"][1]["sha256"]["sam2refiner"] = 64 * "0"
        document["versions"]["torch"] = "1.0"

    change(files, edit)
    assert replay() == 1
    said = capsys.readouterr().out
    assert "1 of 6 masks differ: object 2 sam2refiner." in said
    assert "torch: '1.0' then" in said


def test_another_picture_is_refused(files, replay, capsys, picture):
    Image.fromarray(picture(120, 160, 1)).save(files / "picture.png")
    assert "not the session's picture, which is 80 x 60" in refused(capsys, replay())
    assert not (files / "out").exists()


@pytest.mark.parametrize(
    ("key", "name"), [("refiner_id", "SAM2Refiner's weights"), ("base_id", "the base's weights")]
)
def test_another_checkpoint_is_refused(files, replay, capsys, key, name):
    change(files, lambda document: document["model"]["details"].update({key: "0123"}))
    line = refused(capsys, replay())
    assert f"{name} were '0123', loaded are" in line


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("backbone", "sam9", "'sam9', which is unknown here"),
        ("device", "meta", "'meta', no device known here"),
        ("device", "cuda:99", "not available here"),
    ],
)
def test_a_backbone_or_device_that_is_not_here_is_refused(
    files, replay, capsys, key, value, reason
):
    change(files, lambda document: document["model"].update({key: value}))
    assert reason in refused(capsys, replay())


def test_mask_prompts_of_probabilities_make_no_session(picture):
    with pytest.raises(InputError, match="as bool"):
        made(FakeSegmenter(), picture(60, 80), [Prompts(mask=MASK.astype(np.float32))])


DAMAGES = {
    "no objects": lambda d: d.update(objects=[]),
    "many objects": lambda d: d.update(objects=d["objects"] * 30),
    "objects a text": lambda d: d.update(objects="x"),
    "an object a number": lambda d: d.update(objects=[5]),
    "no model": lambda d: d.pop("model"),
    "a model without name": lambda d: d["model"].update(backbone=None),
    "details a list": lambda d: d["model"].update(details=[1]),
    "no settings": lambda d: d.update(settings=None),
    "a negative side": lambda d: d["settings"].update(long_side=-1),
    "a huge side": lambda d: d["image"].update(width=10**12),
    "a side a float": lambda d: d["image"].update(width=80.0),
    "a hash too short": lambda d: d["image"].update(sha256="abc"),
    "no hash of a mask": lambda d: d["objects"][0].pop("sha256"),
    "a click of two numbers": lambda d: d["objects"][0]["prompts"].update(clicks=[[1, 2]]),
    "a click outside": lambda d: d["objects"][0]["prompts"].update(clicks=[[1000, 2, True]]),
    "clicks a number": lambda d: d["objects"][0]["prompts"].update(clicks=7),
    "no prompts": lambda d: d["objects"][0]["prompts"].update(clicks=[]),
    "an empty box": lambda d: d["objects"][1]["prompts"].update(box=[1, 1, 1, 1]),
    "a mask of another size": lambda d: d["objects"][2]["prompts"]["mask"].update(size=[9, 9]),
    "damaged run lengths": lambda d: d["objects"][2]["prompts"]["mask"].update(counts="zz"),
    "another version": lambda d: d.update(format_version=99),
    "another format": lambda d: d.update(format="sam2refiner-studio.result"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_session_is_refused_with_a_reason(document, name):
    damaged = deepcopy(document)
    DAMAGES[name](damaged)
    with pytest.raises(InputError) as error:
        read_session(json.dumps(damaged).encode())
    assert 20 < len(str(error.value)) < 300


@pytest.mark.parametrize("content", [b"", b"[", b"[" * 100_000, b"\xff\xfe", b"5", b"null"])
def test_what_is_no_json_record_is_refused(content):
    with pytest.raises(InputError, match="session file"):
        read_session(content)
