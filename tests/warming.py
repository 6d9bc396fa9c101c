"""Makes once, before the tests, what each of their processes would make at its start.

That is the bytecode of what is imported, and what OpenVINO makes of the embedded models.
"""

from __future__ import annotations

import runpy
import tempfile
from pathlib import Path

from app import EXAMPLES
from webapp.shared.limits import Limits
from webapp.shared.uploads import Uploads
from webapp.video.clip_files import video_studio


def main() -> None:
    """Track two frames of an example."""
    script = runpy.run_path(str(EXAMPLES / "tracks.py"))
    with tempfile.TemporaryDirectory() as folder:
        uploads = Uploads(Path(folder), lambda: "")
        studio = video_studio(script["embedded_tracker"](), Limits(), uploads, EXAMPLES)
        script["tracked"](studio, studio.examples[0], frames=2)


if __name__ == "__main__":
    main()
