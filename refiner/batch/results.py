"""A folder of results that remembers of what they were made, so that nothing is made twice."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from refiner.files.atomic import file_id, replacing
from refiner.types import InputError, ModelInfo

_DONE, _UNFINISHED = ".done", ".unfinished"


@dataclass(frozen=True, slots=True)
class ResultFolder:
    """Where the results of many inputs go.

    The files of an input are written below `.unfinished` and renamed once all are there; then a
    marker below `.done` says what they were made of.
    """

    path: Path

    def clear(self) -> None:
        """Remove what a killed run left half done; nobody else may be at work here.

        Raises:
            InputError: the folder cannot be written.
        """
        try:
            shutil.rmtree(self.path / _UNFINISHED, ignore_errors=True)
            (self.path / _DONE).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def once(self, name: str, key: str, make: Callable[[Path], Any]) -> tuple[Any, bool]:
        """Call `make` unless it was called for this `name` and `key`; return its value, and whether.

        Args:
            name: of the input, the only one of that name here.
            key: of all that decides the results, see `content_key`.
            make: writes files into the folder it is given, under the names below `path` that they
                are to have; returns values for JSON.

        Raises:
            InputError: what `make` raises, or the folder cannot be written.
        """
        marker = self.path / _DONE / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"
        done = _read(marker)
        if done.get("key") == key and self._has(done["files"]):
            return done["value"], False
        try:
            marker.unlink(missing_ok=True)
            (self.path / _UNFINISHED).mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=self.path / _UNFINISHED))
            try:
                value = make(folder)
                files = self._take(folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            content = {"name": name, "key": key, "files": files, "value": value}
            with replacing(marker) as part:
                part.write_text(json.dumps(content) + "\n", encoding="utf-8")
        except OSError as error:
            raise _unwritable(self.path, error) from error
        return value, True

    def finish(self) -> None:
        """Remove the folder of unfinished files."""
        shutil.rmtree(self.path / _UNFINISHED, ignore_errors=True)

    def _has(self, sizes: Mapping[str, int]) -> bool:
        files = {self.path / name: size for name, size in sizes.items()}
        return all(file.is_file() and file.stat().st_size == size for file, size in files.items())

    def _take(self, folder: Path) -> dict[str, int]:
        """Move the files of a folder to their places; return their names and sizes in bytes."""
        sizes = {}
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = file.relative_to(folder)
            sizes[name.as_posix()] = file.stat().st_size
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, self.path / name)
        return sizes


def content_key(inputs: Iterable[Path], info: ModelInfo, settings: Mapping[str, Any]) -> str:
    """Hash all that decides a result: the files and folders that are read, the weights, the settings.

    Which cores the model runs on does not count.

    Raises:
        InputError: a file cannot be read.
    """
    details = {name: value for name, value in info.details.items() if name != "build"}
    model = [info.backbone, info.base_weights, info.refiner_weights, details]
    parts = [[_content(path) for path in inputs], model, settings]
    return hashlib.sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()


def bytes_of(path: Path) -> int:
    """Return the size of a file, or of all files right in a folder."""
    files = (file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


def _content(path: Path) -> Any:
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file())
        return [[file.name, _content(file)] for file in files]
    try:
        state = path.stat()
        return _file_hash(path, state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise InputError(f"The file {path} cannot be read: {error.strerror}.") from error


@lru_cache(maxsize=64)
def _file_hash(path: Path, size: int, changed: int) -> str:
    """Hash a file; `size` and `changed` tell a file that is read once for many from a new one."""
    return file_id(path)


def _read(marker: Path) -> dict[str, Any]:
    try:
        content = json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _unwritable(folder: Path, error: OSError) -> InputError:
    return InputError(f"Cannot write to the folder {folder}: {error.strerror}.")
