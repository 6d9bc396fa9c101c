"""The models that visitors choose among: shared by all, loaded when first asked for."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from cachetools import TTLCache

from refiner.types import InputError, ModelInfo, Segmenter
from webapp.shared.uploads import ANYONE

Load = Callable[[str], Segmenter]

IN_USE_SECONDS = 120.0
"""How long after a visitor's last click their model is not put away for another one."""
_REMEMBERED = 10_000


class Models:
    """Segmenters by the name of their backbone; the first is always there.

    Of the others as many as fit are kept. One that somebody uses is not put away for another: two
    visitors would take turns loading. Loading one holds up nobody who asks for another. Safe to call
    from several threads.
    """

    def __init__(
        self,
        first: Segmenter,
        names: Sequence[str] = (),
        load: Load | None = None,
        most: int = 2,
        visitor: Callable[[], str] = lambda: ANYONE,
        clock: Callable[[], float] = time.monotonic,
        check_spare: Callable[[], None] = lambda: None,
    ) -> None:
        """Load nothing yet.

        Args:
            first: what visitors start with.
            names: the backbones they may choose.
            load: loads the one of this name; raises InputError if it cannot.
            most: how many beside the first are kept.
            visitor: says who is asking.
            clock: in seconds.
            check_spare: raises InputError while there is no memory for another one.
        """
        self.first = first
        self.names = tuple(names) if load else ()
        self._load = load
        self._most = most
        self._visitor = visitor
        self._check_memory = check_spare
        self._kept: OrderedDict[str, Segmenter] = OrderedDict()  # the one used last is at the end
        self._infos = {first.info.backbone: first.info}
        self._users: TTLCache[str, str] = TTLCache(_REMEMBERED, IN_USE_SECONDS, clock)
        self._loading: set[str] = set()
        self._turns = {name: threading.Lock() for name in self.names}
        self._lock = threading.Lock()

    @property
    def loaded(self) -> tuple[str, ...]:
        """The backbones whose models are in memory."""
        return (self.first.info.backbone, *self._kept)

    def find(self, name: str) -> Segmenter | None:
        """Return the model of a backbone if it is loaded, the first for an empty name; never waits.

        Raises:
            InputError: the name is not on offer.
        """
        known = name or self.first.info.backbone
        offered = tuple(dict.fromkeys((self.first.info.backbone, *self.names)))
        if known not in offered:
            raise InputError(f"There is no such backbone; choose one of {', '.join(offered)}.")
        with self._lock:
            self._users[self._visitor()] = known
            if known == self.first.info.backbone:
                return self.first
            if known in self._kept:
                self._kept.move_to_end(known)
            return self._kept.get(known)

    def get(self, name: str) -> Segmenter:
        """Return the model of a backbone, the first for an empty name; load it if need be.

        Raises:
            InputError: the name is not on offer, its weights cannot be had, or there is no room for
                it as others are in use.
        """
        found = self.find(name)
        if found is not None or self._load is None:
            return found or self.first
        with self._turns[name]:
            found = self.find(name)
            return found or self._loaded(name, self._load)

    def info(self, name: str) -> ModelInfo:
        """Return what a backbone is that was loaded once, the first for an empty name.

        Raises:
            InputError: it never was.
        """
        known = name or self.first.info.backbone
        if known not in self._infos:
            raise InputError(f"The backbone {known} was never loaded; choose it first.")
        return self._infos[known]

    def _loaded(self, name: str, load: Load) -> Segmenter:
        with self._lock:
            self._check_room(name)
            self._loading.add(name)
        try:
            model = load(name)
            with self._lock:
                self._keep(name, model)
        finally:
            with self._lock:
                self._loading.discard(name)
        return model

    def _check_room(self, name: str) -> None:
        """Refuse a backbone without memory for it, or while others, which other visitors use, take all places."""
        self._check_memory()
        taken = sorted((self._used() & set(self._kept)) | self._loading)
        if len(taken) >= self._most:
            raise InputError(
                f"There is no room for {name} now, as others use {' and '.join(taken)}; choose one of "
                "these, or try again in some minutes."
            )

    def _keep(self, name: str, model: Segmenter) -> None:
        """Put a model in the place of the one that was used longest ago, and by nobody else now."""
        used = self._used()
        for other in sorted(self._kept, key=used.__contains__)[: len(self._kept) + 1 - self._most]:
            del self._kept[other]
        self._kept[name] = model
        self._infos[name] = model.info

    def _used(self) -> set[str]:
        """Return the backbones that others than the visitor asking have used lately."""
        asking = self._visitor()
        return {known for visitor, known in self._users.items() if visitor != asking}
