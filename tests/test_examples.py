from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from refiner.files.pictures import read_picture
from refiner.metrics import iou
from refiner.predict.loading import load_segmenter
from webapp.shared.examples import CURVES, installed, load
from webapp.shared.limits import Limits
from webapp.shared.uploads import Uploads
from webapp.video.clip_files import video_studio

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


def test_the_stored_tracks_are_what_the_models_say_now(tmp_path: Path) -> None:
    script = runpy.run_path(str(FOLDER / "tracks.py"))
    tracker = script["embedded_tracker"]()
    studio = video_studio(tracker, Limits(), Uploads(tmp_path, lambda: ""), FOLDER)
    assert set(studio.tracks) == {source.name for source in studio.examples}
    source = studio.examples[0]
    stored = studio.tracks[source.name]
    live = script["tracked"](studio, source, frames=2)
    for index, result in live.frames.items():
        for key, item in result.objects.items():
            for model in ("base", "refined"):
                one, other = (pair.pair.masks() for pair in (item, stored[index][key]))
                assert iou(getattr(one, model).mask, getattr(other, model).mask) > 0.98
                assert getattr(item, model) == pytest.approx(
                    getattr(stored[index][key], model), abs=0.01
                )


def test_the_first_example_has_a_true_mask_and_a_curve() -> None:
    first = installed(FOLDER)[0]
    assert first.mask is not None and len(first.curve) == 5
