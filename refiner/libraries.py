"""System libraries that a package needs and pip does not bring, said in one line where they lack."""

from __future__ import annotations

import re
import sys
from types import TracebackType

# what OpenCV's wheel asks for, and the packages of Debian and Ubuntu that bring it
OPENCV = ("libGL.so.1", "libgthread-2.0.so.0", "libglib-2.0.so.0")
SYSTEM_PACKAGES = ("libgl1", "libglib2.0-0")


def missing_library(message: str) -> str | None:
    """Say which library an ImportError's message is about and what brings it; None if none."""
    match = re.search(r"(lib[\w.+-]+\.so[\w.]*): cannot open shared object file", message)
    if match is None:
        return None
    known = match[1] in OPENCV
    remedy = (
        f"apt-get install {' '.join(SYSTEM_PACKAGES)}"
        if known
        else "install the package that has it"
    )
    return f"The system library {match[1]} is missing; {remedy}."


def explain_missing() -> None:
    """From here on end with that line, not a traceback, if an import lacks a system library."""
    sys.excepthook = _explain


def _explain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    line = missing_library(str(error)) if isinstance(error, ImportError) else None
    if line is None:
        sys.__excepthook__(kind, error, trace)
    else:
        sys.stderr.write(f"{line}\n")
