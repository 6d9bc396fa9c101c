from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from playwright.sync_api import Browser, FilePayload, Locator, Page, expect

from refiner.metrics import iou
from refiner.types import Click, Prompts
from tests.browser.conftest import Server
from tests.browser.studio import Visitor
from tests.browser.test_files import png
from tests.fakes import RADIUS, disc, drawn

pytestmark = pytest.mark.browser

SIZE = 120, 160
PICTURES = 5


def truth(number: int) -> np.ndarray:
    return np.where(disc(SIZE, 60 + 8 * number, 60, 35 + 3 * number), 255, 0).astype(np.uint8)


def zipped(*more: tuple[str, bytes]) -> FilePayload:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(PICTURES):
            archive.writestr(f"p{number}.png", png(np.full((*SIZE, 3), 120, np.uint8)))
            archive.writestr(f"p{number}_mask.png", png(truth(number)))
        for name, content in more:
            archive.writestr(name, content)
    return {"name": "set.zip", "mimeType": "application/zip", "buffer": buffer.getvalue()}


@pytest.fixture
def page(visitor: Visitor) -> Iterator[Page]:
    visitor.page.get_by_role("tab", name="Compare").click()
    expect(visitor.page.locator("#compare-run")).to_be_visible()
    yield visitor.page


def upload(page: Page, *files: FilePayload) -> None:
    page.locator('input[data-testid="file-upload"]').first.set_input_files(list(files))
    for file in files:
        expect(page.locator(f'a[href$="/{file["name"]}"]')).to_be_visible()


def choose(page: Page, label: str, value: int) -> None:
    box = page.get_by_label(f"number input for {label}")
    box.fill(str(value))
    box.press("Enter")


def start(page: Page) -> None:
    page.locator("#compare-run").click()


def wait_stage(page: Page, stage: str) -> str:
    said = page.locator(f'#compare-status [data-stage="{stage}"]')
    expect(said).to_be_visible(timeout=30_000)
    return said.inner_text()


def download(page: Page, kind: str) -> bytes:
    with page.expect_download() as waiting:
        page.locator(f"#compare-{kind}").click()
    return Path(waiting.value.path()).read_bytes()


def drawn_scores(svg: bytes, metric: str, model: str) -> list[float]:
    """Heights of a curve's corners in the drawing, from 0 at the axes' bottom to 1 at the top."""

    def corners(name: str) -> list[float]:
        group = next(node for node in ElementTree.fromstring(svg).iter() if node.get("id") == name)
        path = next(node for node in group.iter() if node.tag.endswith("path"))
        return [float(pair[1]) for pair in re.findall(r"[ML] (\S+) (\S+)", path.get("d") or "")]

    axes = corners(f"{metric}-panel")
    bottom, top = max(axes), min(axes)
    return [(bottom - y) / (bottom - top) for y in corners(f"{metric}-{model}")]


def test_a_run_over_five_own_pictures_ends_with_a_plot_and_a_table_that_agree(page: Page) -> None:
    example = page.get_by_role("checkbox", name="Disc")
    expect(example).to_be_checked()
    upload(page, zipped())
    expect(example).not_to_be_checked()
    choose(page, "Up to this many prompts", 4)
    start(page)
    assert "5 of 5 pictures" in wait_stage(page, "done")
    shown = page.locator("#compare-outcome table.scores tbody tr")
    expect(shown).to_have_count(4)
    rows = list(csv.DictReader(io.StringIO(download(page, "csv").decode())))
    assert len(rows) == 8
    svg = download(page, "svg")
    assert download(page, "png").startswith(b"\x89PNG")
    for column, (metric, name) in enumerate((("miou", "mIoU"), ("mbiou", "mBIoU"))):
        heights: list[float] = []
        values: list[float] = []
        for place, model in enumerate(("sam2", "sam2refiner")):
            mine = [row for row in rows if row["model"] == model]
            heights += drawn_scores(svg, name, model)
            values += [float(row[metric]) for row in mine]
            cells = shown.locator(f"td:nth-child({2 + 2 * column + place})").all_inner_texts()
            assert cells == [
                f"{100 * float(row[metric]):.1f} ± {100 * float(row[f'{metric}_sd']):.1f}"
                for row in mine
            ]
        # One straight scale takes all values to their heights.
        slope, offset = np.polyfit(values, heights, 1)
        assert np.abs(np.polyval([slope, offset], values) - heights).max() < 1e-4
        assert slope > 0


def test_clicks_are_at_the_largest_error_and_counted(page: Page) -> None:
    number = 4
    mask = truth(number) > 0
    middle = next_middle(mask)
    expected = iou(drawn(SIZE, Prompts((middle,)), RADIUS), mask)
    upload(
        page,
        {
            "name": "Grey.png",
            "mimeType": "image/png",
            "buffer": png(np.zeros((*SIZE, 3), np.uint8)),
        },
        {"name": "Grey_mask.png", "mimeType": "image/png", "buffer": png(truth(number))},
    )
    page.get_by_label("Clicks at the model's largest error").check()
    choose(page, "Up to this many prompts", 3)
    start(page)
    wait_stage(page, "done")
    first = page.locator("#compare-outcome table.scores tbody tr:first-child td:nth-child(2)")
    expect(first).to_have_text(f"{100 * expected:.1f}")
    expect(page.locator("#compare-outcome table.efforts thead")).to_contain_text("NoC@85")
    (row,) = csv.DictReader(io.StringIO(download(page, "pictures").decode()))
    base, refined = float(row["sam2_iou"]), float(row["sam2refiner_iou"])
    finding = page.locator("#compare-outcome .finding")
    expect(finding).to_contain_text(f"on {int(refined > base)} of 1 pictures")
    expect(finding).to_contain_text(f"IoU {100 * base:.1f} → {100 * refined:.1f} %")
    point = page.locator("#compare-outcome circle")
    expect(point).to_have_class("refined" if refined >= base else "base")
    point.click()  # the file, not the example that is called Grey
    expect(page.locator("#prompt-canvas .about-picture")).to_contain_text("Your picture · 160×120")


def next_middle(mask: np.ndarray) -> Click:
    from refiner.metrics import next_click

    click = next_click(np.zeros_like(mask), mask)
    assert click is not None
    return click


def test_cancelling_keeps_what_is_done_and_others_click_meanwhile(
    page: Page, server: Server, browser: Browser
) -> None:
    upload(page, zipped())
    server.knobs.seconds.value = 0.15
    start(page)
    expect(page.locator("#compare-status")).to_contain_text("1 of 5 pictures", timeout=30_000)
    assert 0.2 <= float(page.locator("#compare-status progress").get_attribute("value") or 0) < 1
    other = Visitor(browser, server.url)
    other.click(300, 100)
    other.settle("2")
    other.close()
    page.locator("#compare-cancel").click()
    said = wait_stage(page, "cancelled")
    server.knobs.seconds.value = 0.0
    done = int(said.split(":")[1].split()[0])
    assert 1 <= done < 5
    expect(page.locator("#compare-outcome")).to_contain_text(f"Pictures: {done} ")
    rows = list(csv.DictReader(io.StringIO(download(page, "csv").decode())))
    assert {row["pictures"] for row in rows} == {str(done)}
    expect(page.locator("#compare-run")).to_be_enabled()


def written(server: Server) -> set[Path]:
    """Files with any content; gradio itself leaves empty ones."""
    return {path for path in server.files.rglob("*") if path.is_file() and path.stat().st_size}


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("../../evil.png", b"x"), "leads out of the ZIP"),
        (("big.bmp", bytes(4_000_000)), "bytes unpacked"),
        (("alone.png", b"x"), "no mask"),
    ],
)
def test_a_bad_zip_is_refused_with_the_reason(
    page: Page, server: Server, more: tuple[str, bytes], reason: str
) -> None:
    upload(page, zipped(more))
    before = written(server)
    start(page)
    assert reason in wait_stage(page, "refused")
    assert written(server) == before
    expect(page.locator("#compare-run")).to_be_enabled()


def test_without_pictures_the_tab_says_what_it_needs(page: Page) -> None:
    page.get_by_role("checkbox", name="Disc").uncheck()
    start(page)
    assert "Choose an example, or upload" in wait_stage(page, "refused")


def test_measured_results_stand_next_to_the_papers(page: Page) -> None:
    page.get_by_role("tab", name="Results").click()
    expect(page.get_by_text("mIoU / mBIoU by prompts").first).to_be_visible()
    expect(page.get_by_text("Reported in the paper").first).to_be_visible()
    wait_shape(page, "wide")


def wait_shape(page: Page, shape: str) -> None:
    """Wait until the plot of the measured results lies so; of another shape it is another file."""
    plot = page.get_by_alt_text("Measured mIoU and mBIoU").first
    expect(plot).to_be_visible()
    page.wait_for_function(
        """([plot, wide]) => plot.complete && plot.naturalWidth
            && (plot.naturalWidth > plot.naturalHeight) === wide""",
        arg=[plot.element_handle(), shape == "wide"],
    )


def variants(page: Page) -> Locator:
    """Run them all; return their pictures."""
    page.get_by_role("tab", name="Variants").click()
    page.locator("#variants-run").click()
    pictures = page.locator("#variants img")
    expect(pictures).to_have_count(3)
    return pictures


def shown_parts(pictures: Locator) -> set[tuple[float, ...]]:
    """How each picture lies in its frame: its left and upper edge and its width, in frames."""
    return {
        tuple(
            picture.evaluate(
                """image => {
                    const [part, whole] = [image, image.parentElement].map((one) => one.getBoundingClientRect());
                    const lies = [part.x - whole.x, part.y - whole.y, part.width];
                    return lies.map((length) => Math.round(100 * length / whole.width) / 100);
                }"""
            )
        )
        for picture in pictures.all()
    }


def test_variants_of_the_picture_of_the_image_tab_move_together(page: Page) -> None:
    pictures, grid = variants(page), page.locator("#variants")
    captions = grid.locator("figcaption").all_inner_texts()
    assert [caption.split(" · ")[0] for caption in captions] == ["SAM2", "SAM2Refiner", "LA + PR"]
    assert shown_parts(pictures) == {(0, 0, 1)}
    frame = grid.locator(".frame").nth(1)
    frame.dblclick()
    ((left, top, width),) = shown_parts(pictures)
    assert (left, width) == (-0.5, 2)
    box = frame.bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + box["width"] / 4, middle[1], steps=4)
    page.mouse.up()
    ((moved, *rest),) = shown_parts(pictures)
    assert moved == pytest.approx(-0.25, abs=0.02)
    assert rest == [top, width]
    grid.get_by_role("button", name="Fit").click()
    assert shown_parts(pictures) == {(0, 0, 1)}


def test_variants_show_where_they_differ_from_the_full_model(page: Page) -> None:
    pictures = variants(page)
    plain = [picture.get_attribute("src") for picture in pictures.all()]
    page.get_by_role("button", name="Differences from SAM2Refiner").click()
    marked = [picture.get_attribute("src") for picture in pictures.all()]
    assert [one == other for one, other in zip(plain, marked, strict=True)] == [False, True, False]
    expect(page.locator("#variants .key")).to_be_visible()
