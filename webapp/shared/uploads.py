"""What visitors uploaded: each file lies in a folder of its own and is given to its owner alone."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from refiner.types import InputError

KEPT_SECONDS = 3600
REFUSED = "The upload did not arrive; choose the picture again."
ANYONE = ""
"""The owner of what came without a cookie: whoever can name it."""
CACHED = re.compile(r"[0-9a-f]{16,64}")
"""Folders that gradio and `stored_file` put shown files in, named after contents or at random."""
UNFINISHED = re.compile(r"tmp\w{8}")
"""Files that gradio receives uploads in, left behind if the sender breaks off."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded file, whose it is, and when it came, in seconds of the clock."""

    file: Path
    owner: str
    time: float


class Uploads:
    """The uploads of all visitors while the server runs, each until it is too old.

    A browser owns what it sent with its cookie. Programs have none, and some call from another
    address than they upload from (gradio's MCP server does): what came without a cookie is given to
    whoever names it. Its folder's name is random and only the sender was told. Whatever else lies
    under the root, such as pictures that the page shows, is no upload.
    """

    def __init__(
        self,
        root: Path,
        visitor: Callable[[], str],
        seconds: float = KEPT_SECONDS,
        most: int = 10_000,
    ) -> None:
        """Hold nothing yet.

        Args:
            root: the folder that gradio stores uploads under.
            visitor: says who is asking; `ANYONE` for those without a cookie.
            seconds: how long a file is kept.
            most: how many files; the oldest ones go first.
        """
        self.root = Path(os.path.abspath(root))  # as gradio does: links stay links
        self.seconds = seconds
        self.most = most
        self.shown: frozenset[str] = frozenset()
        """Files that the page shows as long as it is served."""
        self._visitor = visitor
        self._folder = self.root / "uploads"
        self._held: dict[str, Upload] = {}
        self._lock = threading.Lock()

    def __contains__(self, path: str) -> bool:
        """Return whether a path is that of an upload, whoever's."""
        return path in self._held

    def add(self, file: Path, owner: str) -> Path:
        """Move a file that has just arrived into a folder of its own; return where it is now.

        Raises:
            OSError: it is not there, or cannot be moved.
        """
        return self._add(file, owner, os.replace)

    def add_link(self, file: Path, owner: str) -> Path:
        """As `add`, but leave the file where it is, too, as others may use it.

        Raises:
            OSError: it is not there, or cannot be copied.
        """
        return self._add(file, owner, link)

    def file(self, path: str) -> Path:
        """Return an upload of the visitor who is asking.

        Args:
            path: what `add` returned, to the letter; anything else is refused.

        Raises:
            InputError: the visitor has no such upload, or has it no longer.
        """
        with self._lock:
            upload = self._held.get(path)
        if upload is None or upload.owner not in (ANYONE, self._visitor()):
            raise InputError(REFUSED)
        if not upload.file.is_file():
            raise InputError(REFUSED)
        return upload.file

    def take(self, path: str, target: Path) -> Path:
        """Move an upload of the visitor who is asking to `target`; it is no upload any more.

        Raises:
            InputError: as of `file`.
        """
        file = self.file(path)
        try:
            os.replace(file, target)
        except FileNotFoundError as error:
            raise InputError(REFUSED) from error
        with self._lock:
            self._held.pop(path, None)
        shutil.rmtree(file.parent, ignore_errors=True)
        return target

    def sweep(self) -> None:
        """Delete what is too old: uploads, files shown, and what gradio and former servers left."""
        oldest = time.time() - self.seconds
        with self._lock:
            self._held = {key: one for key, one in self._held.items() if one.time >= oldest}
        for path in _inside(self._folder):
            if _changed(path) < oldest:
                shutil.rmtree(path, ignore_errors=True)
        for path in _inside(self.root):
            if CACHED.fullmatch(path.name):
                self._delete_cached(path, oldest)
            elif UNFINISHED.fullmatch(path.name) and path.is_file() and _changed(path) < oldest:
                path.unlink(missing_ok=True)

    def _delete_cached(self, folder: Path, oldest: float) -> None:
        """Delete a folder's files that were written before `oldest`, and its folders that are empty."""
        walk = os.walk(folder, topdown=False)
        places = [(Path(place), names, _changed(Path(place))) for place, _, names in walk]
        for place, names, changed in places:
            for path in (place / name for name in names):
                if str(path) not in self.shown and _changed(path) < oldest:
                    path.unlink(missing_ok=True)
            if changed < oldest:
                with contextlib.suppress(OSError):  # most often: it is not empty
                    place.rmdir()

    def close(self) -> None:
        """Delete all uploads."""
        with self._lock:
            held, self._held = self._held, {}
        for upload in held.values():
            shutil.rmtree(upload.file.parent, ignore_errors=True)

    def _add(self, file: Path, owner: str, place: Callable[[Path, Path], None]) -> Path:
        folder = self._folder / secrets.token_hex(16)
        folder.mkdir(parents=True)
        target = folder / file.name
        try:
            place(file, target)
        except OSError:
            folder.rmdir()
            raise
        with contextlib.suppress(OSError):
            file.parent.rmdir()  # gradio's folder, unless others' files lie in it
        with self._lock:
            self._held[str(target)] = Upload(target, owner, time.time())
            surplus = list(self._held)[: -self.most]
            gone = [self._held.pop(path) for path in surplus]
        for upload in gone:
            shutil.rmtree(upload.file.parent, ignore_errors=True)
        return target


def link(file: Path, target: Path) -> None:
    """Give a file a second name, or copy it where file systems know no hard links.

    Raises:
        OSError: it is not there, or there is no room for it.
    """
    try:
        os.link(file, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(file, target)


def _inside(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _changed(path: Path) -> float:
    """Return when a file or folder last changed; of one that is gone, never too long ago.

    A copy has the time of its original: when it came here counts.
    """
    try:
        return path.stat().st_ctime
    except OSError:
        return float("inf")
