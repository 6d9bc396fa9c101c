import io
import json
import stat
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from refiner.data.archives import ArchiveLimits, open_archive
from refiner.types import InputError

PHOTO = np.full((30, 40, 3), 90, np.uint8)
LEFT = np.zeros((30, 40), np.uint8)
LEFT[:, :20] = 255
TWO = np.zeros((30, 40), np.uint8)
TWO[:10], TWO[20:] = 1, 2


def png(pixels, palette=None):
    image = Image.fromarray(pixels)
    if palette:
        image = image.convert("P")
        image.putpalette(palette)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def zipped(tmp_path):
    """Write a ZIP of the files given; a name may be a ZipInfo. Nothing else is ever written."""

    def write(*files, method=zipfile.ZIP_DEFLATED):
        path = tmp_path / "upload.zip"
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, content in files:
                archive.writestr(name, content)
        return path

    yield write
    assert {file.suffix for file in tmp_path.rglob("*")} == {".zip"}
    assert not any((tmp_path.parent / name).exists() for name in ("a.jpg", "b.jpg"))


PAIR = (("a.jpg", png(PHOTO)), ("a_mask.png", png(LEFT)))


def read_all(path, **limits):
    archive = open_archive(path, ArchiveLimits(**limits))
    return {pair.name: archive.read(pair) for pair in archive.pairs}


def test_plain_pairs_are_found_beside_each_other_and_in_two_folders(zipped):
    path = zipped(
        *PAIR,
        ("set/images/b.jpg", png(PHOTO)),
        ("set/masks/b.png", png(LEFT)),
        ("__MACOSX/._a.jpg", b"junk"),
        ("notes.txt", b"not read"),
    )
    found = read_all(path)
    assert list(found) == ["a", "set/b"]
    image, masks = found["set/b"]
    assert np.array_equal(image, PHOTO)
    assert len(masks) == 1
    assert np.array_equal(masks[0], LEFT > 0)


def test_a_manifest_names_pairs_and_numbers_objects(zipped):
    row = {"w": 40, "h": 30, "kind": "object", "split": "val"}
    rows = [
        row | {"id": "one", "image": "images/x/1.png", "mask": "masks/x/1.png"},
        row | {"id": "clip", "image": "v/a", "mask": "v/b", "kind": "video", "frames": 3},
    ]
    text = "\n".join(json.dumps(one) for one in rows)
    path = zipped(
        ("data/manifest.jsonl", text),
        ("data/images/x/1.png", png(PHOTO)),
        ("data/masks/x/1.png", png(TWO)),
    )
    ((name, (_, masks)),) = read_all(path).items()
    assert name == "one"
    assert [mask.sum() for mask in masks] == [400, 400]


def test_of_a_davis_sequence_the_first_frame_with_masks_is_taken(zipped):
    colours = [0, 0, 0, 128, 0, 0, 0, 128, 0]
    path = zipped(
        ("DAVIS/JPEGImages/480p/dog/00000.jpg", png(PHOTO)),
        ("DAVIS/JPEGImages/480p/dog/00001.jpg", png(PHOTO)),
        ("DAVIS/JPEGImages/480p/dog/00002.jpg", png(PHOTO)),
        ("DAVIS/Annotations/480p/dog/00001.png", png(TWO, colours)),
        ("DAVIS/Annotations/480p/dog/00002.png", png(TWO, colours)),
    )
    ((name, (_, masks)),) = read_all(path).items()
    assert name == "480p/dog/00001"
    assert len(masks) == 2


@pytest.mark.parametrize(
    "name",
    ["../a.jpg", "/etc/a.jpg", "x/../../a.jpg", "..\\a.jpg", "C:/a.jpg", "a//b.jpg", "./a.jpg"],
)
def test_names_that_lead_elsewhere_are_refused(zipped, name):
    with pytest.raises(InputError, match="leads out of the ZIP or is no plain path"):
        open_archive(zipped(*PAIR, (name, b"x")))


def test_links_are_refused(zipped):
    link = zipfile.ZipInfo("b.jpg")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(InputError, match=r"'b\.jpg' is a link or device"):
        open_archive(zipped(*PAIR, (link, "/etc/passwd")))


def test_bombs_are_refused_before_anything_is_unpacked(zipped, monkeypatch):
    many = zipped(*((f"{n}.txt", bytes(900_000)) for n in range(5)))
    many = many.rename(many.with_name("many.zip"))
    path = zipped(*PAIR, ("b.bmp", bytes(5_000_000)))
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("unpacked"))
    with pytest.raises(InputError, match="unpacks to .* times its size, at most 200"):
        open_archive(path)
    with pytest.raises(InputError, match="5,000,000 bytes unpacked, at most 2,000,000"):
        open_archive(path, ArchiveLimits(file_bytes=2_000_000))
    with pytest.raises(InputError, match="has 4,500,000 bytes, at most 4,000,000"):
        open_archive(many, ArchiveLimits(total_bytes=4_000_000))


def test_a_member_that_says_it_is_smaller_than_it_is_is_damaged(zipped):
    path = zipped(*PAIR, ("b.png", png(PHOTO)), ("b_mask.png", png(LEFT) + bytes(5_000_000)))
    content = bytearray(path.read_bytes())
    start = content.rfind(b"PK\x01\x02")
    content[start + 24 : start + 28] = struct.pack("<I", 50)
    path.write_bytes(content)
    archive = open_archive(path)
    with pytest.raises(InputError, match="damaged"):
        archive.read(archive.pairs[1])


def test_too_many_files_are_refused(zipped):
    path = zipped(*((f"{n}.txt", b"") for n in range(30)))
    with pytest.raises(InputError, match="more than 20 files"):
        open_archive(path, ArchiveLimits(files=20))


def test_a_directory_larger_than_it_says_is_refused(zipped):
    path = zipped(*((f"{'n' * 500}{n}.txt", b"") for n in range(60)))
    content = bytearray(path.read_bytes())
    start = content.rfind(b"PK\x05\x06")
    content[start + 8 : start + 12] = struct.pack("<HH", 2, 2)
    path.write_bytes(content)
    with pytest.raises(InputError, match="more than 20 files"):
        open_archive(path, ArchiveLimits(files=20))


def test_encrypted_archives_are_refused(zipped):
    path = zipped(*PAIR)
    content = bytearray(path.read_bytes())
    start = content.find(b"PK\x01\x02")
    content[start + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="is encrypted"):
        open_archive(path)


def test_archives_within_and_unusual_compression_are_refused(zipped):
    with pytest.raises(InputError, match="is an archive itself"):
        open_archive(zipped(*PAIR, ("more.ZIP", b"PK")))
    with pytest.raises(InputError, match="unusual way"):
        open_archive(zipped(*PAIR, method=zipfile.ZIP_LZMA))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_given_twice_is_refused(zipped):
    with pytest.raises(InputError, match=r"'A\.jpg' is in it twice"):
        open_archive(zipped(*PAIR, ("A.jpg", b"x")))
    with pytest.raises(InputError, match="is in it twice"):
        open_archive(zipped(*PAIR, PAIR[0]))


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ((*PAIR, ("b.jpg", png(PHOTO))), r"'b\.jpg': no mask"),
        ((*PAIR, ("b_mask.png", png(LEFT))), r"'b_mask\.png': a mask without its picture"),
        ((*PAIR, ("a.png", png(PHOTO))), r"'a\.jpg' and 'a\.png' are the same one"),
        ((("readme.txt", b"x"),), "no pictures with masks"),
        (
            (("JPEGImages/a/0.jpg", png(PHOTO)), ("Annotations/a/1.png", png(TWO))),
            "a mask without its picture",
        ),
        ((("manifest.jsonl", b"{}"),), "'id' is missing"),
        ((("manifest.jsonl", b"\xff"),), "no UTF-8"),
        (
            (
                (
                    "manifest.jsonl",
                    b'{"id":"a","image":"../x","mask":"y","kind":"object","split":"v","w":1,"h":1}',
                ),
            ),
            "leaves the manifest's folder",
        ),
        (
            (
                (
                    "manifest.jsonl",
                    b'{"id":"a","image":"x","mask":"y","kind":"object","split":"v","w":1,"h":1}',
                ),
            ),
            "names 'x', which is not in the ZIP",
        ),
    ],
)
def test_what_does_not_pair_is_refused(zipped, files, reason):
    with pytest.raises(InputError, match=reason):
        open_archive(zipped(*files))


@pytest.mark.parametrize(
    ("image", "mask", "reason"),
    [
        (png(PHOTO), png(LEFT[:20]), "'a': .*own shape"),
        (png(PHOTO), png(0 * LEFT), "'a': .*no pixel"),
        (b"text", png(LEFT), "'a': .*not a picture"),
        (png(PHOTO), png(LEFT)[:55], "'a': .*damaged or incomplete"),
    ],
    ids=["another size", "nothing marked", "no picture", "cut off"],
)
def test_pairs_that_do_not_fit_are_refused_when_read(zipped, image, mask, reason):
    archive = open_archive(zipped(("a.jpg", image), ("a_mask.png", mask)))
    with pytest.raises(InputError, match=reason):
        archive.read(archive.pairs[0])


@pytest.mark.parametrize(
    "content",
    [b"", b"text", b"PK\x03\x04", b"PK\x05\x06", b"PK\x05\x06" * 9],
    ids=["empty", "text", "first bytes", "last bytes", "last bytes again and again"],
)
def test_what_is_no_zip_is_refused(tmp_path, content):
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(InputError, match="no ZIP|damaged|more than"):
        open_archive(path)


def test_a_flipped_bit_is_noticed(zipped):
    path = zipped(*PAIR, method=zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)
    archive = open_archive(path)
    with pytest.raises(InputError, match="damaged"):
        archive.read(archive.pairs[0])
