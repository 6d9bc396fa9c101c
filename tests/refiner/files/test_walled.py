"""Decoding in a process of its own: the same answers, and no harm from whatever ends it."""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from refiner.files.decoding.walled import WalledReader
from refiner.files.labels.records import LabelChoice
from refiner.files.pictures import read_picture
from refiner.files.reading import HERE
from refiner.types import InputError

BOUNDS = {"max_bytes": 20_000_000, "max_pixels": 40_000_000}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@pytest.fixture(scope="module")
def reader() -> Iterator[WalledReader]:
    reader = WalledReader()
    yield reader
    reader._child.kill()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "фото.png")
    return tmp_path / "фото.png"


def test_pixels_and_notices_are_those_of_this_process(
    reader: WalledReader, photo: Path, tmp_path: Path
) -> None:
    Image.new("RGBA", (40, 30), (255, 255, 255, 0)).save(tmp_path / "clear.png")
    for file in (photo, tmp_path / "clear.png", photo):
        own, other = read_picture(file), reader(file, **BOUNDS)
        assert np.array_equal(own.pixels, other.pixels) and own.notices == other.notices
        assert other.pixels.flags.writeable and other.pixels.flags.c_contiguous


@pytest.mark.parametrize(
    ("content", "bounds", "said"),
    [
        (b"no picture", BOUNDS, "'фото.png'"),
        (b"\x89PNG\r\n\x1a\n broken", BOUNDS, "damaged"),
        (None, {**BOUNDS, "max_pixels": 119_999}, "400 x 300"),
        (None, {**BOUNDS, "max_bytes": 1000}, "at most 1,000"),
    ],
)
def test_what_is_refused_is_refused_in_the_same_words(
    reader: WalledReader, photo: Path, content: bytes | None, bounds: dict[str, int], said: str
) -> None:
    if content is not None:
        photo.write_bytes(content)
    child = reader._child.pid
    with pytest.raises(InputError) as other:
        reader(photo, **bounds)
    with pytest.raises(InputError) as own:
        read_picture(photo, **bounds)
    assert str(other.value) == str(own.value)
    assert reader._child.pid == child and said.encode("ascii", "backslashreplace").decode() in str(
        own.value
    )


def test_masks_and_label_maps_are_those_of_this_process(
    reader: WalledReader, tmp_path: Path
) -> None:
    labels = np.zeros((30, 41), np.uint8)
    labels[4:9, 5:30], labels[12:25, 8:17] = 1, 2
    Image.fromarray(labels).save(tmp_path / "labels.png")
    content = (tmp_path / "labels.png").read_bytes()
    yolo = b"0 0.1 0.1 0.9 0.1 0.5 0.8\n"
    for source in (tmp_path / "labels.png", content, yolo):
        own, other = (one.masks(source, (30, 41), **BOUNDS) for one in (HERE, reader))
        assert [item.label for item in own.masks] == [item.label for item in other.masks]
        for one, two in zip(own.masks, other.masks, strict=True):
            assert np.array_equal(one.mask, two.mask) and two.mask.dtype == np.bool_
        assert own.notices == other.notices
    assert np.array_equal(reader.numbers(content, **BOUNDS), labels)
    options = {"choice": LabelChoice("binary"), "drawn_hw": (60, 82), "picture": "a.png", **BOUNDS}
    (both,) = reader.masks(content, (30, 41), **options).masks
    assert np.array_equal(both.mask, HERE.masks(content, (30, 41), **options).masks[0].mask)


def test_a_mask_that_is_refused_is_refused_in_the_same_words(reader: WalledReader) -> None:
    said = []
    for one in (HERE, reader):
        for source in (b"{", b"", b"GIF89a"):
            with pytest.raises(InputError) as refused:
                one.masks(source, (30, 41), **BOUNDS)
            said.append(str(refused.value))
    assert said[:3] == said[3:] and "damaged JSON" in said[0]


def test_a_process_killed_while_it_decodes_is_an_error_once(
    reader: WalledReader, photo: Path
) -> None:
    reader(photo, **BOUNDS)
    child = psutil.Process(reader._child.pid)
    child.suspend()  # it is asked, and has not answered yet
    killer = threading.Timer(0.3, child.send_signal, [signal.SIGKILL])
    killer.start()
    with pytest.raises(InputError, match="broke the decoder"):
        reader(photo, **BOUNDS)
    assert reader(photo, **BOUNDS).pixels.shape == (300, 400, 3)


def test_a_picture_that_takes_too_long_is_refused(photo: Path) -> None:
    reader = WalledReader(seconds=1.0)
    psutil.Process(reader._child.pid).suspend()
    started = time.monotonic()
    with pytest.raises(InputError, match="too much time"):
        reader(photo, **BOUNDS)
    assert time.monotonic() - started < 30


def test_a_picture_that_takes_too_much_memory_is_refused(tmp_path: Path) -> None:
    Image.new("1", (6000, 6000)).save(tmp_path / "large.png")
    Image.new("1", (60, 60)).save(tmp_path / "small.png")
    roomy = WalledReader()
    roomy(tmp_path / "small.png", **BOUNDS)
    idle = psutil.Process(roomy._child.pid).memory_info().vms
    reader = WalledReader(memory=idle + 100_000_000)
    with pytest.raises(InputError, match="too large|memory"):
        reader(tmp_path / "large.png", **BOUNDS)
    assert reader(tmp_path / "small.png", **BOUNDS).pixels.shape == (60, 60, 3)


def test_the_process_has_limits_and_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "secret")
    reader = WalledReader()
    child = psutil.Process(reader._child.pid)
    assert "SOME_TOKEN" not in child.environ()
    deadline = time.monotonic() + 30
    while child.rlimit(psutil.RLIMIT_FSIZE)[1] != 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert child.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
    assert child.rlimit(psutil.RLIMIT_AS)[1] == 4_000_000_000


def test_the_process_ends_with_its_reader() -> None:
    reader = WalledReader()
    child = psutil.Process(reader._child.pid)
    del reader
    gc.collect()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
