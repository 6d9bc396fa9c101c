"""The command line: python -m refiner VERB, and its options."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from refiner.cli_values import (
    parse_box,
    parse_click,
    parse_frame_box,
    parse_frame_click,
    parse_stages,
    parse_variants,
)
from refiner.config import BACKBONES, LITE, OPTIMIZERS
from refiner.types import InputError
from refiner.verbs import (
    MODELS,
    run_average,
    run_bench,
    run_evaluate,
    run_refine,
    run_replay,
    run_report,
    run_segment,
    run_track,
    run_train,
)


class Parser(argparse.ArgumentParser):
    """Ends with one line and exit code 2 on a bad command line."""

    def error(self, message: str) -> NoReturn:
        """Print the message on one line and exit."""
        sys.stderr.write(f"{self.prog}: {message}; see --help.\n")
        sys.exit(2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit code, 2 for bad input."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    options = build_parser().parse_args(arguments)
    options.command = shlex.join(["python", "-m", "refiner", *arguments])
    try:
        return options.run(options) or 0
    except InputError as error:
        sys.stderr.write(f"refiner {options.verb}: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped.\n")
        return 130


def build_parser() -> Parser:
    """Describe every verb and option."""
    parser = Parser(prog="refiner", description="SAM2 and SAM2Refiner on the command line.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    _segment_options(verbs)
    _refine_options(verbs)
    _replay_options(verbs)
    _track_options(verbs)
    _evaluate_options(verbs)
    _report_options(verbs)
    _train_options(verbs)
    average = verbs.add_parser("average", help="average the weights of several runs of one model")
    average.add_argument("weights", type=Path, nargs="+", metavar="FILE")
    average.add_argument("--out", type=Path, required=True, metavar="FILE")
    average.set_defaults(run=run_average)
    bench = verbs.add_parser("bench", help="measure speed and memory")
    bench.add_argument("--json", type=Path, metavar="OUT.json")
    bench.add_argument(
        "--frames", type=int, default=2000, metavar="N", help="of the clip that is tracked"
    )
    _model_options(bench)
    bench.set_defaults(run=run_bench)
    return parser


def _segment_options(verbs: argparse._SubParsersAction[Parser]) -> None:
    segment = verbs.add_parser("segment", help="segment one object of a picture with both models")
    segment.add_argument("image", type=Path)
    segment.add_argument(
        "--point", action="append", default=[], metavar="X,Y[,-]", type=parse_click
    )
    segment.add_argument("--box", metavar="X0,Y0,X1,Y1", type=parse_box)
    segment.add_argument(
        "--mask", type=Path, help="a coarse mask of the picture's size, as a prompt"
    )
    segment.add_argument("--model", choices=("both", *MODELS), default="both")
    segment.add_argument("--out", type=Path, required=True, metavar="DIR")
    _model_options(segment)
    segment.set_defaults(run=run_segment)


def _refine_options(verbs: argparse._SubParsersAction[Parser]) -> None:
    refine = verbs.add_parser("refine", help="refine masks of any tool with SAM2Refiner")
    refine.add_argument("image", type=Path, help="a picture, or a folder of pictures")
    refine.add_argument(
        "--mask", type=Path, required=True, help="PNG, COCO or labelme JSON, or a folder of them"
    )
    refine.add_argument("--point", action="append", default=[], metavar="X,Y[,-]", type=parse_click)
    refine.add_argument("--out", type=Path, required=True, metavar="DIR")
    _model_options(refine)
    refine.set_defaults(run=run_refine)


def _replay_options(verbs: argparse._SubParsersAction[Parser]) -> None:
    replay = verbs.add_parser("replay", help="make the masks of a session file again and compare")
    replay.add_argument("session", type=Path, metavar="FILE")
    replay.add_argument("--image", type=Path, required=True, help="the session's picture")
    replay.add_argument("--out", type=Path, required=True, metavar="DIR")
    replay.add_argument("--device", help="the session's own if not given")
    replay.add_argument("--weights", type=Path, help="the base's weights: a file or a folder")
    replay.add_argument("--refiner", type=Path, help="SAM2Refiner's weights")
    replay.set_defaults(run=run_replay)


def _track_options(verbs: argparse._SubParsersAction[Parser]) -> None:
    track = verbs.add_parser("track", help="track objects through a clip with both models")
    track.add_argument("video", type=Path)
    track.add_argument(
        "--prompt",
        action="append",
        default=[],
        type=parse_frame_click,
        metavar="[OBJECT@]FRAME:X,Y[,-]",
    )
    track.add_argument(
        "--box",
        action="append",
        default=[],
        type=parse_frame_box,
        metavar="[OBJECT@]FRAME:X0,Y0,X1,Y1",
    )
    track.add_argument(
        "--export", metavar="NAMES", help="of comparison, overlay-sam2, masks, rle, ..."
    )
    track.add_argument("--fast", action="store_true", help="quarters of half size")
    track.add_argument(
        "--first-prompt",
        action="store_true",
        dest="first_prompt",
        help="show the first frame's points on every frame, as the paper does",
    )
    track.add_argument("--out", type=Path, required=True, metavar="DIR")
    _model_options(track)
    track.set_defaults(run=run_track)


def _evaluate_options(verbs: argparse._SubParsersAction[Parser]) -> None:
    evaluate = verbs.add_parser("evaluate", help="measure models on a manifest or a published set")
    photos = evaluate.add_mutually_exclusive_group(required=True)
    photos.add_argument("--manifest", type=Path)
    photos.add_argument(
        "--dataset", help="dis, coift, hrsod, thinobject, lvos1 or lvos2, below --root"
    )
    evaluate.add_argument(
        "--root", type=Path, metavar="DIR", help="where the dataset's folders are"
    )
    evaluate.add_argument("--split", default="val", help="of the manifest")
    evaluate.add_argument("--prompts", default=None, help="box,mask,points:1,points:10,noc")
    evaluate.add_argument(
        "--models", default=None, help="sam2, sam2refiner, hq-sam2, ablations, by comma; or all"
    )
    evaluate.add_argument("--seeds", type=int, default=3)
    evaluate.add_argument("--source", help="only the rows of these sources, by comma")
    evaluate.add_argument("--only", choices=("photos", "videos"), help="both if not given")
    evaluate.add_argument("--limit", type=int, help="only so many of each, spread evenly")
    evaluate.add_argument("--fast", action="store_true", help="videos: quarters of half size")
    evaluate.add_argument(
        "--resume", type=Path, help="keep what is finished here and go on from it"
    )
    evaluate.add_argument("--json", type=Path, metavar="OUT.json")
    evaluate.add_argument(
        "--per-photo", type=Path, metavar="OUT.csv", help="also the scores of each photo"
    )
    evaluate.add_argument(
        "--stability",
        action="store_true",
        help="also how far masks change if a picture is shifted, shrunk, mirrored or compressed",
    )
    _model_options(evaluate)
    evaluate.add_argument("--hq", type=Path, help="HQ-SAM2's weights")
    evaluate.add_argument(
        "--refiners", type=Path, metavar="DIR", help="weights of all models, as train leaves them"
    )
    evaluate.set_defaults(run=run_evaluate)


def _report_options(verbs: argparse._SubParsersAction[Parser]) -> None:
    report = verbs.add_parser("report", help="write the README's tables from the measured results")
    report.add_argument("--results", type=Path, default=Path("assets/results"))
    report.add_argument("--readme", type=Path, default=Path("README.md"))
    report.add_argument(
        "--plot", type=Path, metavar="FILE.svg", help="also draw scores over points"
    )
    report.add_argument("--check", action="store_true", help="only say whether they match")
    report.set_defaults(run=run_report)


def _train_options(verbs: argparse._SubParsersAction[Parser]) -> None:
    train = verbs.add_parser(
        "train", help="train the embedded base, its memory, a refiner or the HQ-SAM2 baseline"
    )
    train.add_argument("what", choices=("base", "refiner", "hq", "memory"))
    data = train.add_mutually_exclusive_group(required=True)
    data.add_argument(
        "--manifest",
        type=Path,
        action="append",
        dest="manifests",
        help="repeat it to train on several",
    )
    data.add_argument(
        "--data",
        type=Path,
        action="append",
        metavar="DIR",
        dest="manifests",
        help="a folder laid out as HQSeg-44K",
    )
    train.add_argument("--out", type=Path, required=True, metavar="DIR")
    train.add_argument("--resume", action="store_true")
    train.add_argument("--minutes", type=float)
    train.add_argument("--steps", type=int)
    train.add_argument("--backbone", choices=BACKBONES, default=LITE)
    train.add_argument("--weights", type=Path, help="of the base a refiner is trained on")
    train.add_argument(
        "--from", type=Path, dest="start", help="weights to start from, or their folder"
    )
    train.add_argument(
        "--stages",
        type=parse_stages,
        default=(),
        metavar="UNTIL:SIZE:PICTURES,...",
        help="the curriculum: share of the budget, side in pixels, pictures a part",
    )
    train.add_argument("--pictures", type=int, help="pictures a part at the last stage")
    train.add_argument("--accumulate", type=int, default=1, help="parts of a batch a process")
    train.add_argument(
        "--variants",
        type=parse_variants,
        default=(),
        metavar="NAMES",
        help="for refiner: what to train side by side, ablations and the baseline included, or all",
    )
    train.add_argument("--masks", type=int, default=3, help="target masks a picture")
    train.add_argument("--rate", type=float, default=8e-4)
    train.add_argument("--optimizer", choices=OPTIMIZERS, default=OPTIMIZERS[0])
    train.add_argument("--trunk-from", type=float, default=2.0, dest="trunk_from")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--workers", type=int, default=1)
    train.add_argument(
        "--bf16",
        action="store_true",
        help="mixed precision on a CPU that multiplies bfloat16; a GPU always uses it",
    )
    train.add_argument("--device")
    train.set_defaults(run=run_train)


def _model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backbone", choices=BACKBONES, default=LITE)
    parser.add_argument("--device", help="cpu, cuda, ...; the GPU if there is one")
    parser.add_argument("--weights", type=Path, help="the base's weights: a file or a folder")
    parser.add_argument("--refiner", type=Path, help="SAM2Refiner's weights")
