"""Who goes first where all compute on the same cores: visitors who wait, then long work."""

from __future__ import annotations

import time
from collections.abc import Callable

_WAITS = 3.0
"""How long work waits at most for each second that it has worked."""
_STEP_SECONDS = 0.02


class Precedence:
    """Has long work wait between its steps while visitors wait for an answer.

    Where somebody always waits, work still goes on for a quarter of the time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Have nobody wait: `awaited` is to say whether a visitor does."""
        self.awaited: Callable[[], bool] = lambda: False
        self._clock = clock

    def courtesy(self) -> Callable[[], None]:
        """Return what a work calls before each of its steps: it returns when the work may go on."""
        resumed = self._clock()

        def give_way() -> None:
            nonlocal resumed
            until = self._clock() + _WAITS * (self._clock() - resumed)
            while self.awaited() and self._clock() < until:
                time.sleep(_STEP_SECONDS)
            resumed = self._clock()

        return give_way
