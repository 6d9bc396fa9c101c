"""Words as HTML."""

from __future__ import annotations

import html


def plain(words: str) -> str:
    """Return words as HTML, also for gradio's templates, which read `$` and braces."""
    escaped = html.escape(words)
    for sign in "${}":
        escaped = escaped.replace(sign, f"&#{ord(sign)};")
    return escaped
