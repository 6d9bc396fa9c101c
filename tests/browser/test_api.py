"""The endpoints for programs, called with gradio's own client against the running app."""

from __future__ import annotations

import ast
import asyncio
import base64
import json
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from PIL import Image

from refiner.evaluation.prompts import PromptSpec, sample_prompts, stable_seed
from refiner.files.painting import mask_png
from refiner.files.run_lengths import decode_rle, encode_rle
from refiner.metrics import boundary_iou, iou, next_click
from refiner.types import Box, Click, Prompts
from refiner.video_types import FramePrompts
from tests.browser.conftest import Server
from tests.browser.test_video_tab import FRAMES, HIGH, WIDE, make_clip
from tests.fakes import RADIUS, disc, drawn, follow

pytestmark = pytest.mark.browser

SIZE = (60, 80)
MASK = disc(SIZE, 40, 30, 15)


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Client]:
    server.knobs.seconds.value, server.knobs.broken.value = 0.0, 0
    client = Client(server.url, verbose=False)
    yield client
    client.close()


@pytest.fixture
def image(tmp_path: Path) -> Any:
    Image.fromarray(np.full((*SIZE, 3), 120, np.uint8)).save(tmp_path / "image.png")
    return handle_file(tmp_path / "image.png")


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Any:
    file = tmp_path_factory.mktemp("clips") / "grey.mp4"
    make_clip(file)
    return handle_file(file)


def masks_file(folder: Path, *masks: np.ndarray) -> Any:
    (folder / "masks.json").write_text(json.dumps([{"segmentation": encode_rle(m)} for m in masks]))
    return handle_file(folder / "masks.json")


def refused(client: Client, *arguments: Any, **options: Any) -> str:
    with pytest.raises(AppError) as error:
        client.predict(*arguments, **options)
    assert "Traceback" not in str(error.value)
    return str(error.value)


def test_comparing_gives_both_masks(client: Client, image: Any) -> None:
    found = client.predict(
        image, [[20, 30, 1], [25, 30, 0]], [10, 5, 60, 50], api_name="/compare_image"
    )
    prompts = Prompts((Click(20, 30), Click(25, 30, False)), Box(10, 5, 60, 50))
    for model, radius in (("sam2", RADIUS), ("sam2refiner", RADIUS * 1.2)):
        mask = decode_rle(found[model]["segmentation"])
        assert np.array_equal(mask, drawn(SIZE, prompts, radius))
    assert found["backbone"] == "fake"
    assert 0 < found["iou"] <= 1


def test_points_are_scaled_with_a_large_picture(client: Client, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((1024, 4096, 3), np.uint8)).save(tmp_path / "wide.png")
    found = client.predict(
        handle_file(tmp_path / "wide.png"), [[2000, 400, 1]], api_name="/compare_image"
    )
    mask = decode_rle(found["sam2"]["segmentation"])
    expected = drawn((1024, 4096), Prompts((Click(2000, 400),)), 2 * RADIUS)
    assert mask.shape == expected.shape and iou(mask, expected) > 0.97


def test_another_backbone_can_be_asked(client: Client, image: Any) -> None:
    arguments = (image, [[20, 30, 1]], None)
    assert client.predict(*arguments, "other", api_name="/compare_image")["backbone"] == "other"
    assert "no such backbone" in refused(client, *arguments, "x", api_name="/compare_image")


def test_refining_takes_a_mask_picture_and_clicks(
    client: Client, image: Any, tmp_path: Path
) -> None:
    (tmp_path / "mask.png").write_bytes(mask_png(MASK))
    found = client.predict(
        image, handle_file(tmp_path / "mask.png"), [[2, 2, 1]], api_name="/refine_mask"
    )
    (item,) = found["objects"]
    prompts = Prompts((Click(2, 2),), mask=MASK)
    assert np.array_equal(decode_rle(item["segmentation"]), drawn(SIZE, prompts, RADIUS * 1.2))
    assert 0 < item["given_iou"] < 1


def test_refining_takes_every_object_of_a_json_file(
    client: Client, image: Any, tmp_path: Path
) -> None:
    found = client.predict(image, masks_file(tmp_path, MASK, ~MASK), api_name="/refine_mask")
    masks = [decode_rle(item["segmentation"]) for item in found["objects"]]
    assert np.array_equal(masks[0], MASK)
    assert np.array_equal(masks[1], ~MASK)


@pytest.mark.parametrize(
    ("points", "box", "reason"),
    [
        (None, None, "has no prompt"),
        ([[1, 2]], None, "A point is"),
        ([[1, 2, 7]], None, "A point is"),
        ([["a", 2, 1]], None, "finite numbers"),
        ([[1000, 2, 1]], None, "outside the picture"),
        ([[1, 2, 1]] * 51, None, "at most 50 points"),
        (None, [1, 2, 3], "A box is"),
        (None, [1, 2, 1, 4], "is empty"),
        (5, None, "A point is"),
    ],
)
def test_bad_prompts_are_refused_in_words(
    client: Client, image: Any, points: Any, box: Any, reason: str
) -> None:
    assert reason in refused(client, image, points, box, api_name="/compare_image")


def test_bad_files_are_refused_in_words(client: Client, image: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    text = handle_file(tmp_path / "notes.txt")
    assert "not a picture" in refused(client, text, [[1, 2, 1]], api_name="/compare_image")
    assert "not a picture" in refused(client, image, text, api_name="/refine_mask")
    many = masks_file(tmp_path, *[MASK] * 6)
    assert "at most 5" in refused(client, image, many, api_name="/refine_mask")
    two = masks_file(tmp_path, MASK, MASK)
    assert "single object" in refused(client, image, two, [[1, 2, 1]], api_name="/refine_mask")


def test_a_broken_model_tells_nothing_of_the_inside(
    client: Client, server: Server, image: Any
) -> None:
    server.knobs.broken.value = 1
    try:
        said = refused(client, image, [[1, 2, 1]], api_name="/compare_image")
    finally:
        server.knobs.broken.value = 0
    assert "Something went wrong on the server" in said
    assert "fake model broke" not in said


PROMPTS = [
    FramePrompts(0, 1, Prompts((Click(60, 80),))),
    FramePrompts(6, 2, Prompts((Click(200, 100), Click(210, 100, False)), Box(150, 50, 250, 150))),
]
POINTS = [[0, 1, 60, 80, 1], [6, 2, 200, 100, 1], [6, 2, 210, 100, 0]]
BOXES = [[6, 2, 150, 50, 250, 150]]


def test_tracking_gives_both_models_masks_of_every_frame(client: Client, video: Any) -> None:
    found = client.predict(video, POINTS, BOXES, api_name="/track_video")
    assert (found["stage"], found["done"], found["total"]) == ("done", FRAMES, FRAMES)
    document = json.loads(Path(found["file"]).read_text())
    assert len(document["frames"]) == FRAMES
    for frame in document["frames"]:
        for item in frame["objects"]:
            own = [prompts for prompts in PROMPTS if prompts.object_id == item["id"]]
            pair = follow((HIGH, WIDE), own, frame["index"])
            for model in ("base", "refined"):
                shown = decode_rle(item[model]["segmentation"])
                assert np.array_equal(shown, getattr(pair, model).mask)


def test_another_export_of_chosen_frames_can_be_asked(client: Client, video: Any) -> None:
    found = client.predict(video, POINTS[:1], None, "masks", 0, 5, api_name="/track_video")
    with zipfile.ZipFile(found["file"]) as archive:
        assert len([name for name in archive.namelist() if name.startswith("sam2refiner/")]) == 5


def wait_empty(folder: Path) -> None:
    """Wait less long than tracking all frames takes at 2 s each."""
    deadline = time.monotonic() + 30
    while any(folder.iterdir()):
        assert time.monotonic() < deadline, list(folder.iterdir())
        time.sleep(0.1)


def test_cancelling_a_call_ends_the_tracking(client: Client, server: Server, video: Any) -> None:
    server.knobs.seconds.value = 2.0
    job = client.submit(video, POINTS, BOXES, api_name="/track_video")
    try:
        assert next(iter(job))["stage"] in ("waiting", "tracking")
        assert job.cancel()
        wait_empty(server.files / "clips")
    finally:
        server.knobs.seconds.value = 0.0


def test_a_client_that_goes_away_ends_the_tracking(server: Server, video: Any) -> None:
    api = server.url + "/gradio_api"
    with open(video["path"], "rb") as file:
        (path,) = httpx.post(f"{api}/upload", files={"files": file}, timeout=20).json()
    sent = {"path": path, "meta": {"_type": "gradio.FileData"}}
    server.knobs.seconds.value = 2.0
    try:
        data = {"data": [sent, POINTS, None, "rle", 0, None]}
        event = httpx.post(f"{api}/call/track_video", json=data, timeout=20).json()["event_id"]
        with httpx.stream("GET", f"{api}/call/track_video/{event}", timeout=20) as reply:
            assert next(reply.iter_lines()) == "event: generating"
        wait_empty(server.files / "clips")
    finally:
        server.knobs.seconds.value = 0.0


def test_bad_clips_and_prompts_are_refused_in_words(
    client: Client, image: Any, video: Any, tmp_path: Path
) -> None:
    name = "/track_video"
    assert "'image.png' is no video read here" in refused(client, image, POINTS, api_name=name)
    assert "nothing to track" in refused(client, video, api_name=name)
    assert "outside the picture" in refused(client, video, [[0, 1, 9999, 1, 1]], api_name=name)
    make_clip(tmp_path / "long.mp4", frames=12 * 31, size="16x16")
    long = handle_file(tmp_path / "long.mp4")
    said = refused(client, long, [[0, 1, 8, 8, 1]], api_name=name)
    assert "has 372 frames and at most 360 (30.0 s)" in said


@pytest.mark.parametrize("policy", ["random", "clicks"])
def test_the_curve_is_that_of_the_metrics_on_the_masks(
    client: Client, image: Any, tmp_path: Path, policy: str
) -> None:
    (tmp_path / "mask.png").write_bytes(mask_png(MASK))
    mask = handle_file(tmp_path / "mask.png")
    found = client.predict(image, mask, policy, 3, 1, api_name="/prompt_curve")
    rows = {(row["model"], row["prompts"]): row for row in found["rows"]}
    assert len(rows) == 6
    for count in (1, 2, 3) if policy == "random" else (1,):
        spec = PromptSpec(f"points:{count}", count)
        clicks = sample_prompts(spec, MASK, stable_seed(0, "image", 1)).clicks
        if policy == "clicks":
            clicks = (next_click(np.zeros_like(MASK), MASK),)
        points = [[click.x, click.y, int(click.positive)] for click in clicks]
        compared = client.predict(image, points, api_name="/compare_image")
        for model in ("sam2", "sam2refiner"):
            shown = decode_rle(compared[model]["segmentation"])
            assert rows[model, count]["miou"] == pytest.approx(iou(shown, MASK))
            assert rows[model, count]["mbiou"] == pytest.approx(boundary_iou(shown, MASK))
    assert bool(found["efforts"]) == (policy == "clicks")


def test_bad_curves_are_refused_in_words(client: Client, image: Any, tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_bytes(mask_png(MASK[:20]))
    mask, name = handle_file(tmp_path / "mask.png"), "/prompt_curve"
    assert "own shape" in refused(client, image, mask, api_name=name)
    assert "from 1 to 20" in refused(client, image, mask, "random", 21, api_name=name)
    assert "Choose how to prompt" in refused(client, image, mask, "lasso", api_name=name)


@pytest.mark.parametrize(
    "call",
    [
        ("compare_image", [[1, 2, 1]], None, ""),
        ("track_video", [[0, 1, 1, 2, 1]], None, "rle", 0, None),
        ("prompt_curve", None, "random", 1, 1),
    ],
    ids=lambda call: call[0],
)
@pytest.mark.parametrize(
    "file",
    [
        {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
        {"path": "http://127.0.0.1:1/a.png", "meta": {"_type": "gradio.FileData"}},
        {"path": "http://127.0.0.1:1/gradio_api/file=/etc/passwd"},
        {"path": __file__},
        {"url": "http://127.0.0.1:1/a.png"},
        "/etc/passwd",
        None,
    ],
)
def test_only_uploaded_files_are_read(server: Server, call: tuple[Any, ...], file: Any) -> None:
    name, *rest = call
    body = json.dumps({"data": [file, *rest]}).encode()
    address = f"{server.url}/gradio_api/call/{name}"
    request = Request(address, body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=20) as reply:
        event = json.load(reply)["event_id"]
    with urlopen(f"{address}/{event}", timeout=20) as reply:
        said = reply.read().decode()
    assert said.startswith("event: error")
    assert "root:" not in said


def test_the_endpoints_are_typed_and_described(client: Client) -> None:
    named = client.view_api(return_format="dict")["named_endpoints"]
    compare = named["/compare_image"]
    names = [parameter["parameter_name"] for parameter in compare["parameters"]]
    assert names == ["image", "points", "box", "backbone"]
    assert "SAM2Refiner" in compare["description"]
    assert "sam2refiner" in str(compare["returns"])
    track = named["/track_video"]
    names = [parameter["parameter_name"] for parameter in track["parameters"]]
    assert names == ["video", "points", "boxes", "export", "start", "stop"]
    assert "stage" in str(track["returns"])


def test_the_snippet_in_the_readme_runs(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(import json.*?)```", readme, re.S)
    assert code
    Image.fromarray(np.full((*SIZE, 3), 120, np.uint8)).resize((160, 120)).save(
        tmp_path / "photo.jpg"
    )
    (tmp_path / "mask.png").write_bytes(mask_png(disc((120, 160), 80, 60, 30)))
    make_clip(tmp_path / "clip.mp4")
    monkeypatch.chdir(tmp_path)
    exec(code[1].replace("http://127.0.0.1:7860", server.url), {})
    compared, refined, frames, measured = capsys.readouterr().out.splitlines()[-4:]
    assert "counts" in compared
    assert 0 < float(refined) <= 1
    assert int(frames) == FRAMES
    assert 0 < float(measured) <= 1


def address_of(file: Any, kind: str) -> str:
    data = base64.b64encode(Path(file["path"]).read_bytes()).decode()
    return f"data:{kind};base64,{data}"


def test_the_endpoints_are_tools_of_mcp(
    server: Server, image: Any, video: Any, tmp_path: Path
) -> None:
    (tmp_path / "mask.png").write_bytes(mask_png(MASK))
    picture = address_of(image, "image/png")
    mask = address_of(handle_file(tmp_path / "mask.png"), "image/png")
    calls = {
        "compare_image": {"image": picture, "points": [[20, 30, 1]], "box": None},
        "refine_mask": {"image": picture, "mask": mask},
        "track_video": {"video": address_of(video, "video/mp4"), "points": POINTS, "stop": 9},
        "prompt_curve": {"image": picture, "mask": mask, "prompts": 2, "seeds": 1},
    }

    async def call() -> tuple[dict[str, Any], dict[str, Any]]:
        service = streamable_http_client(f"{server.url}/gradio_api/mcp/")
        async with service as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            return tools, {name: await session.call_tool(name, calls[name]) for name in calls}

    tools, replies = asyncio.run(call())
    assert set(tools) == set(calls)
    for tool in tools.values():
        assert all(said["description"] for said in tool.inputSchema["properties"].values())
    assert not any(reply.isError for reply in replies.values())
    found = {name: ast.literal_eval(reply.content[0].text) for name, reply in replies.items()}
    shown = decode_rle(found["compare_image"]["sam2"]["segmentation"])
    np.testing.assert_array_equal(shown, drawn(SIZE, Prompts((Click(20, 30),)), RADIUS))
    assert len(found["refine_mask"]["objects"]) == 1
    assert [row["prompts"] for row in found["prompt_curve"]["rows"]] == [1, 1, 2, 2]
    with urlopen(found["track_video"]["file"]["url"], timeout=20) as reply:
        assert len(json.load(reply)["frames"]) == 9
