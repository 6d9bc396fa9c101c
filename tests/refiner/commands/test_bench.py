import pytest

from refiner.batch.jobs import InTurn
from refiner.commands.benches import tracking, workers
from refiner.commands.benches.tracking import TIMED, measure_tracking
from refiner.commands.parser import main


def test_tracking_is_timed_against_the_package_and_its_memory_watched(new_segmenter, monkeypatch):
    monkeypatch.setattr(tracking, "SETTLED", 4)
    numbers = measure_tracking(new_segmenter(), TIMED)
    assert numbers.keys() == {
        "track_sam2_ms",
        "track_both_ms",
        "track_both_fast_ms",
        "track_both_ratio",
        "track_both_fast_ratio",
        "track_growth_mb",
    }
    assert numbers["track_both_ratio"] * numbers["track_sam2_ms"] == pytest.approx(
        numbers["track_both_ms"]
    )
    assert 0 <= numbers["track_growth_mb"] < 500


def test_workers_are_timed_against_one_process(new_segmenter, monkeypatch):
    """With a stand-in for Ray, of one worker: this process."""

    class Alone(InTurn):
        def __init__(self, new_work, options):
            super().__init__(new_work)

        def close(self):
            pass

    for name, value in {"RayPool": Alone, "WORKERS": 1, "CLIPS": 2, "FRAMES": 2}.items():
        monkeypatch.setattr(workers, name, value)
    numbers = workers.measure_workers(new_segmenter)
    assert numbers.keys() == {"workers_ratio", "worker_overhead_ms", "worker_memory_mb"}
    assert numbers["workers_ratio"] > 0
    assert 50 < numbers["worker_memory_mb"] < 5000


def test_a_clip_too_short_to_settle_is_refused(capsys):
    assert main(["bench", "--frames", "100"]) == 2
    assert capsys.readouterr().err == "refiner bench: --frames must be more than 100, got 100.\n"
