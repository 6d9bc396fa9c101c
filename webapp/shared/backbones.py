"""The models that visitors choose among: shared by all, loaded when first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from cachetools import LRUCache

from refiner.types import InputError, Segmenter

Load = Callable[[str], Segmenter]


class Models:
    """Segmenters by the name of their backbone; the first is always there.

    Of the others the most recently used are kept; an older one is dropped when a new one comes and
    loaded again when it is asked for. Safe to call from several threads.

    Args:
        first: what visitors start with.
        names: the backbones they may choose.
        load: loads the one of this name; raises InputError if it cannot.
        most: how many beside the first are kept.
    """

    def __init__(
        self, first: Segmenter, names: Sequence[str] = (), load: Load | None = None, most: int = 1
    ) -> None:
        self.first = first
        self.names = tuple(names) if load else ()
        self._load = load
        self._kept: LRUCache[str, Segmenter] = LRUCache(most)
        self._lock = threading.Lock()

    @property
    def loaded(self) -> tuple[str, ...]:
        """The backbones whose models are in memory."""
        return (self.first.info.backbone, *self._kept)

    def get(self, name: str) -> Segmenter:
        """Return the model of a backbone, the first for an empty name; load it if need be.

        Raises:
            InputError: the name is not on offer, or its weights cannot be had.
        """
        if name in ("", self.first.info.backbone):
            return self.first
        if self._load is None or name not in self.names:
            known = ", ".join(dict.fromkeys((self.first.info.backbone, *self.names)))
            raise InputError(f"There is no such backbone; choose one of {known}.")
        with self._lock:
            if name not in self._kept:
                self._kept[name] = self._load(name)
            return self._kept[name]
