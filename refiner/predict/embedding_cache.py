"""Embeddings of recent pictures, bounded in memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any

from cachetools import LRUCache
from torch import Tensor

from refiner.memory import usable_bytes
from refiner.network.base_model import BaseFeatures

CACHE_BYTES = min(max(usable_bytes() // 8, 512 * 2**20), 2048 * 2**20)
"""What the embeddings of recent pictures may take, those of all models together: an eighth of the
memory within these bounds. One of sam2-lite takes 24 MB; a picture of a visitor that finds no place is
encoded anew with each click, which takes five times as long."""

Key = tuple[object, str]


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
    """The most recently used embeddings, bounded in bytes; one above the bound is not kept.

    A key is a model's own object and a picture's hash. Safe to use from several threads.
    """

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._items: LRUCache[Key, Embedding] = LRUCache(limit, getsizeof=lambda item: item.nbytes)
        self._lock = threading.Lock()  # even a look-up moves its key to the end

    def get(self, key: Key) -> Embedding | None:
        """Return the embedding and mark it as used, or None."""
        with self._lock:
            return self._items.get(key)

    def put(self, key: Key, item: Embedding) -> None:
        """Keep an embedding, dropping the least recently used beyond the limit."""
        with self._lock, suppress(ValueError):  # what is too large
            self._items[key] = item

    def forget(self, owner: object) -> None:
        """Drop the embeddings of a model that is gone."""
        with self._lock:
            for key in [key for key in self._items if key[0] is owner]:
                del self._items[key]

    def renew(self) -> None:
        """Start anew in a forked process: a thread that was not forked along may hold the lock."""
        self._lock = threading.Lock()
        self._items.clear()

    @property
    def nbytes(self) -> int:
        """Memory of everything kept."""
        return int(self._items.currsize)

    def __len__(self) -> int:
        return len(self._items)


SHARED_CACHE = EmbeddingCache()
"""The one of all models loaded: a dozen of them take no more than one."""
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=SHARED_CACHE.renew)
