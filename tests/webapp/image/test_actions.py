from __future__ import annotations

import gc
import io
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from refiner.files.reading import HERE
from refiner.files.run_lengths import decode_rle
from refiner.types import Box, Click, ImageArray, InputError, Prompts
from tests import fakes
from tests.fakes import RADIUS, FakeSegmenter, drawn
from webapp.image import actions
from webapp.image.actions import Studio
from webapp.image.photo import PhotoFile, photo_pixels
from webapp.image.reply import canvas_value
from webapp.image.state import ImageState
from webapp.shared import limits as limiting
from webapp.shared import text
from webapp.shared.events import Message, Outcome, guarded, read_message
from webapp.shared.examples import ExampleSource, installed, load
from webapp.shared.limits import Limits
from webapp.shared.pictures import worked_size


def edits(*actions: dict[str, Any], picture: str = "key") -> Message:
    return read_message({"seq": 1, "have": [], "picture": picture, "actions": list(actions)})


def click(x: float, y: float, positive: bool = True, target: int = 1) -> dict[str, Any]:
    return {"type": "click", "object": target, "x": x, "y": y, "positive": positive}


def fake(studio: Studio) -> FakeSegmenter:
    assert isinstance(studio.models.first, FakeSegmenter)
    return studio.models.first


def png(image: ImageArray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def upload(studio: Studio, content: bytes) -> Message:
    return read_message({"seq": 1, "path": fakes.upload(studio.uploads, "name", content)})


@pytest.mark.parametrize(("name", "said"), [("notes.png", "'notes.png'"), (None, "'upload'")])
def test_a_file_that_is_no_picture_is_named_as_its_sender_does(
    studio: Studio, name: str | None, said: str
) -> None:
    values = {"path": fakes.upload(studio.uploads, "upload", b"some notes"), "name": name}
    with pytest.raises(InputError, match=f"The file {said} is not a picture"):
        actions.upload_picture(studio, ImageState(), read_message(values))


def test_without_memory_no_picture_is_opened_and_the_one_there_is_clicked_on(
    studio: Studio, opened: ImageState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiting, "spare_bytes", lambda: 0)
    with pytest.raises(InputError, match="What you have open goes on"):
        actions.upload_picture(studio, opened, upload(studio, png(opened.current_picture.pixels)))
    state = actions.edit_picture(studio, opened, edits(click(100, 150))).state
    assert state.scene.find(1).answer is not None


def test_a_message_that_comes_again_is_applied_once(studio: Studio, opened: ImageState) -> None:
    edit, state = actions.once(partial(actions.edit_picture, studio)), opened
    for seq, x in ((1, 100), (1, 100), (2, 200), (1, 100), (2, 200)):
        state = edit(state, replace(edits(click(x, 150)), seq=seq)).state
    assert [one.x for one in state.scene.find(1).prompts.clicks] == [100, 200]
    assert state.revision == opened.revision + 2


def test_an_opening_that_comes_late_again_takes_nothing_away(
    studio: Studio, example: ExampleSource
) -> None:
    shown = load(example, HERE, Limits())

    def opening(seq: int) -> Message:
        return read_message({"seq": seq})

    @actions.once
    def open_it(state: ImageState, message: Message) -> Outcome[ImageState]:
        said = actions.open_example_picture(studio, state, shown, "file")
        return replace(said, message=f"picture {message.seq}")

    first = open_it(ImageState(), opening(3)).state
    key = first.current_picture.key
    edit = actions.once(partial(actions.edit_picture, studio))
    drawn_on = edit(first, replace(edits(click(50, 50), picture=key), seq=4)).state
    for seq, words in ((3, "picture 3"), (2, "")):
        again = open_it(drawn_on, opening(seq))
        assert again.state is drawn_on
        assert again.message == words
    assert open_it(drawn_on, opening(5)).state.current_picture.key != key


def test_a_photo_that_is_swept_away_while_it_is_opened_is_asked_for_again(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="choose the picture again"):
        PhotoFile(tmp_path / "gone.png", tmp_path)


def test_what_failed_may_come_again(studio: Studio, opened: ImageState) -> None:
    edit = actions.once(partial(actions.edit_picture, studio))
    fake(studio).broken = True
    outcome = guarded(opened, lambda: edit(opened, edits(click(50, 50))))
    assert outcome.state is opened
    fake(studio).broken = False
    assert edit(outcome.state, edits(click(50, 50))).state.scene.find(1).answer


def test_a_click_gives_both_masks(studio: Studio, opened: ImageState) -> None:
    state = actions.edit_picture(studio, opened, edits(click(100, 150))).state
    answer = state.scene.find(1).answer
    assert answer is not None
    prompts = Prompts((Click(100, 150),))
    assert np.array_equal(decode_rle(answer.pair.base), drawn((300, 400), prompts, RADIUS))
    assert np.array_equal(decode_rle(answer.pair.refined), drawn((300, 400), prompts, RADIUS * 1.2))


def test_only_the_changed_object_is_segmented_again(studio: Studio, opened: ImageState) -> None:
    state = actions.edit_picture(studio, opened, edits(click(50, 50), {"type": "add_object"})).state
    before = state.scene.find(1).answer
    state = actions.edit_picture(studio, state, edits(click(300, 200, target=2))).state
    assert [len(call) for call in fake(studio).calls] == [1, 1]
    assert state.scene.find(1).answer is before


def test_undo_needs_no_model(studio: Studio, opened: ImageState) -> None:
    state = actions.edit_picture(studio, opened, edits(click(50, 50))).state
    before = state.scene.find(1).answer
    state = actions.edit_picture(studio, state, edits(click(90, 90))).state
    state = actions.edit_picture(studio, state, edits({"type": "undo"})).state
    assert len(fake(studio).calls) == 2
    assert state.scene.find(1).answer is before


def test_several_clicks_of_one_message_run_the_model_once(
    studio: Studio, opened: ImageState
) -> None:
    actions.edit_picture(studio, opened, edits(click(50, 50), click(60, 60), click(70, 70, False)))
    assert len(fake(studio).calls) == 1


def test_edits_of_another_picture_are_left_out(studio: Studio, opened: ImageState) -> None:
    outcome = actions.edit_picture(studio, opened, edits(click(50, 50), picture="older"))
    assert outcome.state is opened
    assert not fake(studio).calls


def test_a_refused_action_is_told_and_the_rest_is_done(studio: Studio, opened: ImageState) -> None:
    outcome = actions.edit_picture(studio, opened, edits(click(50, 50), click(999, 50)))
    assert "outside the picture" in outcome.message
    assert len(outcome.state.scene.find(1).prompts.clicks) == 1


def test_a_broken_model_keeps_the_state(studio: Studio, opened: ImageState) -> None:
    fake(studio).broken = True
    outcome = guarded(opened, lambda: actions.edit_picture(studio, opened, edits(click(50, 50))))
    assert outcome.state is opened
    assert outcome.message == text.FAILED


def test_an_upload_is_opened_at_the_size_worked_at(studio: Studio) -> None:
    wide = np.zeros((1000, 4000, 3), dtype=np.uint8)
    state = actions.upload_picture(studio, ImageState(), upload(studio, png(wide))).state
    assert state.current_picture.size_hw == (512, 2048)
    assert state.current_picture.original_hw == (1000, 4000)
    assert Path(state.current_picture.path).read_bytes().startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    ("given", "worked"),
    [
        ((600, 12000), (512, 10240)),
        ((12000, 600), (10240, 512)),
        ((30, 4096), (30, 4096)),
        ((1300, 5200), (512, 2048)),
    ],
)
def test_a_panorama_keeps_rows_to_see_anything_by(
    given: tuple[int, int], worked: tuple[int, int]
) -> None:
    image = np.zeros((*given, 3), dtype=np.uint8)
    assert worked_size(image, Limits()).shape[:2] == worked


def test_what_is_far_too_narrow_is_refused_by_its_size(studio: Studio) -> None:
    message = upload(studio, png(np.zeros((100, 20_000, 3), np.uint8)))
    with pytest.raises(InputError, match="20000 x 100 pixels is too long and narrow"):
        actions.upload_picture(studio, ImageState(), message)


@pytest.mark.parametrize("size_hw", [(1, 1), (7, 400), (400, 7)])
def test_a_picture_too_small_to_see_anything_in_is_refused(
    studio: Studio, size_hw: tuple[int, int]
) -> None:
    message = upload(studio, png(np.zeros((*size_hw, 3), np.uint8)))
    with pytest.raises(InputError, match="too small .* at least 8 pixels a side"):
        actions.upload_picture(studio, ImageState(), message)
    smallest = upload(studio, png(np.zeros((8, 400, 3), np.uint8)))
    assert actions.upload_picture(studio, ImageState(), smallest).state.current_picture


def test_what_a_picture_is_shown_otherwise_is_told(studio: Studio) -> None:
    clear = np.zeros((30, 40, 4), np.uint8)
    clear[10:20, 10:20] = 255
    outcome = actions.upload_picture(studio, ImageState(), upload(studio, png(clear)))
    assert "transparent in parts; they are shown black" in outcome.notice
    assert (outcome.state.current_picture.pixels[0, 0] == 0).all()


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Фото 1.JPG", "Фото 1"),
        ("archive.tar.png", "archive.tar"),
        ("../../x.png", "x"),
        (None, "picture"),
        ([1], "picture"),
        ("photo", "photo"),
    ],
)
def test_downloads_are_called_after_the_file(studio: Studio, given: Any, name: str) -> None:
    message = upload(studio, png(np.zeros((30, 40, 3), np.uint8)))
    values = {**message.values, "name": given}
    outcome = actions.upload_picture(studio, ImageState(), replace(message, values=values))
    assert outcome.state.current_picture.name == name


def test_a_large_photo_stays_until_its_picture_is_closed(studio: Studio) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1100, 2200, 3), dtype=np.uint8)
    message = upload(studio, png(noise))
    state = actions.upload_picture(studio, ImageState(), message).state
    Path(str(message.values["path"])).unlink()
    read = photo_pixels(state.current_picture, studio.reader, studio.limits)
    assert np.array_equal(read, noise)
    assert len(list((studio.uploads.root / "photos").iterdir())) == 1
    state = actions.upload_picture(studio, state, upload(studio, png(noise[:100, :100]))).state
    gc.collect()
    assert not list((studio.uploads.root / "photos").iterdir())
    assert (
        photo_pixels(state.current_picture, studio.reader, studio.limits)
        is state.current_picture.pixels
    )


def test_opening_keeps_answer_ids_unique(studio: Studio, opened: ImageState) -> None:
    state = actions.edit_picture(studio, opened, edits(click(50, 50))).state
    message = upload(studio, png(np.zeros((30, 40, 3), np.uint8)))
    state = actions.upload_picture(studio, state, message).state
    again = actions.edit_picture(
        studio, state, edits(click(5, 5), picture=state.current_picture.key)
    ).state
    answer = again.scene.find(1).answer
    assert answer is not None
    assert answer.id == 2


@pytest.mark.parametrize("content", [b"", b"no picture at all", b"\x89PNG\r\n\x1a\n broken"])
def test_a_bad_file_is_refused_in_words(studio: Studio, content: bytes) -> None:
    with pytest.raises(InputError) as caught:
        actions.upload_picture(studio, ImageState(), upload(studio, content))
    assert len(str(caught.value)) > 20


def test_too_many_pixels_are_refused(studio: Studio) -> None:
    small = Studio(studio.models, HERE, studio.publish, studio.uploads, Limits(megapixels=1))
    message = upload(studio, png(np.zeros((1200, 1000, 3), np.uint8)))
    with pytest.raises(InputError):
        actions.upload_picture(small, ImageState(), message)


def test_only_uploaded_files_are_opened(studio: Studio, tmp_path: Path) -> None:
    inside = tmp_path / "shown.png"
    inside.write_bytes(png(np.zeros((30, 40, 3), np.uint8)))
    for path in (str(inside), "", "/etc/passwd", "https://example.org/a.png", "a\0b"):
        with pytest.raises(InputError, match="did not arrive"):
            actions.upload_picture(studio, ImageState(), read_message({"path": path}))


def test_a_small_picture_is_not_scaled(grey: ImageArray) -> None:
    assert worked_size(grey, Limits()) is grey


def test_an_example_opens_with_its_masks(studio: Studio, example: ExampleSource) -> None:
    loaded = load(example, HERE, Limits())
    state = actions.open_example_picture(studio, ImageState(), loaded, "picture.jpg").state
    assert state.current_picture.licence == example.licence
    assert state.scene.find(1).answer is not None
    assert not state.past


def test_prompts_of_an_example_are_scaled_with_it(example: ExampleSource) -> None:
    source = ExampleSource(
        "half", "Half", example.file, "", Prompts((Click(100, 150),), Box(40, 40, 80, 120))
    )
    loaded = load(source, HERE, Limits(long_side=200))
    assert loaded.pixels.shape == (150, 200, 3)
    assert loaded.prompts.clicks == (Click(50, 75),)
    assert loaded.prompts.box == Box(20, 20, 40, 60)


def test_all_installed_examples_can_be_opened(studio: Studio) -> None:
    sources = installed(Path(__file__).resolve().parents[3] / "assets" / "examples")
    assert len(sources) >= 5
    assert len({source.name for source in sources}) == len(sources)
    for source in sources:
        loaded = load(source, HERE, Limits())
        assert source.licence
        actions.open_example_picture(studio, ImageState(), loaded, "picture.jpg")


def test_the_browser_is_sent_only_the_answers_it_lacks(studio: Studio, opened: ImageState) -> None:
    state = actions.edit_picture(studio, opened, edits(click(50, 50))).state
    value = canvas_value(state, 7)
    (sent,) = value["answers"]
    assert value["seq"] == 7
    assert value["objects"][0]["answer"] == sent["id"]
    assert canvas_value(state, 8, {sent["id"]})["answers"] == []
