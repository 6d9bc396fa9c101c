from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from refiner.clips.clip import Clip, open_clip
from refiner.clips.formats import H264, PRORES_ALPHA, VP9_ALPHA, Format, Timing
from refiner.clips.writing import ClipWriter
from refiner.types import InputError
from tests.refiner.clip_making import (
    X264,
    header,
    nothing_left,
    picture,
    printed_frames,
    run_ffmpeg,
    tone,
)

FORMATS = {"mp4": H264, "webm": VP9_ALPHA, "mov": PRORES_ALPHA}
SIZE = (48, 64)


def frames(count: int, size_hw: tuple[int, int] = SIZE, channels: int = 3) -> NDArray[np.uint8]:
    """Return grey frames that get lighter, each with a bright left half."""
    values = np.zeros((count, *size_hw, channels), np.uint8)
    for index in range(count):
        values[index] = 20 + 4 * index
    values[:, :, : size_hw[1] // 2, :] = 230
    return values


def opaque_left(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    alpha = np.zeros((*frame.shape[:2], 1), np.uint8)
    alpha[:, : frame.shape[1] // 2] = 255
    return np.concatenate([frame, alpha], axis=2)


def copied(clip: Clip, path: Path, form: Format) -> ClipWriter:
    """Write all of `clip` anew, its left half opaque where the format has alpha."""
    with ClipWriter(
        path,
        form,
        clip.info.size_hw,
        clip.timing,
        sample_aspect=clip.sample_aspect,
        sound=clip.sound,
    ) as writer:
        for index in range(len(clip)):
            writer.write(opaque_left(clip[index]) if form.alpha else clip[index])
    return writer


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "source.mp4"
    run_ffmpeg(*picture(rate="30000/1001", seconds=1.0), *tone(1.4), *X264, path)
    return path


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("span", [(0, None), (7, 19)])
def test_rate_size_frames_and_sound_come_back(
    source: Path, tmp_path: Path, suffix: str, span: tuple[int, int | None]
) -> None:
    out = tmp_path / f"out.{suffix}"
    with open_clip(source, start=span[0], stop=span[1]) as clip:
        with nothing_left(tmp_path, out.name):
            writer = copied(clip, out, FORMATS[suffix])
        with open_clip(out) as back:
            assert writer.frames == len(back) == len(clip)
            assert back.info.fps == Fraction(30000, 1001) and back.info.size_hw == SIZE
            assert back.info.audio
            for index in (0, len(clip) // 2, len(clip) - 1):
                own = np.abs(back[index].astype(int) - clip[index]).mean()
                other = np.abs(back[index].astype(int) - clip[(index + 5) % len(clip)]).mean()
                assert own < 12 and own < other


def seconds_of_sound(path: Path) -> float:
    lines = [line.split(",") for line in printed_frames(path, "a:0", "-copyts")]
    rate = int(header(path, "a:0")["sample_rate"])
    return sum(int(line[3]) for line in lines) / rate


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_same_frames_and_sound_are_the_same_bytes(
    source: Path, tmp_path: Path, suffix: str
) -> None:
    files = [tmp_path / f"{number}.{suffix}" for number in range(2)]
    with open_clip(source) as clip:
        for file in files:
            copied(clip.part(0, 5), file, FORMATS[suffix])
    assert files[0].read_bytes() == files[1].read_bytes()


def test_all_sound_stays_with_the_whole_clip_unchanged(source: Path, tmp_path: Path) -> None:
    with open_clip(source) as clip:
        copied(clip, tmp_path / "out.mp4", H264)
    assert header(tmp_path / "out.mp4", "a:0")["codec_id"] == "aac"
    sounds = [printed_frames(path, "a:0") for path in (source, tmp_path / "out.mp4")]
    assert [line.split(",")[4:6] for line in sounds[0]] == [
        line.split(",")[4:6] for line in sounds[1]
    ]


def test_sound_of_a_part_is_that_of_its_time(tmp_path: Path) -> None:
    beep = "aevalsrc='between(t,0.8,1.2)*sin(2000*t)':d=2"
    source = tmp_path / "beep.mp4"
    encoder = (*X264, "-g", "100", "-c:a", "aac")
    run_ffmpeg(*picture(seconds=2), "-f", "lavfi", "-i", beep, *encoder, source)
    with open_clip(source, start=20, stop=30) as clip:
        copied(clip, tmp_path / "part.mp4", H264)
    assert seconds_of_sound(tmp_path / "part.mp4") == pytest.approx(0.4, abs=0.05)
    command = ("-map", "0:a", "-f", "f32le", "-ar", "8000", tmp_path / "sound.raw")
    run_ffmpeg("-i", tmp_path / "part.mp4", *command)
    heard = np.abs(np.fromfile(tmp_path / "sound.raw", np.float32)[200:2800])
    assert (heard.reshape(-1, 100).max(axis=1) > 0.3).mean() > 0.9


@pytest.mark.parametrize("suffix", FORMATS)
def test_surround_sound_of_another_codec_is_kept(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / "surround.mkv"
    run_ffmpeg(*picture(seconds=0.4), *tone(0.4, "5.1(side)"), *X264, "-c:a", "flac", source)
    with open_clip(source) as clip:
        copied(clip, tmp_path / f"out.{suffix}", FORMATS[suffix])
    layout = header(tmp_path / f"out.{suffix}", "a:0")
    assert layout["channel_layout_name"].startswith("5.1")


def test_times_of_a_varying_rate_come_back(tmp_path: Path) -> None:
    source = tmp_path / "vfr.mkv"
    dropped = ("-vf", "select=not(eq(mod(n\\,7)\\,3))*not(eq(mod(n\\,5)\\,2))", "-fps_mode", "vfr")
    run_ffmpeg(*picture(seconds=2), *dropped, *X264, source)
    with open_clip(source, start=3) as clip:
        ticks = clip.timing.ticks
        assert ticks is not None
        expected = [float(tick * clip.timing.time_base) for tick in ticks]
        for suffix, form in FORMATS.items():
            copied(clip, tmp_path / f"out.{suffix}", form)
            with open_clip(tmp_path / f"out.{suffix}") as back:
                times = back.timing.ticks
                assert times is not None and len(back) == len(clip)
                got = [float(tick * back.timing.time_base) for tick in times]
                assert got == pytest.approx(expected, abs=0.0011)


@pytest.mark.parametrize("suffix", ["webm", "mov"])
@pytest.mark.parametrize("size_hw", [(1, 1), (49, 65)])
def test_odd_sizes_come_back_exactly(tmp_path: Path, suffix: str, size_hw: tuple[int, int]) -> None:
    form = FORMATS[suffix]
    out = tmp_path / f"odd.{suffix}"
    with ClipWriter(out, form, size_hw, Timing(Fraction(25))) as writer:
        for frame in frames(3, size_hw, 4 if form.alpha else 3):
            writer.write(frame)
    with open_clip(out) as back:
        assert back.info.size_hw == size_hw and len(back) == 3


@pytest.mark.parametrize(
    ("size_hw", "stored"),
    [
        (SIZE, SIZE),
        ((49, 65), (50, 66)),
        ((48, 65), (48, 66)),
        ((49, 64), (50, 64)),
        ((1, 1), (2, 2)),
    ],
)
def test_mp4_is_what_every_player_shows(
    tmp_path: Path, size_hw: tuple[int, int], stored: tuple[int, int]
) -> None:
    with ClipWriter(tmp_path / "a.mp4", H264, size_hw, Timing(Fraction(25))) as writer:
        writer.write(frames(1, size_hw)[0])
    content = (tmp_path / "a.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    lines = printed_frames(tmp_path / "a.mp4", "v:0")
    # bytes of a frame of 4:2:0
    assert int(lines[0].split(",")[4]) == stored[0] * stored[1] * 3 // 2
    with open_clip(tmp_path / "a.mp4") as back:
        assert back.info.size_hw == stored
        edge = back[0][: size_hw[0], : size_hw[1]].astype(int)
        assert np.abs(back[0][-1, : size_hw[1]] - edge[-1]).max() < 12
        assert np.abs(back[0][: size_hw[0], -1] - edge[:, -1]).max() < 12


@pytest.mark.parametrize(
    ("form", "decoder", "worst"), [(VP9_ALPHA, ("-c:v", "libvpx-vp9"), 40), (PRORES_ALPHA, (), 1)]
)
def test_alpha_comes_back(
    source: Path, tmp_path: Path, form: Format, decoder: tuple[str, ...], worst: int
) -> None:
    out = tmp_path / f"alpha{form.suffix}"
    with open_clip(source) as clip:
        copied(clip, out, form)
    raw = tmp_path / "raw"
    run_ffmpeg(*decoder, "-i", out, "-pix_fmt", "rgba", "-f", "rawvideo", raw)
    alpha = np.fromfile(raw, np.uint8).reshape(-1, *SIZE, 4)[..., 3].astype(int)
    assert len(alpha) == len(clip)
    assert (255 - alpha[:, :, :30]).max() <= worst and alpha[:, :, 34:].max() <= worst


# Ends before the end


def test_an_early_close_leaves_a_whole_file_with_as_much_sound(
    source: Path, tmp_path: Path
) -> None:
    with nothing_left(tmp_path, "a.mp4"), open_clip(source) as clip:
        writer = ClipWriter(tmp_path / "a.mp4", H264, SIZE, clip.timing, sound=clip.sound)
        for index in range(12):
            writer.write(clip[index])
        writer.close()
        writer.close()
    with open_clip(tmp_path / "a.mp4") as back:
        assert len(back) == 12
    assert seconds_of_sound(tmp_path / "a.mp4") == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, GeneratorExit])
def test_ctrl_c_and_a_closed_generator_finish_the_file(
    tmp_path: Path, kind: type[BaseException]
) -> None:
    with (
        nothing_left(tmp_path, "a.mp4"),
        pytest.raises(kind),
        ClipWriter(tmp_path / "a.mp4", H264, SIZE, Timing(Fraction(25))) as writer,
    ):
        writer.write(frames(1)[0])
        raise kind
    with open_clip(tmp_path / "a.mp4") as back:
        assert len(back) == 1


def test_an_error_leaves_the_file_that_was_there_before(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"before")
    with (
        nothing_left(tmp_path, "a.mp4"),
        pytest.raises(ZeroDivisionError),
        ClipWriter(tmp_path / "a.mp4", H264, SIZE, Timing(Fraction(25))) as writer,
    ):
        writer.write(frames(1)[0])
        raise ZeroDivisionError
    assert (tmp_path / "a.mp4").read_bytes() == b"before"


def test_no_frame_makes_no_file(tmp_path: Path) -> None:
    with (
        nothing_left(tmp_path),
        ClipWriter(tmp_path / "a.mp4", H264, SIZE, Timing(Fraction(25))),
    ):
        pass


def test_a_dropped_writer_ends_its_process(tmp_path: Path) -> None:
    before = {child.pid for child in psutil.Process().children()}
    writer = ClipWriter(tmp_path / "a.mp4", H264, SIZE, Timing(Fraction(25)))
    del writer
    assert {child.pid for child in psutil.Process().children()} <= before


def test_a_killed_ffmpeg_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    before = psutil.Process().children()

    def write() -> None:
        with ClipWriter(tmp_path / "a.mp4", H264, (480, 640), Timing(Fraction(25))) as writer:
            for child in psutil.Process().children():
                if child not in before:
                    child.kill()
            for frame in frames(20, (480, 640)):
                writer.write(frame)

    with nothing_left(tmp_path), pytest.raises(InputError, match="Writing a.mp4 failed"):
        write()


@pytest.mark.parametrize("shape", [(48, 64, 4), (48, 65, 3), (48, 64)])
def test_a_frame_of_another_shape_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with (
        nothing_left(tmp_path),
        pytest.raises(InputError, match="uint8"),
        ClipWriter(tmp_path / "a.mp4", H264, SIZE, Timing(Fraction(25))) as writer,
    ):
        writer.write(np.zeros(shape, np.uint8))


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with nothing_left(tmp_path), pytest.raises(InputError, match="cannot be written"):
        ClipWriter(tmp_path / "none" / "a.mp4", H264, SIZE, Timing(Fraction(25)))


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file of this process and of ffmpeg grows over 20,000 bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_file_that_cannot_grow_is_an_error_and_leaves_nothing(
    tmp_path: Path, small_files: None
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (30, 120, 160, 3), dtype=np.uint8)

    def write() -> None:
        with ClipWriter(tmp_path / "a.mp4", H264, (120, 160), Timing(Fraction(25))) as writer:
            for frame in noise:
                writer.write(frame)

    with nothing_left(tmp_path), pytest.raises(InputError, match="a.mp4"):
        write()


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    noise = np.random.default_rng(0).integers(0, 255, (30, 120, 160, 3), dtype=np.uint8)

    def write() -> None:
        with ClipWriter(tmp_path / "a.mp4", H264, (120, 160), Timing(Fraction(25))) as writer:
            for frame in noise:
                writer.write(frame)

    try:
        with nothing_left(tmp_path), pytest.raises(InputError, match="no space left"):
            write()
    finally:
        subprocess.run(["umount", tmp_path], check=True)
        assert os.path.isdir(tmp_path)
