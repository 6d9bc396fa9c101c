"""Embeddings of recent pictures, bounded in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from refiner.backbone import BaseFeatures
from refiner.model import RefinerFeatures

CACHE_BYTES = 512 * 2**20
"""What the embeddings of recent pictures may take; the newest is always kept."""


@dataclass(frozen=True)
class Embedding:
    """One picture, ready for prompts."""

    base: BaseFeatures
    refined: RefinerFeatures

    @property
    def nbytes(self) -> int:
        """Memory of all its tensors."""
        tensors = [*self.base.high_res, self.base.g, self.refined.g, self.refined.low_level]
        return sum(tensor.nbytes for tensor in (*tensors, *self.refined.levels))


class EmbeddingCache:
    """The most recently used embeddings by content hash, bounded in bytes."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self.limit = limit
        self._items: OrderedDict[str, Embedding] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> Embedding | None:
        """Return the embedding and mark it as used, or None."""
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
            return self._items.get(key)

    def put(self, key: str, item: Embedding) -> None:
        """Keep an embedding, dropping the least recently used beyond the limit."""
        with self._lock:
            self._items[key] = item
            self._items.move_to_end(key)
            while len(self._items) > 1 and self.nbytes > self.limit:
                self._items.popitem(last=False)

    @property
    def nbytes(self) -> int:
        """Memory of everything kept."""
        return sum(item.nbytes for item in self._items.values())

    def __len__(self) -> int:
        return len(self._items)
