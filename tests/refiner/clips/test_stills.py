"""Animated pictures and folders of frames as clips, and containers of camcorders and old programs."""

from __future__ import annotations

import gc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refiner.clips.clip import open_clip
from refiner.clips.containers import ClipLimits
from refiner.types import InputError
from tests.refiner.clip_making import X264, picture, run_ffmpeg

SIZE = (40, 50)


def drawn(count: int, size_hw: tuple[int, int] = SIZE) -> list[Image.Image]:
    """Return grey pictures, each with a bright bar that moves on."""
    frames = []
    for index in range(count):
        values = np.full((*size_hw, 3), 60, np.uint8)
        values[:, 3 * index : 3 * index + 6] = (250, 200, 40)
        frames.append(Image.fromarray(values))
    return frames


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_is_a_clip_of_its_very_frames(tmp_path: Path, kind: str) -> None:
    frames = drawn(9)
    file = tmp_path / "moving.mp4"  # the name tells nothing
    lossless = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(
        file, kind, save_all=True, append_images=frames[1:], duration=40, loop=0, **lossless
    )
    with open_clip(file) as clip:
        assert (len(clip), clip.info.fps, clip.info.size_hw) == (9, 25, SIZE)
        assert clip.info.notes == () and clip.name == "'moving.mp4'"
        for index in (8, 0, 4):
            assert np.array_equal(clip[index], np.asarray(frames[index]))


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_frames_of_an_animation_are_shown_as_long_as_it_says(tmp_path: Path, kind: str) -> None:
    frames, shown = drawn(5), [100, 300, 100, 50, 200]
    file = tmp_path / "uneven"
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=shown)
    with open_clip(file) as clip:
        times = [float(clip.timing.seconds(index)) for index in range(5)]
        assert times == pytest.approx([0, 0.1, 0.4, 0.5, 0.55], abs=0.002)
        assert any("varies" in note for note in clip.info.notes)


def test_a_gif_without_durations_runs_as_in_browsers(tmp_path: Path) -> None:
    frames = drawn(4)
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=0)
    with open_clip(tmp_path / "a.gif") as clip:
        assert clip.info.fps == 10


def test_transparency_of_an_animation_has_one_ground(tmp_path: Path) -> None:
    frames = []
    for index in range(4):
        image = Image.new("RGBA", (50, 40), (0, 0, 0, 0))
        # white first, black later: the ground of the first frame stays
        image.paste(
            (255, 255, 255, 255) if index < 2 else (20, 0, 0, 255), (10 + index, 10, 30, 30)
        )
        frames.append(image)
    file = tmp_path / "a.webp"
    frames[0].save(file, save_all=True, append_images=frames[1:], duration=100, lossless=True)
    with open_clip(file) as clip:
        assert all((clip[index][0, 0] == 0).all() for index in range(4))
        assert any("transparent" in note for note in clip.info.notes)


def test_a_folder_of_frames_is_a_clip_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    frames = drawn(12)
    for number, frame in enumerate(frames):
        frame.save(tmp_path / f"frame{number}.png")
    (tmp_path / "notes.txt").write_text("of the camera")
    (tmp_path / ".hidden.png").write_bytes(b"x")
    with open_clip(tmp_path) as clip:
        assert (len(clip), clip.info.fps) == (12, Fraction(25))
        for index in (11, 2, 10):
            assert np.array_equal(clip[index], np.asarray(frames[index]))
        assert any("25 frames a second" in note for note in clip.info.notes)
        assert any("1 files of the folder" in note for note in clip.info.notes)


def test_frames_of_a_folder_are_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a", "b"):
        drawn(1)[0].save(tmp_path / f"{name}.jpg", exif=exif)
    with open_clip(tmp_path) as clip:
        assert clip.info.size_hw == SIZE[::-1]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: drawn(1, (40, 52))[0].save(folder / "9.png"), "of one size"),
        (lambda folder: (folder / "9.png").write_bytes(b"\x89PNG\r\n\x1a\n broken"), "damaged"),
        (lambda folder: [file.unlink() for file in folder.iterdir()], "folder without pictures"),
    ],
)
def test_a_folder_that_is_no_clip_is_refused(tmp_path: Path, spoil: object, said: str) -> None:
    for number, frame in enumerate(drawn(3)):
        frame.save(tmp_path / f"{number}.png")
    spoil(tmp_path)  # type: ignore[operator]
    with pytest.raises(InputError, match=said):
        open_clip(tmp_path)


def test_limits_hold_for_stills_too(tmp_path: Path) -> None:
    frames = drawn(6)
    file = tmp_path / "a.gif"
    frames[0].save(file, save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match="more than 5 frames"):
        open_clip(file, limits=ClipLimits(decoded_frames=5))
    with pytest.raises(InputError, match="50 x 40 pixels"):
        open_clip(file, limits=ClipLimits(frame_pixels=1999))
    with pytest.raises(InputError, match="at most 100 are read"):
        open_clip(file, limits=ClipLimits(file_bytes=100))


def test_a_damaged_animation_is_refused(tmp_path: Path) -> None:
    frames = drawn(6)
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])
    content = (tmp_path / "a.webp").read_bytes()
    (tmp_path / "a.webp").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"a\.webp"):
        open_clip(tmp_path / "a.webp")


def test_the_video_made_of_stills_goes_with_the_last_clip_of_it(tmp_path: Path) -> None:
    frames = drawn(3)
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    clip = open_clip(tmp_path / "a.gif")
    made = Path(clip._scan.path)
    part = clip.part(1, 3)
    clip.close()
    del clip
    gc.collect()
    assert made.is_file() and part[1].any()
    part.close()
    del part
    gc.collect()
    assert not made.parent.exists()


@pytest.mark.parametrize(
    ("name", "encoder"),
    [
        ("a.ts", X264),
        ("a.m2ts", (*X264, "-mpegts_m2ts_mode", "1", "-f", "mpegts")),
        ("a.mts", ("-c:v", "mpeg2video", "-mpegts_m2ts_mode", "1", "-f", "mpegts")),
        ("a.mpg", ("-c:v", "mpeg2video")),
        ("a.vob", ("-c:v", "mpeg2video", "-f", "vob")),
        ("a.m2v", ("-c:v", "mpeg2video", "-f", "mpeg2video")),
        ("a.wmv", ("-c:v", "wmv2")),
    ],
)
def test_containers_of_camcorders_and_old_programs_are_read(
    tmp_path: Path, name: str, encoder: tuple[str, ...]
) -> None:
    run_ffmpeg(*picture(seconds=0.8), *encoder, tmp_path / name)
    with open_clip(tmp_path / name) as clip:
        assert len(clip) in (19, 20) and clip.info.fps == 25 and clip.info.size_hw == (48, 64)
        forward = [clip[index] for index in range(len(clip))]
        assert all(np.array_equal(clip[index], forward[index]) for index in (15, 3, 9))


def test_a_transport_stream_that_begins_within_a_packet_is_read(tmp_path: Path) -> None:
    run_ffmpeg(*picture(seconds=0.8), *X264, tmp_path / "whole.ts")
    (tmp_path / "cut.ts").write_bytes((tmp_path / "whole.ts").read_bytes()[100:])
    with open_clip(tmp_path / "cut.ts") as clip:
        assert len(clip) >= 18


@pytest.mark.parametrize("encoder", ["libvpx-vp9", "libvpx"])
def test_alpha_that_the_decoder_drops_is_noted(tmp_path: Path, encoder: str) -> None:
    source = ("-f", "lavfi", "-i", "color=red@0.5:size=64x48:rate=10:duration=0.3,format=rgba")
    options = ("-pix_fmt", "yuva420p", "-auto-alt-ref", "0", "-deadline", "realtime")
    run_ffmpeg(*source, "-c:v", encoder, *options, tmp_path / "a.webm")
    copy = ("-map_metadata:s:v", "0:s:v:0", "-c", "copy")
    run_ffmpeg("-i", str(tmp_path / "a.webm"), *copy, tmp_path / "copied.webm")
    for name in ("a.webm", "copied.webm"):
        with open_clip(tmp_path / name) as clip:
            assert clip.info.notes.count("The clip has transparency, which is left out.") == 1


@pytest.mark.parametrize(("size", "odd"), [("65x49", True), ("64x49", True), ("64x48", False)])
def test_what_mp4_cannot_hold_is_noted(tmp_path: Path, size: str, odd: bool) -> None:
    run_ffmpeg(*picture(size, seconds=0.2), "-c:v", "ffv1", tmp_path / "a.mkv")
    with open_clip(tmp_path / "a.mkv") as clip:
        assert any("MP4 repeat the last" in note for note in clip.info.notes) == odd
