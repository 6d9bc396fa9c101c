"""What the prompted objects of a picture and of a clip share: a scene, its edits, undo and redo.

Edits that are sent are checked here, their coordinates too, and nowhere further in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from refiner.types import Box, Click, InputError, Prompts
from webapp.shared.events import Message, Values, is_number, read_count
from webapp.shared.limits import Limits

Apply = Callable[[Any, Values, Limits], Any]

HISTORY = 100
STROKE_WORK = 200
"""What painting a stroke costs beside its points; `panes/scene.js` counts alike."""


@dataclass(frozen=True, eq=False)
class SceneItem:
    """One object; `slot`, the smallest number that no other object has, gives its colour."""

    id: int
    slot: int


ItemT = TypeVar("ItemT", bound=SceneItem)
ObjectsT = TypeVar("ObjectsT", bound="Objects[Any]")
StateT = TypeVar("StateT", bound="PromptState[Any]")


@dataclass(frozen=True, eq=False)
class Objects(ABC, Generic[ItemT]):
    """The objects of a scene, never fewer than one."""

    objects: tuple[ItemT, ...]
    next_id: int

    @staticmethod
    @abstractmethod
    def blank(object_id: int, slot: int) -> ItemT:
        """Return an object without prompts."""

    def find(self, object_id: int) -> ItemT:
        """Return the object with this id.

        Raises:
            InputError: there is none.
        """
        for item in self.objects:
            if item.id == object_id:
                return item
        raise InputError("That object is no longer there; choose another one.")

    def with_object(self: ObjectsT, changed: SceneItem) -> ObjectsT:
        """Return the scene with the object of the same id replaced."""
        objects = tuple(changed if item.id == changed.id else item for item in self.objects)
        return replace(self, objects=objects)

    def with_new(self: ObjectsT) -> ObjectsT:
        """Return the scene with one more, empty object."""
        taken = {item.slot for item in self.objects}
        slot = next(number for number in range(len(taken) + 1) if number not in taken)
        objects = (*self.objects, self.blank(self.next_id, slot))
        return replace(self, objects=objects, next_id=self.next_id + 1)

    def without(self: ObjectsT, object_id: int) -> ObjectsT:
        """Return the scene without this object; the last one leaves an empty one."""
        self.find(object_id)
        rest = tuple(item for item in self.objects if item.id != object_id)
        return replace(self, objects=rest) if rest else self.without_objects()

    def without_objects(self: ObjectsT) -> ObjectsT:
        """Return the scene with a single, empty object."""
        return replace(self, objects=()).with_new()


SceneT = TypeVar("SceneT", bound=Objects[Any])


@dataclass(frozen=True, eq=False, kw_only=True)
class PromptState(ABC, Generic[SceneT]):
    """A scene, and the scenes before and after it for undo and redo."""

    scene: SceneT
    past: tuple[SceneT, ...] = ()
    future: tuple[SceneT, ...] = ()

    @property
    @abstractmethod
    def size_hw(self) -> tuple[int, int]:
        """Height and width of what is prompted.

        Raises:
            InputError: nothing is open.
        """

    @abstractmethod
    def prompts_of(self, object_id: int) -> Prompts:
        """Return the prompts that edits of this object change.

        Raises:
            InputError: there is no such object.
        """

    @abstractmethod
    def with_prompts(self: StateT, object_id: int, prompts: Prompts) -> StateT:
        """Give an object other prompts, as a step of the history."""

    def add_click(self: StateT, object_id: int, click: Click) -> StateT:
        """Add a click to an object."""
        return self._edited(object_id, lambda old: replace(old, clicks=(*old.clicks, click)))

    def move_click(self: StateT, object_id: int, index: int, x: float, y: float) -> StateT:
        """Put a click of an object elsewhere."""

        def move(old: Prompts) -> Prompts:
            moved = replace(_click_at(old, index), x=x, y=y)
            return replace(old, clicks=(*old.clicks[:index], moved, *old.clicks[index + 1 :]))

        return self._edited(object_id, move)

    def delete_click(self: StateT, object_id: int, index: int) -> StateT:
        """Take a click from an object."""

        def delete(old: Prompts) -> Prompts:
            _click_at(old, index)
            return replace(old, clicks=(*old.clicks[:index], *old.clicks[index + 1 :]))

        return self._edited(object_id, delete)

    def set_box(self: StateT, object_id: int, box: Box | None) -> StateT:
        """Give an object its box, or take it away."""
        return self._edited(object_id, lambda old: replace(old, box=box))

    def drop_mask(self: StateT, object_id: int) -> StateT:
        """Take the mask prompt from an object."""
        return self._edited(object_id, lambda old: replace(old, mask=None))

    def clear_object(self: StateT, object_id: int) -> StateT:
        """Take all prompts from an object."""
        return self._edited(object_id, lambda old: Prompts())

    def add_object(self: StateT) -> StateT:
        """Add an empty object."""
        return self.with_scene(self.scene.with_new())

    def remove_object(self: StateT, object_id: int) -> StateT:
        """Remove an object."""
        return self.with_scene(self.scene.without(object_id))

    def reset(self: StateT) -> StateT:
        """Remove all objects; undo brings them back."""
        return self.with_scene(self.scene.without_objects())

    def undo(self: StateT) -> StateT:
        """Return to the scene before the last change; without one, stay."""
        if not self.past:
            return self
        return replace(
            self,
            scene=self.past[-1],
            past=self.past[:-1],
            future=(self.scene, *self.future),
        )

    def redo(self: StateT) -> StateT:
        """Repeat the change undone last; without one, stay."""
        if not self.future:
            return self
        return replace(
            self,
            scene=self.future[0],
            past=(*self.past, self.scene),
            future=self.future[1:],
        )

    def with_scene(self: StateT, scene: Objects[Any]) -> StateT:
        """Show `scene` instead, as a step of the history."""
        past = (*self.past, self.scene)[-HISTORY:]
        return replace(self, scene=scene, past=past, future=())

    def _edited(self: StateT, object_id: int, change: Callable[[Prompts], Prompts]) -> StateT:
        return self.with_prompts(object_id, change(self.prompts_of(object_id)))


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


def read_point(state: PromptState[Any], x: Any, y: Any) -> tuple[float, float]:
    """Return a point that was sent, in pixels of the picture.

    Raises:
        InputError: it is no point, or lies outside the picture.
    """
    height, width = state.size_hw
    return _coordinate(x, width, "x"), _coordinate(y, height, "y")


def _click_at(prompts: Prompts, index: int) -> Click:
    if not 0 <= index < len(prompts.clicks):
        raise InputError("That marker is no longer there.")
    return prompts.clicks[index]


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
