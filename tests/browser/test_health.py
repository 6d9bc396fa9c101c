"""What the server tells who runs it, and how it ends; from outside, without a browser."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from tests.browser.serving import server_process
from webapp.shared.examples import ExampleSource


def health(url: str) -> tuple[int, dict[str, Any]]:
    try:
        with urlopen(f"{url}/healthz", timeout=5) as reply:
            return reply.status, json.load(reply)
    except HTTPError as error:
        return error.code, json.load(error)


@pytest.fixture
def photo(tmp_path: Path) -> Any:
    Image.fromarray(np.full((60, 80, 3), 120, np.uint8)).save(tmp_path / "photo.png")
    return handle_file(tmp_path / "photo.png")


def test_a_server_told_to_end_answers_what_runs_refuses_the_rest_and_leaves_nothing(
    example: ExampleSource, photo: Any, tmp_path: Path
) -> None:
    files = tmp_path / "files"
    files.mkdir()
    with server_process(files, example) as (url, knobs, process):
        client, late = (Client(url, verbose=False) for _ in range(2))
        assert health(url) == (200, {"alive": True, "ready": True, "models": ["fake"]})
        client.predict(photo, [[20, 30, 1]], None, "other", api_name="/compare_image")
        assert health(url)[1]["models"] == ["fake", "other"]

        knobs.seconds.value = 2.0
        asked, before = time.monotonic(), knobs.calls.value
        running = client.submit(photo, [[20, 30, 1]], None, api_name="/compare_image")
        while knobs.calls.value == before:
            assert time.monotonic() < asked + 60
            time.sleep(0.05)
        process.terminate()
        told = time.monotonic()
        while health(url)[0] == 200:
            assert time.monotonic() < told + 5
        assert health(url) == (503, {"alive": True, "ready": False, "models": ["fake", "other"]})
        with pytest.raises(Exception, match="503|restarted|full"):
            late.predict(photo, [[20, 30, 1]], None, api_name="/compare_image")
        assert running.result(timeout=10)["backbone"] == "fake"
        process.join(10)
        assert process.exitcode == 0 and time.monotonic() < told + 10
        kept = [path for path in files.rglob("*") if path.is_file() and "photo" in path.name]
        assert kept == []
        for one in (client, late):
            one.close()


def test_what_runs_and_waits_is_counted_without_naming_a_visitor(
    example: ExampleSource, photo: Any, tmp_path: Path
) -> None:
    with server_process(tmp_path, example) as (url, knobs, _):
        client = Client(url, verbose=False)
        client.predict(photo, [[20, 30, 1]], None, api_name="/compare_image")
        answered = 'studio_event_seconds_count{event="compare_image"}'
        deadline = time.monotonic() + 10  # it is counted when the answer has been sent
        while answered not in metrics(url) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert metric(url, answered) == 1
        assert metric(url, "process_resident_memory_bytes") > 1e6
        assert metric(url, "studio_clips_held") == 0
        knobs.seconds.value = 1.0
        jobs = [
            client.submit(photo, [[20, 30, 1]], None, api_name="/compare_image") for _ in range(3)
        ]
        while metric(url, "studio_events_running") != 1 or metric(url, "studio_events_waiting") < 1:
            assert not all(job.done() for job in jobs)
            time.sleep(0.05)
        for job in jobs:
            job.result(timeout=20)
        said = metrics(url)
        cookie = client.cookies["studio_visitor"]
        assert not any(word in said for word in (cookie, client.session_hash, "photo.png"))
        client.close()


def metrics(url: str) -> str:
    with urlopen(f"{url}/metrics", timeout=5) as reply:
        return str(reply.read().decode())


def metric(url: str, name: str) -> float:
    lines = (line.rsplit(" ", 1) for line in metrics(url).splitlines())
    return next(float(value) for key, value in lines if key == name)


def test_a_second_signal_ends_it_at_once(
    example: ExampleSource, photo: Any, tmp_path: Path
) -> None:
    with server_process(tmp_path, example) as (url, knobs, process):
        client = Client(url, verbose=False)
        knobs.seconds.value, before = 60.0, knobs.calls.value
        client.submit(photo, [[20, 30, 1]], None, api_name="/compare_image")
        while knobs.calls.value == before:
            time.sleep(0.05)
        process.terminate()
        while health(url)[0] == 200:
            time.sleep(0.05)
        told = time.monotonic()
        process.terminate()
        process.join(5)
        assert process.exitcode is not None and time.monotonic() < told + 3
