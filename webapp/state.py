"""What one visitor has before them, as frozen records; every change returns a new one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from refiner.types import Box, Click, ImageArray, InputError, Prompts, Timings

Rle = Mapping[str, Any]
HISTORY = 100


@dataclass(frozen=True, eq=False)
class Picture:
    """The picture as it is worked on.

    Attributes:
        key: tells pictures of one visitor apart.
        pixels: uint8 RGB (height, width, 3).
        original_hw: the size before it was scaled down.
        path: the file that browsers are shown.
        label: what to call it on the page.
        licence: whose it is and on what terms; empty for a visitor's own.
    """

    key: str
    pixels: ImageArray
    original_hw: tuple[int, int]
    path: str
    label: str = ""
    licence: str = ""

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width as worked on."""
        return self.pixels.shape[0], self.pixels.shape[1]


@dataclass(frozen=True, eq=False)
class Answer:
    """Both models' masks (COCO run lengths) for one object, and what was measured of them."""

    id: int
    base: Rle
    refined: Rle
    base_quality: float
    refined_quality: float
    iou: float
    timings: Timings


@dataclass(frozen=True, eq=False)
class SceneObject:
    """One object: its prompts and, once computed, the answer to exactly these prompts.

    `slot` is the smallest number that no other object of the scene has; it gives the colour.
    """

    id: int
    slot: int
    prompts: Prompts = field(default_factory=Prompts)
    answer: Answer | None = None


@dataclass(frozen=True, eq=False)
class Scene:
    """The objects of a picture, never fewer than one."""

    objects: tuple[SceneObject, ...] = (SceneObject(1, 0),)
    next_id: int = 2

    def find(self, object_id: int) -> SceneObject:
        """Return the object with this id.

        Raises:
            InputError: there is none.
        """
        for item in self.objects:
            if item.id == object_id:
                return item
        raise InputError("That object is no longer there; choose another one.")

    def with_object(self, changed: SceneObject) -> Scene:
        """Return the scene with the object of the same id replaced."""
        objects = tuple(changed if item.id == changed.id else item for item in self.objects)
        return replace(self, objects=objects)

    def with_new(self) -> Scene:
        """Return the scene with one more, empty object."""
        taken = {item.slot for item in self.objects}
        slot = next(number for number in range(len(taken) + 1) if number not in taken)
        objects = (*self.objects, SceneObject(self.next_id, slot))
        return Scene(objects, self.next_id + 1)

    def without(self, object_id: int) -> Scene:
        """Return the scene without this object; the last one leaves an empty one."""
        self.find(object_id)
        rest = tuple(item for item in self.objects if item.id != object_id)
        return replace(self, objects=rest) if rest else Scene((), self.next_id).with_new()


@dataclass(frozen=True, eq=False)
class ImageState:
    """A picture, its scene, and the scenes before and after it for undo and redo."""

    picture: Picture | None = None
    scene: Scene = field(default_factory=Scene)
    past: tuple[Scene, ...] = ()
    future: tuple[Scene, ...] = ()
    answers_made: int = 0

    @property
    def opened(self) -> Picture:
        """The picture.

        Raises:
            InputError: there is none (never opened, or no longer held).
        """
        if self.picture is None:
            raise InputError(
                "No picture is open here, or it was held too long ago; open it again, please."
            )
        return self.picture

    def open(self, picture: Picture, scene: Scene | None = None) -> ImageState:
        """Return a state that shows `picture` and has no history."""
        return ImageState(picture, scene or Scene(), answers_made=self.answers_made)

    def add_click(self, object_id: int, click: Click) -> ImageState:
        """Add a click to an object."""
        return self._prompted(object_id, lambda old: replace(old, clicks=(*old.clicks, click)))

    def move_click(self, object_id: int, index: int, x: float, y: float) -> ImageState:
        """Put a click of an object elsewhere."""

        def move(old: Prompts) -> Prompts:
            moved = replace(_click(old, index), x=x, y=y)
            return replace(old, clicks=(*old.clicks[:index], moved, *old.clicks[index + 1 :]))

        return self._prompted(object_id, move)

    def delete_click(self, object_id: int, index: int) -> ImageState:
        """Take a click from an object."""

        def delete(old: Prompts) -> Prompts:
            _click(old, index)
            return replace(old, clicks=(*old.clicks[:index], *old.clicks[index + 1 :]))

        return self._prompted(object_id, delete)

    def set_box(self, object_id: int, box: Box | None) -> ImageState:
        """Give an object its box, or take it away."""
        return self._prompted(object_id, lambda old: replace(old, box=box))

    def clear_object(self, object_id: int) -> ImageState:
        """Take all prompts from an object."""
        return self._prompted(object_id, lambda old: Prompts())

    def add_object(self) -> ImageState:
        """Add an empty object."""
        return self._changed(self.scene.with_new())

    def remove_object(self, object_id: int) -> ImageState:
        """Remove an object."""
        return self._changed(self.scene.without(object_id))

    def reset(self) -> ImageState:
        """Remove all objects; undo brings them back."""
        return self._changed(Scene((), self.scene.next_id).with_new())

    def undo(self) -> ImageState:
        """Return to the scene before the last change; without one, stay."""
        if not self.past:
            return self
        return replace(
            self,
            scene=self.past[-1],
            past=self.past[:-1],
            future=(self.scene, *self.future),
        )

    def redo(self) -> ImageState:
        """Repeat the change undone last; without one, stay."""
        if not self.future:
            return self
        return replace(
            self,
            scene=self.future[0],
            past=(*self.past, self.scene),
            future=self.future[1:],
        )

    def answered(self, answers: Mapping[int, Answer]) -> ImageState:
        """Attach answers to objects by id; no step of the history."""
        scene = self.scene
        for object_id, answer in answers.items():
            scene = scene.with_object(replace(scene.find(object_id), answer=answer))
        made = max([self.answers_made, *(answer.id for answer in answers.values())])
        return replace(self, scene=scene, answers_made=made)

    def _prompted(self, object_id: int, change: Callable[[Prompts], Prompts]) -> ImageState:
        item = self.scene.find(object_id)
        changed = replace(item, prompts=change(item.prompts), answer=None)
        return self._changed(self.scene.with_object(changed))

    def _changed(self, scene: Scene) -> ImageState:
        past = (*self.past, self.scene)[-HISTORY:]
        return replace(self, scene=scene, past=past, future=())


def _click(prompts: Prompts, index: int) -> Click:
    if not 0 <= index < len(prompts.clicks):
        raise InputError("That marker is no longer there.")
    return prompts.clicks[index]
