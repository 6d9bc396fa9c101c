"""Folders of results that remember: nothing is made twice, nothing half made is left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from refiner.batch.jobs import InTurn, Job, Work, with_progress
from refiner.batch.results import ResultFolder, bytes_of, content_key
from refiner.types import InputError, ModelInfo

INFO = ModelInfo("lite", "cpu", "base", "refiner", {"base_id": "1", "build": {"threads": 1}})


@pytest.fixture
def results(tmp_path: Path) -> ResultFolder:
    folder = ResultFolder(tmp_path / "out")
    folder.clear()
    return folder


def visible(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] != ".done"
    )


def make(folder: Path) -> list[int]:
    (folder / "deep").mkdir()
    (folder / "deep" / "a.txt").write_text("done")
    return [1]


def never(folder: Path) -> None:
    raise AssertionError("made twice")


def test_what_is_made_is_made_once(results: ResultFolder) -> None:
    assert results.once("a", "key", make) == ([1], True)
    assert results.once("a", "key", never) == ([1], False)
    assert visible(results.path) == ["deep/a.txt"]
    assert results.once("a", "other key", make) == ([1], True)
    assert results.once("b", "other key", make) == ([1], True)


@pytest.mark.parametrize("change", [Path.unlink, lambda file: file.write_text("cut")])
def test_what_is_gone_or_cut_off_is_made_again(results: ResultFolder, change) -> None:
    results.once("a", "key", make)
    change(results.path / "deep" / "a.txt")
    assert results.once("a", "key", make) == ([1], True)
    assert (results.path / "deep" / "a.txt").read_text() == "done"


def test_what_fails_leaves_nothing(results: ResultFolder) -> None:
    def fail(folder: Path) -> None:
        (folder / "half.txt").write_text("half")
        raise InputError("no")

    with pytest.raises(InputError, match="no"):
        results.once("a", "key", fail)
    assert visible(results.path) == []
    assert results.once("a", "key", make) == ([1], True)


def test_what_a_killed_run_left_is_cleared(results: ResultFolder) -> None:
    (results.path / ".unfinished" / "x").mkdir(parents=True)
    (results.path / ".unfinished" / "x" / "half.txt").write_text("half")
    results.clear()
    assert visible(results.path) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="Cannot write to the folder .*file"):
        ResultFolder(tmp_path / "file" / "out").clear()


def test_a_key_is_of_content_weights_and_settings(tmp_path: Path) -> None:
    file, folder = tmp_path / "a", tmp_path / "frames"
    file.write_text("one")
    folder.mkdir()
    (folder / "0.png").write_text("frame")
    key = content_key([file, folder], INFO, {"x": 1})
    assert content_key([file, folder], replace(INFO, device="cuda"), {"x": 1}) == key
    other_build = {"base_id": "1", "build": {"threads": 2}}
    assert content_key([file, folder], replace(INFO, details=other_build), {"x": 1}) == key
    others = [
        content_key([file], INFO, {"x": 1}),
        content_key([file, folder], INFO, {"x": 2}),
        content_key([file, folder], replace(INFO, details={"base_id": "2"}), {"x": 1}),
    ]
    file.write_text("two")
    others.append(content_key([file, folder], INFO, {"x": 1}))
    (folder / "1.png").write_text("frame")
    others.append(content_key([file, folder], INFO, {"x": 1}))
    assert len({key, *others}) == 6
    assert (bytes_of(file), bytes_of(folder)) == (3, 10)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone cannot be read"):
        content_key([tmp_path / "gone"], INFO, {})


def test_jobs_are_done_longest_first_and_an_error_stops_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def do(number: int) -> float:
        if number == 3:
            raise InputError("Three is too much.")
        return 1 / number

    jobs = [Job(f"job {number}", number, weight=number) for number in (1, 0, 3, 2)]
    found = list(with_progress(InTurn(lambda: Work(do)).outcomes(jobs), jobs, "part", True))
    assert [(one.job.name, one.value, one.error) for one in found] == [
        ("job 3", None, "Three is too much."),
        ("job 2", 0.5, None),
        ("job 1", 1.0, None),
        ("job 0", None, "ZeroDivisionError: division by zero"),
    ]
    assert "6/6" in capsys.readouterr().err
