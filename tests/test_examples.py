from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from refiner.files.pictures import read_picture
from refiner.predict.segmenter import load_segmenter
from webapp.shared.examples import CURVES, installed, load
from webapp.shared.limits import Limits

FOLDER = Path(__file__).parents[1] / "assets" / "examples"


def test_the_stored_curves_are_what_the_models_say_now() -> None:
    script = runpy.run_path(str(FOLDER / "curves.py"))
    stored = json.loads((FOLDER / CURVES).read_text(encoding="utf-8"))
    examples = [load(source, read_picture, Limits()) for source in installed(FOLDER)]
    exact = {example.name: example for example in examples if example.truth is not None}
    assert set(stored) == set(exact)
    for row, expected in zip(
        script["curve"](load_segmenter(device="cpu"), exact["cheetah"], (1, 10)),
        [stored["cheetah"][0], stored["cheetah"][-1]],
        strict=True,
    ):
        assert row == pytest.approx(expected, abs=2e-3)


def test_the_first_example_has_a_true_mask_and_a_curve() -> None:
    first = installed(FOLDER)[0]
    assert first.mask is not None and len(first.curve) == 5
