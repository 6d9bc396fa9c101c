"""The command line: python -m refiner segment | evaluate | report | train | bench."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from refiner.config import BACKBONES, LITE, VARIANTS
from refiner.exports import cutout_png, mask_png, object_color, overlay_png, result_document
from refiner.types import Box, Click, InputError, Prompts

MODELS = {"sam2": "base", "sam2refiner": "refined"}


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
    bench = verbs.add_parser("bench", help="measure speed and memory")
    bench.add_argument("--json", type=Path, metavar="OUT.json")
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
    evaluate.add_argument("--models", default=None, help="sam2,hq-sam2,sam2refiner")
    evaluate.add_argument("--seeds", type=int, default=3)
    evaluate.add_argument("--source", help="only the rows of these sources, by comma")
    evaluate.add_argument("--only", choices=("photos", "videos"), help="both if not given")
    evaluate.add_argument("--limit", type=int, help="only so many of each, spread evenly")
    evaluate.add_argument(
        "--resume", type=Path, help="keep what is finished here and go on from it"
    )
    evaluate.add_argument("--json", type=Path, metavar="OUT.json")
    _model_options(evaluate)
    evaluate.add_argument("--hq", type=Path, help="HQ-SAM2's weights")
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
    data.add_argument("--manifest", type=Path)
    data.add_argument(
        "--data", type=Path, metavar="DIR", dest="manifest", help="a folder laid out as HQSeg-44K"
    )
    train.add_argument("--out", type=Path, required=True, metavar="DIR")
    train.add_argument("--resume", action="store_true")
    train.add_argument("--minutes", type=float)
    train.add_argument("--steps", type=int)
    train.add_argument("--backbone", choices=BACKBONES, default=LITE)
    train.add_argument("--weights", type=Path, help="of the base a refiner is trained on")
    train.add_argument("--from", type=Path, dest="start", help="weights to start from")
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
    train.add_argument("--trunk-from", type=float, default=2.0, dest="trunk_from")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--workers", type=int, default=1)
    train.add_argument("--device")
    train.set_defaults(run=run_train)


def _model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backbone", choices=BACKBONES, default=LITE)
    parser.add_argument("--device", help="cpu, cuda, ...; the GPU if there is one")
    parser.add_argument("--weights", type=Path, help="the base's weights: a file or a folder")
    parser.add_argument("--refiner", type=Path, help="SAM2Refiner's weights")


def parse_click(text: str) -> Click:
    """Read `x,y` as a positive and `x,y,-` as a negative click."""
    parts = text.split(",")
    if len(parts) not in (2, 3) or (len(parts) == 3 and parts[2] not in ("+", "-")):
        raise argparse.ArgumentTypeError(f"expected X,Y or X,Y,- but got '{text}'")
    try:
        x, y = _numbers(parts[:2], text)
        return Click(x, y, parts[2:] != ["-"])
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def parse_box(text: str) -> Box:
    """Read `x0,y0,x1,y1`."""
    parts = text.split(",")
    if len(parts) != 4:
        raise argparse.ArgumentTypeError(f"expected X0,Y0,X1,Y1 but got '{text}'")
    try:
        return Box(*_numbers(parts, text))
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def parse_frame_click(text: str) -> tuple[int, int, Click]:
    """Read `FRAME:X,Y` or `OBJECT@FRAME:X,Y,-`; the object is 1 where none is named."""
    frame, object_id, rest = _on_frame(text)
    return frame, object_id, parse_click(rest)


def parse_frame_box(text: str) -> tuple[int, int, Box]:
    """Read `FRAME:X0,Y0,X1,Y1` or `OBJECT@FRAME:X0,Y0,X1,Y1`."""
    frame, object_id, rest = _on_frame(text)
    return frame, object_id, parse_box(rest)


def _on_frame(text: str) -> tuple[int, int, str]:
    place, colon, rest = text.partition(":")
    number, at, frame = place.rpartition("@")
    if not (colon and frame.isdecimal() and (number.isdecimal() or not at)):
        raise argparse.ArgumentTypeError(f"expected [OBJECT@]FRAME:X,Y... but got '{text}'")
    return int(frame), int(number or 1), rest


def parse_stages(text: str) -> tuple[tuple[float, int, int], ...]:
    """Read `0.5:256:8,1:512:4`: shares of the budget that grow to 1, sides, pictures a part."""
    try:
        parts = [part.split(":") for part in text.split(",")]
        stages = tuple((float(until), int(size), int(count)) for until, size, count in parts)
    except ValueError:
        stages = ()
    ends = [until for until, _, _ in stages]
    sound = all(size >= 64 and size % 32 == 0 and count > 0 for _, size, count in stages)
    if not (sound and ends and ends[-1] == 1 and [0.0, *ends] == sorted({0.0, *ends})):
        raise argparse.ArgumentTypeError(
            f"'{text}' is no curriculum; expected UNTIL:SIZE:PICTURES,... with shares growing to 1 "
            "and sizes in multiples of 32, like 0.5:256:8,1:512:4"
        )
    return stages


def parse_variants(text: str) -> tuple[str, ...]:
    """Read a list like `sam2refiner,hq-sam2`, or `all`."""
    names = tuple(VARIANTS) if text == "all" else tuple(dict.fromkeys(text.split(",")))
    if not set(names) <= set(VARIANTS):
        raise argparse.ArgumentTypeError(
            f"expected 'all' or some of {','.join(VARIANTS)} but got '{text}'"
        )
    return names


def _numbers(parts: list[str], text: str) -> list[float]:
    try:
        return [float(part) for part in parts]
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"'{text}' holds something that is not a number"
        ) from error


def run_segment(options: argparse.Namespace) -> None:
    """Write each model's mask, cut-out and overlay, and one JSON."""
    from refiner.media import read_image, read_mask

    image = read_image(options.image)
    size_hw = image.shape[0], image.shape[1]
    mask = None if options.mask is None else read_mask(options.mask, size_hw)
    prompts = Prompts(tuple(options.point), options.box, mask)
    prompts.check(size_hw)
    segmenter = _load(options)
    result = segmenter.segment(image, [prompts])
    folder: Path = options.out
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot write to the folder {folder}: {error.strerror}.") from error
    for model in MODELS if options.model == "both" else (options.model,):
        answer = getattr(result.objects[0], MODELS[model])
        for name, content in (
            ("mask", mask_png(answer.mask)),
            ("cutout", cutout_png(image, answer.mask)),
            ("overlay", overlay_png(image, [answer.mask], [object_color(0)])),
        ):
            (folder / f"{model}_{name}.png").write_bytes(content)
    digest = hashlib.sha256(image.tobytes()).hexdigest()
    document = result_document(size_hw, [prompts], result.objects, segmenter.info, digest)
    document["milliseconds"] = dataclasses.asdict(result.timings)
    (folder / "result.json").write_text(json.dumps(document, indent=2) + "\n")
    _say(f"Wrote {folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")


def run_refine(options: argparse.Namespace) -> int:
    """Write SAM2Refiner's version of each mask; return 1 if a picture had to be left out."""
    from refiner.refine_command import RefineOptions, run, summary

    wanted = RefineOptions(options.image, options.mask, options.out, tuple(options.point))
    done = run(lambda: _load(options), wanted)
    _say("\n".join(summary(done, options.out)))
    return 1 if done.failed else 0


def run_replay(options: argparse.Namespace) -> int:
    """Write a session's masks again; return 1 if one differs."""
    from refiner.loading import load_for_session
    from refiner.replay_command import run, summary

    done = run(
        lambda session: load_for_session(session, options.device, options.weights, options.refiner),
        options.session,
        options.image,
        options.out,
    )
    _say("\n".join(summary(done)))
    return 1 if done.differ else 0


def run_evaluate(options: argparse.Namespace) -> None:
    """Measure and print a table per source."""
    from refiner.evaluation import command as evaluation
    from refiner.evaluation.report import text_table
    from refiner.evaluation.report_video import text_video_table

    models = options.models or evaluation.DEFAULT_MODELS
    weights = {"sam2refiner": options.refiner, "hq-sam2": options.hq}
    wanted = evaluation.EvaluateOptions(
        manifest=options.manifest,
        dataset=options.dataset,
        root=options.root,
        split=options.split,
        prompts=options.prompts or evaluation.DEFAULT_PROMPTS,
        models=models,
        seeds=options.seeds,
        source=options.source,
        only=options.only,
        limit=options.limit,
        json=options.json,
        resume=options.resume,
        command=options.command,
    )
    segmenters = evaluation.load_segmenters(
        models, weights, options.backbone, options.device, options.weights
    )
    document = evaluation.run(segmenters, wanted, lambda: evaluation.load_trackers(segmenters))
    tables = (text_table(document), text_video_table(document))
    _say("\n\n".join(table for table in tables if table))


def run_report(options: argparse.Namespace) -> None:
    """Bring the README's tables up to date, or say that they are not."""
    from refiner.evaluation.report import plot, update_readme

    changed = update_readme(options.readme, options.results, check=options.check)
    if changed and options.check:
        raise InputError(f"The tables of {options.readme} are old; run 'python -m refiner report'.")
    _say(f"{options.readme}: {'updated' if changed else 'up to date'}")
    if options.plot is not None:
        plot(options.results, options.plot)
        _say(f"Wrote {options.plot}")


def run_track(options: argparse.Namespace) -> None:
    """Track and write the exports."""
    from refiner.track_command import DEFAULT_EXPORTS, Prompt, TrackOptions, run
    from refiner.video import load_tracker

    prompts = tuple(Prompt(*given) for given in (*options.prompt, *options.box))
    exports = tuple(options.export.split(",")) if options.export else DEFAULT_EXPORTS
    paths = run(
        lambda: load_tracker(_load(options), fast=options.fast, first_prompt=options.first_prompt),
        TrackOptions(options.video, prompts, options.out, exports),
    )
    _say("\n".join(f"Wrote {path}" for path in paths))


def run_train(options: argparse.Namespace) -> None:
    """Train and write the weights."""
    from refiner.training.command import TrainCommand, run

    names = {field.name for field in dataclasses.fields(TrainCommand)}
    chosen = {name: value for name, value in vars(options).items() if name in names}
    _say("\n".join(f"Wrote {path}" for path in run(TrainCommand(**chosen))))


def run_bench(options: argparse.Namespace) -> None:
    """Measure and print a flat table of milliseconds and ratios."""
    from refiner.bench import measure
    from refiner.image import load_segmenter

    numbers = measure(
        load_segmenter(options.backbone, options.device, options.weights, options.refiner)
    )
    _say("\n".join(f"{name:44} {value:10.3f}" for name, value in numbers.items()))
    if options.json is not None:
        options.json.write_text(json.dumps(numbers, indent=2) + "\n")


def _load(options: argparse.Namespace):  # type: ignore[no-untyped-def]
    from refiner.loading import load_any

    return load_any(options.backbone, options.device, options.weights, options.refiner)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
