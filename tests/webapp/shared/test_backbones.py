from __future__ import annotations

from dataclasses import replace

import pytest

from refiner.types import InputError, ModelInfo
from tests.fakes import FakeSegmenter
from tests.webapp.image.test_actions import click, edits
from webapp.image import actions
from webapp.image.actions import Studio
from webapp.image.state import ImageState
from webapp.shared import text
from webapp.shared.backbones import Models


class Named(FakeSegmenter):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    @property
    def info(self) -> ModelInfo:
        titles = {"base": self.name, "refined": f"{self.name} + cascade"}
        return ModelInfo(self.name, "cpu", "none", "none", {"titles": titles})


class Loader:
    """Loads fakes, and counts; `gone` cannot be had."""

    def __init__(self) -> None:
        self.loaded: list[str] = []

    def __call__(self, name: str) -> FakeSegmenter:
        if name == "gone":
            raise InputError("The weights of gone could not be fetched.")
        self.loaded.append(name)
        return Named(name)


NAMES = ("fake", "tiny", "large", "gone")


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
def models(loader: Loader) -> Models:
    return Models(FakeSegmenter(), NAMES, loader, most=1)


@pytest.fixture
def choosing(studio: Studio, models: Models) -> Studio:
    return replace(studio, models=models)


def test_a_model_is_loaded_once_and_shared(models: Models, loader: Loader) -> None:
    assert models.get("tiny") is models.get("tiny")
    assert loader.loaded == ["tiny"]


def test_only_so_many_are_kept_and_the_first_always(models: Models, loader: Loader) -> None:
    for name in ("tiny", "large", "tiny", "fake", ""):
        models.get(name)
    assert loader.loaded == ["tiny", "large", "tiny"]
    assert models.get("") is models.get("fake") is models.first


@pytest.mark.parametrize("name", ["other", "../tiny", "TINY"])
def test_a_name_not_on_offer_is_refused(models: Models, loader: Loader, name: str) -> None:
    with pytest.raises(InputError, match="no such backbone"):
        models.get(name)
    assert loader.loaded == []


def test_a_model_that_cannot_be_had_drops_none_that_is_there(
    models: Models, loader: Loader
) -> None:
    models.get("tiny")
    with pytest.raises(InputError, match="could not be fetched"):
        models.get("gone")
    models.get("tiny")
    assert loader.loaded == ["tiny"]


def test_another_backbone_answers_everything_again_also_after_undo(
    choosing: Studio, opened: ImageState
) -> None:
    state = actions.edit_picture(choosing, opened, edits(click(50, 50))).state
    state = actions.edit_picture(choosing, state, edits(click(90, 90))).state
    state = actions.choose_backbone(choosing, state, "tiny").state
    tiny = choosing.model(state)
    assert isinstance(tiny, Named)
    assert [len(call[0].clicks) for call in tiny.calls] == [2]
    state = actions.edit_picture(choosing, state, edits({"type": "undo"})).state
    assert [len(call[0].clicks) for call in tiny.calls] == [2, 1]
    assert state.scene.find(1).answer is not None


def test_another_picture_keeps_the_backbone(choosing: Studio, opened: ImageState) -> None:
    state = actions.choose_backbone(choosing, opened, "tiny").state
    assert choosing.model(state.open(opened.current_picture)).info.backbone == "tiny"


def test_the_backbone_there_already_costs_nothing(choosing: Studio, opened: ImageState) -> None:
    state = actions.edit_picture(choosing, opened, edits(click(50, 50))).state
    assert actions.choose_backbone(choosing, state, "fake").state is state


def test_panes_are_called_what_the_model_says() -> None:
    assert text.titles(Named("tiny").info)["refined"] == "tiny + cascade"
    assert text.titles(FakeSegmenter().info) == {"base": "SAM2", "refined": "SAM2Refiner"}
