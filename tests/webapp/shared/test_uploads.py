from __future__ import annotations

import errno
import os
import threading
import time
from pathlib import Path

import pytest

from refiner.types import InputError
from tests.fakes import upload
from webapp.shared.uploads import ANYONE, Uploads, link

HOUR = 3600


class Door:
    """Uploads, and who stands before them."""

    def __init__(self, root: Path, **options: int) -> None:
        self.visitor = "me"
        self.uploads = Uploads(root, lambda: self.visitor, **options)

    def refused(self, path: str, visitor: str = "me") -> bool:
        self.visitor = visitor
        try:
            self.uploads.file(path)
        except InputError as error:
            assert "did not arrive" in str(error)
            return True
        return False


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path / "root")


def test_a_file_is_its_owners_alone(door: Door) -> None:
    path = upload(door.uploads, "a.png", b"mine")
    assert door.uploads.file(path).read_bytes() == b"mine"
    for thief in ("you", ANYONE, "m", "me "):
        assert door.refused(path, thief)
    assert Path(path).read_bytes() == b"mine"


def test_what_came_without_a_cookie_is_for_those_who_can_name_it(door: Door) -> None:
    path = upload(door.uploads, "a.png", b"a program's", ANYONE)
    assert not door.refused(path, ANYONE)
    assert not door.refused(path, "somebody")


def test_only_the_very_path_counts(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = upload(door.uploads, "a.png", b"mine")
    root = door.uploads.root
    shown = root / "shown.jpg"
    shown.write_bytes(b"an example")
    os.symlink(path, root / "link.png")
    os.symlink("/etc", root / "uploads" / "etc")
    monkeypatch.chdir(root)
    relative = os.path.relpath(path)
    for other in (
        str(shown), str(root / "link.png"), str(root / "uploads" / "etc" / "passwd"), "/etc/passwd",
        relative, f"./{relative}", f"{root}/uploads/../{relative}", path + "/", path + "\0",
        path.upper(), f"file://{path}", f"http://127.0.0.1/gradio_api/file={path}",
        str(Path(path).parent), str(root), "", "~", "a\0b",
    ):  # fmt: skip
        assert door.refused(other), other
    assert (shown.read_bytes(), Path(path).read_bytes()) == (b"an example", b"mine")


def test_the_same_file_of_two_visitors_is_two_files(door: Door, tmp_path: Path) -> None:
    mine = upload(door.uploads, "a.mp4", b"a clip", "me")
    yours = upload(door.uploads, "a.mp4", b"a clip", "you")
    assert mine != yours
    door.uploads.take(mine, tmp_path / "clip")
    assert door.refused(mine)
    assert not door.refused(yours, "you")
    assert Path(yours).read_bytes() == b"a clip"


def test_taking_moves_the_file_and_leaves_no_folder(door: Door, tmp_path: Path) -> None:
    path = upload(door.uploads, "a.mp4", b"a clip")
    assert door.uploads.take(path, tmp_path / "clip").read_bytes() == b"a clip"
    assert os.listdir(door.uploads.root / "uploads") == []
    with pytest.raises(InputError, match="did not arrive"):
        door.uploads.take(path, tmp_path / "again")


def test_nobody_takes_what_is_anothers(door: Door, tmp_path: Path) -> None:
    path = upload(door.uploads, "a.mp4", b"a clip", "you")
    with pytest.raises(InputError, match="did not arrive"):
        door.uploads.take(path, tmp_path / "clip")
    assert Path(path).exists()
    assert not (tmp_path / "clip").exists()


def test_arriving_leaves_nothing_where_gradio_put_it(door: Door) -> None:
    upload(door.uploads, "a.png", b"mine")
    assert os.listdir(door.uploads.root) == ["uploads"]


def test_a_folder_that_others_still_use_stays(door: Door) -> None:
    folder = door.uploads.root / "arrived"
    folder.mkdir(parents=True)
    (folder / "b.png").write_bytes(b"another's")
    upload(door.uploads, "a.png", b"mine")
    assert (folder / "b.png").exists()


def test_what_did_not_arrive_is_not_held(door: Door) -> None:
    with pytest.raises(FileNotFoundError):
        door.uploads.add(door.uploads.root / "gone", "me")
    assert os.listdir(door.uploads.root / "uploads") == []


def test_a_linked_file_stays_for_others(door: Door, tmp_path: Path) -> None:
    file = tmp_path / "fetched.png"
    file.write_bytes(b"fetched")
    path = door.uploads.add_link(file, ANYONE)
    assert file.read_bytes() == path.read_bytes() == b"fetched"
    assert file.stat().st_nlink == 2
    door.uploads.close()
    assert file.stat().st_nlink == 1


def test_without_hard_links_files_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*names: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a").write_bytes(b"content")
    link(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"content"


def test_the_oldest_files_make_room(tmp_path: Path) -> None:
    door = Door(tmp_path, most=2)
    paths = [upload(door.uploads, f"{number}.png", b"a") for number in range(3)]
    assert [door.refused(path) for path in paths] == [True, False, False]
    assert [Path(path).exists() for path in paths] == [False, True, True]


def test_old_files_go_and_new_ones_stay(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    old = upload(door.uploads, "old.png", b"a")
    passed = time.time() + HOUR + 0.05
    time.sleep(0.1)
    monkeypatch.setattr(time, "time", lambda: passed)
    new = upload(door.uploads, "new.png", b"a")
    door.uploads.sweep()
    assert (door.refused(old), door.refused(new)) == (True, False)
    assert not Path(old).parent.exists()


def test_sweeping_takes_leftovers_and_nothing_else(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = door.uploads.root
    former = root / "uploads" / ("0" * 32) / "a.png"
    empty = root / ("a" * 64)
    nested = root / ("b" * 16) / ("c" * 64)
    clip = root / "clips" / ("d" * 32) / "a.mp4"
    answered, example = (root / (word * 16) / "picture.jpg" for word in "ef")
    unfinished, running, asked = (root / name for name in ("tmpabc123_x", "tmpabc123_y", "a" * 16))
    door.uploads.shown = frozenset({str(example)})
    for folder in (empty, nested):
        folder.mkdir(parents=True)
    for file in (former, clip, answered, example, unfinished):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"a")
    passed = time.time() + HOUR + 0.05
    time.sleep(0.1)
    asked.mkdir()
    for file in (running, asked / "a.png"):
        file.write_bytes(b"a")
    monkeypatch.setattr(time, "time", lambda: passed)
    door.uploads.sweep()
    old = (former, empty, nested, nested.parent, answered, unfinished)
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in (clip, example, running, asked / "a.png"))


def test_a_restarted_server_asks_for_the_file_again(door: Door) -> None:
    path = upload(door.uploads, "a.png", b"mine")
    again = Door(door.uploads.root)
    assert again.refused(path)
    assert Path(path).exists()


def test_closing_deletes_what_is_held(door: Door) -> None:
    path = upload(door.uploads, "a.png", b"mine")
    door.uploads.close()
    assert not Path(path).parent.exists()
    assert door.refused(path)


def test_uploads_from_many_threads_are_all_held(door: Door) -> None:
    paths: list[str] = []

    def send(number: int) -> None:
        file = door.uploads.root / f"{number}.png"
        file.write_bytes(b"a")
        paths.append(str(door.uploads.add(file, "me")))

    door.uploads.root.mkdir()
    threads = [threading.Thread(target=send, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(paths)) == 16
    assert not any(door.refused(path) for path in paths)
