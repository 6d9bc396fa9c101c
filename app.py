"""Serve the studio: `python app.py`, then open the address it prints."""

from __future__ import annotations

import argparse
import gc
import importlib.util
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from refiner.libraries import explain_missing

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
# torch's threads spin for each other: where others want the cores, too, that makes a click wait seconds
os.environ.setdefault("GOMP_SPINCOUNT", "5000")
explain_missing()
gc.disable()  # until the page is built: what is imported stays, to search it takes a fifth of the start

if importlib.util.find_spec("spaces"):
    import spaces  # before torch: on a Space it stands between torch and a GPU that is lent

import gradio as gr
from gradio.utils import get_upload_folder

from refiner.config import BACKBONES, LITE, MODULES, VARIANTS, weights_name
from refiner.files.decoding.walled import WalledReader
from refiner.network.checkpoint import HQ
from refiner.predict.borrowed import BorrowedSegmenter, BorrowedTracker, Lender, load_lender
from refiner.predict.embedding_cache import SHARED_CACHE
from refiner.predict.loading import load_any, load_segmenter, use_own_cores
from refiner.predict.segmenter import ImageSegmenter
from refiner.predict.tracker import load_tracker
from refiner.types import InputError, Segmenter
from refiner.video_types import Tracker
from webapp.page import build_page, launch
from webapp.serving.leftovers import own_folder
from webapp.serving.log import set_up_log
from webapp.serving.visitors import current_visitor
from webapp.shared.counts import EMBEDDING_BYTES
from webapp.shared.examples import installed
from webapp.shared.limits import Limits
from webapp.shared.uploads import Uploads
from webapp.video.clip_files import video_studio
from webapp.video.context import Pace, VideoStudio

ASSETS = Path(__file__).parent / "assets"
EXAMPLES = ASSETS / "examples"


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


def _variants(arguments: argparse.Namespace) -> dict[str, Callable[[], Segmenter]]:
    """Return loaders of the baseline and the ablations that are in the assets, by title."""
    if arguments.backbone != LITE:
        return {}
    folder = ASSETS / "weights"
    files = {HQ: folder / weights_name(HQ, LITE)} | {
        name: folder / "ablation" / weights_name(name, LITE) for name in VARIANTS if name != HQ
    }
    return {
        _title(name): partial(
            load_segmenter, device=arguments.device, weights=arguments.weights, refiner=file
        )
        for name, file in files.items()
        if file.is_file()
    }


def _title(variant: str) -> str:
    """Name one of `VARIANTS` after its parts: `sam2refiner-la-pr` is LA + PR."""
    if variant == HQ:
        return "HQ-SAM2"
    parts = " + ".join(VARIANTS[variant].get("modules", MODULES)).upper()
    if variant == "sam2refiner-paper":
        return f"{parts} (wired as in the paper)"
    quarters = VARIANTS[variant].get("quarters")
    return f"{parts} ({quarters} quarters)" if quarters else parts


def _lender(device: str | None) -> Lender | None:
    """Return what runs models on a GPU that is lent call by call, where it is Hugging Face's."""
    if os.environ.get("SPACES_ZERO_GPU", "").lower() not in ("1", "t", "true"):
        return None
    return load_lender(spaces.GPU, device or "cuda")


def _video(segmenter: Segmenter, uploads: Uploads, lender: Lender | None) -> VideoStudio | None:
    """Return what the video tab works with; an official base without a refiner cannot track."""
    if not isinstance(segmenter, ImageSegmenter):
        return None
    tracker: Tracker = load_tracker(segmenter, fast=True)
    pace = None
    if lender is not None:
        tracker = BorrowedTracker(lender, LITE, tracker)
        pace = Pace(partial(lender.frame_seconds, LITE), lender.start_seconds)
    return video_studio(tracker, Limits.from_env(), uploads, EXAMPLES, pace)


def _loader(
    segmenter: Segmenter, device: str | None, lender: Lender | None
) -> Callable[[str], Segmenter]:
    """Return what loads the model of another backbone; a cascade shares the embedded refiner."""
    if lender is not None:
        return partial(BorrowedSegmenter, lender)
    embedded = segmenter if segmenter.info.backbone == LITE else None
    return lambda backbone: load_any(backbone, device, embedded=embedded)


def _page(arguments: argparse.Namespace, uploads: Uploads) -> gr.Blocks:
    """Load the models and build the page; where a GPU is lent, what is at hand is on the CPU."""
    lender = _lender(arguments.device)
    if lender is not None:
        arguments.backbone, arguments.device = LITE, "cpu"
    segmenter = load_any(
        backbone=arguments.backbone,
        device=arguments.device,
        weights=arguments.weights,
        refiner=arguments.refiner,
    )
    return build_page(
        segmenter,
        reader=WalledReader(),
        uploads=uploads,
        examples=installed(EXAMPLES),
        results=ASSETS / "results",
        variants=_variants(arguments),
        video=_video(segmenter, uploads, lender),
        load_backbone=_loader(segmenter, arguments.device, lender),
        backbones=BACKBONES if lender is None else tuple(lender.models),
        click_seconds=None if lender is None else max(map(lender.click_seconds, lender.models)),
    )


def main() -> int:
    """Run until interrupted; return the exit code."""
    arguments = _arguments()
    use_own_cores()
    EMBEDDING_BYTES.set_function(lambda: SHARED_CACHE.nbytes)
    try:
        quiet = set_up_log()
        with own_folder(Path(get_upload_folder())) as folder:
            uploads = Uploads(folder, current_visitor)
            page = _page(arguments, uploads)
            gc.freeze()
            gc.enable()
            launch(page, uploads, arguments.host, arguments.port, mcp_server=True, quiet=quiet)
    except (InputError, OSError) as error:
        sys.stderr.write(f"app.py: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
