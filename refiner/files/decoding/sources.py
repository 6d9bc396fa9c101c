"""Content of files from strangers: read within bounds, named in messages, decoded with care."""

from __future__ import annotations

import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from refiner.types import InputError

Source = str | os.PathLike[str] | bytes

MAX_IMAGE_BYTES = 200_000_000
_warnings_lock = threading.Lock()


def read_bytes(source: Source, max_bytes: int = MAX_IMAGE_BYTES) -> bytes:
    """Return the content of a file, or `source` itself if it is content already.

    Raises:
        InputError: there is no such file, or it is empty or larger than `max_bytes`.
    """
    data = source if isinstance(source, bytes) else _read_file(source, max_bytes)
    if not data:
        raise InputError(
            f"The file {source_name(source)} is empty; choose a picture with some content."
        )
    if len(data) > max_bytes:
        raise InputError(_too_large(source, len(data), max_bytes))
    return data


def _read_file(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    try:
        text = os.fsdecode(path)
        status = os.stat(text)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {_quoted(path)}; check the path.") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    except (TypeError, ValueError) as error:
        raise InputError(
            f"A picture is given by its path or its bytes, got {_quoted(path)}; check it."
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{_quoted(path)} is a folder or device; give the path of a picture file.")
    if status.st_size > max_bytes:
        raise InputError(_too_large(path, status.st_size, max_bytes))
    try:
        return Path(text).read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Source, error: OSError) -> InputError:
    reason = error.strerror or type(error).__name__
    return InputError(f"The file {_quoted(path)} cannot be opened ({reason}); check the path.")


def _too_large(source: Source, size: int, max_bytes: int) -> str:
    return (
        f"The file {source_name(source)} has {size:,} bytes, at most {max_bytes:,} are read; "
        "save it smaller or more compressed."
    )


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Silence Pillow's warnings, which our own checks make needless.

    One thread at a time: filters are the process's, and decoding takes much memory.
    """
    with _warnings_lock, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


@contextmanager
def as_input_error(source: Source) -> Iterator[None]:
    """Turn whatever Pillow raises over a damaged file, which is of many types, into one line."""
    try:
        yield
    except InputError:
        raise
    except (Image.DecompressionBombError, MemoryError) as error:
        raise InputError(
            f"The picture {source_name(source)} is too large to be decoded; make it smaller."
        ) from error
    except Exception as error:
        raise InputError(
            f"The picture {source_name(source)} is damaged or incomplete; save or download it again."
        ) from error


def source_name(source: Source) -> str:
    """Return what to call `source` in a message, without its folders, which are nobody's business."""
    if isinstance(source, bytes):
        return "given as bytes"
    return _quoted(os.path.basename(os.fsdecode(source)))


def _quoted(value: Any) -> str:
    """Return `value` in one short line of ASCII."""
    text = str(value) if isinstance(value, (str, os.PathLike)) else repr(value)
    return ascii(text if len(text) <= 80 else f"{text[:20]}...{text[-57:]}")
