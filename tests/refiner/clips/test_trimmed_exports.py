"""Nothing that was cut away leaves in an export: first times, durations and the sound itself."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from refiner.clips.clip import Clip, open_clip
from refiner.clips.exports import export_path, write_exports
from refiner.clips.mask_exports import ClipExport
from refiner.types import ModelInfo
from tests.refiner.clip_making import X264, header, picture, printed_frames, run_ffmpeg

INFO = ModelInfo("fake", "cpu", "", "")
RATE, BEEP = 48_000, 4_800
BEFORE, WITHIN, AFTER = 400, 1200, 3000
EXPORTS = ("overlay-sam2", "cutout-sam2-webm", "cutout-sam2-prores")
SOUND = (
    f"aevalsrc='0.5*sin(2*PI*t*if(lt(t,1),{BEFORE},if(lt(t,2),{WITHIN},{AFTER})))'"
    f":s={RATE}:d=3,aformat=sample_fmts=s16"
)
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")
SOURCES: Mapping[str, tuple[str, ...]] = {
    "aac.mp4": (*X264, "-c:a", "aac"),
    "pcm.mov": (*X264, "-c:a", "pcm_s16le"),
    "opus.webm": (*VP9, "-c:a", "libopus"),
    "flac.mkv": (*X264, "-c:a", "flac"),
    "aac.ts": (*X264, "-c:a", "aac"),
    "mp2.mpg": ("-c:v", "mpeg2video", "-c:a", "mp2"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sources of three seconds: a low tone, a middle one, a high one."""
    folder = tmp_path_factory.mktemp("sources")
    sound = ("-f", "lavfi", "-i", SOUND)
    for name, encoders in SOURCES.items():
        run_ffmpeg(*picture("64x48", "25", 3), *sound, *encoders, folder / name)
    return folder


def tones(path: Path) -> set[int]:
    """Return which of the tones are in a file, also where an edit list hides them."""
    hidden = () if path.suffix == ".webm" else ("-ignore_editlist", "1")
    raw = path.with_suffix(".raw")
    run_ffmpeg(*hidden, "-i", path, "-map", "0:a", "-ac", "1", "-ar", str(RATE), "-f", "f32le", raw)
    samples = np.fromfile(raw, np.float32)
    found = set()
    for start in range(0, len(samples) - BEEP + 1, BEEP // 4):
        part = samples[start : start + BEEP]
        if np.abs(part).max() > 0.05:
            peak = int(np.abs(np.fft.rfft(part * np.hanning(BEEP))).argmax()) * RATE / BEEP
            found.add(min((BEFORE, WITHIN, AFTER), key=lambda tone: abs(tone - peak)))
    return found


def heard(path: Path) -> tuple[float, float]:
    """Return when the sound begins and ends, in seconds; what lies below 0 is not heard."""
    lines = [line.split(",") for line in printed_frames(path, "a:0", "-copyts")]
    rate = int(header(path, "a:0")["sample_rate"])
    return int(lines[0][2]) / rate, (int(lines[-1][2]) + int(lines[-1][3])) / rate


def exported(clip: Clip, out: Path, names: tuple[str, ...] = EXPORTS) -> list[Path]:
    job = ClipExport(clip, [1], INFO, "trim")
    list(write_exports(job, [], names, out))
    return [export_path(out, job, name) for name in names]


@pytest.mark.parametrize("name", SOURCES)
def test_sound_outside_the_trim_is_in_no_export(folder: Path, tmp_path: Path, name: str) -> None:
    with open_clip(folder / name) as whole, whole.part(27, 48) as clip:
        for file in exported(clip, tmp_path):
            assert tones(file) == {WITHIN}
            with open_clip(file) as back:
                assert len(back) == 21 and back.info.fps == 25
                assert not any("times" in note or "rate" in note for note in back.info.notes)
            begin, end = heard(file)
            assert -0.1 < begin < 0.03 and end == pytest.approx(0.84, abs=0.05)
            streams = run_ffmpeg("-i", file, "-map", "0", "-c", "copy", "-f", "framecrc", "-")
            kinds = [line.split()[2] for line in streams.splitlines() if "#media_type" in line]
            assert kinds == ["video", "audio"]


@pytest.mark.parametrize("name", ["aac.mp4", "opus.webm", "pcm.mov"])
def test_sound_after_a_trimmed_end_is_in_no_export(folder: Path, tmp_path: Path, name: str) -> None:
    with open_clip(folder / name) as whole, whole.part(0, 24) as clip:
        for file in exported(clip, tmp_path, EXPORTS[:2]):
            assert tones(file) == {BEFORE}
            assert heard(file)[1] == pytest.approx(0.96, abs=0.03)


def test_an_export_that_was_ended_early_has_no_later_sound(folder: Path, tmp_path: Path) -> None:
    with open_clip(folder / "aac.mp4") as whole:
        job = ClipExport(whole, [1], INFO, "early")
        steps = write_exports(job, [], ["overlay-sam2"], tmp_path)
        assert len(list(itertools.islice(steps, 20))) == 20
        steps.close()  # type: ignore[attr-defined]
        assert tones(export_path(tmp_path, job, "overlay-sam2")) == {BEFORE}


def test_sound_that_the_source_itself_hides_is_left_out(folder: Path, tmp_path: Path) -> None:
    """Phones trim by an edit list: the sound before it stays in their file."""
    run_ffmpeg("-ss", "1", "-i", folder / "aac.mp4", "-an", *X264, "-t", "1", tmp_path / "v.mp4")
    hiding = tmp_path / "hiding.mp4"
    run_ffmpeg(
        *("-i", tmp_path / "v.mp4", "-ss", "1", "-t", "1", "-vn", "-i", folder / "aac.mp4"),
        *("-map", "0:v", "-map", "1:a", "-c", "copy", hiding),
    )
    assert tones(hiding) >= {BEFORE, WITHIN}
    with open_clip(hiding) as clip:
        (file,) = exported(clip, tmp_path, ("overlay-sam2",))
    assert tones(file) == {WITHIN}
