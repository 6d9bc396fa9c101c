"""The whole app as a Space whose GPU is lent call by call, with a stand-in for what lends it.

The embedded model is the real one; SAM 2.1 Tiny has random numbers for weights.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from refiner.commands.parser import main
from refiner.files.run_lengths import decode_rle
from refiner.network.base_model import build_official
from tests.browser.real import ROOT, running_app

PHOTO = handle_file(ROOT / "assets/examples/wheel.jpg")
CLIP = handle_file(ROOT / "assets/examples/wheel-clip.mp4")
POINTS = [[480, 360, 1]]
MARKS = [[0, 1, 200, 150, 1]]
QUOTA = 120
LAST = 4


@dataclass
class Space:
    """A running app and what its visitors had of the GPU."""

    url: str
    ledger: Path

    def visitor(self, name: str) -> Client:
        return Client(self.url, verbose=False, headers={"X-IP-Token": name})

    def calls(self, visitor: str) -> list[dict[str, Any]]:
        lines = self.ledger.read_text().splitlines() if self.ledger.exists() else []
        return [call for call in map(json.loads, lines) if call["visitor"] == visitor]


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    folder = tmp_path_factory.mktemp("space")
    torch.manual_seed(0)
    weights = build_official("sam2.1-tiny").state_dict()
    torch.save({"model": weights}, folder / "sam2.1_hiera_tiny.pt")
    environ = {
        "PYTHONPATH": str(ROOT / "tests/stand_in"),
        "SPACES_ZERO_GPU": "true",
        "SAM2_WEIGHTS_DIR": str(folder),
        "STAND_IN_LEDGER": str(folder / "ledger.jsonl"),
        "STAND_IN_QUOTA": str(QUOTA),
    }
    with running_app("--device", "cpu", **environ) as url:
        yield Space(url, folder / "ledger.jsonl")


def test_the_embedded_model_answers_clicks_without_the_gpu(space: Space) -> None:
    client = space.visitor("thrifty")
    found = client.predict(PHOTO, POINTS, None, api_name="/compare_image")
    assert found["backbone"] == "sam2-lite" and found["iou"] > 0.5
    client.close()
    assert space.calls("thrifty") == []


def test_an_official_backbone_takes_one_call_for_both_masks(space: Space) -> None:
    client = space.visitor("curious")
    found = client.predict(PHOTO, POINTS, None, "sam2.1-tiny", api_name="/compare_image")
    with pytest.raises(AppError, match="outside the picture"):
        client.predict(PHOTO, [[9999, 1, 1]], None, "sam2.1-tiny", api_name="/compare_image")
    client.close()
    masks = [decode_rle(found[model]["segmentation"]) for model in ("sam2", "sam2refiner")]
    assert [mask.shape for mask in masks] == [(720, 960)] * 2
    (call,) = space.calls("curious")
    assert (call["task"], call["given"]) == ("_segment_there", 1)


def test_tracking_is_one_call_that_gives_what_the_cpu_gives(space: Space, tmp_path: Path) -> None:
    client = space.visitor("patient")
    found = client.predict(CLIP, MARKS, None, "rle", 0, LAST, api_name="/track_video")
    client.close()
    (call,) = space.calls("patient")
    assert (call["task"], call["given"]) == ("_track_there", LAST + 1)
    ask = ["track", CLIP["path"], "--prompt", "0:200,150", "--stop", str(LAST), "--fast"]
    assert main([*ask, "--export", "rle", "--out", str(tmp_path), "--device", "cpu"]) == 0
    (same,) = tmp_path.rglob("*.json")
    ours, theirs = (json.loads(Path(one).read_text())["frames"] for one in (found["file"], same))
    assert [frame["index"] for frame in ours] == list(range(LAST))
    for one, other in zip(ours, theirs, strict=True):
        for model in ("base", "refined"):
            first, second = (
                decode_rle(frame["objects"][0][model]["segmentation"]) for frame in (one, other)
            )
            # one thread in a worker: the last bits of the logits differ
            assert np.mean(first != second) < 1e-3


def test_a_visitor_without_quota_is_refused_in_words_and_goes_on_without(space: Space) -> None:
    client = space.visitor("spent")
    whole = (CLIP, [[0, number, 200, 150, 1] for number in range(1, 6)])
    for _ in range(3):
        with pytest.raises(AppError) as refusal:
            client.predict(*whole, api_name="/track_video")
        assert "lent by Hugging Face" in str(refusal.value)
        assert "requested vs." in str(refusal.value)
    found = client.predict(PHOTO, POINTS, None, api_name="/compare_image")
    client.close()
    assert found["backbone"] == "sam2-lite"
    assert space.calls("spent") == []


def test_the_page_says_what_a_backbone_takes_and_offers_those_it_has(space: Space) -> None:
    client = space.visitor("reader")
    parts = [part["props"] for part in client.config["components"]]
    client.close()
    (choice,) = (props for props in parts if props.get("elem_id") == "backbone")
    assert [name for name, _ in choice["choices"]] == ["sam2-lite", "sam2.1-tiny"]
    assert "another about 15 s of your 120 s a day" in choice["info"]
