from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

from refiner.files.reading import HERE
from refiner.types import Click, ImageArray, Prompts
from tests.fakes import FakeSegmenter
from webapp.image.actions import Studio
from webapp.image.state import ImageState, Picture
from webapp.shared.backbones import Models
from webapp.shared.examples import ExampleSource
from webapp.shared.limits import Limits
from webapp.shared.pictures import jpeg
from webapp.shared.uploads import Uploads

# the same examples in every run and no clock: a busy machine must not decide what passes
settings.register_profile(
    "project",
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("project")
gc.disable()  # what is imported and collected stays: to search it takes a fifth of that time


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def grey() -> ImageArray:
    """A plain picture, 400 wide and 300 high."""
    return np.full((300, 400, 3), 120, dtype=np.uint8)


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory, grey: ImageArray) -> ExampleSource:
    file = tmp_path_factory.mktemp("examples") / "grey.png"
    Image.fromarray(grey).save(file)
    prompts = Prompts((Click(100, 150),))
    return ExampleSource("grey", "Grey", file, "Made by this test.", prompts)


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    """Handlers' surroundings with the fake model; uploads lie in `tmp_path`."""

    def publish(image: ImageArray) -> str:
        file = tmp_path / "picture.jpg"
        file.write_bytes(jpeg(image))
        return str(file)

    uploads = Uploads(tmp_path, lambda: "me")
    return Studio(Models(FakeSegmenter()), HERE, publish, uploads, Limits())


@pytest.fixture
def opened(grey: ImageArray) -> ImageState:
    """A visitor with the plain picture open and nothing prompted."""
    return ImageState().open(Picture("key", grey, (300, 400), "/nowhere/picture.jpg"))
