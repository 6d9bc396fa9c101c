"""Between gradio and the handlers: errors become messages, events keep their order."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from refiner.types import InputError
from webapp.image.actions import Outcome
from webapp.image.state import ImageState
from webapp.shared import text

EVENT: dict[str, Any] = {
    "trigger_mode": "multiple",
    "concurrency_limit": 1,
    "concurrency_id": "model",
    "show_progress": "hidden",
    "api_visibility": "private",
}
"""Options of every event that may use the model: none is dropped, one runs at a time."""


def guarded(state: ImageState, action: Callable[[], Outcome]) -> Outcome:
    """Return the outcome of `action`; if it fails, the state as it was and the reason."""
    try:
        return action()
    except InputError as error:
        return Outcome(state, str(error))
    except Exception:
        logging.getLogger(__name__).exception("An action failed.")
        return Outcome(state, text.FAILED)
