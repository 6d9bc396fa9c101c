"""A session and its masks, made by an earlier version, come out the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refiner.commands.parser import main

FOLDER = Path(__file__).parent
SESSION = FOLDER / "session.json"
PICTURE = FOLDER.parents[1] / "assets/examples/tree.jpg"
DIFFERING_PIXELS = 30
"""Of 691,200: other instructions of the processor, or threads, round otherwise."""


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("replayed")
    # 1 says that a mask differs, which another build may make of it
    command = ["replay", str(SESSION), "--image", str(PICTURE), "--out", str(out)]
    assert main(command) in (0, 1)
    return out


@pytest.fixture(scope="module")
def same_build(replayed: Path) -> bool:
    build = json.loads((replayed / "replay.json").read_text())["now"]["build"]
    return bool(build == json.loads(SESSION.read_text())["model"]["details"]["build"])


@pytest.mark.parametrize("model", ["sam2", "sam2refiner"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_masks_are_those_of_the_session(
    replayed: Path, same_build: bool, number: int, model: str
) -> None:
    before = _read(FOLDER / f"{number}_{model}.png")
    now = _read(replayed / f"object{number}_{model}.png")
    assert before.any()
    if same_build:
        assert np.array_equal(now, before)
    else:
        assert np.count_nonzero(now ^ before) <= DIFFERING_PIXELS
        assert (now & before).sum() / (now | before).sum() >= 0.999


def test_the_command_says_whether_they_are(replayed: Path, same_build: bool) -> None:
    record = json.loads((replayed / "replay.json").read_text())
    assert record["masks"] == 6
    assert record["differ"] == [] or not same_build


def _read(file: Path) -> np.ndarray:
    with Image.open(file) as picture:
        return np.asarray(picture) > 0
