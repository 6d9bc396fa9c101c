from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import gradio as gr
import pytest

from refiner.types import ImageArray, InputError
from webapp.shared import text
from webapp.shared.events import Outcome, explain, guarded, stored_file
from webapp.shared.pictures import jpeg


def test_what_a_visitor_can_mend_is_said_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert explain(InputError("Draw a box.")) == "Draw a box."
    assert explain(OSError(errno.ENOSPC, "/secret/place")) == text.DISK_FULL
    assert not caplog.records


def test_a_gpu_that_is_not_lent_is_told_in_words_of_who_lends_it() -> None:
    refused = gr.Error("You have 3 s left.", title="ZeroGPU quota exceeded")
    told = explain(refused, text.VIDEO_FAILED)
    assert "lent by Hugging Face" in told and told.endswith("You have 3 s left.")
    assert explain(gr.Error("RuntimeError", title="ZeroGPU worker error")) == text.FAILED


def test_anything_else_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> Outcome[int]:
        raise RuntimeError("inside")

    with caplog.at_level(logging.ERROR):
        outcome = guarded(3, fail)
    assert (outcome.state, outcome.message) == (3, text.FAILED)
    assert "in fail" in caplog.text
    assert explain(KeyError("inside"), "It broke.") == "It broke."


def test_a_picture_that_may_be_being_sent_is_not_written_again(
    grey: ImageArray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    first = Path(stored_file("picture.jpg", jpeg(grey)))
    os.utime(first, (0, 0))
    second = Path(stored_file("picture.jpg", jpeg(grey)))
    assert first.stat().st_mtime == 0
    assert second.read_bytes() == first.read_bytes()
    assert first.is_relative_to(tmp_path) and second.is_relative_to(tmp_path)
