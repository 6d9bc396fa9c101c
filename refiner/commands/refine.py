"""The refine command: masks of any tool in, SAM2Refiner's versions of them out."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from refiner.commands.values import (
    add_label_options,
    add_model_options,
    load_models,
    make_folder,
    parse_click,
    say,
    to_options,
)
from refiner.data.mask_pairs import FolderPairs, OutputNames, PicturePair, pair_folder
from refiner.files.labels import LabelChoice, MaskFile
from refiner.files.mask_files import read_masks
from refiner.files.painting import mask_png
from refiner.files.pictures import read_image
from refiner.files.results import mask_values, versions
from refiner.metrics import iou
from refiner.predict.cascade import refine
from refiner.types import Click, ImageArray, InputError, Segmenter

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


@dataclass
class Refined:
    """What was done so far: a COCO annotation file in parts, and what is to be told.

    `failed` are the pictures left out with the reason, `others` files that had no part, `notices`
    what was understood of which pictures' masks.
    """

    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    notices: dict[str, list[str]] = field(default_factory=dict)


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
    parser.set_defaults(run=_run)


def _run(flags: argparse.Namespace) -> int:
    """Return 1 if a picture had to be left out."""
    options = to_options(RefineOptions, flags)
    outcome = refine_pictures(lambda: load_models(flags), options)
    say("\n".join(refine_summary(outcome, options.out)))
    return 1 if outcome.failed else 0


def refine_pictures(load: Callable[[], Segmenter], options: RefineOptions) -> Refined:
    """Refine as the options say.

    For each object the refined mask is written as `STEM.png` (`STEM_2.png`, ... for further objects
    of the file; by another name where one is taken), below folders like those of the pictures.
    `result.json` is a COCO annotation file of all of them with `predicted_iou` and `given_iou`, the
    IoU of the refined and the given mask. Of a folder, pictures that cannot be read or have no mask
    are left out and told at the end.

    Args:
        load: gives the model, once it is known that there is work for it.
        options: what to do.

    Raises:
        InputError: pictures and masks do not pair up, nothing could be refined, or the folder
            cannot be written.
    """
    found = find_pairs(options)
    names = OutputNames(options.out)
    firsts = names.reserve(found.pairs)
    choice = LabelChoice(options.labels, options.invert)
    outcome = Refined(failed=list(found.without), others=list(found.others))
    if options.image.is_dir():
        make_folder(options.out)
        segmenter = load()
        for pair in tqdm(found.pairs, unit="picture", disable=not options.progress):
            try:
                opened, first = _read(pair, choice), firsts[pair.image]
                _refine_one(segmenter, opened, pair, first, names, options, outcome)
            except InputError as error:
                outcome.failed.append(f"{pair.name}: {error}")
    else:
        (pair,) = found.pairs
        opened = _read(pair, choice)
        make_folder(options.out)
        segmenter = load()
        _refine_one(segmenter, opened, pair, firsts[pair.image], names, options, outcome)
    if not outcome.images:
        raise InputError(
            f"None of the {len(outcome.failed)} pictures was refined. {outcome.failed[0]}"
        )
    document = _document(outcome) | {"model": asdict(segmenter.info), "versions": versions()}
    _write(options.out / RESULT, (json.dumps(document, indent=1, default=str) + "\n").encode())
    return outcome


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


def _read(pair: PicturePair, choice: LabelChoice) -> tuple[ImageArray, MaskFile]:
    pixels = read_image(pair.image)
    size_hw = pixels.shape[0], pixels.shape[1]
    if size_hw == (1, 1):
        raise InputError("A picture of a single pixel has nothing to refine; give a larger one.")
    picture = str(pair.image if pair.shared else pair.image.name)
    return pixels, read_masks(pair.mask, size_hw, picture=picture, choice=choice, named=pair.shared)


def _refine_one(
    segmenter: Segmenter,
    opened: tuple[ImageArray, MaskFile],
    pair: PicturePair,
    first: str,
    names: OutputNames,
    options: RefineOptions,
    outcome: Refined,
) -> None:
    """Refine every object of one picture; add to `outcome` once all its files are written."""
    pixels, given = opened
    size_hw = pixels.shape[0], pixels.shape[1]
    image_id = len(outcome.images) + 1
    rows = []
    for number, item in enumerate(given.masks, start=1):
        found = refine(segmenter, pixels, item.mask, options.clicks)
        name = first if number == 1 else names.further(first, number)
        _write(options.out / name, mask_png(found.mask))
        values = mask_values(found, size_hw) | {"given_iou": iou(found.mask, item.mask)}
        rows.append({"image_id": image_id, "file_name": name, **values})
    record = {"id": image_id, "file_name": pair.name, "width": size_hw[1], "height": size_hw[0]}
    outcome.images.append(record)
    outcome.annotations += rows
    outcome.labels += [item.label for item in given.masks]
    for notice in given.notices:
        outcome.notices.setdefault(notice, []).append(pair.name)


def _document(outcome: Refined) -> dict[str, Any]:
    categories = {
        label: number for number, label in enumerate(dict.fromkeys(outcome.labels), start=1)
    }
    return {
        "images": outcome.images,
        "annotations": [
            {"id": number, "category_id": categories[label], **row}
            for number, (label, row) in enumerate(
                zip(outcome.labels, outcome.annotations, strict=True), start=1
            )
        ],
        "categories": [{"id": number, "name": label} for label, number in categories.items()],
    }


def _write(file: Path, content: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except OSError as error:
        raise InputError(f"Cannot write {file}: {error.strerror}.") from error


def refine_summary(outcome: Refined, out: Path) -> Iterator[str]:
    """Say in lines what was written and what was left out."""
    objects = f"{len(outcome.annotations)} object{'s' * (len(outcome.annotations) != 1)}"
    pictures = f"{len(outcome.images)} picture{'s' * (len(outcome.images) != 1)}"
    yield f"Wrote {out}: {objects} of {pictures}, and {RESULT}"
    for notice, names in outcome.notices.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"Notice: {names[0]}{more}: {notice}"
    for reason in outcome.failed:
        yield f"Left out {reason}"
    for reason in outcome.others:
        yield f"Not used: {reason}"
