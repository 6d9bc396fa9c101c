"""The video tab in a real browser: real clips and files, the tracker a fake."""

from __future__ import annotations

import io
import json
import re
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, expect

from refiner.clips.clip import open_clip
from refiner.files.run_lengths import decode_rle
from refiner.video_types import VideoInfo
from tests.browser.conftest import Server
from tests.browser.studio import Visitor, reached, seat
from tests.fakes import disc
from tests.refiner.clip_making import run_ffmpeg

pytestmark = pytest.mark.browser

WIDE, HIGH, FRAMES, FPS = 320, 240, 24, Fraction(12)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of plain grey with a sound."""
    file = tmp_path_factory.mktemp("clips") / "grey.mp4"
    make_clip(file)
    return file


def make_clip(file: Path, frames: int = FRAMES, size: str = f"{WIDE}x{HIGH}") -> None:
    seconds = float(frames / FPS)
    run_ffmpeg(
        "-f", "lavfi", "-i", f"color=gray:size={size}:rate={FPS}:duration={seconds}",
        "-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}",
        "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", file,
    )  # fmt: skip


class Viewer(Visitor):
    """A visitor at the video tab who wants nothing to move by itself."""

    def __init__(
        self, browser: Browser | BrowserContext, url: str, starts: str = "1", **options: Any
    ) -> None:
        super().__init__(browser, url, starts, **options)
        self.page.get_by_role("tab", name="Video").click()
        self.tab = self.page.locator("#video-canvas")
        self.tab.locator('[data-do="open"]').wait_for()

    def canvas(self, model: str = "base") -> Locator:
        tab = self.page.locator("#video-canvas")
        root = tab if tab.count() else self.page.locator("#prompt-canvas")
        return root.locator(f".pane.{model} > canvas:not(.inset)")

    def at(self, x: float, y: float, model: str = "base") -> tuple[float, float]:
        self.canvas(model).scroll_into_view_if_needed()
        box = self.canvas(model).bounding_box()
        assert box is not None
        scale = min(box["width"] / WIDE, box["height"] / HIGH)
        return (
            box["x"] + box["width"] / 2 + (x - WIDE / 2) * scale,
            box["y"] + y * scale,  # at the pane's top
        )

    def press(self, keys: str) -> None:
        self.tab.locator(".stage").press(keys)

    def button(self, selector: str) -> Locator:
        return reached(self.page, f"#video-canvas {selector}")

    def text(self, name: str) -> str:
        return self.tab.locator(f".{name}").inner_text()

    def open(self, file: Path) -> None:
        self.tab.locator("input.file").set_input_files(str(file))
        expect(self.tab.locator(".about-picture")).to_contain_text("Your clip")
        expect(self.tab.locator(".clock")).to_contain_text("Frame 0 of")
        self.quiet()

    def quiet(self) -> None:
        """Wait until nothing is under way."""
        expect(self.tab.locator(".status")).not_to_have_text(
            re.compile("Working|Opening|Starting|left$|Writing|Waiting|Cancelling"), timeout=20_000
        )

    def prompt(self, x: float, y: float, count: int, **options: Any) -> None:
        self.click(x, y, **options)
        self.quiet()
        expect(self.tab.locator('[data-fact="prompts"] dd')).to_have_text(str(count))

    def go(self, frame: int) -> None:
        """Go to a frame with the keys."""
        at = int(self.text("clock").split()[1])
        for _ in range(abs(frame - at) // 10):
            self.press("Shift+ArrowRight" if frame > at else "Shift+ArrowLeft")
        for _ in range(abs(frame - at) % 10):
            self.press("ArrowRight" if frame > at else "ArrowLeft")
        self.shows(frame)

    def shows(self, frame: int) -> None:
        expect(self.tab.locator(".clock")).to_contain_text(f"Frame {frame} of")

    def track(self) -> None:
        self.do("track")
        self.tracked()

    def tracked(self) -> None:
        expect(self.tab.locator('[data-do="track"]')).to_have_text("All tracked", timeout=20_000)

    def save(self, name: str, folder: Path) -> Path:
        with self.page.expect_download(timeout=90_000) as waiting:
            self.button(f'[data-export="{name}"]').click()
        file = folder / waiting.value.suggested_filename
        waiting.value.save_as(file)
        self.quiet()
        return file


@pytest.fixture
def viewer(desk: BrowserContext, server: Server) -> Iterator[Viewer]:
    server.knobs.seconds.value, server.knobs.broken.value = 0.0, 0
    viewer = Viewer(desk, server.url, page=seat(desk))
    yield viewer
    server.knobs.seconds.value, server.knobs.broken.value = 0.0, 0
    viewer.close()
    assert viewer.errors == []
    assert viewer.hosts == {"127.0.0.1"}


@pytest.fixture
def opened(viewer: Viewer, clip: Path) -> Viewer:
    viewer.open(clip)
    return viewer


def test_a_clip_says_what_it_is_and_what_tracking_will_take(opened: Viewer) -> None:
    assert "320×240 · 12 fps · 24 frames · 2.00 s · with sound" in opened.text("about-picture")
    expect(opened.tab.locator(".estimate")).to_contain_text("for 24 frames")
    expect(opened.tab.locator('[data-do="track"]')).to_be_disabled()
    opened.page.wait_for_function(
        """() => {
            const strip = document.querySelector("#video-canvas .film");
            const { data } = strip.getContext("2d").getImageData(0, 10, strip.width, 1);
            return data.every((value, at) => at % 4 !== 3 || value === 255);
        }"""
    )


def test_two_objects_on_two_frames_are_tracked_cancelled_resumed_corrected_and_exported(
    opened: Viewer, server: Server, tmp_path: Path
) -> None:
    opened.prompt(60, 80, 1)
    assert opened.masked(60, 92)
    assert opened.masked(60, 99, "refined")
    assert not opened.masked(60, 99)
    opened.go(10)
    assert not opened.masked(60, 80)
    opened.do("new_object")
    opened.prompt(160, 180, 1)

    server.knobs.seconds.value = 0.4
    opened.do("track")
    expect(opened.tab.locator(".status")).to_have_text(re.compile(r"\d+ of 24 frames, .* left"))
    expect(opened.tab.locator(".lane i.fresh").first).to_be_visible()
    opened.do("track")
    expect(opened.tab.locator(".status")).to_contain_text("what is tracked is kept")
    server.knobs.seconds.value = 0.0
    expect(opened.tab.locator('[data-do="track"]')).to_have_text("Go on tracking")
    opened.track()

    opened.go(15)
    assert opened.masked(60 + 4 * 15, 80)
    assert opened.masked(160 + 4 * 5, 180, "refined")
    opened.prompt(160 + 4 * 5, 180, 1, button="right")
    assert not opened.masked(180 + 7, 180, "refined")
    expect(opened.tab.locator('[data-do="track"]')).to_have_text("Track again from frame 15")
    expect(opened.tab.locator(".lane i.stale")).to_have_count(1)
    opened.track()
    opened.go(20)
    assert not opened.masked(200 + 5, 180)
    assert opened.masked(200 + 12, 180)

    document = json.loads(opened.save("rle", tmp_path).read_text())
    assert document["frames_written"] == FRAMES
    frame = document["frames"][20]["objects"]
    assert [item["id"] for item in frame] == [1, 2]
    shown = disc((HIGH, WIDE), 60 + 4 * 20, 80, 16)
    assert np.array_equal(decode_rle(frame[0]["base"]["segmentation"]), shown)
    with zipfile.ZipFile(opened.save("masks", tmp_path)) as archive:
        names = [name for name in archive.namelist() if name.endswith("00020.png")]
        for name in names:
            with Image.open(io.BytesIO(archive.read(name))) as picture:
                radius = 20 if "refiner" in name else 16
                found = np.asarray(picture) == 1
                assert np.array_equal(found, disc((HIGH, WIDE), 60 + 4 * 20, 80, radius))
    assert len(names) == 2


@pytest.mark.parametrize(
    ("name", "width"),
    [
        ("comparison", 2 * WIDE),
        ("overlay-sam2", WIDE),
        ("overlay-sam2refiner", WIDE),
        ("cutout-sam2-webm", WIDE),
        ("cutout-sam2refiner-webm", WIDE),
        ("cutout-sam2-prores", WIDE),
        ("cutout-sam2refiner-prores", WIDE),
    ],
)
def test_exported_videos_have_the_clips_frames_rate_size_and_sound(
    opened: Viewer, tmp_path: Path, name: str, width: int
) -> None:
    opened.prompt(60, 80, 1)
    opened.track()
    with open_clip(opened.save(name, tmp_path)) as video:
        expected = VideoInfo((HIGH, width), FPS, FRAMES, audio=True)
        assert replace(video.info, notes=()) == expected
        assert any("transparency" in note for note in video.info.notes) == ("cutout" in name)


def test_the_timeline_is_scrubbed_with_mouse_and_keys(opened: Viewer) -> None:
    opened.tab.locator(".tracks").scroll_into_view_if_needed()
    box = opened.tab.locator(".rail").bounding_box()
    assert box is not None
    opened.page.mouse.click(box["x"] + box["width"] * 12.5 / FRAMES, box["y"] + 15)
    opened.shows(12)
    opened.tab.locator(".ruler").press("ArrowRight")
    opened.shows(13)
    opened.tab.locator(".ruler").press("Shift+ArrowLeft")
    opened.shows(3)
    opened.press("End")
    opened.shows(23)
    opened.press("Home")
    opened.shows(0)


def test_a_dot_leads_back_to_its_prompts(opened: Viewer) -> None:
    opened.go(5)
    opened.prompt(60, 80, 1)
    opened.go(20)
    opened.tab.locator('.lane em[data-frame="5"]').click()
    opened.shows(5)
    assert opened.masked(60, 92)


def test_only_the_chosen_part_is_tracked(opened: Viewer) -> None:
    opened.go(4)
    opened.do("start_here")
    opened.go(15)
    opened.do("stop_here")
    expect(opened.tab.locator(".part")).to_contain_text("12 of 24 frames (1.0 s)")
    expect(opened.tab.locator(".part")).to_contain_text("12 are left out")
    opened.prompt(100, 80, 1)
    opened.track()
    opened.press("Home")
    opened.shows(4)
    assert opened.masked(100 - 4 * 11, 80)
    opened.go(3)
    assert not opened.masked(100 - 4 * 12, 80)


def test_trim_handles_are_dragged(opened: Viewer) -> None:
    handle = opened.tab.locator(".handle.stop")
    handle.scroll_into_view_if_needed()
    box, rail = handle.bounding_box(), opened.tab.locator(".rail").bounding_box()
    assert box is not None
    assert rail is not None
    opened.page.mouse.move(box["x"] + 5, box["y"] + 10)
    opened.page.mouse.down()
    opened.page.mouse.move(rail["x"] + rail["width"] * 9.5 / FRAMES, box["y"] + 10, steps=4)
    opened.page.mouse.up()
    expect(opened.tab.locator(".part")).to_contain_text("10 of 24 frames")


def test_playing_moves_both_panes_and_stops_at_the_end(opened: Viewer) -> None:
    opened.prompt(60, 80, 1)
    opened.track()
    opened.go(0)
    expect(opened.tab.locator('[data-do="loop"]')).to_have_attribute("aria-pressed", "false")
    started = time.monotonic()
    opened.press("p")
    expect(opened.tab.locator('[data-do="play"]')).to_have_text("Pause")
    opened.shows(23)
    assert time.monotonic() - started > 1
    expect(opened.tab.locator('[data-do="play"]')).to_have_text("Play")
    assert opened.masked(60 + 4 * 23, 80)
    assert opened.masked(60 + 4 * 23, 80, "refined")


def test_a_click_on_the_agreement_goes_to_the_dip(opened: Viewer) -> None:
    opened.prompt(296, 80, 1)  # leaves the picture, larger discs later than smaller ones
    opened.track()
    expect(opened.tab.locator(".agreement path.iou")).to_have_attribute("d", re.compile("L"))
    opened.tab.locator(".agreement").scroll_into_view_if_needed()
    values = opened.tab.locator(".agreement path.iou").get_attribute("d")
    assert values is not None
    heights = [float(part.split()[1].split("h")[0]) for part in re.findall(r"[ML][\d. h]+", values)]
    dip = int(np.argmax(heights))
    box = opened.tab.locator(".rail").bounding_box()
    assert box is not None
    y = opened.tab.locator(".agreement").bounding_box()
    assert y is not None
    near = max(dip - 1, 0) + 0.5
    opened.page.mouse.click(box["x"] + box["width"] * near / FRAMES, y["y"] + 30)
    opened.shows(dip)

    opened.go(0)
    low = [frame for frame, height in enumerate(heights) if height > 0.5]
    doubt = opened.tab.locator(".doubt")
    expect(doubt).to_contain_text(
        f"From 0:{float(low[0] / FPS):04.1f} to 0:{float(low[-1] / FPS):04.1f} the two masks of Object 1 disagree"
    )
    opened.do("go_to_doubt")
    opened.shows(low[0])
    areas = [disc((HIGH, WIDE), 296 + 4 * frame, 80, 20).sum() for frame in range(FRAMES)]
    gone = next(frame for frame, area in enumerate(areas) if area < 0.02 * areas[0])
    expect(doubt).to_contain_text(
        f"From 0:{float(gone / FPS):04.1f} on neither model sees Object 1; if it is still there"
    )
    opened.do("go_to_doubt")
    opened.shows(gone)
    expect(doubt).to_be_hidden()
    opened.go(0)
    opened.prompt(200, 80, 2)  # to be tracked again: nothing is known of it yet
    expect(doubt).to_be_hidden()


def test_a_second_click_may_track_to_its_frame_first_and_correct(
    opened: Viewer, server: Server
) -> None:
    opened.prompt(60, 80, 1)
    opened.go(10)
    stage = opened.tab.locator(".stage").bounding_box()
    offer = opened.tab.locator(".offer")
    opened.prompt(150, 80, 1, button="right")
    expect(offer).to_be_visible()
    assert opened.tab.locator(".stage").bounding_box() == stage
    opened.do("take_away")
    expect(opened.tab.locator(".lane em")).to_have_count(1)
    expect(offer).to_be_hidden()

    opened.prompt(100, 92, 1, button="right")
    opened.do("track_first")
    expect(opened.tab.locator(".lane em")).to_have_count(2)
    expect(opened.tab.locator('[data-do="track"]')).to_have_text("Track again from frame 10")
    expect(offer).to_be_hidden()
    opened.shows(10)
    assert opened.masked(100, 70)
    assert not opened.masked(108, 92, "refined")
    assert opened.tab.locator(".stage").bounding_box() == stage
    opened.track()

    worst = opened.tab.locator(".worst button")
    expect(worst).to_have_count(3)
    names = worst.all_inner_texts()
    assert len(set(names)) == 3
    worst.last.click()
    opened.shows(int(names[-1].removeprefix("f")))

    opened.go(12)
    opened.prompt(108, 80, 1, button="right")
    expect(worst).to_have_count(3)  # the other two wait to be corrected
    server.knobs.seconds.value = 0.5
    opened.do("track")
    expect(opened.tab.locator(".status")).to_have_text(re.compile("of 24 frames"))
    opened.do("track")
    expect(opened.tab.locator(".status")).to_have_text(re.compile("^Cancelling"))
    server.knobs.seconds.value = 0.0
    expect(opened.tab.locator(".status")).to_contain_text("Masks from frame 12 on")


def test_a_clip_and_its_prompts_come_back_after_a_reload(opened: Viewer) -> None:
    opened.prompt(60, 80, 1)
    opened.do("new_object")
    opened.prompt(160, 180, 1)
    opened.track()
    opened.go(5)
    opened.prompt(180, 180, 1, button="right")
    opened.page.wait_for_timeout(900)
    opened.page.reload()
    opened.page.get_by_role("tab", name="Video").click()
    offer = opened.tab.locator(".restore")
    expect(offer).to_contain_text("your work on grey.mp4: objects 2, clicks 3")
    opened.do("restore_work")
    expect(offer).to_be_hidden()
    expect(opened.tab.locator('[data-do="track"]')).to_have_text("Track again from frame 5")
    expect(opened.tab.locator(".lane em")).to_have_count(3)
    opened.quiet()
    opened.shows(5)
    assert opened.masked(60 + 4 * 5, 92)
    assert opened.masked(180, 180 - 12)
    assert not opened.masked(180 + 8, 180, "refined")

    opened.page.reload()
    opened.page.get_by_role("tab", name="Video").click()
    opened.do("forget_work")
    expect(offer).to_be_hidden()
    opened.page.wait_for_timeout(500)
    opened.page.reload()
    opened.page.get_by_role("tab", name="Video").click()
    expect(opened.tab.locator(".status")).to_have_text("Choose an example or open a clip.")
    expect(offer).to_be_hidden()


def test_undo_goes_to_the_frame_it_changes(opened: Viewer) -> None:
    opened.go(3)
    opened.prompt(60, 80, 1)
    opened.go(12)
    opened.do("undo")
    opened.shows(3)
    opened.quiet()
    assert not opened.masked(60, 92)


def test_a_failing_model_gives_a_message_and_the_tab_goes_on(
    opened: Viewer, server: Server
) -> None:
    opened.prompt(60, 80, 1)
    server.knobs.broken.value = 1
    opened.do("track")
    expect(opened.tab.locator(".message")).to_contain_text("Something went wrong on the server")
    server.knobs.broken.value = 0
    opened.track()
    assert opened.text("message") == ""


@pytest.mark.parametrize("content", [b"", b"no clip at all", b"#EXTM3U\nhttp://127.0.0.1/x.ts"])
def test_what_is_no_clip_is_refused_and_the_open_one_stays(opened: Viewer, content: bytes) -> None:
    opened.prompt(60, 80, 1)
    opened.tab.locator("input.file").set_input_files(
        {"name": "clip.mp4", "mimeType": "video/mp4", "buffer": content}
    )
    expect(opened.tab.locator(".message")).not_to_be_empty()
    assert "/" not in opened.text("message")
    opened.prompt(200, 80, 2)


def test_pictures_of_others_are_answered_while_a_clip_is_tracked(
    opened: Viewer, browser: Browser, server: Server
) -> None:
    opened.prompt(60, 80, 1)
    other = Visitor(browser, server.url)
    server.knobs.seconds.value = 0.5
    opened.do("track")
    expect(opened.tab.locator(".status")).to_have_text(re.compile("of 24 frames"))
    other.click(300, 100)
    other.settle("2")
    other.close()
    expect(opened.tab.locator('[data-do="track"]')).to_have_text("Cancel")
    opened.do("track")
    opened.quiet()


def test_a_second_visitor_waits_for_the_first_and_may_give_up(
    opened: Viewer, browser: Browser, server: Server, clip: Path
) -> None:
    other = Viewer(browser, server.url)
    other.open(clip)
    for each in (opened, other):
        each.prompt(60, 80, 1)
    server.knobs.seconds.value = 2.0
    opened.do("track")
    expect(opened.tab.locator(".status")).to_have_text(re.compile("of 24 frames"))
    other.do("track")
    expect(other.tab.locator('[data-do="track"]')).to_have_text("Cancel")
    other.do("track")
    opened.do("track")
    server.knobs.seconds.value = 0.0
    for each in (opened, other):
        each.quiet()
        each.track()
    assert other.errors == []
    other.close()


def test_a_closed_tab_leaves_no_files(browser: Browser, server: Server, clip: Path) -> None:
    clips = server.files / "clips"
    before = set(clips.iterdir())  # programs that never say goodbye may have left some
    other = Viewer(browser, server.url)
    other.open(clip)
    other.prompt(60, 80, 1)
    assert set(clips.iterdir()) - before
    server.knobs.seconds.value = 0.2
    other.do("track")
    expect(other.tab.locator(".status")).to_have_text(re.compile("of 24 frames"))
    other.close()
    deadline = time.monotonic() + 60  # a busy machine must not decide
    while set(clips.iterdir()) - before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not set(clips.iterdir()) - before
    server.knobs.seconds.value = 0.0


def test_a_phone_shows_everything_within_its_width(
    browser: Browser, server: Server, clip: Path
) -> None:
    phone = Viewer(
        browser, server.url, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    phone.open(clip)
    phone.view("overlay")
    phone.page.touchscreen.tap(*phone.at(60, 80))
    phone.quiet()
    assert phone.masked(60, 92)
    phone.track()
    for view in ("overlay", "contour", "cutout", "difference", "swipe"):
        phone.view(view)
        assert phone.page.evaluate("document.documentElement.scrollWidth") == 390
    sizes = phone.tab.locator("button:visible").evaluate_all(
        "buttons => buttons.map(b => b.getBoundingClientRect()).map(r => [r.width, r.height])"
    )
    assert min(min(size) for size in sizes) >= 40
    phone.close()
    assert phone.errors == []
