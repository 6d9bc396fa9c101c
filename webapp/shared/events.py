"""Between gradio and what the tabs do: failures become words, events keep their order."""

from __future__ import annotations

import errno
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder

from refiner.types import InputError
from webapp.shared import text

EVENT: dict[str, Any] = {
    "trigger_mode": "multiple",
    "concurrency_limit": 1,
    "concurrency_id": "model",
    "show_progress": "hidden",
    "api_visibility": "private",
}
"""Options of every event that may use the model: none is dropped, one runs at a time."""

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, eq=False)
class Outcome(Generic[ResultT]):
    """What an action gave, a state most often, and what to tell the visitor of it, if anything."""

    state: ResultT
    message: str = ""


def explain(error: Exception, failure: str = text.FAILED) -> str:
    """Return in words, for the visitor, why something failed.

    What is nobody's fault but ours goes to the log with its traceback, never to the visitor.

    Args:
        error: what was raised.
        failure: the words for anything unexpected.
    """
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return text.DISK_FULL
    logging.getLogger(__name__).error("Something failed on the server.", exc_info=error)
    return failure


def guarded(state: ResultT, action: Callable[[], Outcome[ResultT]]) -> Outcome[ResultT]:
    """Return the outcome of `action`; if it fails, `state` and the reason in words."""
    try:
        return action()
    except Exception as error:
        return Outcome(state, explain(error))


def stored_file(name: str, content: bytes) -> str:
    """Store a file where browsers can fetch it; return its path.

    It lies in a folder of its own: a file that is being sent must not be written again.
    """
    folder = Path(get_upload_folder()) / secrets.token_hex(8)
    return str(save_bytes_to_cache(content, name, str(folder)))


def file_value(path: str) -> dict[str, Any]:
    """Return the record from which gradio makes a link to a stored file."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}}
