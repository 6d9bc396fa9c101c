"""Seeded models with random weights, shared by all tests of the model, and a small data folder.

Fixtures of session scope are only read; whoever trains or resizes a model takes a copy of his own.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from refiner.config import LiteConfig, RefinerConfig
from refiner.network.base_model import (
    BaseFeatures,
    PointPrompts,
    SAM2Base,
    build_lite,
    build_official,
    encode,
)
from refiner.network.checkpoint import save_base, save_refiner, state_id
from refiner.network.decoding import BaseOutput, decode
from refiner.network.mask_refinement import RefinerFeatures
from refiner.network.quarters import Local, local_features
from refiner.network.sam2refiner import RefinerOutput, SAM2Refiner
from refiner.predict.embedding_cache import EmbeddingCache
from refiner.predict.segmenter import ImageSegmenter
from refiner.training.samples.photos import is_dev
from refiner.types import ModelInfo

WARNINGS = (
    # SAM2Transforms of sam2 1.1.0, the reference, compiles its resize with torch.jit
    "ignore:`torch.jit.script` is deprecated:DeprecationWarning",
)
INFO = ModelInfo("random", "cpu", "random numbers", "random numbers")


def pytest_configure(config: pytest.Config) -> None:
    for line in WARNINGS:
        config.addinivalue_line("filterwarnings", line)


@dataclass(frozen=True)
class Run:
    """Everything that one picture and one click make of a base and a random refiner."""

    base: SAM2Base
    refiner: SAM2Refiner
    picture: Tensor
    features: BaseFeatures
    fpn: tuple[Tensor, Tensor, Tensor]
    local: Local
    prepared: RefinerFeatures
    points: PointPrompts
    decoded: BaseOutput
    output: RefinerOutput


@pytest.fixture(autouse=True, scope="module")
def threads() -> Iterator[None]:
    """One thread: on a busy machine small models wait longer for a second one than it brings.

    The commands ask for all cores again, so that is switched off.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "set_num_threads", lambda count: None)
        yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True, scope="module")
def engine() -> Iterator[None]:
    """Torch alone: random models are small, and OpenVINO takes longer to compile them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAM2REFINER_ENGINE", "torch")
        yield


def shaken(module: nn.Module, seed: int, amount: float = 0.05) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(amount * torch.randn(parameter.shape, generator=generator))
    return module


def louder(base: SAM2Base) -> SAM2Base:
    """Give a random base logits of the size a trained one has."""
    for mlp in base.sam_mask_decoder.output_hypernetworks_mlps:
        mlp.layers[-1].weight.mul_(10)
    return base


@pytest.fixture(scope="session")
def shake() -> Callable[..., nn.Module]:
    """Add noise to all parameters, so that nothing is zero or one any more."""
    return shaken


@pytest.fixture(scope="session")
def lite_config() -> LiteConfig:
    return LiteConfig("tf_efficientnet_lite0", hidden_dim=64, image_size=128)


@pytest.fixture(scope="session")
def lite_base(lite_config: LiteConfig) -> SAM2Base:
    torch.manual_seed(0)
    base = build_lite(lite_config).requires_grad_(False)
    shaken(base.sam_mask_decoder, 1)
    shaken(base.sam_prompt_encoder, 2)
    return louder(base)


@pytest.fixture
def new_base(lite_base: SAM2Base) -> Callable[[], SAM2Base]:
    return lambda: copy.deepcopy(lite_base)


@pytest.fixture(scope="session")
def new_refiner(lite_config: LiteConfig) -> Callable[..., SAM2Refiner]:
    """Build an untrained refiner of the small base, or one with noise on all parameters."""

    def build(trained: bool = True, seed: int = 3) -> SAM2Refiner:
        torch.manual_seed(seed)
        refiner = SAM2Refiner(RefinerConfig(lite_config.hidden_dim, lite_config.image_size)).eval()
        return shaken(refiner, seed) if trained else refiner

    return build


@pytest.fixture(scope="session")
def new_segmenter(lite_base: SAM2Base, new_refiner: Callable[..., SAM2Refiner]):
    return lambda: ImageSegmenter(lite_base, new_refiner(), INFO, torch.device("cpu"))


@pytest.fixture
def segmenter(new_segmenter) -> ImageSegmenter:
    """A small model with embeddings of its own, not among those of all models."""
    segmenter = new_segmenter()
    segmenter.cache = EmbeddingCache()
    return segmenter


@pytest.fixture(scope="session")
def weights(tmp_path_factory, lite_base, lite_config, new_refiner) -> tuple[Path, Path]:
    """The small base and its refiner as checkpoints."""
    folder = tmp_path_factory.mktemp("weights")
    base, refiner = folder / "base.safetensors", folder / "refiner.safetensors"
    save_base(base, lite_base, lite_config, {"summary": "a random base"})
    save_refiner(refiner, new_refiner(), state_id(lite_base), {"summary": "a random refiner"})
    return base, refiner


def picture_of(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Coarse blocks of random colours with some noise."""
    rng = np.random.default_rng(seed)
    blocks = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    smooth = np.array(blocks.resize((width, height), Image.Resampling.BICUBIC), dtype=np.int16)
    return np.clip(smooth + rng.integers(-20, 21, smooth.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def picture() -> Callable[..., np.ndarray]:
    return picture_of


@torch.inference_mode()
def run_through(base: SAM2Base, refiner: SAM2Refiner, seed: int, quarter: int) -> Run:
    """`quarter` is the side of the quarters; L grows to its own size where they are small."""
    size = base.image_size
    generator = torch.Generator().manual_seed(seed)
    doubled = torch.randn(1, 3, 2 * size, 2 * size, generator=generator)
    image = torch.nn.functional.avg_pool2d(doubled, 2) * 2
    features, fpn = encode(base, image)
    s0, s1, s2 = (
        torch.nn.functional.interpolate(level, scale_factor=size / quarter)
        for level in local_features(base, doubled[..., : 2 * quarter, : 2 * quarter])
    )
    local = s0, s1, s2
    prepared = refiner.prepare(base, features.g, fpn, image, local)
    points = PointPrompts(torch.tensor([[[0.3 * size, 0.6 * size]]]), torch.tensor([[1]]))
    index = torch.zeros(1, dtype=torch.int64)
    decoded = decode(base, features, index, points)
    output = refiner(base, features, prepared, index, points)
    return Run(base, refiner, image, features, fpn, local, prepared, points, decoded, output)


@pytest.fixture(scope="session")
def tiny_base() -> SAM2Base:
    """Official SAM 2.1 tiny with random weights."""
    torch.manual_seed(4)
    return louder(build_official("sam2.1-tiny").requires_grad_(False))


@pytest.fixture(scope="session")
def tiny_run(tiny_base: SAM2Base) -> Run:
    """The official size: C = 256, S = 1024."""
    torch.manual_seed(5)
    refiner = shaken(SAM2Refiner(RefinerConfig(256, 1024)).eval(), 5)
    return run_through(tiny_base, refiner, 6, quarter=256)


@pytest.fixture(scope="session")
def lite_run() -> Run:
    """The size of the embedded base: C = 128, S = 512."""
    torch.manual_seed(7)
    base = build_lite(LiteConfig()).requires_grad_(False)
    refiner = shaken(SAM2Refiner(RefinerConfig(128, 512)).eval(), 7)
    return run_through(base, refiner, 8, quarter=512)


def names_of(prefix: str, suffix: str, train: int, dev: int) -> list[str]:
    """Choose names of which `train` are trained on and `dev` are kept back."""
    chosen: dict[bool, list[str]] = {False: [], True: []}
    for number in range(1000):
        name = f"{prefix}{number}{suffix}"
        chosen[is_dev(name)].append(name)
    return chosen[False][:train] + chosen[True][:dev]


def save_picture(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def write_lines(path: Path, lines: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def scene(seed: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """White things on black, none at the border: a rectangle, label 1, and a disc, label 2."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((height, width), np.uint8)
    y, x = rng.integers(4, 12, 2)
    labels[y : y + int(rng.integers(14, 30)), x : x + int(rng.integers(10, 16))] = 1
    rows, columns = np.ogrid[:height, :width]
    centre_y, centre_x = rng.integers(24, height - 16), rng.integers(width - 18, width - 13)
    labels[(rows - centre_y) ** 2 + (columns - centre_x) ** 2 <= 81] = 2
    return np.repeat((labels > 0)[..., None] * np.uint8(255), 3, axis=2), labels


def write_rows(root: Path, train: int, dev: int, kinds: tuple[str, ...]) -> None:
    rows: list[dict[str, object]] = []
    for number, name in enumerate(names_of("g", "", train, dev)):
        kind = kinds[number % len(kinds)]
        height, width = ((64, 64), (64, 80), (72, 56))[number % 3]
        image, labels = scene(number, height, width)
        row = {"id": name, "kind": kind, "split": "train", "group": name, "w": width, "h": height}
        if kind == "video":
            folder = f"videos/made/{name}"
            for frame in range(2):
                save_picture(root / folder / "frames" / f"{frame:05}.jpg", image)
                save_picture(root / folder / "masks" / f"{frame:05}.png", labels)
            row |= {"image": f"{folder}/frames", "mask": f"{folder}/masks", "frames": 2}
        else:
            row |= {"image": f"images/made/{name}.png", "mask": f"masks/made/{name}.png"}
            save_picture(root / str(row["image"]), image)
            save_picture(root / str(row["mask"]), labels)
        rows.append(row)
    write_lines(root / "manifest.jsonl", rows)


def write_cutouts(root: Path) -> None:
    cutouts, backgrounds = [], []
    rows, columns = np.ogrid[:40, :50]
    disc = ((rows - 20) / 19) ** 2 + ((columns - 25) / 24) ** 2 <= 1
    for name in names_of("c", ".png", 5, 0):
        rgba = np.full((40, 50, 4), 255, np.uint8)
        rgba[..., 3] = disc * np.uint8(255)
        save_picture(root / "cutouts" / name, rgba)
        cutouts.append({"id": name, "file": f"cutouts/{name}"})
    for name in names_of("b", ".png", 3, 0):
        save_picture(root / "backgrounds" / name, np.zeros((60, 70, 3), np.uint8))
        backgrounds.append({"id": name, "file": f"backgrounds/{name}"})
    write_lines(root / "cutouts.jsonl", cutouts)
    write_lines(root / "backgrounds.jsonl", backgrounds)


@pytest.fixture(scope="session")
def manifest(tmp_path_factory) -> Path:
    """Every kind of picture, with cut-outs and backgrounds; some groups are kept back."""
    root = tmp_path_factory.mktemp("data")
    write_rows(
        root, 28, 4, ("object", "regions", "clothing", "street", "video", "human", "matting")
    )
    write_cutouts(root)
    return root / "manifest.jsonl"


@pytest.fixture(scope="session")
def plain_manifest(tmp_path_factory) -> Path:
    """Photos only, nothing to paste."""
    root = tmp_path_factory.mktemp("plain")
    write_rows(root, 12, 2, ("object", "regions"))
    return root / "manifest.jsonl"


@pytest.fixture(scope="session")
def tree() -> Callable[[Path], dict[str, bytes]]:
    """Read all files below a folder but those that remember what is done."""

    def read(folder: Path) -> dict[str, bytes]:
        files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
        return {
            name.as_posix(): path.read_bytes()
            for name, path in files.items()
            if name.parts[0] != ".done"
        }

    return read
