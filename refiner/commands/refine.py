"""The refine command: masks of any tool in, SAM2Refiner's versions of them out."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from refiner.commands.values import (
    add_model_options,
    load_models,
    make_folder,
    parse_click,
    say,
    to_options,
)
from refiner.files.mask_files import NamedMask, read_masks
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
    `mask_files.read_masks` reads, or a folder of them with a file of the same stem for each
    picture. `clicks` correct the mask of a single picture. `out` is the folder for the results.
    """

    image: Path
    mask: Path
    out: Path
    clicks: tuple[Click, ...] = ()
    progress: bool = True


@dataclass
class Refined:
    """What was done so far: a COCO annotation file in parts, and the pictures left out."""

    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def add_refine(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `RefineOptions` and the model's."""
    parser.add_argument("image", type=Path, help="a picture, or a folder of pictures")
    parser.add_argument(
        "--mask", type=Path, required=True, help="PNG, COCO or labelme JSON, or a folder of them"
    )
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
    of the file), and `result.json` is a COCO annotation file of all of them with `predicted_iou`
    and `given_iou`, the IoU of the refined and the given mask. Of a folder, pictures that cannot be
    read are left out and told at the end.

    Args:
        load: gives the model, once it is known that there is work for it.
        options: what to do.

    Raises:
        InputError: pictures and masks do not pair up, nothing could be refined, or the folder
            cannot be written.
    """
    pairs = find_pairs(options)
    outcome = Refined()
    if options.image.is_dir():
        make_folder(options.out)
        segmenter = load()
        for image, mask in tqdm(pairs, unit="picture", disable=not options.progress):
            try:
                _refine_one(segmenter, _read(image, mask), image, options, outcome)
            except InputError as error:
                outcome.failed.append(f"{image.name}: {error}")
    else:
        opened = _read(*pairs[0])
        make_folder(options.out)
        segmenter = load()
        _refine_one(segmenter, opened, options.image, options, outcome)
    if not outcome.images:
        raise InputError(f"None of the {len(pairs)} pictures was refined. {outcome.failed[0]}")
    document = _document(outcome) | {"model": asdict(segmenter.info), "versions": versions()}
    _write(options.out / RESULT, (json.dumps(document, indent=1, default=str) + "\n").encode())
    return outcome


def find_pairs(options: RefineOptions) -> list[tuple[Path, Path]]:
    """Return each picture with its mask file, by stem if both are folders.

    Raises:
        InputError: a file or folder is missing, or a picture has no mask or shares its name.
    """
    if not options.image.is_dir():
        if options.mask.is_dir():
            raise InputError(
                f"{options.mask} is a folder and {options.image} is not; give two folders, or a "
                "picture and a mask file."
            )
        return [(options.image, options.mask)]
    if options.clicks:
        raise InputError("Clicks correct the mask of a single picture; leave out --point.")
    images = _by_stem(options.image)
    if not options.mask.is_dir():
        return [(image, options.mask) for image in images.values()]
    masks = _by_stem(options.mask)
    missing = sorted(set(images) - set(masks))
    if missing:
        raise InputError(
            f"{len(missing)} of {len(images)} pictures have no mask of the same name in "
            f"{options.mask}; the first is {images[missing[0]].name}."
        )
    return [(image, masks[stem]) for stem, image in images.items()]


def _by_stem(folder: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        if path.stem in files:
            raise InputError(
                f"{folder} has both {files[path.stem].name} and {path.name}; names must differ in "
                "more than their ending."
            )
        files[path.stem] = path
    if not files:
        raise InputError(f"The folder {folder} has no files.")
    return files


def _read(image: Path, mask: Path) -> tuple[ImageArray, Sequence[NamedMask]]:
    pixels = read_image(image)
    return pixels, read_masks(mask, (pixels.shape[0], pixels.shape[1]), picture=image.name)


def _refine_one(
    segmenter: Segmenter,
    opened: tuple[ImageArray, Sequence[NamedMask]],
    file: Path,
    options: RefineOptions,
    outcome: Refined,
) -> None:
    """Refine every object of one picture; add to `done` once all its files are written."""
    pixels, given = opened
    size_hw = pixels.shape[0], pixels.shape[1]
    image_id = len(outcome.images) + 1
    rows = []
    for number, item in enumerate(given, start=1):
        found = refine(segmenter, pixels, item.mask, options.clicks)
        name = f"{file.stem}.png" if number == 1 else f"{file.stem}_{number}.png"
        _write(options.out / name, mask_png(found.mask))
        values = mask_values(found, size_hw) | {"given_iou": iou(found.mask, item.mask)}
        rows.append({"image_id": image_id, "file_name": name, **values})
    record = {"id": image_id, "file_name": file.name, "width": size_hw[1], "height": size_hw[0]}
    outcome.images.append(record)
    outcome.annotations += rows
    outcome.labels += [item.label for item in given]


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
        file.write_bytes(content)
    except OSError as error:
        raise InputError(f"Cannot write {file}: {error.strerror}.") from error


def refine_summary(outcome: Refined, out: Path) -> Iterator[str]:
    """Say in lines what was written and what was left out."""
    objects = f"{len(outcome.annotations)} object{'s' * (len(outcome.annotations) != 1)}"
    pictures = f"{len(outcome.images)} picture{'s' * (len(outcome.images) != 1)}"
    yield f"Wrote {out}: {objects} of {pictures}, and {RESULT}"
    for reason in outcome.failed:
        yield f"Left out {reason}"
