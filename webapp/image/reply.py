"""What the canvas is told: the scene complete, of the answers only those the browser lacks."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import asdict
from typing import Any

from refiner.files.results import prompts_value
from refiner.files.run_lengths import encode_rle
from webapp.image.state import ImageState, MaskRecord, Picture, PictureAnswer, SceneObject
from webapp.image.truth_curve import curves_value, play_value
from webapp.shared import text
from webapp.shared.events import file_value, pair_value


def canvas_value(
    state: ImageState,
    seq: int | None,
    have: Set[int] = frozenset(),
    message: str = "",
    notice: str = "",
    titles: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the canvas's value for `state`.

    Args:
        state: what to show.
        seq: number of the message this answers; the browser keeps newer edits of its own. None if
            it answers none.
        have: ids of answers that need not be sent again.
        message: what went wrong, in words; empty if nothing did.
        notice: what else there is to know, in words.
        titles: what to call the panes `base` and `refined`, if not as before.
    """
    objects = state.scene.objects
    answers = [item.answer for item in objects if item.answer and item.answer.id not in have]
    return {
        "seq": seq,
        "revision": state.revision,
        "picture": state.picture and _picture(state.picture),
        "titles": titles and dict(titles),
        "objects": [_object(item, have) for item in objects],
        "next_id": state.scene.next_id,
        "can_undo": bool(state.past),
        "can_redo": bool(state.future),
        "answers": [_answer(answer) for answer in answers],
        "truth": _truth(state, have),
        "can_undo_truth": bool(state.truths_past),
        "can_redo_truth": bool(state.truths_future),
        "loading": state.loading,
        "message": message,
        "notice": notice or (text.loading(state.backbone) if state.loading else ""),
    }


def _picture(picture: Picture) -> dict[str, Any]:
    height, width = picture.size_hw
    return {
        "key": picture.key,
        "file": file_value(picture.path),
        "width": width,
        "height": height,
        "original": [picture.original_hw[1], picture.original_hw[0]],
        "label": picture.label,
        "licence": picture.licence,
    }


def _object(item: SceneObject, have: Set[int]) -> dict[str, Any]:
    return {
        "id": item.id,
        "slot": item.slot,
        "answer": item.answer and item.answer.id,
        "given": item.mask_record and _mask_record(item.mask_record, have),
        **prompts_value(item.prompts),
    }


def _truth(state: ImageState, have: Set[int]) -> dict[str, Any] | None:
    truth = state.truth
    if truth is None:
        return None
    value = {"id": truth.id, "label": truth.label, "curves": curves_value(state, truth)}
    if truth.id in have:
        return value
    return {**value, "rle": encode_rle(truth.mask), "play": play_value(truth)}


def _mask_record(record: MaskRecord, have: Set[int]) -> dict[str, Any]:
    known = {"id": record.id, "label": record.label}
    return known if record.id in have else {**known, "rle": dict(record.rle)}


def _answer(answer: PictureAnswer) -> dict[str, Any]:
    return {
        "id": answer.id,
        **pair_value(answer.pair),
        "timings": {**asdict(answer.timings), "total": answer.timings.total},
    }
