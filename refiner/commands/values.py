"""What the verbs share: values on the command line, options as records, the models' options."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

from refiner.commands.folders.workers import WorkerOptions
from refiner.config import BACKBONES, COMPARED, LITE, VARIANTS
from refiner.files.labels.records import READINGS
from refiner.types import Box, Click, InputError, Segmenter

Options = TypeVar("Options")


@dataclass(frozen=True)
class ModelOptions:
    """Which models to load; see `loading.load_any`."""

    backbone: str = LITE
    device: str | None = None
    weights: Path | None = None
    refiner: Path | None = None


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `ModelOptions`."""
    parser.add_argument("--backbone", choices=BACKBONES)
    parser.add_argument("--device", help="cpu, cuda, ...; the GPU if there is one")
    parser.add_argument("--weights", type=Path, help="the base's weights: a file or a folder")
    parser.add_argument("--refiner", type=Path, help="SAM2Refiner's weights")


def add_label_options(parser: argparse.ArgumentParser) -> None:
    """Describe how to read a picture of labels; see `labels.LabelChoice`."""
    parser.add_argument(
        "--labels",
        choices=READINGS,
        help="how to read a mask picture: one object, an object a number, an object a colour",
    )
    parser.add_argument("--invert", action="store_true", help="the object is what is not marked")


def load_models(flags: argparse.Namespace) -> Segmenter:
    """Load the models that the flags of `add_model_options` and `add_worker_options` name.

    Raises:
        InputError: as `loading.load_any`.
    """
    from refiner.predict.loading import load_any, use_own_cores

    use_own_cores(to_options(WorkerOptions, flags).threads)
    return load_any(**asdict(to_options(ModelOptions, flags)))


def to_options(record: type[Options], flags: argparse.Namespace) -> Options:
    """Make a dataclass of the flags named as its fields; those not given keep its defaults."""
    names = {field.name for field in fields(record)}  # type: ignore[arg-type]
    given: dict[str, Any] = {name: value for name, value in vars(flags).items() if name in names}
    return record(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in given.items()
        }
    )


def say(text: str) -> None:
    """Print what a verb has done."""
    sys.stdout.write(text + "\n")


def make_folder(folder: Path) -> None:
    """Make the folder that results go to.

    Raises:
        InputError: it cannot be made.
    """
    if folder.is_file():
        raise InputError(f"{folder} is a file; --out names the folder that results go to.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot write to the folder {folder}: {error.strerror}.") from error


def parse_names(text: str) -> tuple[str, ...]:
    """Read names divided by commas."""
    return tuple(text.split(","))


@dataclass(frozen=True, slots=True)
class Moment:
    """A place in a clip: a frame counted from 0, or seconds from the first."""

    number: Fraction
    in_seconds: bool = False


def parse_moment(text: str) -> Moment:
    """Read `12` as a frame and `1.5s` as seconds."""
    number = text.removesuffix("s")
    if not number.replace(".", "", 1).isdecimal() or (text == number and "." in number):
        raise argparse.ArgumentTypeError(
            f"expected a frame like 12 or seconds like 1.5s, got '{text}'"
        )
    return Moment(Fraction(number), text != number)


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
    names = COMPARED if text == "all" else tuple(dict.fromkeys(text.split(",")))
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
