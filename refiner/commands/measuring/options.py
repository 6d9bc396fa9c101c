"""What evaluate can be asked for."""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass
from pathlib import Path

from refiner.commands.values import add_model_options
from refiner.evaluation.records import BASE
from refiner.network.checkpoint import REFINER

DEFAULT_PROMPTS = "box,points:1,points:2,points:3,points:5,points:10"
PHOTOS, VIDEOS = "photos", "videos"


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` parts of the photos and videos; `number` is counted from 1."""

    number: int
    count: int

    def holds(self, row_id: str) -> bool:
        """Whether a row falls to this part: a matter of its id alone, the same on every machine."""
        digest = hashlib.sha256(row_id.encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number - 1


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """What `python -m refiner evaluate` measures.

    The photos and videos are those of one `split` of a `manifest` (None: of all), or those of a
    `dataset`, one of `datasets.EVALUATION_SETS` or `video_datasets.LVOS_SETS`, below the folder
    `root`; `only` keeps the `photos` or the `videos`. `prompts` are comma-separated names, `models`
    some of `records.MODEL_NAMES`; photos and videos are measured with those prompts that fit.
    `seeds` counts the seeds 0, 1, ... that random points are drawn with; `source` keeps the rows of
    some sources, `limit` so many photos and so many videos, spread evenly; `fast` tracks videos
    with quarters of half size. `json` is where the document goes, `per_photo` where the scores of
    each photo go (CSV); `stability` adds how far the masks of photos change with the pictures, see
    `measure_stability`; `resume` is a file that finished photos are kept in (and, with `.videos` in
    its name, finished videos), so that the same command goes on after a break. With a `shard` only
    its part is measured, and `json` takes what `merge_shards` makes the document of. `command` is
    the command line, for the record.
    """

    manifest: Path | None = None
    split: str | None = "val"
    dataset: str | None = None
    root: Path | None = None
    prompts: str = DEFAULT_PROMPTS
    models: tuple[str, ...] = (BASE, REFINER)
    seeds: int = 3
    source: str | None = None
    only: str | None = None
    limit: int | None = None
    fast: bool = False
    json: Path | None = None
    per_photo: Path | None = None
    stability: bool = False
    resume: Path | None = None
    shard: Shard | None = None
    command: str = ""
    progress: bool = True


def add_evaluate_options(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `EvaluateOptions` and the models'."""
    places = parser.add_mutually_exclusive_group(required=True)
    places.add_argument("--manifest", type=Path)
    places.add_argument(
        "--dataset", help="dis, coift, hrsod, thinobject, lvos1 or lvos2, below --root"
    )
    places.add_argument(
        "--merge", type=Path, nargs="+", metavar="SHARD.json", help="what all shards wrote"
    )
    parser.add_argument("--root", type=Path, metavar="DIR", help="where the dataset's folders are")
    parser.add_argument("--split", help="of the manifest")
    parser.add_argument("--prompts", help="box,mask,points:1,points:10,noc")
    parser.add_argument("--models", help="sam2, sam2refiner, hq-sam2, ablations, by comma; or all")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--source", help="only the rows of these sources, by comma")
    parser.add_argument("--only", choices=(PHOTOS, VIDEOS), help="both if not given")
    parser.add_argument("--limit", type=int, help="only so many of each, spread evenly")
    parser.add_argument("--fast", action="store_true", help="videos: quarters of half size")
    _add_places(parser)
    add_model_options(parser)
    parser.add_argument("--hq", type=Path, default=None, help="HQ-SAM2's weights")
    parser.add_argument(
        "--refiners",
        type=Path,
        default=None,
        metavar="DIR",
        help="weights of all models, as train leaves them",
    )


def _add_places(parser: argparse.ArgumentParser) -> None:
    """Describe what of the work is done and where it goes."""
    parser.add_argument(
        "--shard", type=parse_shard, metavar="I/N", help="only the I-th of N parts, for --merge"
    )
    parser.add_argument("--resume", type=Path, help="keep what is finished here and go on from it")
    parser.add_argument("--json", type=Path, metavar="OUT.json")
    parser.add_argument(
        "--per-photo", type=Path, metavar="OUT.csv", help="also the scores of each photo"
    )
    parser.add_argument(
        "--stability",
        action="store_true",
        help="also how far masks change if a picture is shifted, shrunk, mirrored or compressed",
    )


def parse_shard(text: str) -> Shard:
    """Read `2/8` as the second of eight parts."""
    number, slash, count = text.partition("/")
    if not (slash and number.isdecimal() and count.isdecimal()):
        raise argparse.ArgumentTypeError(f"expected I/N like 2/8 but got '{text}'")
    shard = Shard(int(number), int(count))
    if not 1 <= shard.number <= shard.count:
        raise argparse.ArgumentTypeError(f"expected a part from 1 to {count} but got '{text}'")
    return shard
