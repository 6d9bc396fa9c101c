"""What a file is known by, whatever it is called."""

from __future__ import annotations

import hashlib
from pathlib import Path


def file_id(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
