"""Two workers of Ray make the bytes of one process, also if one is killed in the middle."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refiner.batch.jobs import Job, Work
from refiner.batch.ray_pool import RayOptions, RayPool
from refiner.commands.evaluate import evaluate_models, evaluate_with
from refiner.commands.folders.workers import HERE_ALONE, WorkerOptions
from refiner.commands.measuring.crew import PooledCrew
from refiner.commands.measuring.options import EvaluateOptions
from refiner.commands.parser import main
from refiner.commands.refine import RefineOptions, refine_pictures
from refiner.commands.segment import SegmentOptions, segment_folder
from refiner.commands.track import Prompt, TrackOptions, track_folder
from refiner.files.painting import mask_png
from refiner.types import Click, InputError
from tests.fakes import FakeTracker
from tests.refiner.clip_making import X264, picture, run_ffmpeg
from tests.refiner.commands import at_work, scoring_fakes
from tests.refiner.commands.evaluating import write_data

Tree = Callable[[Path], dict[str, bytes]]
RAY = WorkerOptions(ray=True, cpus=1)


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Two CPUs for all tests: to start Ray takes longer than any of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("SAM2REFINER_ENGINE", "torch")  # to compile takes longer, too
        import ray

        ray.init(
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=2**27,
        )
        yield
        ray.shutdown()


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of 3, 8 and 2 frames, and a broken one."""
    folder = tmp_path_factory.mktemp("clips")
    for name, seconds in (("short.mp4", 0.3), ("long.mov", 0.8), ("shorter.mp4", 0.2)):
        run_ffmpeg(*picture("64x48", "10", seconds), *X264, folder / name)
    (folder / "broken.mp4").write_bytes(b"no clip")
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures with masks of two objects, a broken one among them."""
    folder = tmp_path_factory.mktemp("pictures")
    mask = np.zeros((48, 64), np.uint8)
    mask[5:20, 5:30], mask[25:40, 5:30] = 1, 2
    (folder / "masks").mkdir()
    for number in range(4):
        Image.new("RGB", (64, 48), (90, 60 * number, 90)).save(folder / f"{number}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{number}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (folder / "masks" / "broken.png").write_bytes(mask_png(mask > 0))
    return folder


def lines(log: Path) -> list[str]:
    return sorted(log.read_text().split()) if log.exists() else []


def tracked(
    clips: Path, folder: Path, workers: WorkerOptions, kind: type[FakeTracker]
) -> tuple[set[str], Path]:
    """Track the clips; return those that failed, and the log."""
    log = folder.with_suffix(".log")
    options = TrackOptions(clips, (Prompt(1, 1, Click(20, 24)),), folder, progress=False)
    report = track_folder(partial(kind, log), options, workers)
    return set(report.failed), log


def test_two_workers_track_to_the_bytes_of_one_process_and_once(
    clips: Path, tmp_path: Path, tree: Tree
) -> None:
    failed, _ = tracked(clips, tmp_path / "here", HERE_ALONE, at_work.NotingTracker)
    assert failed == {"broken.mp4"}
    expected = tree(tmp_path / "here")
    assert len(expected) == 9
    for workers in (RAY, HERE_ALONE):
        failed, log = tracked(clips, tmp_path / "ray", workers, at_work.NotingTracker)
        assert failed == {"broken.mp4"}
        assert tree(tmp_path / "ray") == expected
        assert lines(log) == sorted("238" * 2)  # on from the prompted frame, and back


def test_a_worker_killed_in_the_middle_of_a_clip_costs_that_clip_once_more(
    clips: Path, tmp_path: Path, tree: Tree
) -> None:
    tracked(clips, tmp_path / "here", HERE_ALONE, at_work.NotingTracker)
    failed, log = tracked(clips, tmp_path / "ray", RAY, at_work.DyingTracker)
    assert failed == {"broken.mp4"}
    assert tree(tmp_path / "ray") == tree(tmp_path / "here")
    assert lines(log).count("8") == 4
    assert len(lines(log)) == 8
    assert not (tmp_path / "ray" / ".unfinished").exists()


def test_two_workers_segment_to_the_bytes_of_one_process(
    pictures: Path, tmp_path: Path, tree: Tree
) -> None:
    for name, workers in (("here", HERE_ALONE), ("ray", RAY), ("ray", HERE_ALONE)):
        log = tmp_path / f"{name}.log"
        options = SegmentOptions(pictures, tmp_path / name, (Click(20, 24),), progress=False)
        report = segment_folder(partial(at_work.NotingSegmenter, log), options, workers)
        assert list(report.failed) == ["broken.png"]
        assert len(lines(log)) == len(report.values)
    assert tree(tmp_path / "ray") == tree(tmp_path / "here")


def test_two_workers_refine_to_the_bytes_of_one_process(
    pictures: Path, tmp_path: Path, tree: Tree
) -> None:
    for name, workers in (("here", HERE_ALONE), ("ray", RAY), ("ray", HERE_ALONE)):
        log = tmp_path / f"{name}.log"
        options = RefineOptions(pictures, pictures / "masks", tmp_path / name, progress=False)
        refined = refine_pictures(partial(at_work.NotingSegmenter, log), options, workers)
        assert len(refined.failed) == 1
        assert len(lines(log)) == 8
    assert refined.kept == 4
    assert tree(tmp_path / "ray") == tree(tmp_path / "here")


def test_two_workers_measure_to_the_bytes_of_one_process(tmp_path: Path) -> None:
    manifest = write_data(tmp_path)
    options = EvaluateOptions(manifest, prompts="box,points:1", seeds=2, progress=False)
    here, there = tmp_path / "here.json", tmp_path / "ray.json"
    fakes = scoring_fakes.fake_segmenters()
    evaluate_models(fakes, replace(options, json=here), scoring_fakes.fake_trackers)
    with closing(RayPool(scoring_fakes.scoring, RayOptions())) as pool:
        crew = PooledCrew(pool, progress=False)
        evaluate_with(crew, replace(options, json=there))
        with pytest.raises(InputError, match="leave out --ray"):
            evaluate_with(crew, replace(options, stability=True))
    assert there.read_bytes() == here.read_bytes()


def test_the_commands_track_with_the_real_model_to_the_same_bytes(
    clips: Path, weights: tuple[Path, Path], tmp_path: Path, tree: Tree
) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in ("short.mp4", "shorter.mp4"):
        (folder / name).write_bytes((clips / name).read_bytes())
    given = ["track", str(folder), "--prompt", "0:20,24", "--export", "rle", "--device", "cpu"]
    given += ["--weights", str(weights[0]), "--refiner", str(weights[1]), "--cpus", "1"]
    assert main([*given, "--out", str(tmp_path / "here")]) == 0
    assert main([*given, "--out", str(tmp_path / "ray"), "--ray"]) == 0
    files = tree(tmp_path / "here")
    assert len(files) == 2
    assert tree(tmp_path / "ray") == files


def test_a_job_that_kills_workers_is_given_up_and_the_others_done(tmp_path: Path) -> None:
    log = tmp_path / "log"
    jobs = [Job(f"job {number}", number, number) for number in range(6)]
    with closing(RayPool(partial(at_work.deadly_work, log), RayOptions())) as pool:
        assert pool.info == "info"
        found = {one.job.task: one.value or one.error for one in pool.outcomes(jobs)}
        assert found == {
            **{number: 10 * number or None for number in (0, 1, 2, 5)},
            3: "2 workers died of it",
            4: "Four is too much.",
        }
        assert {one.value for one in pool.outcomes(jobs[:3])} == {0, 10, 20}
    assert lines(log).count("3") == 2


@pytest.mark.parametrize(
    ("new_work", "options", "words"),
    [
        (at_work.no_model, RayOptions(), "There are no weights."),
        (at_work.dying_load, RayOptions(), "died while it loaded"),
        (Work, RayOptions(cpus=99), "--cpus 99 is more than the 2 there are"),
    ],
)
def test_workers_that_cannot_start_are_told(
    new_work: Callable[[], Work], options: RayOptions, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        RayPool(new_work, options)


def test_without_ray_installed_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install \"\.\[ray\]\""):
        RayPool(at_work.no_model, RayOptions())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--address", "here:6379"], "give --ray, too"),
        (["--cpus", "0"], "--cpus must be at least 1"),
        (["--ray"], "0.png is a single input"),
    ],
)
def test_workers_for_nothing_are_refused(
    pictures: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    given = ["segment", str(pictures / "0.png"), "--point", "1,1", "--out", str(tmp_path / "out")]
    assert main([*given, *arguments]) == 2
    assert words in capsys.readouterr().err
