"""Names of files from strangers made safe: letters of every script stay, nothing of a path does."""

from __future__ import annotations

import hashlib
import unicodedata

LONGEST = 60
LONGEST_BYTES = 150
"""Of a name in UTF-8: what is put before and after it must fit into 255 bytes with it."""
_KEPT = " ._-+()[]{}&@=~,!'"
_TRIMMED = " .-~"
_RESERVED = {
    *("CON", "PRN", "AUX", "NUL"),
    *(f"{port}{number}" for port in ("COM", "LPT") for number in range(10)),
}


def safe_name(name: str, otherwise: str) -> str:
    """Return a name without its folders, safe as the beginning of a file's name on any system.

    Letters, marks and digits of every script stay, in composed form (NFC); of the rest, signs that
    no file system, shell or web address trips over. Other characters become one "-".

    Args:
        name: anything at all.
        otherwise: the name to return if nothing of `name` can stay.

    Returns:
        1 to `LONGEST` characters, at most `LONGEST_BYTES` bytes of UTF-8; no reserved name of
        Windows, and no dot, space or dash at either end.
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    # surrogates are no characters, and would not encode
    text = unicodedata.normalize("NFC", last.encode("utf-8", "replace").decode("utf-8"))
    safe = ""
    for sign in text:
        if unicodedata.category(sign)[0] in "LMN" or sign in _KEPT:
            safe += sign
        elif not safe.endswith("-"):
            safe += "-"
    safe = _shortened(safe.strip(_TRIMMED))
    if safe.partition(".")[0].strip().upper() in _RESERVED:
        safe = f"_{safe}"
    return safe or otherwise


def _shortened(name: str) -> str:
    """Return a name that is not too long; the cut ones end in a digest, as they may begin alike."""
    content = name.encode("utf-8")
    if len(name) <= LONGEST and len(content) <= LONGEST_BYTES:
        return name
    digest = hashlib.sha256(content).hexdigest()[:6]
    short = name[: LONGEST - 7].encode("utf-8")[: LONGEST_BYTES - 7].decode("utf-8", "ignore")
    return f"{short.strip(_TRIMMED)}-{digest}"
