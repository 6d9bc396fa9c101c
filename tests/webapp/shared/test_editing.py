"""Whatever a browser, or somebody posing as one, may send."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refiner.types import InputError
from webapp.image import actions as image_actions
from webapp.image.actions import Studio
from webapp.image.downloads import picture_file
from webapp.image.state import ImageState
from webapp.shared.events import MAX_IDS, Outcome, guarded, read_message

HUGE = 10**400
NUMBERS = [math.nan, math.inf, -math.inf, -1, -0.001, 1e308, HUGE, 400.001]
OTHERS = [None, "", "5", "NaN", [], [5], {}, {"x": 5}, True, {"path": "/etc/passwd"}]
GOOD = {
    "click": {"object": 1, "x": 5, "y": 5, "positive": True},
    "move": {"object": 1, "index": 0, "x": 5, "y": 5},
    "delete": {"object": 1, "index": 0},
    "box": {"object": 1, "box": [1, 1, 50, 50]},
    "delete_box": {"object": 1},
    "clear": {"object": 1},
    "remove_object": {"object": 1},
}
CASES = [
    ({"type": kind, **values}, field, forged)
    for kind, values in GOOD.items()
    for field in values
    for forged in [*NUMBERS, *OTHERS, 99, 1.5, "click"]
]


def send(studio: Studio, state: ImageState, *actions: Any) -> Outcome[ImageState]:
    message = read_message({"seq": 1, "picture": "key", "actions": list(actions)})
    return guarded(state, lambda: image_actions.edit_picture(studio, state, message))


@pytest.fixture
def clicked(studio: Studio, opened: ImageState) -> ImageState:
    return send(studio, opened, {"type": "click", **GOOD["click"]}).state


@pytest.mark.parametrize("kind", GOOD)
def test_well_formed_actions_are_applied(studio: Studio, clicked: ImageState, kind: str) -> None:
    outcome = send(studio, clicked, {"type": kind, **GOOD[kind]})
    assert outcome.message == ""
    assert outcome.state.past[-1] is clicked.scene


def test_forged_values_change_nothing_and_are_told(studio: Studio, clicked: ImageState) -> None:
    for action, field, forged in CASES:
        if (field, forged) in (("positive", True), ("x", 1.5), ("y", 1.5), ("x", 99), ("y", 99)):
            continue
        outcome = send(studio, clicked, {**action, field: forged})
        assert outcome.state is clicked, (action, field, forged)
        assert outcome.message.endswith((".", ".)")), (action, field, forged)
        assert outcome.message.count("\n") == 0


def test_missing_values_change_nothing(studio: Studio, clicked: ImageState) -> None:
    for action, field, _ in CASES:
        rest = {key: value for key, value in action.items() if key != field}
        assert send(studio, clicked, rest).state is clicked


@pytest.mark.parametrize(
    "box",
    [[1, 1, 1, 50], [1, 1, 50], [1, 1, 50, 50, 1], [1, 1, 50, math.nan], [-1, 0, 5, 5], "1,1,5,5"],
)
def test_forged_boxes_are_refused(studio: Studio, clicked: ImageState, box: Any) -> None:
    outcome = send(studio, clicked, {"type": "box", "object": 1, "box": box})
    assert outcome.state is clicked
    assert outcome.message


@pytest.mark.parametrize("kind", [None, "", 5, "explode", "__init__", ["click"], {"a": 1}])
def test_unknown_actions_are_refused(studio: Studio, clicked: ImageState, kind: Any) -> None:
    assert send(studio, clicked, {"type": kind}).state is clicked


@pytest.mark.parametrize("actions", [None, 5, "click", {}, [1], [None], [["click"]], [{}] * 10_000])
def test_unreadable_messages_are_refused(studio: Studio, clicked: ImageState, actions: Any) -> None:
    message = read_message({"picture": "key", "actions": actions})
    with pytest.raises(InputError):
        image_actions.edit_picture(studio, clicked, message)


def test_ten_thousand_clicks_stop_at_the_limit(studio: Studio, opened: ImageState) -> None:
    state = opened
    click = {"type": "click", **GOOD["click"]}
    for _ in range(50):
        state = send(studio, state, *[click] * 200).state
    assert len(state.scene.find(1).prompts.clicks) == studio.limits.clicks


def test_objects_stop_at_the_limit(studio: Studio, opened: ImageState) -> None:
    outcome = send(studio, opened, *[{"type": "add_object"}] * 20)
    assert len(outcome.state.scene.objects) == studio.limits.objects
    assert "at most 5 objects" in outcome.message


@pytest.mark.parametrize("data", [None, 5, "text", [], {"seq": -1}, {"seq": "1"}, {"seq": True}])
def test_a_senseless_message_reads_as_an_empty_one(data: Any) -> None:
    message = read_message(data)
    assert (message.seq, message.picture, message.have) == (0, "", frozenset())


def test_what_a_browser_claims_to_have_is_bounded() -> None:
    have = read_message({"have": [*range(10_000)]}).have
    assert len(have) == MAX_IDS
    assert read_message({"have": [1, "2", None, 2.5, -1, True, [3]]}).have == {1}


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"kind": "mask"},
        {"kind": "mask", "model": "base"},
        {"kind": "mask", "model": "both", "object": 1},
        {"kind": "mask", "model": "base", "object": 7},
        {"kind": "mask", "model": "base", "object": "1"},
        {"kind": "../../etc/passwd", "model": "base", "object": 1},
        {"kind": ["mask"], "model": "base", "object": 1},
        {"kind": "overlay", "model": {"path": "/etc/passwd"}},
    ],
)
def test_forged_downloads_are_refused(
    studio: Studio, clicked: ImageState, wanted: dict[str, Any]
) -> None:
    with pytest.raises(InputError):
        picture_file(
            clicked, studio.models.first.info, wanted, lambda: clicked.current_picture.pixels
        )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
forged_actions = st.fixed_dictionaries(
    {"type": st.sampled_from([*GOOD, "add_object", "reset", "undo", "redo"]) | json_values},
    optional={name: json_values for name in ("object", "index", "x", "y", "positive", "box")},
)


@given(st.lists(forged_actions, max_size=4))
def test_no_message_breaks_anything(studio: Studio, opened: ImageState, actions: list[Any]) -> None:
    outcome = image_actions.edit_picture(
        studio, opened, read_message({"picture": "key", "actions": actions})
    )
    for item in outcome.state.scene.objects:
        if not item.prompts.empty:
            item.prompts.check((300, 400))
