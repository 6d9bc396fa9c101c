"""The log as JSON lines, for programs that read it; nothing that a visitor sent is in it."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import traceback
from collections.abc import Mapping
from datetime import datetime, timezone

from uvicorn.config import LOGGING_CONFIG

from refiner.types import InputError

VARIABLE = "STUDIO_LOG"


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON.

    What is filled into a message is left out, and of an error its own words: either may be content.
    A record's `numbers` are put in as they are.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": str(record.msg),
            **getattr(record, "numbers", {}),
        }
        if record.exc_info and record.exc_info[0]:
            frames = traceback.extract_tb(record.exc_info[2])
            line["error"] = record.exc_info[0].__name__
            line["frames"] = [f"{one.filename}:{one.lineno} {one.name}" for one in frames]
        return json.dumps(line)


def set_up_log(environ: Mapping[str, str] = os.environ) -> bool:
    """Log to standard output in JSON lines if `STUDIO_LOG=json` asks for it; return whether it does.

    Raises:
        InputError: it asks for anything else.
    """
    kind = environ.get(VARIABLE, "")
    if kind not in ("", "json"):
        raise InputError(f"{VARIABLE} must be json, or not be set, got {kind!r}.")
    if kind:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(JsonLines())
        sys.stdout = io.StringIO()  # what gradio prints when it starts is no JSON
        logging.basicConfig(handlers=[handler], force=True)
        logging.getLogger("webapp").setLevel(logging.INFO)
        LOGGING_CONFIG["loggers"].clear()  # uvicorn's own go where all go
    return bool(kind)
