from __future__ import annotations

import gc
import pickle
import struct
import threading
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from refiner.clips import clip as clip_module
from refiner.clips.clip import Clip, open_clip
from refiner.clips.containers import ClipLimits
from refiner.types import InputError
from tests.refiner.clip_making import X264, nothing_left, picture, run_ffmpeg, tone


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 frames with B-frames and several key frames, 29.97 a second, sound."""
    path = tmp_path_factory.mktemp("clips") / "plain.mp4"
    encoder = ("-c:v", "libx264", "-preset", "fast", "-g", "24", "-pix_fmt", "yuv420p")
    run_ffmpeg(*picture(rate="30000/1001", seconds=3.33), *tone(3), *encoder, path)
    return path


@pytest.fixture
def small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_module, "WINDOW", 20)


def made(path: Path, *arguments: str | Path) -> Clip:
    run_ffmpeg(*arguments, path)
    return open_clip(path)


def refused(path: Path, limits: ClipLimits | None = None) -> str:
    """Return the message with which `path` is refused; nothing may be left behind."""
    files = {file.name for file in path.parent.iterdir()}
    with nothing_left(path.parent, *files), pytest.raises(InputError) as caught:
        open_clip(path, limits=limits)
    text = str(caught.value)
    assert "\n" not in text and str(path.parent) not in text and len(text) < 300
    return text


# Reading


def test_a_clip_goes_to_another_process_as_the_same_frames(plain: Path) -> None:
    with open_clip(plain) as whole, whole.part(30, 40, long_side=32) as part:
        expected = part[3]
        with pickle.loads(pickle.dumps(part)) as sent:
            assert sent.info == part.info
            assert np.array_equal(sent[3], expected)


def test_a_clip_of_stills_keeps_its_video_when_it_is_sent(tmp_path: Path) -> None:
    for number in range(3):
        Image.new("RGB", (16, 16), (80 * number,) * 3).save(tmp_path / f"{number}.png")
    with open_clip(tmp_path) as clip:
        sent = pickle.loads(pickle.dumps(clip))
        sent.close()
        del sent
        gc.collect()
        assert clip[2].mean() > clip[1].mean() > clip[0].mean()


def test_a_clip_tells_its_size_rate_frames_and_sound(plain: Path) -> None:
    with open_clip(plain) as clip:
        assert clip.info.size_hw == (48, 64)
        assert clip.info.fps == Fraction(30000, 1001)
        assert clip.info.frames == len(clip) == 100
        assert clip.info.audio and clip.info.notes == ()
        assert clip[0].shape == (48, 64, 3) and clip[0].dtype == np.uint8


def test_frames_read_backwards_and_at_random_are_those_read_forwards(
    plain: Path, small_window: None
) -> None:
    with open_clip(plain) as clip, open_clip(plain) as other:
        forward = [clip[index] for index in range(100)]
        assert len({frame.tobytes() for frame in forward}) == 100
        order = [*reversed(range(100)), *np.random.default_rng(1).permutation(100)[:5]]
        for index in order:
            assert (other[int(index)] == forward[index]).all()
        assert other._seekable, "seeking was not used"


def test_a_seek_that_gives_another_frame_is_not_believed(plain: Path) -> None:
    with open_clip(plain) as clip:
        right = clip[60]
        scan = clip._scan
    wrong_times = tuple(tick + 5005 for tick in scan.ticks)
    moved = type(scan)(**{**{n: getattr(scan, n) for n in scan.__slots__}, "ticks": wrong_times})
    with Clip(moved, 0, 100, None) as clip:
        assert (clip[60] == right).all()
        assert not clip._seekable


def decoders() -> list[psutil.Process]:
    """Return the running ffmpegs: not multiprocessing's children, nor what has ended unread."""
    return [
        child
        for child in psutil.Process().children()
        if child.name().startswith("ffmpeg") and child.status() != psutil.STATUS_ZOMBIE
    ]


def test_reading_on_uses_one_process_and_bounded_memory(plain: Path, small_window: None) -> None:
    with nothing_left(plain.parent, plain.name), open_clip(plain) as clip:
        clip[0]
        first = decoders()
        for index in range(100):
            clip[index]
            assert decoders() in (first, [])
            assert len(clip._cache) <= 20


def test_a_part_has_the_frames_of_its_range(plain: Path) -> None:
    with open_clip(plain) as whole, open_clip(plain, start=10, stop=20) as part:
        assert len(part) == part.info.frames == 10 and part.first == 10
        assert (part[0] == whole[10]).all() and (part[9] == whole[19]).all()
        with pytest.raises(IndexError):
            part[10]
        with part.part(2, 5) as inner:
            assert (inner[1] == whole[13]).all()


@pytest.mark.parametrize("span", [(-1, 5), (5, 5), (0, 101), (100, None)])
def test_a_part_outside_the_clip_is_refused(plain: Path, span: tuple[int, int | None]) -> None:
    with pytest.raises(InputError, match="frames 0 to 99"):
        open_clip(plain, start=span[0], stop=span[1])


def test_a_part_is_cut_and_scaled(plain: Path) -> None:
    with open_clip(plain) as clip, clip.part(stop=29, long_side=32) as less:
        assert len(less) == 29 and less.info.size_hw == (24, 32) == less[0].shape[:2]


def test_a_frame_that_is_changed_by_its_owner_stays_as_it_was(plain: Path) -> None:
    with open_clip(plain) as clip:
        clip[3][:] = 0
        assert clip[3].any()


def test_several_threads_get_the_frames_they_ask_for(plain: Path) -> None:
    with open_clip(plain) as clip:
        expected = [clip[index] for index in range(20)]
        wrong: list[int] = []

        def read(order: range) -> None:
            wrong.extend(i for i in order if not (clip[i] == expected[i]).all())

        threads = [threading.Thread(target=read, args=(range(20)[::s],)) for s in (1, -1, 3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong


def test_a_clip_that_is_dropped_leaves_no_process(plain: Path) -> None:
    with nothing_left(plain.parent, plain.name):
        clip = open_clip(plain)
        clip[0]
        del clip
        gc.collect()


def test_a_closed_clip_can_be_read_again(plain: Path) -> None:
    with open_clip(plain) as clip:
        first = clip[5]
        clip.close()
        with nothing_left(plain.parent, plain.name):
            pass
        assert (clip[5] == first).all()


def test_a_killed_ffmpeg_is_an_error_once_and_the_clip_goes_on(plain: Path, tmp_path: Path) -> None:
    big = tmp_path / "big.mp4"
    run_ffmpeg(*picture("640x360", seconds=2), *X264, big)
    with open_clip(big) as clip:
        clip[0]
        for decoder in decoders():
            decoder.kill()
        with pytest.raises(InputError, match="cannot be decoded"):
            for index in range(50):
                clip[index]
        assert clip[49].any()


def test_a_file_removed_after_opening_is_an_error(plain: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(plain.read_bytes())
    with open_clip(copy) as clip:
        copy.unlink()
        with nothing_left(tmp_path), pytest.raises(InputError, match="changed or removed"):
            clip[50]


# Unusual clips that must be read right


def test_every_frame_of_a_varying_rate_counts_once_at_its_time(tmp_path: Path) -> None:
    dropped = ("-vf", "select=not(eq(mod(n\\,7)\\,3))", "-fps_mode", "vfr")
    with made(tmp_path / "vfr.mkv", *picture(seconds=2), *dropped, *X264) as clip:
        assert len(clip) == 43 and "varies" in clip.info.notes[0]
        assert float(clip.info.fps) == pytest.approx(21.5, abs=0.1)
        ticks, base = clip.timing.ticks, clip.timing.time_base
        assert ticks is not None
        kept = [n for n in range(50) if n % 7 != 3]
        assert [round(float(tick * base) * 25) for tick in ticks] == kept


@pytest.mark.parametrize("rate", ["24000/1001", "30", "25/2", "240"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_the_rate_is_exact_in_every_container(tmp_path: Path, rate: str, suffix: str) -> None:
    with made(tmp_path / f"c.{suffix}", *picture(rate=rate, seconds=0.5), *X264) as clip:
        assert clip.info.fps == Fraction(rate) and clip.timing.ticks is None
        assert len(clip) == -(-Fraction(rate) // 2)


def test_a_turned_clip_is_shown_upright(tmp_path: Path) -> None:
    flat, turned = tmp_path / "flat.mov", tmp_path / "turned.mov"
    run_ffmpeg(*picture(seconds=0.2), *X264, flat)
    content = bytearray(flat.read_bytes())
    unity = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    quarter = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 48 << 16, 0, 1 << 30)
    place = content.index(unity, content.index(b"tkhd"))
    content[place : place + 36] = quarter
    turned.write_bytes(content)
    with open_clip(flat) as before, open_clip(turned) as after:
        assert after.info.size_hw == (64, 48)
        difference = np.abs(np.rot90(before[0], -1).astype(int) - after[0])
        assert difference.mean() < 3


@pytest.mark.parametrize("size", ["1x1", "65x49", "2x301"])
def test_odd_sizes_are_kept_to_the_pixel(tmp_path: Path, size: str) -> None:
    encoder = ("-c:v", "ffv1")
    with made(tmp_path / "odd.mkv", *picture(size, seconds=0.2), *encoder) as clip:
        width, height = map(int, size.split("x"))
        assert clip.info.size_hw == (height, width) == clip[4].shape[:2]


def test_8k_is_read_and_scaled(tmp_path: Path) -> None:
    source = ("-f", "lavfi", "-i", "color=orange:size=7680x4320:rate=25:duration=0.04")
    encoder = ("-c:v", "mpeg4", "-q:v", "20")
    with (
        made(tmp_path / "8k.mp4", *source, *encoder) as clip,
        clip.part(long_side=640) as small,
    ):
        assert clip.info.size_hw == (4320, 7680) and len(clip) == 1
        assert small[0].shape == (360, 640, 3) and abs(int(small[0][0, 0, 0]) - 255) < 8


def test_frames_before_time_zero_are_hidden_by_an_edit_list_and_else_kept(tmp_path: Path) -> None:
    options = ("-output_ts_offset", "-0.08", "-avoid_negative_ts", "disabled")
    for name, frames in (("edited.mp4", 18), ("damaged.mkv", 20)):
        with made(tmp_path / name, *picture(seconds=0.8), *X264, *options) as clip:
            assert len(clip) == frames and clip.info.fps == 25
            assert clip[frames - 1].any()
    assert any("times of the frames" in note for note in clip.info.notes)


def test_interlaced_pixel_ratio_and_deep_colours_are_noted(tmp_path: Path) -> None:
    with made(
        tmp_path / "tv.avi",
        *picture(seconds=0.2),
        *("-vf", "setfield=tff,setsar=16/11", "-c:v", "mpeg2video", "-flags", "+ilme+ildct"),
    ) as clip:
        assert any("interlaced" in note for note in clip.info.notes)
    with made(tmp_path / "wide.mkv", *picture(seconds=0.2), "-vf", "setsar=16/11", *X264) as clip:
        assert clip.info.size_hw == (48, 64) and clip.sample_aspect == Fraction(16, 11)
        assert any("16:11" in note for note in clip.info.notes)
    with made(
        tmp_path / "deep.mkv", *picture(seconds=0.2), "-pix_fmt", "yuv420p10le", "-c:v", "ffv1"
    ) as clip:
        assert clip[0].dtype == np.uint8 and any("8 bits" in note for note in clip.info.notes)


def test_hdr_is_shown_in_8_bits_and_noted(tmp_path: Path) -> None:
    # the encoder's own flags are not written by every version of ffmpeg
    named = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
    encoder = ("-vf", f"format=yuv420p10le,{named}", "-c:v", "libx264")
    with made(tmp_path / "hdr.mp4", *picture(seconds=0.2), *encoder) as clip:
        assert clip[4].max() > 200 and any("HDR" in note for note in clip.info.notes)


def test_colours_of_hd_without_names_are_those_players_show(tmp_path: Path) -> None:
    source = ("-f", "lavfi", "-i", "color=red:size=1280x720:rate=25:duration=0.04")
    matrix = ("-vf", "scale=out_color_matrix=bt709,format=yuv444p", "-c:v", "ffv1")
    with made(tmp_path / "hd.mkv", *source, *matrix) as clip:
        assert (np.abs(clip[0][0, 0].astype(int) - (255, 0, 0)) <= 3).all()


def test_the_first_real_video_is_taken_never_a_cover_picture(tmp_path: Path) -> None:
    Image.new("RGB", (100, 80), "red").save(tmp_path / "cover.png")
    run_ffmpeg(*picture(seconds=0.4), *X264, tmp_path / "film.mp4")
    covered = tmp_path / "covered.mp4"
    run_ffmpeg(
        *("-i", tmp_path / "cover.png", "-i", tmp_path / "film.mp4", "-map", "0", "-map", "1"),
        *("-c", "copy", "-disposition:v:0", "attached_pic", covered),
    )
    with open_clip(covered) as clip:
        assert clip.info.size_hw == (48, 64) and len(clip) == 10


def test_of_many_streams_the_first_video_and_sound_are_taken(tmp_path: Path) -> None:
    maps = ("-map", "2", "-map", "0", "-map", "1", "-map", "3", *X264, "-c:a", "aac")
    sources = (*picture(seconds=0.4), *picture("32x32", seconds=0.4))
    with made(tmp_path / "many.mkv", *sources, *tone(0.4, "5.1"), *tone(0.4), *maps) as clip:
        assert clip.info.size_hw == (48, 64) and clip.info.audio
        assert any("several videos" in note for note in clip.info.notes)
        assert any("several sound tracks" in note for note in clip.info.notes)


@pytest.mark.parametrize("suffix", ["mov", "mkv", "webm", "avi"])
def test_the_type_is_told_by_content_not_by_name(tmp_path: Path, suffix: str) -> None:
    encoder = ("-c:v", "libvpx", "-deadline", "realtime") if suffix == "webm" else X264
    run_ffmpeg(*picture(seconds=0.2), *encoder, tmp_path / f"clip.{suffix}")
    renamed = (tmp_path / f"clip.{suffix}").rename(tmp_path / "concat:clip, odd%03d 'name'.txt")
    with open_clip(renamed) as clip:
        assert len(clip) == 5 and not clip.info.audio and clip[4].any()


def test_a_size_that_changes_within_the_clip_is_scaled_to_the_first(tmp_path: Path) -> None:
    for size in ("64x48", "96x80"):
        run_ffmpeg(*picture(size, seconds=0.4), *X264, tmp_path / f"{size}.mkv")
    both = tmp_path / "both.txt"
    both.write_text("file 64x48.mkv\nfile 96x80.mkv\n")
    with made(tmp_path / "both.avi", "-f", "concat", "-i", both, "-c", "copy") as clip:
        assert len(clip) == 20 and {clip[i].shape for i in range(20)} == {(48, 64, 3)}


def test_a_claim_of_hours_is_not_believed(plain: Path, tmp_path: Path) -> None:
    content = bytearray(plain.read_bytes())
    place = content.index(b"mvhd") + 4
    struct.pack_into(">I", content, place + 16, 0x7FFFFFFF)
    hours = tmp_path / "hours.mp4"
    hours.write_bytes(content)
    with open_clip(hours) as clip:
        assert len(clip) == 100 and clip.info.seconds == pytest.approx(3.34, abs=0.01)


def test_a_cut_off_file_gives_the_frames_that_decode(tmp_path: Path) -> None:
    run_ffmpeg(*picture("320x240", seconds=2), *X264, tmp_path / "whole.mkv")
    content = (tmp_path / "whole.mkv").read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(content[: len(content) // 2])
    with open_clip(cut) as clip:
        assert 5 < len(clip) < 45 and any("cut off" in note for note in clip.info.notes)
        assert clip[len(clip) - 1].any()


# Files that must be refused


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "empty"),
        (b"<!doctype html><html><body>404</body></html>", "a web page"),
        (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n", "a playlist"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "a list of files"),
        (b"file '/etc/passwd'\n", "text"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG"),
        (b"\x00\x00\x00\x1cftypavif" + bytes(40), "an AVIF"),
        (bytes(range(256)) * 20, "something unknown"),
    ],
)
def test_what_is_no_video_is_refused_by_what_it_is(
    tmp_path: Path, content: bytes, named: str
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    assert named in refused(path)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "JPEG"])
def test_a_picture_with_the_name_of_a_video_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "clip.mp4"
    Image.new("RGB", (8, 8)).save(path, kind)
    assert f"a {kind} picture" in refused(path)


def test_a_file_of_sound_only_is_refused(tmp_path: Path) -> None:
    run_ffmpeg(*tone(0.2), tmp_path / "sound.mp4")
    assert "no video" in refused(tmp_path / "sound.mp4")


def test_an_mp4_without_its_index_is_refused(plain: Path, tmp_path: Path) -> None:
    content = plain.read_bytes()
    path = tmp_path / "recording.mp4"
    path.write_bytes(content[: content.index(b"moov") - 4])
    assert "(moov)" in refused(path)


def test_a_clip_of_no_frames_is_refused(tmp_path: Path) -> None:
    run_ffmpeg(*picture(seconds=0.2), *X264, tmp_path / "whole.mkv")
    content = (tmp_path / "whole.mkv").read_bytes()
    for cut in (content.index(b"\x1f\x43\xb6\x75"), 40):
        path = tmp_path / "none.mkv"
        path.write_bytes(content[:cut])
        assert "cannot be decoded" in refused(path)


def test_noise_after_the_header_of_a_video_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).bytes(20_000)
    for name, head in (("a.mp4", b"\x00\x00\x00\x18ftypisom"), ("b.mkv", b"\x1aE\xdf\xa3")):
        (tmp_path / name).write_bytes(head + noise)
        refused(tmp_path / name)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert "no file" in refused(tmp_path / "none.mp4")
    (tmp_path / "folder.mp4").mkdir()
    assert "folder" in refused(tmp_path / "folder.mp4")


def test_what_is_over_a_limit_is_refused_before_it_is_decoded(plain: Path) -> None:
    assert "at most 1,000 are read" in refused(plain, ClipLimits(file_bytes=1000))
    assert "64 x 48" in refused(plain, ClipLimits(frame_pixels=3000))
    assert "more than 99 frames" in refused(plain, ClipLimits(decoded_frames=99))
    with open_clip(plain, limits=ClipLimits(decoded_frames=100, frame_pixels=64 * 48)) as clip:
        assert len(clip) == 100


# The example


def test_the_example_clip_has_an_index_mask_of_both_objects_for_every_frame() -> None:
    folder = Path(__file__).parents[3] / "assets" / "examples"
    with (
        open_clip(folder / "wheel-clip.mp4") as clip,
        zipfile.ZipFile(folder / "wheel-clip_masks.zip") as archive,
    ):
        names = sorted(archive.namelist())
        assert names == [f"wheel-clip/{index:05}.png" for index in range(len(clip))]
        assert clip.info.size_hw == (270, 480) and clip.info.fps == 24 and clip.info.notes == ()
        for name in names:
            with Image.open(archive.open(name)) as mask:
                assert mask.mode == "P" and mask.size == (480, 270)
                assert set(np.unique(mask)) == {0, 1, 2}
    assert (folder / "wheel-clip.mp4").stat().st_size < 1_000_000
