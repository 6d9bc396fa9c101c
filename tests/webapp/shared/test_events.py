from __future__ import annotations

import errno
import logging

import pytest

from refiner.types import InputError
from webapp.shared import text
from webapp.shared.events import Outcome, explain, guarded


def test_what_a_visitor_can_mend_is_said_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert explain(InputError("Draw a box.")) == "Draw a box."
    assert explain(OSError(errno.ENOSPC, "/secret/place")) == text.DISK_FULL
    assert not caplog.records


def test_anything_else_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> Outcome[int]:
        raise RuntimeError("inside")

    with caplog.at_level(logging.ERROR):
        outcome = guarded(3, fail)
    assert (outcome.state, outcome.message) == (3, text.FAILED)
    assert "in fail" in caplog.text
    assert explain(KeyError("inside"), "It broke.") == "It broke."
