"""Serve the studio: `python app.py`, then open the address it prints."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from refiner.image import load_segmenter
from refiner.media import read_image
from refiner.types import InputError
from webapp.examples import installed
from webapp.page import build_page, launch

EXAMPLES = Path(__file__).parent / "assets" / "examples"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    everywhere = "0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1"
    parser.add_argument("--host", default=os.environ.get("GRADIO_SERVER_NAME", everywhere))
    parser.add_argument("--port", type=int, default=os.environ.get("PORT", "7860"))
    parser.add_argument("--backbone", default="sam2-lite", help="which SAM2 to run")
    parser.add_argument("--device", help="cpu, cuda, ...; the GPU if there is one")
    parser.add_argument("--weights", type=Path, help="weights of SAM2: a file or a folder")
    parser.add_argument("--refiner", type=Path, help="weights of SAM2Refiner")
    return parser.parse_args()


def main() -> int:
    """Run until interrupted; return the exit code."""
    arguments = _arguments()
    try:
        segmenter = load_segmenter(
            backbone=arguments.backbone,
            device=arguments.device,
            weights=arguments.weights,
            refiner=arguments.refiner,
        )
        page = build_page(segmenter, read_image=read_image, examples=installed(EXAMPLES))
        launch(page, arguments.host, arguments.port)
    except (InputError, OSError) as error:
        sys.stderr.write(f"app.py: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
