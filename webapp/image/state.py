"""What one visitor has before them, as frozen records; every change returns a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from refiner.files.run_lengths import PackedPair, Rle, decode_rle, encode_rle
from refiner.types import BoolArray, ImageArray, InputError, Prompts, Timings
from webapp.shared.editing import HISTORY, Objects, PromptState, SceneItem

CURVE_STEPS = 8
"""How many steps on the way to the objects are answered at most when they came together."""
TOLD = 100
"""How many messages are remembered as answered."""

Told = tuple[str, str]
"""What a message was answered with: what went wrong, and what else there is to know."""


class HeldFile(Protocol):
    """A file that is there as long as this is referred to."""

    path: Path


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
        name: how the names of its downloads begin.
        file_name: of the visitor's file; finds it in an annotation file of several pictures.
        file: what was uploaded, where that is larger than `pixels`.
    """

    key: str
    pixels: ImageArray
    original_hw: tuple[int, int]
    path: str
    label: str = ""
    licence: str = ""
    name: str = "picture"
    file_name: str = ""
    file: HeldFile | None = None

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width as worked on."""
        return self.pixels.shape[0], self.pixels.shape[1]


@dataclass(frozen=True, eq=False)
class PictureAnswer:
    """Both models' masks for one object, and how long they took."""

    id: int
    pair: PackedPair
    timings: Timings


@dataclass(frozen=True, slots=True)
class TruthScores:
    """Both models' IoU and boundary IoU with the ground truth, in [0, 1]."""

    base_iou: float
    base_biou: float
    refined_iou: float
    refined_biou: float


@dataclass(frozen=True, eq=False)
class Truth:
    """The ground truth of a picture.

    Attributes:
        mask: bool (height, width), of the picture's size as worked on; not empty.
        label: where it comes from, in words.
        id: tells it apart; none of an answer's.
        rim: `refiner.metrics.boundary` of the mask; None until something is measured.
        scores: what was measured against it, by the answer's id.
    """

    mask: BoolArray
    label: str
    id: int = 0
    rim: BoolArray | None = None
    scores: Mapping[int, TruthScores] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class MaskRecord:
    """A mask prompt, or a truth of the history, in short; its `id` is none of an answer's."""

    id: int
    label: str
    rle: Rle


@dataclass(frozen=True, eq=False)
class SceneObject(SceneItem):
    """One object: its prompts and, once computed, the answer to exactly these prompts.

    `mask_record` describes the prompts' mask, where they have one.
    """

    prompts: Prompts = field(default_factory=Prompts)
    answer: PictureAnswer | None = None
    mask_record: MaskRecord | None = None

    @property
    def prompts_used(self) -> int:
        """How many prompts it has: its clicks, and one each for a box and a mask."""
        prompts = self.prompts
        return len(prompts.clicks) + (prompts.box is not None) + (prompts.mask is not None)


@dataclass(frozen=True, eq=False)
class Scene(Objects[SceneObject]):
    """The objects of a picture."""

    objects: tuple[SceneObject, ...] = (SceneObject(1, 0),)
    next_id: int = 2

    @staticmethod
    def blank(object_id: int, slot: int) -> SceneObject:
        """Return an object without prompts."""
        return SceneObject(object_id, slot)


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageState(PromptState[Scene]):
    """A picture, its scene and its truth, and those before and after for undo and redo.

    The truths have a history of their own, which is walked while they are brushed. While it is
    `loading`, answers lack because the backbone is not there. `told` are the numbers of the messages
    answered last with the words of the answers, `opened` is the number of the one that opened the
    picture, and `revision` grows whenever one was answered.
    """

    scene: Scene = field(default_factory=Scene)
    picture: Picture | None = None
    answers_made: int = 0
    truth: Truth | None = None
    truths_past: tuple[MaskRecord | None, ...] = ()
    truths_future: tuple[MaskRecord | None, ...] = ()
    backbone: str = ""
    loading: bool = False
    told: tuple[tuple[int, Told], ...] = ()
    opened: int = 0
    revision: int = 0

    @property
    def current_picture(self) -> Picture:
        """The picture.

        Raises:
            InputError: there is none (never opened, or no longer held).
        """
        if self.picture is None:
            raise InputError(
                "No picture is open here, or it was held too long ago; open it again, please."
            )
        return self.picture

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width as worked on."""
        return self.current_picture.size_hw

    def open(self, picture: Picture, scene: Scene | None = None) -> ImageState:
        """Return a state that shows `picture` and has no history."""
        return ImageState(
            picture=picture,
            scene=scene or Scene(),
            answers_made=self.answers_made,
            backbone=self.backbone,
            told=self.told,
        )

    def words_for(self, seq: int) -> Told | None:
        """Return the words with which a message was answered; None if it was not yet.

        One that an opening has overtaken was about what is no longer open.
        """
        return ("", "") if 0 < seq < self.opened else dict(self.told).get(seq)

    def having_told(self, seq: int, words: Told, before: ImageState) -> ImageState:
        """Note that a message to the state `before`, numbered from 1, was answered with these words."""
        if not seq:
            return self
        opened = before.opened if self.picture is before.picture else seq
        told = (*self.told, (seq, words))[-TOLD:]
        return replace(self, told=told, opened=opened, revision=before.revision + 1)

    def with_truth(self, mask: BoolArray | None, label: str = "") -> ImageState:
        """Take a mask as the ground truth, as a step of its history; an empty one is none."""
        last_id = self.answers_made + 1
        truth = None if mask is None or not mask.any() else Truth(mask, label, last_id)
        past = (*self.truths_past, _packed_truth(self.truth))[-HISTORY:]
        return replace(self, truth=truth, truths_past=past, truths_future=(), answers_made=last_id)

    def undo_truth(self) -> ImageState:
        """Return to the truth, or none, before the last change; without one, stay."""
        if not self.truths_past:
            return self
        return replace(
            self,
            truth=_unpacked_truth(self.truths_past[-1]),
            truths_past=self.truths_past[:-1],
            truths_future=(_packed_truth(self.truth), *self.truths_future),
        )

    def redo_truth(self) -> ImageState:
        """Repeat the change of the truth undone last; without one, stay."""
        if not self.truths_future:
            return self
        return replace(
            self,
            truth=_unpacked_truth(self.truths_future[0]),
            truths_past=(*self.truths_past, _packed_truth(self.truth)),
            truths_future=self.truths_future[1:],
        )

    def with_backbone(self, name: str) -> ImageState:
        """Return the state for another model; no object, also of the history, has an answer."""

        def asked_again(scene: Scene) -> Scene:
            return replace(scene, objects=tuple(replace(o, answer=None) for o in scene.objects))

        return replace(
            self,
            backbone=name,
            scene=asked_again(self.scene),
            past=tuple(map(asked_again, self.past)),
            future=tuple(map(asked_again, self.future)),
        )

    def missing_answers(self) -> list[SceneObject]:
        """Return what has prompts but no answer.

        That is objects and, with a truth, the latest steps on the way to them: the curve has a point
        for every click, also of those that came together, but for more than `CURVE_STEPS` of these.
        """
        wanted = [item for item in self.scene.objects if _unanswered(item)]
        if not self.truth:
            return wanted
        steps = [step for item in self.scene.objects for step in self.path(item.id)]
        steps = [step for step in steps if _unanswered(step) and step not in wanted]
        steps.sort(key=lambda step: step.prompts_used)
        return steps[-CURVE_STEPS:] + wanted

    def path(self, object_id: int) -> list[SceneObject]:
        """Return an object as it grew prompt by prompt to what it is now.

        Each has prompts, and more of them than the one before: what was undone or deleted is not
        on the way.
        """
        way: list[SceneObject] = []
        for scene in (*self.past, self.scene):
            item = next((item for item in scene.objects if item.id == object_id), None)
            count = item.prompts_used if item else 0
            way = [step for step in way if step.prompts_used < count]
            if item and count:
                way.append(item)
        return way

    def prompts_of(self, object_id: int) -> Prompts:
        """Return the prompts of an object."""
        return self.scene.find(object_id).prompts

    def with_prompts(self, object_id: int, prompts: Prompts) -> ImageState:
        """Give an object other prompts; it loses its answer."""
        old = self.scene.find(object_id)
        record = None if prompts.mask is None else old.mask_record
        changed = replace(old, prompts=prompts, mask_record=record, answer=None)
        return self.with_scene(self.scene.with_object(changed))

    def with_answers(self, answers: Mapping[SceneObject, PictureAnswer]) -> ImageState:
        """Attach answers to objects, also where the history has them; no step of it."""
        full = {item: replace(item, answer=answer) for item, answer in answers.items()}

        def fill(scene: Scene) -> Scene:
            if full.keys().isdisjoint(scene.objects):
                return scene
            return replace(scene, objects=tuple(full.get(item, item) for item in scene.objects))

        last_id = max([self.answers_made, *(answer.id for answer in answers.values())])
        past = tuple(map(fill, self.past))
        return replace(self, scene=fill(self.scene), past=past, answers_made=last_id)


def _unanswered(item: SceneObject) -> bool:
    return item.answer is None and not item.prompts.empty


def _packed_truth(truth: Truth | None) -> MaskRecord | None:
    return MaskRecord(truth.id, truth.label, encode_rle(truth.mask)) if truth else None


def _unpacked_truth(record: MaskRecord | None) -> Truth | None:
    return Truth(decode_rle(record.rle), record.label, record.id) if record else None
