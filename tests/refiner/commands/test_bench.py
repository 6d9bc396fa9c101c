import pytest

import refiner.commands.bench_video
from refiner.commands.bench_video import TIMED, measure_tracking
from refiner.commands.parser import main


def test_tracking_is_timed_against_the_package_and_its_memory_watched(new_segmenter, monkeypatch):
    monkeypatch.setattr(refiner.commands.bench_video, "SETTLED", 4)
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


def test_a_clip_too_short_to_settle_is_refused(capsys):
    assert main(["bench", "--frames", "100"]) == 2
    assert capsys.readouterr().err == "refiner bench: --frames must be more than 100, got 100.\n"
