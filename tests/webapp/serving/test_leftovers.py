from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from webapp.serving.leftovers import own_folder

pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="there are no locks that end with a process"
)


@pytest.fixture(autouse=True)
def _places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what is temporary go where it went before, once the test is over."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", tempfile.gettempdir())
    monkeypatch.setattr(tempfile, "tempdir", tempfile.tempdir)


def test_all_that_a_server_writes_is_gone_at_its_end(tmp_path: Path) -> None:
    with own_folder(tmp_path) as folder:
        assert os.environ["GRADIO_TEMP_DIR"] == str(folder)
        assert Path(tempfile.mkdtemp()).parent == folder / "scratch"
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_server_left_is_deleted_and_nothing_else(tmp_path: Path) -> None:
    with own_folder(tmp_path) as folder:
        shutil.copytree(folder, killed := tmp_path / "studio-killed")
    (tmp_path / "studio-notes").mkdir()
    (tmp_path / "gradio.png").touch()
    with own_folder(tmp_path) as folder:
        assert not killed.exists()
        assert {path.name for path in tmp_path.iterdir()} == {
            folder.name,
            "studio-notes",
            "gradio.png",
        }


def test_two_servers_spare_each_other(tmp_path: Path) -> None:
    with own_folder(tmp_path) as one, own_folder(tmp_path) as other:
        assert one != other
        assert (one / "scratch").is_dir() and (other / "scratch").is_dir()
