from __future__ import annotations

from webapp.shared.precedence import Precedence


class Clock:
    """Goes on by 0.5 s whenever somebody looks whether a visitor waits."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def awaited(self) -> bool:
        self.now += 0.5
        return True


def test_work_goes_on_at_once_while_nobody_waits() -> None:
    clock = Clock()
    give_way = Precedence(clock).courtesy()
    clock.now = 8.0
    give_way()
    assert clock.now == 8.0


def test_work_that_others_wait_for_has_a_quarter_of_the_time() -> None:
    clock = Clock()
    precedence = Precedence(clock)
    precedence.awaited = clock.awaited
    give_way = precedence.courtesy()
    for step in (2.0, 1.0):
        clock.now += step
        before = clock.now
        give_way()
        assert clock.now - before == 3 * step
