"""A visitor without a browser: uploads and events as the page sends them, over HTTP."""

from __future__ import annotations

import json
import secrets
import socket
from typing import Any

import httpx

from tests.fuzz.hostile import Hostile, sound

PATIENCE = 120.0
EVENTS = {
    "picture": ("prompt-canvas", "open_file"),
    "mask": ("prompt-canvas", "give_mask"),
    "truth": ("prompt-canvas", "open_truth"),
    "session": ("prompt-canvas", "open_session"),
    "clip": ("video-canvas", "open_file"),
    "animation": ("video-canvas", "open_file"),
    "zip": ("compare-run", "click"),
    "edit": ("prompt-canvas", "edit_prompts"),
    "differences": ("prompt-canvas", "show_differences"),
    "clip edit": ("video-canvas", "edit_prompts"),
}


class Visitor:
    """One session with its cookie; it ends with `leave`."""

    def __init__(self, url: str) -> None:
        self.url = url + "/gradio_api"
        self.session = secrets.token_hex(6)
        self.client = httpx.Client(timeout=PATIENCE)
        config = self.client.get(url + "/config").json()
        ids = {part["props"].get("elem_id"): part["id"] for part in config["components"]}
        self.states = {part["id"] for part in config["components"] if part["type"] == "state"}
        self.events = {
            (target, name): event
            for event in config["dependencies"]
            for target, name in event["targets"]
        }
        self.ids = ids
        self.picture = ""
        self.seq = 0
        self.heart = self.client.stream("GET", f"{self.url}/heartbeat/{self.session}")
        self.heart.__enter__()

    def leave(self) -> None:
        """Close the connections, as a browser does."""
        self.heart.__exit__(None, None, None)
        self.client.close()

    def send(self, upload: Hostile) -> dict[str, Any]:
        """Upload a file to its input; return what the page is told."""
        if upload.kind in ("mask", "truth", "session") and not self.picture:
            self.open_sound()
        path = self.upload(upload.name, upload.content)
        if path is None:
            return {"message": "not taken"}
        if upload.kind == "zip":
            file = {"path": path, "orig_name": upload.name, "meta": {"_type": "gradio.FileData"}}
            return self.ask("zip", [[], [file], "random", 1, 1], None)
        object_id = {"object": 1} if upload.kind == "mask" else {}
        return self.tell(upload.kind, {"path": path, "name": upload.name, **object_id})

    def open_sound(self) -> dict[str, Any]:
        """Open a picture as it should be."""
        return self.send(Hostile("picture", "photo.png", sound("picture")[1]))

    def upload(self, name: str, content: bytes) -> str | None:
        """Send a file; return where it is kept, None if the server wants none of it."""
        reply = self.client.post(
            f"{self.url}/upload", files={"files": (name, content, "application/octet-stream")}
        )
        return reply.json()[0] if reply.status_code == 200 else None

    def tell(self, kind: str, values: dict[str, Any]) -> dict[str, Any]:
        """Send a message of the canvas; return the value that answers it."""
        self.seq += 1
        message = {"seq": self.seq, "have": [], "picture": self.picture, **values}
        value = self.ask(kind, None, message)
        if kind in ("picture", "mask", "truth", "session") and value.get("picture"):
            self.picture = value["picture"]["key"]
        return value

    def call(self, name: str, values: dict[str, Any]) -> dict[str, Any]:
        """Call a function of the video canvas."""
        canvas = self.ids["video-canvas"]
        reply = self.client.post(
            f"{self.url}/component_server",
            json={
                "session_hash": self.session,
                "component_id": canvas,
                "fn_name": name,
                "data": values,
            },
        )
        reply.raise_for_status()
        return dict(reply.json())

    def ask(self, kind: str, data: list[Any] | None, message: Any) -> dict[str, Any]:
        """Join the queue and wait for the answer."""
        self.join(kind, data, message)
        with self.client.stream(
            "GET", f"{self.url}/queue/data", params={"session_hash": self.session}
        ) as stream:
            for line in stream.iter_lines():
                told = json.loads(line[6:]) if line.startswith("data: ") else {}
                if told.get("msg") == "process_completed":
                    return _value(told)
        raise RuntimeError(f"There was no answer to {kind}.")

    def join(self, kind: str, data: list[Any] | None, message: Any) -> None:
        """Join the queue."""
        part, name = EVENTS[kind]
        event = self.events[self.ids[part], name]
        reply = self.client.post(
            f"{self.url}/queue/join",
            json={
                "data": data or [None] * len(event["inputs"]),
                "fn_index": event["id"],
                "session_hash": self.session,
                "event_data": message,
                "trigger_id": self.ids[part],
            },
        )
        reply.raise_for_status()

    def break_off(self, content: bytes) -> None:
        """Send a part of an upload, then hang up."""
        host, port = self.client.get(self.url + "/startup-events").url.netloc.decode().split(":")
        head = (
            "POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\nContent-Disposition: form-data; "
            'name="files"; filename="x.png"\r\nContent-Type: image/png\r\n\r\n'
        )
        with socket.create_connection((host, int(port))) as line:
            line.sendall(head.encode() + content[:50_000])


def _value(told: dict[str, Any]) -> dict[str, Any]:
    output = told["output"]
    if not told["success"]:
        return {"message": str(output.get("error"))}
    values = [item for item in output.get("data", []) if isinstance(item, dict) and "seq" in item]
    return values[0] if values else {"message": ""}
