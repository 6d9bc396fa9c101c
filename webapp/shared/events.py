"""Between gradio and what the tabs do: failures become words, events keep their order."""

from __future__ import annotations

import errno
import logging
import secrets
from collections.abc import Callable, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import gradio as gr
from gradio.utils import get_upload_folder

from refiner.types import InputError
from webapp.shared import counts, text
from webapp.shared.messages import Message, read_message

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

ResultT = TypeVar("ResultT")


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
