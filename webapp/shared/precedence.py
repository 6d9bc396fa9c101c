"""Who goes first where all compute on the same cores: visitors who wait, then long work."""

from __future__ import annotations

import time
from collections.abc import Callable

_MOST_SECONDS = 1.0
_STEP_SECONDS = 0.02


class Precedence:
    """Has long work wait at each of its steps while visitors wait for an answer.

    It waits at most `most` seconds a step: where somebody always waits it goes on slowly.
    """

    def __init__(self, most: float = _MOST_SECONDS) -> None:
        """Have nobody wait: `awaited` is to say whether a visitor does."""
        self.awaited: Callable[[], bool] = lambda: False
        self._most = most

    def give_way(self) -> None:
        """Return when no visitor waits, or it has been long enough."""
        until = time.monotonic() + self._most
        while self.awaited() and time.monotonic() < until:
            time.sleep(_STEP_SECONDS)
