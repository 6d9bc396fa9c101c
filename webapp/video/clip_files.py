"""Video files for the video tab: read, written and scored by `refiner.clips.clip` and libraries."""

from __future__ import annotations

import atexit
import gzip
import io
import json
import zipfile
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from refiner.clips.clip import Clip, open_clip
from refiner.clips.containers import ClipLimits
from refiner.clips.exports import export_path, write_exports
from refiner.clips.mask_exports import ClipExport
from refiner.evaluation.prompts import tight_box
from refiner.evaluation.video_scores import ObjectScores
from refiner.types import BoolArray, InputError, ModelInfo, Prompts
from refiner.video_types import FramePrompts, Tracker
from webapp.shared.examples import ClipSource
from webapp.shared.limits import Limits
from webapp.shared.uploads import Uploads
from webapp.video.context import Pace, VideoStudio
from webapp.video.exporting import ClipResult
from webapp.video.open_clips import Store
from webapp.video.results import Results, Score, StoredTrack, TrackedPair
from webapp.video.state import FramePair
from webapp.video.work import Workers

LICENCE = "Rendered by this project, Apache-2.0."
TRACKS = "_tracks.json.gz"
"""What follows the name of a clip in that of the file with its stored track."""


def video_studio(
    tracker: Tracker,
    limits: Limits,
    uploads: Uploads,
    assets: Path | None = None,
    pace: Pace | None = None,
) -> VideoStudio:
    """Return what the video tab works with.

    Args:
        tracker: the model.
        limits: how much a visitor may ask for.
        uploads: what visitors uploaded; clips lie beside it.
        assets: a folder with example clips, see `installed_clips`.
        pace: what tracking takes, if it is not for this process to measure.

    Raises:
        InputError: an example clip cannot be read.
    """
    store = Store(uploads.root / "clips", limits.clips, limits.clip_idle_seconds)
    atexit.register(store.close)
    refused = ClipLimits(file_bytes=limits.video_megabytes * 1_000_000)
    return VideoStudio(
        tracker=tracker,
        open_clip=lambda path: open_clip(path, limits=refused),
        export_clip=_export,
        score=score,
        examples=installed_clips(assets) if assets else (),
        tracks=stored_tracks(assets, tracker.info) if assets else {},
        limits=limits,
        uploads=uploads,
        store=store,
        trackers=Workers(limits.tracks),
        pace=pace or Pace(),
    )


def installed_clips(assets: Path) -> tuple[ClipSource, ...]:
    """Return the rendered clips `NAME-clip.mp4` of a folder that have their masks beside them.

    The masks are `NAME-clip_masks.zip` in DAVIS layout, a pixel's value the object's id. Each
    object starts with the box around its true mask on the first frame.

    Raises:
        InputError: a clip cannot be read.
    """
    files = sorted(assets.glob("*-clip.mp4"))
    return tuple(_source(file) for file in files if _masks(file).is_file())


def stored_tracks(assets: Path, info: ModelInfo) -> dict[str, StoredTrack]:
    """Return the tracks beside the example clips of a folder by their names, of this model only.

    Raises:
        InputError: one is damaged.
    """
    tracks = {}
    for file in sorted(assets.glob(f"*-clip{TRACKS}")):
        try:
            document = json.loads(gzip.decompress(file.read_bytes()))
            if document["models"] == info.details.get("files"):
                tracks[file.name.removesuffix(TRACKS)] = _unpacked(document)
        except (ValueError, OSError, EOFError, KeyError, TypeError) as error:
            raise InputError(f"{file.name} is damaged ({error!r}); restore it.") from error
    return tracks


def track_file(results: Results, info: ModelInfo) -> bytes:
    """Return tracked frames as a file that `stored_tracks` reads, for the models of `info`."""
    frames = {
        index: {key: _row(item) for key, item in sorted(result.objects.items())}
        for index, result in sorted(results.frames.items())
    }
    first = next(iter(results.frames.values())).objects
    size = next(iter(first.values())).pair.base["size"]
    document = {"models": info.details["files"], "size": size, "frames": frames}
    return gzip.compress(json.dumps(document, separators=(",", ":")).encode("ascii"), mtime=0)


def _row(item: TrackedPair) -> list[Any]:
    pair = item.pair
    assert item.base is not None and item.refined is not None
    numbers = (pair.base_quality, pair.refined_quality, pair.iou, *item.base, *item.refined)
    return [pair.base["counts"], pair.refined["counts"], *(round(one, 6) for one in numbers)]


def _unpacked(document: Any) -> StoredTrack:
    size = document["size"]

    def tracked(row: list[Any]) -> TrackedPair:
        base, refined, base_quality, refined_quality, iou, *scores = row
        pair = FramePair(
            base={"size": size, "counts": base},
            refined={"size": size, "counts": refined},
            base_quality=base_quality,
            refined_quality=refined_quality,
            iou=iou,
        )
        return TrackedPair(pair, Score(*scores[:2]), Score(*scores[2:]))

    return {
        int(index): {int(key): tracked(row) for key, row in objects.items()}
        for index, objects in document["frames"].items()
    }


def score(mask: BoolArray, truth: BoolArray) -> tuple[float, float]:
    """Return J and F of a mask of one frame, in [0, 1], as DAVIS defines them."""
    scores = ObjectScores()
    scores.add(mask, truth)
    return scores.means()


def _export(name: str, result: ClipResult, folder: Path) -> Generator[int, None, Path]:
    assert isinstance(result.clip, Clip)
    job = ClipExport(result.clip, result.objects, result.info, result.name)
    yield from write_exports(job, result.tracked, [name], folder)
    return export_path(folder, job, name)


def _source(file: Path) -> ClipSource:
    def truth(index: int) -> Mapping[int, BoolArray]:
        with zipfile.ZipFile(_masks(file)) as archive:
            png = archive.read(f"{file.stem}/{index:05}.png")
        with Image.open(io.BytesIO(png)) as image:
            labels = np.asarray(image)
        return {key: labels == key for key in objects}

    objects: tuple[int, ...] = tuple(range(1, 256))
    objects = tuple(key for key, mask in truth(0).items() if mask.any())
    prompts = (FramePrompts(0, key, Prompts(box=tight_box(mask))) for key, mask in truth(0).items())
    with open_clip(file) as clip:
        picture = clip[len(clip) // 2]
    label = file.stem.removesuffix("-clip").replace("-", " ").capitalize()
    return ClipSource(file.stem, label, file, picture, LICENCE, tuple(prompts), truth)


def _masks(file: Path) -> Path:
    return file.with_name(f"{file.stem}_masks.zip")
