"""The process that decodes for `walled`: `python -m refiner.files.decoding.decoder BYTES`.

A request is a line of JSON on standard input: `what` is asked, the `path` of the file or how many
`bytes` of content follow, and `options`. The answer is a line of JSON on standard output: `error`, or
the `shapes` of the arrays of bytes that follow it, and what else is told of them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from refiner.files.pictures import Source, read_picture
from refiner.types import InputError

OPEN_FILES = 64

Found = tuple[Sequence[Any], dict[str, Any]]
"""Arrays of uint8, and what is told of them."""


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Found every request until there are no more."""
    for line in requests:
        request = json.loads(line)
        path, size = request.get("path"), request.get("bytes")
        source: Source = requests.read(size) if path is None else path
        try:
            arrays, told = ANSWERS[request["what"]](source, request["options"])
        except InputError as error:
            answers.write(json.dumps({"error": str(error)}).encode() + b"\n")
        else:
            head = {"shapes": [array.shape for array in arrays], **told}
            answers.write(json.dumps(head).encode() + b"\n")
            for array in arrays:
                answers.write(np.ascontiguousarray(array).data)
        answers.flush()


def _picture(source: Source, options: Mapping[str, Any]) -> Found:
    picture = read_picture(source, **options)
    return [picture.pixels], {"notices": picture.notices}


def _masks(source: Source, options: dict[str, Any]) -> Found:
    from refiner.files.labels.records import LabelChoice  # most that is asked for is pictures
    from refiner.files.reading import HERE

    size_hw, choice = options.pop("size_hw"), LabelChoice(*options.pop("choice"))
    found = HERE.masks(source, size_hw, choice=choice, **options)
    bits = [np.packbits(item.mask) for item in found.masks]
    return bits, {"labels": [item.label for item in found.masks], "notices": found.notices}


def _numbers(source: Source, options: Mapping[str, Any]) -> Found:
    from refiner.files.reading import HERE

    return [HERE.numbers(source, **options)], {}


ANSWERS: Mapping[str, Callable[[Source, dict[str, Any]], Found]] = {
    "picture": _picture,
    "masks": _masks,
    "numbers": _numbers,
}


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
