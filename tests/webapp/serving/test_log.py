from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator

import pytest
from uvicorn.config import LOGGING_CONFIG

from refiner.types import InputError
from webapp.serving.log import JsonLines, set_up_log


def record(message: str, *filled: object, **more: object) -> logging.LogRecord:
    return logging.LogRecord("webapp", logging.ERROR, __file__, 1, message, filled, None, **more)


def test_a_line_has_what_happened_and_its_numbers() -> None:
    said = record("An event was answered.")
    said.numbers = {"event": "load", "seconds": 0.5}
    line = json.loads(JsonLines().format(said))
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "error",
        "logger": "webapp",
        "message": "An event was answered.",
        "event": "load",
        "seconds": 0.5,
    }


def test_a_line_says_where_something_failed_and_nothing_that_was_sent() -> None:
    try:
        raise ValueError("a secret")
    except ValueError:
        said = record("Failed on %s.", "a secret")
        said.exc_info = sys.exc_info()
    line = JsonLines().format(said)
    assert "secret" not in line and "\n" not in line
    told = json.loads(line)
    assert told["error"] == "ValueError" and "test_log.py" in told["frames"][0]


def test_the_log_is_as_ever_unless_json_is_asked_for() -> None:
    before = logging.getLogger().handlers[:]
    assert set_up_log({}) is False
    assert logging.getLogger().handlers == before
    with pytest.raises(InputError, match="must be json"):
        set_up_log({"STUDIO_LOG": "xml"})


@pytest.fixture
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Logging is as before afterwards."""
    root, webapp = logging.getLogger(), logging.getLogger("webapp")
    handlers, level = root.handlers[:], webapp.level
    monkeypatch.setitem(LOGGING_CONFIG, "loggers", dict(LOGGING_CONFIG["loggers"]))
    yield
    root.handlers[:] = handlers
    webapp.setLevel(level)


@pytest.mark.usefixtures("restored")
def test_all_that_is_logged_goes_to_standard_output_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    assert set_up_log({"STUDIO_LOG": "json"}) is True
    print("* Running on local URL")  # noqa: T201
    logging.getLogger("webapp.serving.turns").info("An event was answered.")
    logging.getLogger("httpx").info("GET /secret")
    assert LOGGING_CONFIG["loggers"] == {}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["message"] for line in lines] == ["An event was answered."]
