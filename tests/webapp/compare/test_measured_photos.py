"""The measured photos as points."""

from __future__ import annotations

from pathlib import Path

import pytest

from webapp.compare.measured_photos import photo_scatters, read_photos

LINES = """id,source,prompts,model,objects,miou,mbiou
a,pets,box,sam2,2,0.8000,0.5000
a,pets,box,hq-sam2,2,0.8500,0.5500
a,pets,box,sam2refiner,2,0.9000,0.7000
a,pets,points:1,sam2,2,0.1000,0.1000
b,pets,box,sam2,1,0.7000,0.5000
b,pets,box,sam2refiner,1,0.6700,0.4000
c,pets,box,sam2,1,0.7000,0.5000
"""


@pytest.fixture
def results(tmp_path: Path) -> Path:
    (tmp_path / "val-photos.csv").write_text(LINES)
    return tmp_path


def test_photos_with_both_masks_are_read_with_a_box(results: Path) -> None:
    photos = read_photos(results / "val-photos.csv")
    assert [(one.picture, one.objects) for one in photos] == [("a", 2), ("b", 1)]
    assert (photos[0].sam2_iou, photos[0].sam2refiner_iou) == (0.8, 0.9)
    assert (photos[0].sam2_biou, photos[0].sam2refiner_biou) == (0.5, 0.7)


def test_each_photo_is_a_point_and_what_got_worse_is_counted(results: Path) -> None:
    (drawing,) = photo_scatters(results).values()
    assert drawing.count("<circle") == 2
    assert "a: IoU 80.0 → 90.0 %" in drawing
    assert "2 photos, a box each: on 1 SAM2Refiner is more than 2 points" in drawing
    assert "on 1 more than 2 points worse" in drawing


def test_without_measured_photos_there_is_no_drawing(tmp_path: Path) -> None:
    assert photo_scatters(tmp_path) == {}
