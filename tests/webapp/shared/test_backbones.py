from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from refiner.types import InputError, ModelInfo
from tests.fakes import FakeSegmenter
from tests.webapp.image.test_actions import click, edits
from webapp.image import actions
from webapp.image.actions import Studio
from webapp.image.reply import canvas_value
from webapp.image.state import ImageState
from webapp.shared import text
from webapp.shared.backbones import IN_USE_SECONDS, Models


class Named(FakeSegmenter):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    @property
    def info(self) -> ModelInfo:
        titles = {"base": self.name, "refined": f"{self.name} + cascade"}
        return ModelInfo(self.name, "cpu", "none", "none", {"titles": titles})


class Loader:
    """Loads fakes, and counts; `gone` cannot be had, what is `slow` waits for `go`."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.slow = ""
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, name: str) -> FakeSegmenter:
        if name == "gone":
            raise InputError("The weights of gone could not be fetched.")
        self.loaded.append(name)
        if name == self.slow:
            self.begun.set()
            assert self.go.wait(20)
        return Named(name)


NAMES = ("fake", "tiny", "large", "small", "gone")


class Crowd:
    """Who is asking, and what time it is."""

    def __init__(self) -> None:
        self.visitor, self.seconds = "anna", 0.0

    def ask(self, models: Models, visitor: str, name: str) -> None:
        self.visitor = visitor
        models.get(name)


@pytest.fixture
def crowd() -> Crowd:
    return Crowd()


@pytest.fixture
def shared(loader: Loader, crowd: Crowd) -> Models:
    """Two models beside the first, for several visitors."""
    return Models(
        FakeSegmenter(), NAMES, loader, 2, lambda: crowd.visitor, clock=lambda: crowd.seconds
    )


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
def models(loader: Loader) -> Models:
    return Models(FakeSegmenter(), NAMES, loader, most=1)


@pytest.fixture
def choosing(studio: Studio, models: Models) -> Studio:
    return replace(studio, models=models)


def with_model(studio: Studio, state: ImageState, name: str) -> ImageState:
    studio.models.get(name)
    return actions.choose_backbone(studio, state, name).state


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


def test_none_is_loaded_without_memory_and_those_there_answer(loader: Loader) -> None:
    def refuse() -> None:
        raise InputError("no memory")

    models = Models(FakeSegmenter(), NAMES, loader, check_spare=refuse)
    with pytest.raises(InputError, match="no memory"):
        models.get("tiny")
    assert models.get("").info.backbone == "fake"
    assert loader.loaded == []


def test_two_visitors_with_two_backbones_load_each_once(
    shared: Models, loader: Loader, crowd: Crowd
) -> None:
    for _ in range(3):
        crowd.ask(shared, "anna", "tiny")
        crowd.ask(shared, "ben", "large")
    assert loader.loaded == ["tiny", "large"]


def test_what_others_use_is_put_away_only_once_they_are_idle(
    shared: Models, loader: Loader, crowd: Crowd
) -> None:
    crowd.ask(shared, "anna", "tiny")
    crowd.ask(shared, "ben", "large")
    with pytest.raises(InputError, match="no room for small now, as others use large and tiny"):
        crowd.ask(shared, "cleo", "small")
    crowd.ask(shared, "ben", "small")  # nobody else uses the one that he leaves
    crowd.ask(shared, "anna", "tiny")
    assert loader.loaded == ["tiny", "large", "small"]
    crowd.seconds += IN_USE_SECONDS
    crowd.ask(shared, "cleo", "large")
    assert shared.find("tiny") is not None and shared.find("small") is None


def test_a_page_with_the_first_model_leaves_what_another_page_of_its_visitor_uses(
    studio: Studio, opened: ImageState, shared: Models, crowd: Crowd
) -> None:
    crowd.ask(shared, "anna", "tiny")
    outcome = actions.edit_picture(replace(studio, models=shared), opened, edits(click(5, 5)))
    assert outcome.state.scene.objects[0].answer is not None
    crowd.ask(shared, "ben", "large")
    with pytest.raises(InputError, match="others use large and tiny"):
        crowd.ask(shared, "cleo", "small")


def test_loading_one_holds_up_nobody_who_uses_another(shared: Models, loader: Loader) -> None:
    shared.get("tiny")
    loader.slow = "large"
    with ThreadPoolExecutor() as pool:
        loading = [pool.submit(shared.get, "large") for _ in range(2)]
        assert loader.begun.wait(20)
        assert pool.submit(shared.get, "tiny").result(20) is shared.find("tiny")
        assert pool.submit(shared.get, "").result(20) is shared.first
        assert shared.find("large") is None
        loader.go.set()
        assert loading[0].result(20) is loading[1].result(20)
    assert loader.loaded == ["tiny", "large"]


def test_a_click_on_a_model_that_was_put_away_is_kept_and_answered_once_it_is_loaded(
    choosing: Studio, opened: ImageState, loader: Loader
) -> None:
    state = with_model(choosing, opened, "tiny")
    choosing.models.get("large")
    state = actions.edit_picture(choosing, state, edits(click(50, 50))).state
    value = canvas_value(state, 1)
    assert value["loading"] and value["notice"] == "Loading tiny…"
    assert value["objects"][0]["clicks"] and value["objects"][0]["answer"] is None
    assert loader.loaded == ["tiny", "large"]
    choosing.models.get("tiny")
    value = canvas_value(actions.choose_backbone(choosing, state, "tiny").state, 2)
    assert not value["loading"] and value["objects"][0]["answer"]


def test_another_backbone_answers_everything_again_also_after_undo(
    choosing: Studio, opened: ImageState
) -> None:
    state = actions.edit_picture(choosing, opened, edits(click(50, 50))).state
    state = actions.edit_picture(choosing, state, edits(click(90, 90))).state
    state = with_model(choosing, state, "tiny")
    tiny = choosing.model(state)
    assert isinstance(tiny, Named)
    assert [len(call[0].clicks) for call in tiny.calls] == [2]
    state = actions.edit_picture(choosing, state, edits({"type": "undo"})).state
    assert [len(call[0].clicks) for call in tiny.calls] == [2, 1]
    assert state.scene.find(1).answer is not None


def test_another_picture_keeps_the_backbone(choosing: Studio, opened: ImageState) -> None:
    state = with_model(choosing, opened, "tiny")
    assert choosing.model(state.open(opened.current_picture)).info.backbone == "tiny"


def test_the_backbone_there_already_costs_nothing(choosing: Studio, opened: ImageState) -> None:
    state = actions.edit_picture(choosing, opened, edits(click(50, 50))).state
    assert isinstance(choosing.models.first, FakeSegmenter)
    asked = len(choosing.models.first.calls)
    actions.choose_backbone(choosing, state, "fake")
    assert len(choosing.models.first.calls) == asked


def test_panes_are_called_what_the_model_says() -> None:
    assert text.titles(Named("tiny").info)["refined"] == "tiny + cascade"
    assert text.titles(FakeSegmenter().info) == {"base": "SAM2", "refined": "SAM2Refiner"}
