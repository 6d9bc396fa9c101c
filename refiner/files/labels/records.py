"""How a picture of labels is to be read, and what a mask file was found to hold."""

from __future__ import annotations

from dataclasses import dataclass

from refiner.types import BoolArray, InputError

READINGS = ("auto", "binary", "ids", "colours")


@dataclass(frozen=True, slots=True)
class LabelChoice:
    """How to read a picture of labels.

    Attributes:
        labels: one of `READINGS`: find out; one object, cut at half; an object a number but 0; an
            object a colour.
        invert: the object is what is not marked.
    """

    labels: str = "auto"
    invert: bool = False

    def __post_init__(self) -> None:
        if self.labels not in READINGS:
            raise InputError(
                f"Labels are read as one of {', '.join(READINGS)}, got {str(self.labels)[:40]!a}."
            )
        if not isinstance(self.invert, bool):
            raise InputError("Whether to invert a mask is true or false.")


AUTO = LabelChoice()


@dataclass(frozen=True, slots=True, eq=False)
class NamedMask:
    """One object of a mask file: bool (height, width) and what the file calls it, maybe nothing."""

    label: str
    mask: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class MaskFile:
    """What a mask file holds: its objects, and in words what was left out or had to be guessed."""

    masks: tuple[NamedMask, ...]
    notices: tuple[str, ...] = ()
