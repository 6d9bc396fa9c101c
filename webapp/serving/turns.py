"""Whose turn it is: events of all visitors wait in one line, where visitors take turns."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from cachetools import LRUCache
from gradio.queueing import Queue

from webapp.serving.visitors import visitor_of
from webapp.shared import counts, text
from webapp.shared.events import EVENT
from webapp.shared.limits import Limits

_REMEMBERED = 10_000
_SOON_DONE = frozenset({"show_differences"})
"""Names of events that need no model: the page asks for one after each click."""
WaitingT = TypeVar("WaitingT")


class Line(list[WaitingT], Generic[WaitingT]):
    """What waits, in the order in which it is taken; visitors have one turn each in every round.

    Who waits for one thing is served in the order of coming. Of several things of one visitor each
    waits for a round of its own, so that others who come meanwhile go between them. What is soon done
    costs no turn and goes first, if nothing else of its visitor waits.
    """

    def __init__(
        self, owner: Callable[[WaitingT], str], soon_done: Callable[[WaitingT], bool]
    ) -> None:
        """Begin empty; `owner` says whose something is."""
        super().__init__()
        self._owner = owner
        self._soon_done = soon_done
        self._round = 0
        self._rounds: dict[int, int] = {}  # of what waits, by its identity
        self._last: LRUCache[str, int] = LRUCache(_REMEMBERED)  # of each visitor

    def append(self, item: WaitingT) -> None:
        """Let something wait for its visitor's next turn."""
        owner = self._owner(item)
        if self._soon_done(item) and owner not in map(self._owner, self):
            self._rounds[id(item)] = self._round
            first = (place for place, other in enumerate(self) if not self._soon_done(other))
            self.insert(next(first, len(self)), item)
            return
        turn = max(self._round, self._last.get(owner, -1) + 1)
        self._last[owner] = self._rounds[id(item)] = turn
        later = (place for place, other in enumerate(self) if self._rounds[id(other)] > turn)
        self.insert(next(later, len(self)), item)

    def remove(self, item: WaitingT) -> None:
        """Take something out, because it is its turn or because it is given up."""
        if self and self[0] is item:
            self._round = self._rounds[id(item)]
        super().remove(item)
        del self._rounds[id(item)]


class TurnQueue(Queue):  # type: ignore[misc]
    """Gradio's queue, where visitors take turns and what finds no room is refused in words."""

    def __init__(self, page: Any, limits: Limits) -> None:
        """Serve a page's events."""
        super().__init__(
            live_updates=True,
            concurrency_count=page.max_threads,
            update_intervals=1,
            max_size=None,  # `push` counts
            blocks=page,
        )
        self._limits = limits
        counts.WAITING.set_function(self.__len__)
        counts.RUNNING.set_function(self.get_active_worker_count)

    async def push(self, body: Any, request: Any, username: str | None) -> tuple[bool, Any, str]:
        """Let an event wait; else return why not, in words."""
        visitor = _visitor(request, str(body.session_hash))
        own = sum(_owner(event) == visitor for event in self._waiting())
        if own >= self._limits.waiting_each:
            counts.REFUSALS.labels("own waiting").inc()
            return False, text.OWN_WAITING, "queue_full"
        if len(self) >= self._limits.waiting:
            counts.REFUSALS.labels("all waiting").inc()
            return False, text.ALL_WAITING, "queue_full"
        pushed: tuple[bool, Any, str] = await super().push(body, request, username)
        return pushed

    async def process_events(self, events: Any, batch: bool, begin_time: float, fn: Any) -> None:
        """Answer events, and take the time."""
        asked = events[0].enqueue_time
        waited = time.monotonic() - asked
        await super().process_events(events, batch, begin_time, fn)  # also ends the visitor's turn
        name, seconds = self._name(fn), time.monotonic() - asked
        counts.QUEUED_SECONDS.labels(name).observe(waited)
        counts.EVENT_SECONDS.labels(name).observe(seconds)
        numbers = {"event": name, "waited": round(waited, 3), "seconds": round(seconds, 3)}
        logging.getLogger(__name__).info("An event was answered.", extra={"numbers": numbers})

    def create_event_queue_for_fn(self, block_fn: Any) -> None:
        """Make the line for a function's events, if there is none yet."""
        super().create_event_queue_for_fn(block_fn)
        queue = self.event_queue_per_concurrency_id[block_fn.concurrency_id]
        if not isinstance(queue.queue, Line):
            queue.queue = Line(_owner, _soon_done)

    def broadcast_estimations(self, concurrency_id: str, after: int | None = None) -> None:
        """Tell all who wait their places: who came last need not be at the end."""
        super().broadcast_estimations(concurrency_id)

    def compute_analytics_summary(self, records: Any) -> Any:
        """Leave out what gradio works out after every event for a page that is not served here."""
        return self.cached_event_analytics_summary

    def awaited(self) -> bool:
        """Whether a visitor waits for the model that answers clicks."""
        queue = self.event_queue_per_concurrency_id.get(EVENT["concurrency_id"])
        return queue is not None and bool(queue.queue or queue.current_concurrency)

    def _name(self, fn: Any) -> str:
        """Name a function's event: an endpoint by its name, others by component and event."""
        if fn.api_visibility == "public":
            return str(fn.api_name)
        block, event = fn.targets[0]
        component = getattr(self.blocks.blocks.get(block), "elem_id", None)
        return f"{component}:{event}" if component else str(event)

    def _waiting(self) -> Iterable[Any]:
        return (
            event for queue in self.event_queue_per_concurrency_id.values() for event in queue.queue
        )


def _owner(event: Any) -> str:
    return _visitor(event.request, event.session_hash)


def _soon_done(event: Any) -> bool:
    return any(name in _SOON_DONE for _, name in event.fn.targets)


def _visitor(request: Any, session: str) -> str:
    """Return who sent a request: a browser by its cookie, a program without one by its session."""
    return visitor_of(request.headers.get("cookie", "")) or session
