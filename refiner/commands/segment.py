"""The segment command: a picture and prompts in, both models' masks of one object out."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from refiner.batch.jobs import Job, Work
from refiner.batch.results import ResultFolder, content_key
from refiner.commands.folders.run import FolderReport, folder_summary, work_through
from refiner.commands.folders.workers import (
    HERE_ALONE,
    WorkerOptions,
    add_worker_options,
    check_folder,
)
from refiner.commands.values import (
    add_label_options,
    add_model_options,
    load_models,
    make_folder,
    parse_box,
    parse_click,
    say,
    to_options,
)
from refiner.data.mask_pairs import find_pictures
from refiner.files.labels.records import LabelChoice, MaskFile
from refiner.files.mask_files import all_masks, read_masks
from refiner.files.painting import cutout_png, mask_png, object_color, overlay_png
from refiner.files.pictures import read_picture
from refiner.files.results import result_document
from refiner.files.session import image_hash
from refiner.types import (
    Box,
    Click,
    ImageArray,
    ImageResult,
    InputError,
    MaskPair,
    Prompts,
    Segmenter,
)


@dataclass(frozen=True, slots=True)
class SegmentOptions:
    """What `python -m refiner segment` does: `model` is one of `MaskPair.MODELS`, or `both`.

    `image` is a picture or a folder of pictures, which all get the same prompts. `labels` and
    `invert` say how to read the mask; see `labels.LabelChoice`. With `timings` the JSON tells how long
    it took.
    """

    image: Path
    out: Path
    clicks: tuple[Click, ...] = ()
    box: Box | None = None
    mask: Path | None = None
    model: str = "both"
    labels: str = "auto"
    invert: bool = False
    timings: bool = True
    progress: bool = True


def add_segment(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `SegmentOptions` and the model's."""
    parser.add_argument("image", type=Path, help="a picture, or a folder of pictures")
    parser.add_argument(
        "--point", action="append", dest="clicks", metavar="X,Y[,-]", type=parse_click
    )
    parser.add_argument("--box", metavar="X0,Y0,X1,Y1", type=parse_box)
    parser.add_argument(
        "--mask", type=Path, help="a coarse mask of the picture's size, as a prompt"
    )
    add_label_options(parser)
    parser.add_argument("--model", choices=("both", *MaskPair.MODELS))
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    add_model_options(parser)
    add_worker_options(parser)
    parser.set_defaults(run=_run)


def _run(flags: argparse.Namespace) -> int:
    """Return 1 if a picture of a folder had to be left out."""
    options, workers = to_options(SegmentOptions, flags), to_options(WorkerOptions, flags)
    load = partial(load_models, flags)
    if options.image.is_dir():
        report = segment_folder(load, options, workers)
        say("\n".join(folder_summary(report, options.out, "picture")))
        return 1 if report.failed else 0
    check_folder(options.image, workers)
    notices = segment_picture(load, options)
    say(f"Wrote {options.out}: {', '.join(sorted(path.name for path in options.out.iterdir()))}")
    sys.stderr.writelines(f"{notice}\n" for notice in notices)
    return 0


def segment_picture(load: Callable[[], Segmenter], options: SegmentOptions) -> tuple[str, ...]:
    """Write each model's mask, cut-out and overlay, and one JSON.

    Args:
        load: gives the model, once the picture and the prompts are known to be good.
        options: what to do.

    Returns:
        What of the picture and the mask is read otherwise than it is stored, a sentence each.

    Raises:
        InputError: the picture or a prompt cannot be used, or the folder cannot be written.
    """
    picture = read_picture(options.image)
    image = picture.pixels
    size_hw = image.shape[0], image.shape[1]
    given = MaskFile(())
    if options.mask is not None:
        choice = LabelChoice(options.labels, options.invert)
        given = read_masks(options.mask, size_hw, picture=options.image.name, choice=choice)
    mask = all_masks(given) if given.masks else None
    prompts = Prompts(options.clicks, options.box, mask)
    prompts.check(size_hw)
    segmenter = load()
    result = segmenter.segment(image, [prompts])
    make_folder(options.out)
    _write_masks(image, result, options)
    document = result_document(
        size_hw, [prompts], result.objects, segmenter.info, image_hash(image)
    )
    if options.timings:
        document["milliseconds"] = asdict(result.timings)
    (options.out / "result.json").write_text(json.dumps(document, indent=2) + "\n")
    return picture.notices + tuple(f"The mask: {notice}." for notice in given.notices)


def segment_folder(
    load: Callable[[], Segmenter],
    options: SegmentOptions,
    workers: WorkerOptions = HERE_ALONE,
) -> FolderReport:
    """Segment every picture of a folder, and of those in it.

    The files of `a/b.jpg` lie in a folder of that name below `options.out`; their JSON has no times,
    so that it is the same in every run. What is there already, of the same picture, weights and
    options, stays; a picture that cannot be segmented is left out.

    Args:
        load: gives the model.
        options: what to do with each.
        workers: who does it.

    Raises:
        InputError: there is no picture or no prompt, a mask is given, or the model cannot be loaded.
    """
    if options.mask is not None:
        raise InputError("A mask is of one picture; for a folder use refine FOLDER --mask FOLDER.")
    if Prompts(options.clicks, options.box).empty:
        raise InputError("Say what to segment in every picture with --point X,Y or --box.")
    pictures, others = find_pictures(options.image, (options.out,))
    make_folder(options.out)
    jobs = [Job(name, name) for name in pictures]
    report = work_through(
        partial(_picture_work, load, options),
        jobs,
        options.out,
        workers,
        "picture",
        options.progress,
    )
    return replace(report, others=others)


def _picture_work(load: Callable[[], Segmenter], options: SegmentOptions) -> Work:
    segmenter, results = load(), ResultFolder(options.out)
    settings = {"clicks": options.clicks, "box": options.box, "model": options.model}

    def segment(name: str) -> tuple[list[str], bool]:
        image = options.image / name

        def make(folder: Path) -> list[str]:
            own = replace(options, image=image, out=folder / name, timings=False)
            return list(segment_picture(lambda: segmenter, own))

        return results.once(name, content_key([image], segmenter.info, settings), make)

    return Work(segment, segmenter.info)


def _write_masks(image: ImageArray, result: ImageResult, options: SegmentOptions) -> None:
    """Write each model's mask, cut-out and overlay of the one object."""
    for model in MaskPair.MODELS if options.model == "both" else (options.model,):
        pixels = result.objects[0].mask_of(model).mask
        for name, content in (
            ("mask", mask_png(pixels)),
            ("cutout", cutout_png(image, pixels)),
            ("overlay", overlay_png(image, [pixels], [object_color(0)])),
        ):
            (options.out / f"{model}_{name}.png").write_bytes(content)
