"""The app with the fake model and the real decoding, for `raid`: `… -m tests.fuzz.server PORT FOLDER SECONDS`.

What visitors leave behind is held for so many seconds only.
"""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path

from tests.browser.serving import Knobs, RemoteSegmenter, RemoteTracker
from tests.fuzz.hostile import sound


def main() -> None:
    port, root, seconds = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    from refiner.files.decoding.walled import WalledReader
    from refiner.types import Click, Prompts
    from webapp.page import build_page, launch
    from webapp.serving import visitors
    from webapp.shared.examples import ExampleSource
    from webapp.shared.limits import Limits
    from webapp.shared.uploads import Uploads
    from webapp.video.clip_files import video_studio

    visitors.SWEEP_SECONDS = 1
    limits = Limits(file_megabytes=2, video_megabytes=4, idle_seconds=seconds)
    limits = Limits(**{**_values(limits), "clip_idle_seconds": seconds, "clips": 6})
    knobs = Knobs(*(multiprocessing.Value(kind, 0) for kind in "diii"))
    uploads = Uploads(root, visitors.current_visitor, seconds)
    example = root.parent / "example.png"
    example.write_bytes(sound("picture")[1])
    reader = WalledReader()
    page = build_page(
        RemoteSegmenter(knobs),
        reader=reader,
        uploads=uploads,
        examples=[ExampleSource("one", "One", example, "", Prompts((Click(20, 20),)))],
        video=video_studio(RemoteTracker(knobs), limits, uploads),
        limits=limits,
    )
    launch(page, uploads, "127.0.0.1", port, limits, quiet=True)


def _values(limits: object) -> dict[str, int]:
    return {name: getattr(limits, name) for name in limits.__slots__}  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
