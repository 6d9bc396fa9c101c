from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refiner.types import Box, Click, InputError
from webapp.image.state import ImageState, Picture
from webapp.shared.editing import HISTORY

GREY = np.full((30, 40, 3), 120, dtype=np.uint8)
Step = Callable[[ImageState], ImageState]

xs, ys = st.floats(0, 40), st.floats(0, 30)
clicks = st.builds(Click, xs, ys, st.booleans())
boxes = st.builds(Box, st.floats(0, 10), st.floats(0, 10), st.floats(20, 40), st.floats(20, 30))


def first(state: ImageState) -> int:
    return state.scene.objects[0].id


def adding(click: Click) -> Step:
    return lambda state: state.add_click(first(state), click)


def boxing(box: Box) -> Step:
    return lambda state: state.set_box(first(state), box)


steps = st.one_of(
    clicks.map(adding),
    boxes.map(boxing),
    st.sampled_from(
        [
            lambda state: state.add_object(),
            lambda state: state.remove_object(first(state)),
            lambda state: state.clear_object(first(state)),
            lambda state: state.reset(),
        ]
    ),
)


def fresh() -> ImageState:
    return ImageState().open(Picture("key", GREY, (30, 40), "picture.jpg"))


@given(st.lists(steps, max_size=8), steps)
def test_undo_takes_back_any_step(before: list[Step], step: Step) -> None:
    state = fresh()
    for made in before:
        state = made(state)
    assert step(state).undo().scene is state.scene


@given(st.lists(steps, min_size=1, max_size=8))
def test_redo_repeats_what_was_undone(made: list[Step]) -> None:
    state = fresh()
    for step in made:
        state = step(state)
    back = state
    for _ in made:
        back = back.undo()
    assert not back.past
    for _ in made:
        back = back.redo()
    assert back.scene is state.scene


@given(st.lists(steps, max_size=12))
def test_there_is_always_an_object_and_slots_and_ids_differ(made: list[Step]) -> None:
    state = fresh()
    for step in made:
        state = step(state)
    objects = state.scene.objects
    assert objects
    assert len({item.id for item in objects}) == len(objects)
    assert len({item.slot for item in objects}) == len(objects)
    assert all(item.id < state.scene.next_id for item in objects)


def test_a_new_step_forgets_what_was_undone() -> None:
    state = fresh().add_click(1, Click(1, 1)).undo().add_click(1, Click(2, 2))
    assert state.redo() is state


def test_undo_and_redo_without_history_change_nothing() -> None:
    state = fresh()
    assert state.undo() is state
    assert state.redo() is state


def test_history_is_bounded() -> None:
    state = fresh()
    for number in range(HISTORY + 20):
        state = state.add_click(1, Click(number % 40, 1))
    assert len(state.past) == HISTORY


def test_moving_and_deleting_a_click() -> None:
    state = fresh().add_click(1, Click(1, 1)).add_click(1, Click(2, 2, False))
    moved = state.move_click(1, 1, 5, 6).scene.find(1).prompts.clicks
    assert moved == (Click(1, 1), Click(5, 6, False))
    assert state.delete_click(1, 0).scene.find(1).prompts.clicks == (Click(2, 2, False),)


@pytest.mark.parametrize(
    "step",
    [
        lambda state: state.add_click(9, Click(1, 1)),
        lambda state: state.delete_click(1, 0),
        lambda state: state.delete_click(1, -1),
        lambda state: state.move_click(1, 3, 1, 1),
        lambda state: state.remove_object(9),
    ],
)
def test_what_is_not_there_cannot_be_changed(step: Step) -> None:
    with pytest.raises(InputError, match="no longer there"):
        step(fresh())


def test_a_changed_object_loses_its_answer_only() -> None:
    state = fresh().add_object()
    assert state.scene.find(2).slot == 1
    changed = state.add_click(1, Click(1, 1))
    assert changed.scene.find(2) is state.scene.find(2)
    assert changed.scene.find(1).answer is None


def test_nothing_open_says_so() -> None:
    with pytest.raises(InputError, match="open it again"):
        _ = ImageState().current_picture


def test_records_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        fresh().answers_made = 3  # type: ignore[misc]
