from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from refiner.clips.clip import Clip, open_clip
from refiner.clips.exports import EXPORTS, export_path, write_exports
from refiner.clips.mask_exports import ClipExport
from refiner.files.painting import object_color, overlay
from refiner.files.run_lengths import decode_rle
from refiner.types import InputError, Mask, MaskPair, ModelInfo
from refiner.video_types import TrackedFrame
from tests.fakes import disc
from tests.refiner.clip_making import X264, header, nothing_left, picture, run_ffmpeg, tone

INFO = ModelInfo("fake", "cpu", "discs", "larger discs")
SIZE = (120, 160)
FRAMES = 20


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "source.mp4"
    run_ffmpeg(*picture("160x120", "24000/1001", 0.83), *tone(1.0), *X264, path)
    return path


@pytest.fixture(scope="module")
def clip(source: Path) -> Iterator[Clip]:
    with open_clip(source) as opened:
        assert len(opened) == FRAMES
        yield opened


def pairs(index: int, size_hw: tuple[int, int] = SIZE) -> dict[int, MaskPair]:
    """Return objects 7 and 3, which overlap and move; the refined ones are larger."""
    scale = size_hw[1] / SIZE[1]
    return {
        name: MaskPair(
            *(
                Mask(disc(size_hw, (x + index) * scale, 60 * scale, r * scale), 0.5)
                for r in (20, 26)
            )
        )
        for name, x in ((7, 40), (3, 60))
    }


def tracked(*skipped: int) -> Iterator[TrackedFrame]:
    for index in range(FRAMES):
        if index not in skipped:
            yield TrackedFrame(index, pairs(index))


def job(clip: Clip, stem: str = "my clip.mp4") -> ClipExport:
    return ClipExport(clip, (7, 3), INFO, stem)


@pytest.fixture(scope="module")
def files(clip: Clip, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """All exports of the clip; frame 5 was not tracked."""
    folder = tmp_path_factory.mktemp("exports")
    paths = {name: export_path(folder, job(clip), name) for name in EXPORTS}
    with nothing_left(folder, *(path.name for path in paths.values())):
        counts = list(write_exports(job(clip), tracked(5), list(EXPORTS), folder))
    assert counts == list(range(1, FRAMES + 1))
    return paths


@pytest.mark.parametrize("name", [name for name in EXPORTS if name not in ("masks", "rle")])
def test_videos_have_the_clips_frames_rate_size_and_sound(
    files: Mapping[str, Path], clip: Clip, name: str
) -> None:
    with open_clip(files[name]) as back:
        assert len(back) == FRAMES and back.info.fps == clip.info.fps and back.info.audio
        width = SIZE[1] * (2 if name == "comparison" else 1)
        assert back.info.size_hw == (SIZE[0], width)


def test_the_comparison_shows_sam2_left_and_sam2refiner_right(
    files: Mapping[str, Path], clip: Clip
) -> None:
    colors = [object_color(0), object_color(1)]
    with open_clip(files["comparison"]) as back:
        both = np.split(back[12].astype(int), 2, axis=1)
    painted = [
        overlay(clip[12], [getattr(pair, half).mask for pair in pairs(12).values()], colors)
        for half in ("base", "refined")
    ]
    untitled = slice(40, None)
    for pane, own, other in zip(both, painted, painted[::-1], strict=True):
        assert np.abs(pane - own)[untitled].mean() < 0.6 * np.abs(pane - other)[untitled].mean()


def test_a_frame_that_was_not_tracked_is_as_it_was(files: Mapping[str, Path], clip: Clip) -> None:
    with open_clip(files["overlay-sam2"]) as back:
        assert np.abs(back[5].astype(int) - clip[5]).mean() < 8
        assert np.abs(back[6].astype(int) - clip[6]).mean() > 8


@pytest.mark.parametrize(
    ("name", "decoder"),
    [("cutout-sam2refiner-webm", ("-c:v", "libvpx-vp9")), ("cutout-sam2refiner-prores", ())],
)
def test_alpha_of_a_cutout_is_the_union_of_the_masks(
    files: Mapping[str, Path], tmp_path: Path, name: str, decoder: tuple[str, ...]
) -> None:
    raw = tmp_path / "raw"
    run_ffmpeg(*decoder, "-i", files[name], "-pix_fmt", "rgba", "-f", "rawvideo", raw)
    frames = np.fromfile(raw, np.uint8).reshape(FRAMES, *SIZE, 4)
    union = np.logical_or(*(pair.refined.mask for pair in pairs(9).values()))
    assert ((frames[9, ..., 3] > 127) == union).mean() > 0.995
    assert frames[9, ..., 3].min() < 8 and frames[9, ..., 3].max() > 247
    assert frames[5, ..., 3].max() < 8


def test_index_masks_are_a_davis_folder_for_each_model(files: Mapping[str, Path]) -> None:
    with zipfile.ZipFile(files["masks"]) as archive:
        names = archive.namelist()
        assert [n for n in names if n.startswith("sam2/")] == [
            f"sam2/my clip.mp4/{index:05}.png" for index in range(FRAMES)
        ]
        assert len(names) == 2 * FRAMES + 1
        manifest = json.loads(archive.read("manifest.json"))
        image = Image.open(io.BytesIO(archive.read("sam2refiner/my clip.mp4/00012.png")))
        empty = Image.open(io.BytesIO(archive.read("sam2/my clip.mp4/00005.png")))
    assert image.mode == "P" and np.asarray(empty).max() == 0
    values = np.asarray(image)
    seven, three = (pair.refined.mask for pair in pairs(12).values())
    assert ((values == 2) == three).all() and ((values == 1) == (seven & ~three)).all()
    assert image.convert("RGB").getpixel((72, 60)) == object_color(1)
    assert manifest["object_ids"] == {"1": 7, "2": 3}
    assert manifest["untracked_frames"] == [5] and manifest["frames_written"] == FRAMES


def read_rle(path: Path) -> dict[str, Any]:
    document = json.loads(path.read_text())
    assert isinstance(document, dict)
    return document


def test_run_lengths_give_every_mask_back(files: Mapping[str, Path]) -> None:
    document = read_rle(files["rle"])
    video = document["video"]
    assert (video["width"], video["height"], video["frames"]) == (160, 120, FRAMES)
    assert video["fps"] == "24000/1001" and video["audio"] is True
    assert document["model"]["backbone"] == "fake" and "numpy" in document["versions"]
    assert document["object_ids"] == [7, 3] and document["frames_written"] == FRAMES
    assert [frame["index"] for frame in document["frames"]] == list(range(FRAMES))
    assert document["frames"][5]["objects"] is None
    assert document["frames"][12]["seconds"] == pytest.approx(12 * 1001 / 24000, abs=1e-5)
    for item in document["frames"][12]["objects"]:
        pair = pairs(12)[item["id"]]
        for half in ("base", "refined"):
            mask = getattr(pair, half).mask
            assert (decode_rle(item[half]["segmentation"]) == mask).all()
            assert item[half]["area"] == mask.sum()


def test_a_closed_export_leaves_whole_files_of_what_was_done(clip: Clip, tmp_path: Path) -> None:
    names = ["overlay-sam2", "masks", "rle"]
    paths = [export_path(tmp_path, job(clip), name) for name in names]
    with nothing_left(tmp_path, *(path.name for path in paths)):
        progress = write_exports(job(clip), tracked(), names, tmp_path)
        assert [next(progress) for _ in range(4)] == [1, 2, 3, 4]
        progress.close()  # type: ignore[attr-defined]
        clip.close()
    with open_clip(paths[0]) as back:
        assert len(back) == 4 and back.info.audio
    with zipfile.ZipFile(paths[1]) as archive:
        assert len(archive.namelist()) == 9
    assert len(read_rle(paths[2])["frames"]) == 4


def test_ctrl_c_while_tracking_leaves_whole_files(clip: Clip, tmp_path: Path) -> None:
    def interrupted() -> Iterator[TrackedFrame]:
        yield from (TrackedFrame(index, pairs(index)) for index in range(3))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(write_exports(job(clip), interrupted(), ["comparison", "rle"], tmp_path))
    with open_clip(export_path(tmp_path, job(clip), "comparison")) as back:
        assert len(back) == 3
    assert read_rle(export_path(tmp_path, job(clip), "rle"))["frames_written"] == 3


def test_masks_of_a_scaled_clip_are_exported_at_the_files_own_size(
    source: Path, tmp_path: Path
) -> None:
    with open_clip(source) as whole:
        small = whole.part(long_side=80)
        size_hw = small.info.size_hw
        masks = [TrackedFrame(index, pairs(index, size_hw)) for index in range(FRAMES)]
        list(write_exports(job(whole), masks, ["rle"], tmp_path))
    item = read_rle(export_path(tmp_path, job(whole), "rle"))["frames"][4]["objects"][0]
    large = decode_rle(item["base"]["segmentation"])
    assert large.shape == SIZE
    assert (large == pairs(4)[7].base.mask).mean() > 0.98


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ([TrackedFrame(3, {}), TrackedFrame(1, {})], "sort them"),
        ([TrackedFrame(0, {9: pairs(0)[7]})], "Object 9"),
    ],
)
def test_masks_that_do_not_fit_are_refused_and_leave_nothing(
    clip: Clip, tmp_path: Path, frames: list[TrackedFrame], said: str
) -> None:
    with nothing_left(tmp_path):
        with pytest.raises(InputError, match=said):
            list(write_exports(job(clip), frames, ["overlay-sam2", "masks", "rle"], tmp_path))
        clip.close()


@pytest.mark.parametrize("names", [["poster"], ["rle", "rle"]])
def test_unknown_and_repeated_exports_are_refused(
    clip: Clip, tmp_path: Path, names: list[str]
) -> None:
    with nothing_left(tmp_path), pytest.raises(InputError):
        list(write_exports(job(clip), tracked(), names, tmp_path))


def test_names_of_files_hold_nothing_of_a_path(clip: Clip, tmp_path: Path) -> None:
    for stem in ("../../etc/passwd", "", "ü/..", "a" * 300, "-rf"):
        path = export_path(tmp_path, job(clip, stem), "rle")
        assert path.resolve().parent == tmp_path.resolve() and len(path.name) < 80
        assert path.name[0] not in ".-"


def test_a_mono_source_keeps_its_channels(files: Mapping[str, Path]) -> None:
    for name in ("comparison", "cutout-sam2-webm", "cutout-sam2-prores"):
        assert header(files[name], "a:0")["channel_layout_name"] == "mono"
