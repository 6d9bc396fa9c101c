"""What a comparison is made on: examples and uploads, and what is told of how these were read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refiner.data.archives import ArchiveLimits, open_archive, read_pair
from refiner.data.pairing import MASK, PairNames, pair_names
from refiner.files.labels.records import MaskFile
from refiner.files.pictures import Picture, Source
from refiner.files.reading import Reader
from refiner.types import BoolArray, ImageArray, InputError
from webapp.compare.scores import Sample
from webapp.compare.text import COMPARE as TEXT
from webapp.shared.examples import Example
from webapp.shared.limits import Limits
from webapp.shared.pictures import worked_mask, worked_size
from webapp.shared.uploads import Uploads


class NotingReader:
    """Reads as another one does and keeps what is told of it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.notices: list[str] = []

    def __call__(self, source: Source, /, *, max_bytes: int, max_pixels: int) -> Picture:
        """As of `Reader`."""
        picture = self._reader(source, max_bytes=max_bytes, max_pixels=max_pixels)
        self.notices += picture.notices
        return picture

    def masks(self, source: Source, size_hw: tuple[int, int], /, **options: Any) -> MaskFile:
        """As of `Reader`."""
        found = self._reader.masks(source, size_hw, **options)
        self.notices += found.notices
        return found

    def numbers(self, source: Source, /, *, max_bytes: int, max_pixels: int) -> NDArray[np.uint8]:
        """As of `Reader`."""
        return self._reader.numbers(source, max_bytes=max_bytes, max_pixels=max_pixels)


def gather(
    chosen: Sequence[Example],
    files: Sequence[str],
    uploads: Uploads,
    limits: Limits,
    reader: Reader,
) -> list[Sample]:
    """Return the pictures to compare on: examples and what was uploaded, pairs or ZIPs.

    Raises:
        InputError: there are none or too many, a file was not uploaded, does not pair, or is a
            ZIP that is refused.
    """
    samples = [_of_example(example) for example in chosen]
    stored = [uploads.file(file) for file in files]
    zips = [file for file in stored if file.suffix.lower() == ".zip"]
    for number, file in enumerate(zips, start=1):
        archive = open_archive(file, _archive_limits(limits))
        samples += [
            _sample(pair, archive.read, limits, reader, f"zip{number}:{pair.name}")
            for pair in archive.pairs
        ]
    samples += _loose([file for file in stored if file not in zips], limits, reader)
    if not samples:
        raise InputError("Choose an example, or upload pictures with their masks.")
    if len(samples) > limits.compare_pictures:
        raise InputError(
            f"These are {len(samples)} pictures, at most {limits.compare_pictures} are compared in "
            "one run; leave some out."
        )
    return samples


def _of_example(example: Example) -> Sample:
    if example.truth is None:
        raise InputError("That example has no true mask; choose another one.")
    truth = example.truth
    source = f"example:{example.name}"
    return Sample(example.label, lambda: (example.pixels, [truth]), source=source)


def _loose(files: Sequence[Path], limits: Limits, reader: Reader) -> list[Sample]:
    """Pair files that were uploaded one by one; they are told apart by their names."""
    if not files:
        return []
    by_name = {file.name: file for file in files}
    if len(by_name) < len(files):
        raise InputError("Two of the files have the same name; rename one.")
    return [
        pair_sample(pair.name, by_name[pair.image], by_name[pair.mask], limits, reader)
        for pair in pair_names(by_name)
    ]


def pair_sample(name: str, image: Path, mask: Path, limits: Limits, reader: Reader) -> Sample:
    """Return a picture and the mask of its one object, both files, as something to compare on."""
    pair, most = PairNames(name, image.name, mask.name, MASK), _archive_limits(limits)
    return _sample(
        pair,
        lambda pair, reader: read_pair(pair, image, mask, most, reader),
        limits,
        reader,
        f"file:{image.name}",
    )


def _sample(
    pair: PairNames,
    read: Callable[[PairNames, Reader], tuple[ImageArray, tuple[BoolArray, ...]]],
    limits: Limits,
    reader: Reader,
    source: str,
) -> Sample:
    noting = NotingReader(reader)

    def scaled() -> tuple[ImageArray, list[BoolArray]]:
        noting.notices.clear()
        image, masks = read(pair, noting)
        pixels = worked_size(image, limits)
        size_hw = pixels.shape[0], pixels.shape[1]
        largest = sorted(masks, key=np.count_nonzero, reverse=True)[: limits.compare_objects]
        truths = [worked_mask(mask, size_hw) for mask in largest]
        truths = [truth for truth in truths if truth.any()]
        if not truths:
            raise InputError(f"{ascii(pair.name)}: its masks vanish at the size worked at.")
        if len(truths) < len(masks):
            noting.notices.append(TEXT["largest"].format(count=len(truths), all=len(masks)))
        return pixels, truths

    return Sample(pair.name, scaled, lambda: tuple(noting.notices), source)


def _archive_limits(limits: Limits) -> ArchiveLimits:
    return ArchiveLimits(
        file_bytes=limits.file_megabytes * 1_000_000,
        total_bytes=limits.archive_megabytes * 1_000_000,
        pixels=limits.megapixels * 1_000_000,
    )
