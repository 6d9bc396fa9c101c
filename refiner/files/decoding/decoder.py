"""The process that decodes pictures for `walled`: `python -m refiner.files.decoding.decoder BYTES`.

A request is a line of JSON on standard input: `path`, `max_bytes` and `max_pixels`. The answer is a
line of JSON on standard output: `error`, or `shape` and `notices` before the pixels themselves.
"""

from __future__ import annotations

import json
import sys
from typing import BinaryIO

from refiner.files.pictures import read_picture
from refiner.types import InputError

OPEN_FILES = 64


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer every request until there are no more."""
    for line in requests:
        request = json.loads(line)
        try:
            picture = read_picture(
                request["path"], max_bytes=request["max_bytes"], max_pixels=request["max_pixels"]
            )
        except InputError as error:
            answers.write(json.dumps({"error": str(error)}).encode() + b"\n")
        else:
            head = {"shape": picture.pixels.shape, "notices": picture.notices}
            answers.write(json.dumps(head).encode() + b"\n")
            answers.write(picture.pixels.data)
        answers.flush()


def limit(memory: int) -> None:
    """Take from this process what decoding does not need: much memory, files to write, core dumps."""
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (least, least))


if __name__ == "__main__":
    limit(int(sys.argv[1]))
    serve(sys.stdin.buffer, sys.stdout.buffer)
