"""What the prompted objects of a picture and of a clip share: a scene, its edits, undo and redo."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from refiner.types import Box, Click, InputError, Prompts

HISTORY = 100


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
            moved = replace(_click(old, index), x=x, y=y)
            return replace(old, clicks=(*old.clicks[:index], moved, *old.clicks[index + 1 :]))

        return self._edited(object_id, move)

    def delete_click(self: StateT, object_id: int, index: int) -> StateT:
        """Take a click from an object."""

        def delete(old: Prompts) -> Prompts:
            _click(old, index)
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


def _click(prompts: Prompts, index: int) -> Click:
    if not 0 <= index < len(prompts.clicks):
        raise InputError("That marker is no longer there.")
    return prompts.clicks[index]
