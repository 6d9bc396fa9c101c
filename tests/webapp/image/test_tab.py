from __future__ import annotations

import os
from pathlib import Path

import pytest

from refiner.types import ImageArray
from webapp.image.tab import _publish


def test_a_picture_that_may_be_being_sent_is_not_written_again(
    grey: ImageArray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    first = Path(_publish(grey))
    os.utime(first, (0, 0))
    second = Path(_publish(grey))
    assert first.stat().st_mtime == 0
    assert second.read_bytes() == first.read_bytes()
    assert first.is_relative_to(tmp_path) and second.is_relative_to(tmp_path)
