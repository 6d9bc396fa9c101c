"""Between gradio and what the tabs do: what a browser sends is read, failures become words.

Nothing that is sent is trusted: it is a record of anything until it is read here.
"""

from __future__ import annotations

import errno
import logging
import math
import secrets
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeGuard, TypeVar

import gradio as gr
from gradio.utils import get_upload_folder

from refiner.files.decoding.sources import source_name
from refiner.files.names import safe_name
from refiner.files.run_lengths import PackedPair
from refiner.types import InputError
from webapp.shared import counts, text

EVENT: dict[str, Any] = {
    "trigger_mode": "multiple",
    "concurrency_limit": 1,
    "concurrency_id": "model",
    "show_progress": "hidden",
    "api_visibility": "private",
}
"""Options of every event that may use the model: none is dropped, one runs at a time."""

LENT_NONE = frozenset(
    {
        "ZeroGPU client error",
        "ZeroGPU illegal duration",
        "ZeroGPU pending credits exceeded",
        "ZeroGPU queue timeout",
        "ZeroGPU quota exceeded",
    }
)
"""Titles of the errors with which Hugging Face's `spaces` says that it lends no GPU now."""

Values = Mapping[str, Any]

MAX_COUNT = 2**53
MAX_IDS = 1000

ResultT = TypeVar("ResultT")


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


@dataclass(frozen=True, eq=False)
class Outcome(Generic[ResultT]):
    """What an action gave, a state most often, and what to tell the visitor of it, if anything.

    `message` says what was refused or went wrong, `notice` what else there is to know.
    """

    state: ResultT
    message: str = ""
    notice: str = ""


Act = Callable[[ResultT, Message], Outcome[ResultT]]
ReplyValue = Callable[[ResultT, int, Set[int], str, str], dict[str, Any]]


def explain(error: Exception, failure: str = text.FAILED) -> str:
    """Return in words, for the visitor, why something failed.

    What is nobody's fault but ours goes to the log with its traceback, never to the visitor.

    Args:
        error: what was raised.
        failure: the words for anything unexpected.
    """
    if isinstance(error, InputError):
        kind, words = "input", str(error)
    elif isinstance(error, gr.Error) and error.title in LENT_NONE:
        kind, words = "gpu", text.GPU_REFUSED.format(reason=str(error.message).strip())
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        kind, words = "disk", text.DISK_FULL
    else:
        kind, words = "failure", failure
        logging.getLogger(__name__).error("Something failed on the server.", exc_info=error)
    counts.REFUSALS.labels(kind).inc()
    return words


def guarded(state: ResultT, action: Callable[[], Outcome[ResultT]]) -> Outcome[ResultT]:
    """Return the outcome of `action`; if it fails, `state` and the reason in words."""
    try:
        return action()
    except Exception as error:
        return Outcome(state, explain(error))


def responder(act: Act[ResultT], reply: ReplyValue[ResultT]) -> Callable[..., Any]:
    """Return what gradio calls on an event of a component whose state is one value of the page.

    It returns the new state and the component's value.

    Args:
        act: does what the message asks.
        reply: says what the browser is told: of the state, the number of the message, the answers
            that the browser has, the words for what went wrong and those for what else there is.
    """

    def respond(state: Any, event: gr.EventData) -> tuple[ResultT, dict[str, Any]]:
        message = read_message(event._data)
        outcome = guarded(state, lambda: act(state, message))
        told = outcome.message, outcome.notice
        return outcome.state, reply(outcome.state, message.seq, message.have, *told)

    return respond


def read_text(values: Values, name: str, most: int = 4096) -> str:
    """Return a string that was sent.

    Raises:
        InputError: it is missing, no string, or longer than `most`.
    """
    value = values.get(name)
    if not isinstance(value, str) or len(value) > most:
        raise InputError(f"The page sent no usable {name}; reload it and try again.")
    return value


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


def stored_file(name: str, content: bytes) -> str:
    """Store a file where browsers can fetch it; return its path.

    It lies in a folder of its own: a file that is being sent must not be written again.

    Args:
        name: what the file is called; it stays to the letter.
        content: what is in it.
    """
    folder = Path(get_upload_folder()) / secrets.token_hex(8)
    folder.mkdir(parents=True)
    (folder / name).write_bytes(content)
    return str(folder / name)


def file_value(path: str) -> dict[str, Any]:
    """Return the record from which gradio makes a link to a stored file."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def pair_value(pair: PackedPair) -> dict[str, Any]:
    """Return both models' masks of one object as run lengths."""
    return {"base": dict(pair.base), "refined": dict(pair.refined)}


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < MAX_COUNT
