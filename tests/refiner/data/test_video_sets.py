"""Sequences by folder, and the LVOS sets: tiny trees in their layouts."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from refiner.data.manifest import Row
from refiner.data.video_sets import SEEN, UNSEEN, FolderFrames, open_video, read_lvos
from refiner.types import InputError


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def write_video(images, masks, maps, size=(24, 32), step=1, between=0):
    """Write a frame a label map, numbered in steps, and frames without one between them."""
    for count, labels in enumerate(maps):
        number = 1 + count * step
        for extra in range(1 + between):
            grey = np.full((*size, 3), 10 * count + extra, np.uint8)
            save(images / f"{number + extra:08}.jpg", grey)
        save(masks / f"{number:08}.png", labels)


def square(label=1, row=2, size=(24, 32)):
    labels = np.zeros(size, np.uint8)
    labels[row : row + 8, 4:14] = label
    return labels


def row_of(images, masks):
    return Row("v", images, masks, "video", "made", "val", "v")


@pytest.fixture
def lvos(tmp_path):
    """Two videos as published: every fifth frame has a label map, one object comes later."""
    for video in ("0tCWPOrc", "zzTop123"):
        maps = [square(), square(row=4) + square(2, row=14), square(row=6) + square(255, row=14)]
        folder = tmp_path / "valid"
        images, masks = (folder / kind / video for kind in ("JPEGImages", "Annotations"))
        write_video(images, masks, maps, step=5, between=2)
    return tmp_path


def test_frames_of_a_folder_come_by_name_in_their_own_size(tmp_path):
    write_video(tmp_path / "f", tmp_path / "m", [square()] * 3)
    (tmp_path / "f" / "notes.txt").write_text("no frame")
    frames = FolderFrames(tmp_path / "f")
    assert (len(frames), frames.info.frames, frames.info.size_hw) == (3, 3, (24, 32))
    assert frames.info.fps == 24
    assert FolderFrames(tmp_path / "f", Fraction(6)).info.seconds == 0.5
    assert [int(frames[index].mean().round()) for index in range(3)] == [0, 10, 20]
    for index in (-1, 3):
        with pytest.raises(IndexError):
            frames[index]


def test_a_folder_without_frames_is_refused(tmp_path):
    with pytest.raises(InputError, match="Cannot read the frames in .*gone: No such file"):
        FolderFrames(tmp_path / "gone")
    with pytest.raises(InputError, match="has no frames; expected 00000.jpg"):
        FolderFrames(tmp_path)


def test_label_maps_belong_to_the_frames_of_their_names(lvos):
    (row, _) = read_lvos("lvos1", lvos)
    video = open_video(row)
    assert len(video.frames) == 9
    assert list(video.labels) == [0, 3, 6]
    assert video.first == {1: 0, 2: 3}  # 255 is no object
    assert (video.read(3) == 2).sum() == 80


@pytest.mark.parametrize("place", [".", "valid"])
def test_lvos_v1_is_read_by_video(lvos, capsys, place):
    rows = read_lvos("lvos1", lvos / place)
    assert [row.id for row in rows] == ["lvos1_0tCWPOrc", "lvos1_zzTop123"]
    assert {(row.kind, row.source) for row in rows} == {("video", "lvos1")}
    assert "has 2 videos; lvos1 was published with 50" in capsys.readouterr().err


@pytest.mark.parametrize("place", [".", "valid"])
def test_lvos_v2_tells_seen_from_unseen(lvos, place):
    (lvos / place / "unseen_videos.txt").write_text("zzTop123\nothers01\n")
    assert [row.source for row in read_lvos("lvos2", lvos)] == [SEEN, UNSEEN]


def test_lvos_that_is_not_there_is_refused(lvos, tmp_path):
    with pytest.raises(InputError, match="There is no unseen_videos.txt in"):
        read_lvos("lvos2", lvos)
    with pytest.raises(InputError, match="Unknown dataset 'lvos3'; choose one of: lvos1, lvos2"):
        read_lvos("lvos3", lvos)
    with pytest.raises(InputError, match="does not hold the set lvos1: expected valid/JPEGImages"):
        read_lvos("lvos1", tmp_path / "gone")
    (tmp_path / "x" / "valid" / "Annotations").mkdir(parents=True)
    with pytest.raises(InputError, match="has no videos"):
        read_lvos("lvos1", tmp_path / "x")
    (tmp_path / "x" / "valid" / "Annotations" / "abc").mkdir()
    with pytest.raises(InputError, match="There is no folder .*JPEGImages/abc"):
        read_lvos("lvos1", tmp_path / "x")


def test_a_sequence_that_does_not_fit_its_label_maps_is_refused(tmp_path):
    images, masks = tmp_path / "f", tmp_path / "m"
    write_video(images, masks, [square()] * 2)
    with pytest.raises(InputError, match="has 2 label maps; expected three or more"):
        open_video(row_of(images, masks))
    write_video(images, masks, [square()] * 3)
    save(masks / "00000009.png", square())
    with pytest.raises(InputError, match=r"00000009.png has no frame; expected .*00000009.jpg"):
        open_video(row_of(images, masks))
    (masks / "00000009.png").unlink()
    save(masks / "00000002.png", square(size=(24, 30)))
    with pytest.raises(InputError, match="is 30 x 24, the frames are 32 x 24"):
        open_video(row_of(images, masks))
    with pytest.raises(InputError, match="Cannot read the label maps in"):
        open_video(row_of(images, tmp_path / "gone"))
