"""A small data set and fakes that measure it, for tests of evaluate in several processes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

SIZE_HW = (48, 64)
PHOTOS, VIDEOS = 8, 3


def write_data(root: Path) -> Path:
    """Write photos of two sources and videos with a thing each; return the manifest."""
    lines = []
    for number in range(PHOTOS):
        labels = _labels(number)
        name = f"p{number}"
        line = {"id": name, "kind": ("object", "regions")[number % 2], "group": name}
        for key, folder, array in (("image", "images", labels * 80), ("mask", "masks", labels)):
            line[key] = f"{folder}/made{number % 2}/{name}.png"
            _save(root / line[key], array)
        lines.append(line)
    for number in range(VIDEOS):
        name = f"v{number}"
        line = {"id": name, "kind": "video", "group": name, "frames": 4 + number}
        for key, kind, by in (("image", "frames", 80), ("mask", "masks", 1)):
            line[key] = f"videos/made/{name}/{kind}"
            for time in range(4 + number):
                array = np.roll(_labels(number), 4 * time, axis=1) * np.uint8(by)
                ending = ".jpg" if kind == "frames" else ".png"
                _save(root / line[key] / f"{time:05}{ending}", array)
        lines.append(line)
    size = {"split": "val", "h": SIZE_HW[0], "w": SIZE_HW[1]}
    manifest = root / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(line | size) + "\n" for line in lines))
    return manifest


def _labels(number: int) -> np.ndarray:
    labels = np.zeros(SIZE_HW, np.uint8)
    labels[8 + number : 30, 6 : 26 + number] = 1
    return labels


def _save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rgb = np.repeat(array[..., None], 3, 2) if path.suffix == ".jpg" or array.max() > 1 else array
    Image.fromarray(rgb).save(path)
