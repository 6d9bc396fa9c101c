from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from webapp.serving.leftovers import cleaned

pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="there are no locks that end with a process"
)
LEFT = ("uploads/a/photo.png", "photos/b", "clips/c/clip", "scratch/d/stills.mkv", "0" * 16 + "/x")
OTHERS = ("0" * 64 + "/gradio.png", "notes/mine.txt", "tmp.txt")


@pytest.fixture(autouse=True)
def places(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is temporary goes where it went before the test."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", tempfile.gettempdir())
    monkeypatch.setattr(tempfile, "tempdir", tempfile.tempdir)
    yield


def write(root: Path, *names: str, old: bool) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        for changed in (path, path.parent):
            os.utime(changed, (0, 0) if old else None)


def left(root: Path) -> set[str]:
    paths = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return {str(path) for path in paths if path.name != ".studio"}


def test_what_a_former_server_left_is_deleted_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, *LEFT, *OTHERS, old=True)
    write(tmp_path, "1" * 16 + "/new.jpg", "uploads/e/new.png", old=False)
    with cleaned(tmp_path):
        assert left(tmp_path) == {*OTHERS, "1" * 16 + "/new.jpg", "uploads/e/new.png"}


def test_while_another_server_runs_nothing_is_deleted(tmp_path: Path) -> None:
    with cleaned(tmp_path):
        write(tmp_path, *LEFT, old=True)
        with cleaned(tmp_path):
            assert left(tmp_path) == set(LEFT)
    with cleaned(tmp_path):
        assert left(tmp_path) == set()


def test_what_is_temporary_lies_where_it_is_found_again(tmp_path: Path) -> None:
    with cleaned(tmp_path):
        assert Path(tempfile.mkdtemp()).parent == tmp_path / "scratch"
        assert os.environ["GRADIO_TEMP_DIR"] == str(tmp_path)
