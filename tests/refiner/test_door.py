"""What `import refiner` gives, and the paths that an older README named."""

from __future__ import annotations

import re
import subprocess
import sys
from pkgutil import resolve_name

import pytest

import refiner


def test_the_door_opens_without_torch():
    code = (
        "import refiner, sys; dir(refiner); refiner.read_image, refiner.Prompts, refiner.open_clip;"
        "refiner.refine; assert not {'torch', 'gradio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_is_there():
    assert set(refiner.__all__) <= set(dir(refiner))
    for name in refiner.__all__:
        assert callable(getattr(refiner, name)), name
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        refiner.lod  # noqa: B018


def test_the_map_names_what_exists():
    doc = refiner.__doc__ or ""
    names = re.findall(r"`(refiner\.[\w.]+)`", doc)
    assert len(names) > 20
    for name in names:
        resolve_name(name)
    rooms = re.findall(r"^- ([\w, ]+): ", doc[: doc.index("One click:")], re.M)
    for room in ", ".join(rooms).split(", "):
        resolve_name(f"refiner.{room}")


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("refiner.image", "refiner.predict.loading", ("load_segmenter", "ImageSegmenter")),
        ("refiner.media", "refiner.files.pictures", ("read_image",)),
        ("refiner.media", "refiner.files.mask_files", ("read_mask",)),
    ],
)
def test_old_paths_work_and_name_the_new_one(old, new, names):
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=new) as caught:
        for name in names:
            assert resolve_name(f"{old}:{name}") is resolve_name(f"{new}:{name}")
    assert caught


def test_a_base_that_cannot_track_is_refused():
    from refiner.predict.cascade import CascadeSegmenter
    from tests.fakes import FakeSegmenter

    fake = FakeSegmenter()
    with pytest.raises(refiner.InputError, match="cannot track without a SAM2Refiner of its own"):
        refiner.load_tracker(CascadeSegmenter(fake, fake, fake.info))
