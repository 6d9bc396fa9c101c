"""A photo as phones take them, through the whole page: turned, wide-gamut, of twelve megapixels."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import expect

from refiner.files.pictures import read_picture, scaled_mask
from tests.browser.studio import Visitor
from tests.browser.test_files import mask_of
from tests.fakes import RADIUS, disc
from tests.refiner.files.test_photos import P3, profile

pytestmark = pytest.mark.browser

WIDE, HIGH = 3024, 4032
"""As it is looked at; it is stored on its side."""
WORKED = (2048, 1536)
SPOT = (2400, 700)


@pytest.fixture(scope="module")
def photo() -> bytes:
    upright = Image.new("RGB", (WIDE, HIGH), (120, 120, 120))
    draw = ImageDraw.Draw(upright)
    draw.circle(SPOT, 300, (200, 60, 60))
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    stored = upright.transpose(Image.Transpose.ROTATE_90)
    stored.save(buffer, "JPEG", quality=80, exif=exif, icc_profile=profile(P3))
    return buffer.getvalue()


def test_its_mask_has_its_own_size_and_name(
    phone: Visitor, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone.upload("IMG_4711.jpeg", photo, "image/jpeg")
    about = phone.page.locator(".about-picture")
    expect(about).to_contain_text(f"1536×2048, scaled down from {WIDE}×{HIGH}", timeout=60_000)
    phone.settle()
    monkeypatch.setattr("tests.browser.studio.WIDE", WIDE)
    monkeypatch.setattr("tests.browser.studio.HIGH", HIGH)
    shown, (x, y) = phone.pixel(*SPOT), SPOT
    assert np.abs(np.subtract(shown, read_picture(photo).pixels[y, x])).max() <= 6
    assert shown[0] > 208  # a red that sRGB has to say louder
    phone.click(*SPOT)
    phone.settle("1")
    name, content = phone.download("mask", "refined")
    assert name == "IMG_4711_sam2refiner_mask.png"
    mask = mask_of(content)
    assert mask.shape == (HIGH, WIDE)
    rows, columns = np.nonzero(mask)
    assert abs(columns.mean() - SPOT[0]) < 12 and abs(rows.mean() - SPOT[1]) < 12
    whole = scaled_mask(disc(WORKED, 768, 1024, RADIUS * 1.2), (HIGH, WIDE))
    assert abs(mask.sum() / whole.sum() - 1) < 0.01
