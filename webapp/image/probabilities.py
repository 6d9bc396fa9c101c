"""Probabilities of both models, asked for by the view that shows them."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from refiner.types import FloatArray, InputError, Mask
from webapp.image.actions import Studio
from webapp.image.state import ImageState
from webapp.shared.events import Message, read_count


@dataclass(frozen=True, slots=True)
class SoftPair:
    """Both models' probabilities of one answer, as PNGs of `probability_png`."""

    answer: int
    base: bytes
    refined: bytes


def soft_pair(studio: Studio, state: ImageState, message: Message) -> SoftPair | None:
    """Return the probabilities behind an object's answer; None if it has another one by now.

    The model runs again, which costs a click on an encoded picture: kept with every answer, they
    would be a hundred times the size of its run lengths.

    Raises:
        InputError: there is no such object, or the model gives no probabilities.
    """
    item = state.scene.find(read_count(message.values, "object"))
    if item.answer is None or item.answer.id != read_count(message.values, "answer"):
        return None
    result = studio.model(state).segment(state.current_picture.pixels, [item.prompts], logits=True)
    pair = result.objects[0]
    return SoftPair(item.answer.id, _png_of(pair.base), _png_of(pair.refined))


def probability_png(logits: FloatArray) -> bytes:
    """Return an 8-bit grey PNG of the probabilities (0 to 255) of logits (height, width)."""
    odds = np.exp(-np.clip(logits, -20, 20))
    grey = np.rint(255 / (1 + odds)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "PNG")
    return buffer.getvalue()


def _png_of(mask: Mask) -> bytes:
    if mask.logits is None:
        raise InputError("This model gives masks only, no probabilities; choose another view.")
    return probability_png(mask.logits)
