"""The paper's recipe on an official backbone, from the command to the app that serves its weights.

The backbone has the size of SAM 2.1 Tiny and random numbers for weights. Quarters of half size are a
quarter of the work, in training and in the app.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from gradio_client import Client, handle_file
from PIL import Image

from refiner.commands import train as train_command
from refiner.commands.parser import main
from refiner.config import weights_name
from refiner.files.run_lengths import decode_rle
from refiner.network.base_model import build_official
from refiner.training import loop
from tests.browser.real import ROOT, running_app
from webapp.shared.examples import installed

BACKBONE, VARIANT = "sam2.1-tiny", "sam2refiner-half"
PHOTOS = 60
"""So many that some of them are kept back."""


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("official") / "sam2.1_hiera_tiny.pt"
    torch.manual_seed(0)
    torch.save({"model": build_official(BACKBONE).state_dict()}, path)
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """White discs on grey, laid out as HQSeg-44K."""
    root = tmp_path_factory.mktemp("hqseg")
    folder = root / "cascade_psp" / "MSRA_10K"
    folder.mkdir(parents=True)
    rows, columns = np.mgrid[:48, :64]
    for number in range(PHOTOS):
        disc = (rows - 24) ** 2 + (columns - 10 - number % 40) ** 2 < 150
        Image.fromarray(np.where(disc, 255, 90).astype(np.uint8)).convert("RGB").save(
            folder / f"{number}.jpg"
        )
        Image.fromarray(disc.astype(np.uint8) * 255).save(folder / f"{number}.png")
    return root


def test_a_refiner_trained_on_an_official_backbone_answers_in_the_app(
    official: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the look at the end takes a minute at this size and is tested at smaller ones
    monkeypatch.setattr(loop, "look", lambda *_: {"size": 1024})
    monkeypatch.setattr(train_command, "speed_up", lambda base: False)  # compiling takes longer
    out = tmp_path / "run"
    ask = ["train", "refiner", "--backbone", BACKBONE, "--weights", str(official)]
    ask += [
        "--data",
        str(photos),
        "--variants",
        VARIANT,
        "--steps",
        "1",
        "--pictures",
        "1",
        "--masks",
        "1",
    ]
    assert main([*ask, "--rate", "1e-3", "--out", str(out), "--device", "cpu"]) == 0
    curve = [json.loads(line) for line in (out / "curve.jsonl").read_text().splitlines()]
    assert [line["size"] for line in curve] == [1024] * 2
    assert all(np.isfinite(line["loss"]) for line in curve if "loss" in line)

    trained = out / weights_name(VARIANT, BACKBONE)
    flags = ("--backbone", BACKBONE, "--weights", str(official), "--refiner", str(trained))
    example, *_ = installed(ROOT / "assets/examples")  # the app has it encoded already
    with Image.open(example.file) as picture:
        width, height = picture.size
    with running_app(*flags, "--device", "cpu") as url:
        client = Client(url, verbose=False)
        found = client.predict(
            handle_file(example.file),
            [[width // 2, height // 2, 1]],
            None,
            api_name="/compare_image",
        )
        client.close()
    assert found["backbone"] == BACKBONE
    for model in ("sam2", "sam2refiner"):
        assert decode_rle(found[model]["segmentation"]).shape == (height, width)
