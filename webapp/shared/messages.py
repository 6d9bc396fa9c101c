"""What a browser sends, checked and applied, and what replies of both tabs have in common.

Nothing that is sent is trusted. Coordinates are checked here and nowhere further in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeGuard

from refiner.files.decoding.sources import source_name
from refiner.files.names import safe_name
from refiner.files.run_lengths import PackedPair
from refiner.types import Box, Click, InputError
from webapp.shared.editing import PromptState, StateT
from webapp.shared.limits import Limits

Values = Mapping[str, Any]
Apply = Callable[[Any, Values, Limits], Any]

MAX_COUNT = 2**53
MAX_IDS = 1000
STROKE_WORK = 200
"""What painting a stroke costs beside its points; `panes/scene.js` counts alike."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the canvas.

    Attributes:
        seq: the browser's number for it, repeated in the reply.
        have: ids of the answers that the browser holds already.
        picture: key of the picture that the browser shows.
        values: everything sent.
        number: counts the messages of edits, from 1; 0 if it is not numbered.
    """

    seq: int
    have: frozenset[int]
    picture: str
    values: Values
    number: int = 0

    def is_repeat(self, applied: int) -> bool:
        """Whether these edits are applied already, if those up to `applied` are."""
        return 0 < self.number <= applied


def read_message(data: Any) -> Message:
    """Return what was sent as a record; parts that make no sense become empty."""
    values = data if isinstance(data, dict) else {}
    seq, picture, number = values.get("seq"), values.get("picture"), values.get("number")
    return Message(
        seq=seq if seq is not None and _is_count(seq) else 0,
        have=read_ids(values, "have"),
        picture=picture if isinstance(picture, str) else "",
        values=values,
        number=number if number is not None and _is_count(number) else 0,
    )


def read_actions(message: Message, limits: Limits) -> list[Values]:
    """Return the list of actions of a message.

    Raises:
        InputError: it is no list of records, too long, or too much work.
    """
    actions = message.values.get("actions")
    if not isinstance(actions, list) or not all(isinstance(item, dict) for item in actions):
        raise InputError("The page sent something unreadable; reload it and try again.")
    if len(actions) > limits.actions:
        raise InputError(f"At most {limits.actions} actions fit in one step; do fewer at once.")
    work = sum(map(work_of, actions))
    if work > limits.work:
        raise InputError(
            f"The strokes of one step may cost {limits.work}, {STROKE_WORK} each and 1 a point; these "
            f"cost {work}. Paint fewer or shorter ones at once."
        )
    return actions


def work_of(action: Values) -> int:
    """Return what an action costs: painting a stroke takes time, anything else next to none.

    What must be asked of the model is no matter of single actions: only what an object comes to is
    answered, and of the steps of a curve so many.
    """
    points = action.get("points")
    return STROKE_WORK + len(points) if isinstance(points, list) else 0


def apply(
    state: StateT, action: Values, limits: Limits, more: Mapping[str, Apply] | None = None
) -> StateT:
    """Return the state after one action, of those here or of `more`.

    Raises:
        InputError: the action is unknown, malformed, outside the picture or over a limit.
    """
    kind = action.get("type")
    known = {**ACTIONS, **(more or {})}
    change = known.get(kind) if isinstance(kind, str) else None
    if change is None:
        raise InputError("The page asked for something unknown; reload it and try again.")
    changed: StateT = change(state, action, limits)
    return changed


def read_text(values: Values, name: str, most: int = 4096) -> str:
    """Return a string that was sent.

    Raises:
        InputError: it is missing, no string, or longer than `most`.
    """
    text = values.get(name)
    if not isinstance(text, str) or len(text) > most:
        raise InputError(f"The page sent no usable {name}; reload it and try again.")
    return text


def file_stem(values: Values, otherwise: str) -> str:
    """Return how to call what is made of an upload, by the `name` that its file has there.

    Args:
        values: what the browser sent.
        otherwise: the name where it sent none that can stay.
    """
    name = values.get("name")
    name = name if isinstance(name, str) else ""
    stem, dot, _ = name.rpartition(".")
    return safe_name(stem if dot else name, otherwise)


@contextmanager
def named_as_sent(stored: str, values: Values) -> Iterator[None]:
    """Let errors name a file as the visitor does, by the `name` it has there, not as `stored` here."""
    try:
        yield
    except InputError as error:
        name = values.get("name")
        shown = source_name(name) if isinstance(name, str) else ascii(stored)
        raise InputError(str(error).replace(ascii(stored), shown)) from error


def read_count(values: Values, name: str) -> int:
    """Return a whole number, not negative, that was sent.

    Raises:
        InputError: it is missing or something else.
    """
    value = values.get(name)
    if value is None or not _is_count(value):
        raise InputError(f"The page sent no usable {name}; reload it and try again.")
    return int(value)


def read_ids(values: Values, name: str) -> frozenset[int]:
    """Return the ids of a list that was sent; what is none is left out."""
    sent = values.get(name)
    ids = sent[:MAX_IDS] if isinstance(sent, list) else []
    return frozenset(item for item in ids if _is_count(item))


def is_number(value: Any) -> TypeGuard[float]:
    """Whether what was sent is a finite number that a float can hold; true and false are none."""
    if type(value) is int:
        return abs(value) < MAX_COUNT
    return type(value) is float and math.isfinite(value)


def read_point(state: PromptState[Any], x: Any, y: Any) -> tuple[float, float]:
    """Return a point that was sent, in pixels of the picture.

    Raises:
        InputError: it is no point, or lies outside the picture.
    """
    height, width = state.size_hw
    return _coordinate(x, width, "x"), _coordinate(y, height, "y")


def pair_value(pair: PackedPair) -> dict[str, Any]:
    """Return both models' masks of one object as run lengths, and how good they are."""
    return {
        "base": dict(pair.base),
        "refined": dict(pair.refined),
    }


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < MAX_COUNT


def _coordinate(value: Any, most: int, axis: str) -> float:
    if not is_number(value):
        raise InputError(f"The {axis} of the point is no finite number; click again.")
    if not 0 <= value <= most:
        raise InputError(f"That point lies outside the picture ({axis} from 0 to {most}).")
    return float(value)


def _click(state: StateT, values: Values, limits: Limits) -> StateT:
    object_id = read_count(values, "object")
    x, y = read_point(state, values.get("x"), values.get("y"))
    if len(state.prompts_of(object_id).clicks) >= limits.clicks:
        raise InputError(f"One object takes at most {limits.clicks} clicks; delete some first.")
    if not isinstance(values.get("positive"), bool):
        raise InputError("A click is positive or negative; click again.")
    return state.add_click(object_id, Click(x, y, values["positive"]))


def _move(state: StateT, values: Values, limits: Limits) -> StateT:
    x, y = read_point(state, values.get("x"), values.get("y"))
    return state.move_click(read_count(values, "object"), read_count(values, "index"), x, y)


def _delete(state: StateT, values: Values, limits: Limits) -> StateT:
    return state.delete_click(read_count(values, "object"), read_count(values, "index"))


def _box(state: StateT, values: Values, limits: Limits) -> StateT:
    corners = values.get("box")
    if not isinstance(corners, list) or len(corners) != 4:
        raise InputError("A box has four numbers; draw it again.")
    x0, y0 = read_point(state, corners[0], corners[1])
    x1, y1 = read_point(state, corners[2], corners[3])
    return state.set_box(read_count(values, "object"), Box(x0, y0, x1, y1))


def _delete_box(state: StateT, values: Values, limits: Limits) -> StateT:
    return state.set_box(read_count(values, "object"), None)


def _delete_mask(state: StateT, values: Values, limits: Limits) -> StateT:
    return state.drop_mask(read_count(values, "object"))


def _clear(state: StateT, values: Values, limits: Limits) -> StateT:
    return state.clear_object(read_count(values, "object"))


def _add_object(state: StateT, values: Values, limits: Limits) -> StateT:
    if len(state.scene.objects) >= limits.objects:
        raise InputError(f"One picture takes at most {limits.objects} objects; remove one first.")
    return state.add_object()


def _remove_object(state: StateT, values: Values, limits: Limits) -> StateT:
    return state.remove_object(read_count(values, "object"))


ACTIONS: Mapping[str, Apply] = {
    "click": _click,
    "move": _move,
    "delete": _delete,
    "box": _box,
    "delete_box": _delete_box,
    "delete_mask": _delete_mask,
    "clear": _clear,
    "add_object": _add_object,
    "remove_object": _remove_object,
    "reset": lambda state, values, limits: state.reset(),
    "undo": lambda state, values, limits: state.undo(),
    "redo": lambda state, values, limits: state.redo(),
}
