"""The refine command: masks of any tool in, SAM2Refiner's versions of them out."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from refiner.batch.jobs import Job, Work
from refiner.batch.results import ResultFolder, content_key
from refiner.commands.folders.run import work_through
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
    parse_click,
    say,
    to_options,
)
from refiner.data.mask_pairs import FolderPairs, MaskNames, PicturePair, name_masks, pair_folder
from refiner.files.labels.records import LabelChoice, MaskFile
from refiner.files.mask_files import read_masks
from refiner.files.painting import mask_png
from refiner.files.pictures import read_image
from refiner.files.results import mask_values, versions
from refiner.metrics import iou
from refiner.predict.cascade import refine
from refiner.types import Click, ImageArray, InputError, ModelInfo, Segmenter

RESULT = "result.json"


@dataclass(frozen=True, slots=True)
class RefineOptions:
    """What `python -m refiner refine` does.

    `image` is a picture or a folder of pictures; `mask` a mask file of any kind that
    `mask_files.read_masks` reads, or a folder of them; see `mask_pairs.pair_folder`. `labels` and
    `invert` say how to read a picture of labels, see `labels.LabelChoice`. `clicks` correct the mask of a single picture. `out` is the folder for the results.
    """

    image: Path
    mask: Path
    out: Path
    clicks: tuple[Click, ...] = ()
    labels: str = "auto"
    invert: bool = False
    progress: bool = True


PictureRows = dict[str, Any]
"""What is known of a refined picture, plain values of JSON: its `size`, and of each object a row of
`annotations`, its `labels`; and `notices`, what was understood of its masks."""


@dataclass(frozen=True, slots=True)
class Refined:
    """What was done.

    `pictures` are by name, in order, `kept` how many of them were there before; `failed` those left
    out with the reason, `others` files that had no part.
    """

    pictures: Mapping[str, PictureRows]
    kept: int = 0
    failed: Sequence[str] = ()
    others: Sequence[str] = ()


def add_refine(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `RefineOptions` and the model's."""
    parser.add_argument("image", type=Path, help="a picture, or a folder of pictures")
    parser.add_argument(
        "--mask",
        type=Path,
        required=True,
        help="a mask picture, annotations (COCO, labelme, ISAT, Label Studio, YOLO), or a folder",
    )
    add_label_options(parser)
    parser.add_argument(
        "--point", action="append", dest="clicks", metavar="X,Y[,-]", type=parse_click
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    add_model_options(parser)
    add_worker_options(parser)
    parser.set_defaults(run=_run)


def _run(flags: argparse.Namespace) -> int:
    """Return 1 if a picture had to be left out."""
    options, workers = to_options(RefineOptions, flags), to_options(WorkerOptions, flags)
    outcome = refine_pictures(partial(load_models, flags), options, workers)
    say("\n".join(refine_summary(outcome, options.out)))
    return 1 if outcome.failed else 0


def refine_pictures(
    load: Callable[[], Segmenter],
    options: RefineOptions,
    workers: WorkerOptions = HERE_ALONE,
) -> Refined:
    """Refine as the options say.

    For each object the refined mask is written as `STEM.png` (`STEM_2.png`, ... for further objects
    of the file; by another name where one is taken), below folders like those of the pictures.
    `result.json` is a COCO annotation file of all of them with `predicted_iou` and `given_iou`, the
    IoU of the refined and the given mask. Of a folder, pictures that cannot be read or have no mask
    are left out and told at the end; what is there already, of the same
    files, weights and options, stays.

    Args:
        load: gives the model, once it is known that there is work for it.
        options: what to do.
        workers: who refines the pictures of a folder.

    Raises:
        InputError: pictures and masks do not pair up, nothing could be refined, or the folder
            cannot be written.
    """
    found = find_pairs(options)
    names = name_masks(options.out, found.pairs)
    if options.image.is_dir():
        refined, model = _refine_folder(load, found, names, options, workers)
    else:
        check_folder(options.image, workers)
        (pair,) = found.pairs
        opened = _read(pair, options)
        make_folder(options.out)
        segmenter = load()
        picture = _refine_one(segmenter, opened, names[pair.image], options.clicks, options.out)
        refined, model = Refined({pair.name: picture}), segmenter.info
    if not refined.pictures:
        raise InputError(
            f"None of the {len(refined.failed)} pictures was refined. {refined.failed[0]}"
        )
    document = _document(refined.pictures) | {"model": asdict(model), "versions": versions()}
    _write(options.out / RESULT, (json.dumps(document, indent=1, default=str) + "\n").encode())
    return refined


def _refine_folder(
    load: Callable[[], Segmenter],
    found: FolderPairs,
    names: Mapping[Path, MaskNames],
    options: RefineOptions,
    workers: WorkerOptions,
) -> tuple[Refined, ModelInfo]:
    make_folder(options.out)
    jobs = [Job(pair.name, (pair, names[pair.image])) for pair in found.pairs]
    report = work_through(
        partial(_pair_work, load, options), jobs, options.out, workers, "picture", options.progress
    )
    failed = [*found.without, *(f"{name}: {why}" for name, why in report.failed.items())]
    return Refined(report.values, len(report.kept), failed, list(found.others)), report.info


def _pair_work(load: Callable[[], Segmenter], options: RefineOptions) -> Work:
    segmenter, results = load(), ResultFolder(options.out)

    def refine_pair(task: tuple[PicturePair, MaskNames]) -> tuple[PictureRows, bool]:
        pair, names = task
        settings = {"names": asdict(names), "labels": options.labels, "invert": options.invert}
        key = content_key([pair.image, pair.mask], segmenter.info, settings)

        def make(folder: Path) -> PictureRows:
            return _refine_one(segmenter, _read(pair, options), names, (), folder)

        return results.once(pair.name, key, make)

    return Work(refine_pair, segmenter.info)


def find_pairs(options: RefineOptions) -> FolderPairs:
    """Return each picture with its mask file.

    Raises:
        InputError: a file or folder is missing, or no picture has a mask.
    """
    if not options.image.is_dir():
        if options.mask.is_dir():
            raise InputError(
                f"{options.mask} is a folder and {options.image} is not; give two folders, or a "
                "picture and a mask file."
            )
        return FolderPairs((PicturePair(options.image, options.mask, options.image.name),), (), ())
    if options.clicks:
        raise InputError("Clicks correct the mask of a single picture; leave out --point.")
    if not options.mask.exists():
        raise InputError(f"There is no file or folder {options.mask}; check the path.")
    return pair_folder(options.image, options.mask, options.out)


def _read(pair: PicturePair, options: RefineOptions) -> tuple[ImageArray, MaskFile]:
    pixels = read_image(pair.image)
    size_hw = pixels.shape[0], pixels.shape[1]
    if size_hw == (1, 1):
        raise InputError("A picture of a single pixel has nothing to refine; give a larger one.")
    picture = str(pair.image if pair.shared else pair.image.name)
    choice = LabelChoice(options.labels, options.invert)
    return pixels, read_masks(pair.mask, size_hw, picture=picture, choice=choice, named=pair.shared)


def _refine_one(
    segmenter: Segmenter,
    opened: tuple[ImageArray, MaskFile],
    names: MaskNames,
    clicks: Sequence[Click],
    folder: Path,
) -> PictureRows:
    """Refine every object of one picture into `folder`."""
    pixels, given = opened
    size_hw = pixels.shape[0], pixels.shape[1]
    rows = []
    for number, item in enumerate(given.masks, start=1):
        found = refine(segmenter, pixels, item.mask, clicks)
        name = names.of(number)
        _write(folder / name, mask_png(found.mask))
        values = mask_values(found, size_hw) | {"given_iou": iou(found.mask, item.mask)}
        rows.append({"file_name": name, **values})
    labels = [item.label for item in given.masks]
    return {
        "size": size_hw,
        "annotations": rows,
        "labels": labels,
        "notices": list(given.notices),
    }


def _document(pictures: Mapping[str, PictureRows]) -> dict[str, Any]:
    """Return a COCO annotation file of all pictures."""
    labels = [label for picture in pictures.values() for label in picture["labels"]]
    categories = {label: number for number, label in enumerate(dict.fromkeys(labels), start=1)}
    rows = [
        {"image_id": image_id, **row}
        for image_id, picture in enumerate(pictures.values(), start=1)
        for row in picture["annotations"]
    ]
    return {
        "images": [
            {"id": image_id, "file_name": name, "width": width, "height": height}
            for image_id, (name, (height, width)) in enumerate(
                ((name, picture["size"]) for name, picture in pictures.items()), start=1
            )
        ],
        "annotations": [
            {"id": number, "category_id": categories[label], **row}
            for number, (label, row) in enumerate(zip(labels, rows, strict=True), start=1)
        ],
        "categories": [{"id": number, "name": label} for label, number in categories.items()],
    }


def _write(file: Path, content: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except OSError as error:
        raise InputError(f"Cannot write {file}: {error.strerror}.") from error


def refine_summary(refined: Refined, out: Path) -> Iterator[str]:
    """Say in lines what was written and what was left out."""
    count = sum(len(picture["annotations"]) for picture in refined.pictures.values())
    objects = f"{count} object{'s' * (count != 1)}"
    pictures = f"{len(refined.pictures)} picture{'s' * (len(refined.pictures) != 1)}"
    kept = f" ({refined.kept} done before)" if refined.kept else ""
    yield f"Wrote {out}: {objects} of {pictures}{kept}, and {RESULT}"
    notices: dict[str, list[str]] = {}
    for name, picture in refined.pictures.items():
        for notice in picture["notices"]:
            notices.setdefault(notice, []).append(name)
    for notice, names in notices.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"Notice: {names[0]}{more}: {notice}"
    for reason in refined.failed:
        yield f"Left out {reason}"
    for reason in refined.others:
        yield f"Not used: {reason}"
