"""The endpoints for programs, called with gradio's own client against the running app."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from PIL import Image

from refiner.exports import decode_rle, encode_rle, mask_png
from refiner.types import Box, Click, Prompts
from tests.browser.conftest import Server
from tests.fakes import RADIUS, disc, drawn

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
    Image.fromarray(np.zeros((40, 4096, 3), np.uint8)).save(tmp_path / "wide.png")
    found = client.predict(
        handle_file(tmp_path / "wide.png"), [[4000, 20, 1]], api_name="/compare_image"
    )
    mask = decode_rle(found["sam2"]["segmentation"])
    assert np.array_equal(mask, drawn((20, 2048), Prompts((Click(2000, 10),)), RADIUS))


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
def test_only_uploaded_files_are_read(server: Server, file: Any) -> None:
    body = json.dumps({"data": [file, [[1, 2, 1]], None, ""]}).encode()
    call = server.url + "/gradio_api/call/compare_image"
    request = Request(call, body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=20) as reply:
        event = json.load(reply)["event_id"]
    with urlopen(f"{call}/{event}", timeout=20) as reply:
        said = reply.read().decode()
    assert said.startswith("event: error")
    assert "root:" not in said


def test_the_endpoints_are_typed_and_described(client: Client) -> None:
    named = client.view_api(return_format="dict")["named_endpoints"]
    compare = named["/compare_image"]
    names = [parameter["parameter_name"] for parameter in compare["parameters"]]
    assert names == ["image", "points", "box", "backbone"]
    assert "SAM2Refiner" in compare["description"]


def test_the_snippet_in_the_readme_runs(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(  from gradio_client.*?)```", readme, re.S)
    assert code
    Image.fromarray(np.full((*SIZE, 3), 120, np.uint8)).resize((160, 120)).save(
        tmp_path / "photo.jpg"
    )
    (tmp_path / "mask.png").write_bytes(mask_png(disc((120, 160), 80, 60, 30)))
    monkeypatch.chdir(tmp_path)
    exec(textwrap.dedent(code[1]).replace("http://127.0.0.1:7860", server.url), {})
    printed = capsys.readouterr().out.splitlines()
    assert "counts" in printed[0]
    assert 0 < float(printed[1]) <= 1


def test_the_endpoints_are_tools_of_mcp(server: Server, image: Any) -> None:
    data = base64.b64encode(Path(image["path"]).read_bytes()).decode()
    address = f"data:image/png;base64,{data}"

    async def call() -> tuple[list[str], Any]:
        service = streamable_http_client(f"{server.url}/gradio_api/mcp/")
        async with service as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            tools = [tool.name for tool in (await session.list_tools()).tools]
            given = {"image": address, "points": [[20, 30, 1]], "box": None}
            return tools, await session.call_tool("compare_image", given)

    tools, found = asyncio.run(call())
    assert {"compare_image", "refine_mask"} <= set(tools)
    assert not found.isError
    answer = json.loads(found.content[0].text)
    mask = decode_rle(answer["sam2"]["segmentation"])
    np.testing.assert_array_equal(mask, drawn(SIZE, Prompts((Click(20, 30),)), RADIUS))
