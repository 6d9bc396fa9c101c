"""Embeddings of recent pictures, bounded in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor

from refiner.network.base_model import BaseFeatures

CACHE_BYTES = 512 * 2**20
"""What the embeddings of recent pictures may take; the newest is always kept."""


@dataclass(frozen=True)
class Embedding:
    """One picture, ready for prompts."""

    base: BaseFeatures
    refined: Any

    @property
    def nbytes(self) -> int:
        """Memory of all its tensors."""
        return sum(tensor.nbytes for tensor in _tensors((self.base, self.refined)))


def _tensors(value: Any) -> Iterator[Tensor]:
    """Yield the tensors of nested tuples and records."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _tensors(part)
    elif value is not None:
        for item in fields(value):
            yield from _tensors(getattr(value, item.name))


class EmbeddingCache:
    """The most recently used embeddings by content hash, bounded in bytes."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self.limit = limit
        self._items: OrderedDict[str, Embedding] = OrderedDict()
        self._lock = threading.RLock()

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
        with self._lock:
            return sum(item.nbytes for item in self._items.values())

    def __len__(self) -> int:
        return len(self._items)
