"""Video sequences by folder: JPEG frames with label maps of the same names, and the LVOS sets.

LVOS, as published (lingyihongfd/lvos): `valid/JPEGImages/VIDEO/00000001.jpg` and
`valid/Annotations/VIDEO/00000001.png`. Frames are numbered in steps of 5, those of a later source
may lie between; a label map has the numbers of its objects, 255 where nothing is said.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from refiner.data.manifest import VIDEO_KIND, LabelMap, Row, object_ids, read_labels
from refiner.files.pictures import read_image
from refiner.types import ImageArray, InputError
from refiner.video_types import VideoInfo

LVOS_SETS = {"lvos1": 50, "lvos2": 140}
"""The sets by name, and how many videos their valid split was published with."""
SEEN, UNSEEN = "lvos2-seen", "lvos2-unseen"
"""Sources of LVOS v2: videos of categories that its training split has, and of others."""
UNSEEN_LIST = "unseen_videos.txt"
VOID = 255


class FolderFrames:
    """The JPEG frames of a folder, by name, read when asked for; a `video_types.Frames`."""

    def __init__(self, folder: Path, fps: Fraction = Fraction(24)) -> None:
        """List the frames; a folder does not say how fast they follow, so `fps` does.

        Raises:
            InputError: the folder is missing or has no frames, or the first cannot be read.
        """
        try:
            names = sorted(name for name in os.listdir(folder) if name.lower().endswith(".jpg"))
        except OSError as error:
            raise InputError(f"Cannot read the frames in {folder}: {error.strerror}.") from error
        if not names:
            raise InputError(f"{folder} has no frames; expected 00000.jpg, 00001.jpg and so on.")
        self.files = [folder / name for name in names]
        height, width = read_image(self.files[0]).shape[:2]
        self._info = VideoInfo((height, width), fps, len(names))

    @property
    def info(self) -> VideoInfo:
        """What the sequence is."""
        return self._info

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> ImageArray:
        if not 0 <= index < len(self.files):
            raise IndexError(f"frame {index} of {len(self.files)}")
        return read_image(self.files[index])


@dataclass(frozen=True, slots=True)
class AnnotatedVideo:
    """A sequence with label maps on some of its frames.

    Attributes:
        frames: the frames.
        labels: the label map's file, by frame, in order.
        first: the first annotated frame that shows an object, by the object's number.
    """

    frames: FolderFrames
    labels: dict[int, Path]
    first: dict[int, int]

    def read(self, frame: int) -> LabelMap:
        """Read the label map of an annotated frame, uint8 (height, width).

        Raises:
            InputError: it cannot be read, or is not of the frames' size.
        """
        labels = read_labels(self.labels[frame])
        height, width = self.frames.info.size_hw
        if labels.shape != (height, width):
            raise InputError(
                f"The label map {self.labels[frame]} is {labels.shape[1]} x {labels.shape[0]}, the "
                f"frames are {width} x {height}; they must be of the same size."
            )
        return labels


def open_video(row: Row) -> AnnotatedVideo:
    """Open the sequence of a row of kind video and find its objects.

    Raises:
        InputError: a folder or file is missing, a label map has no frame or another size, or fewer
            than three frames have one (the first and the last are not scored).
    """
    frames = FolderFrames(row.image)
    by_name = {file.stem: index for index, file in enumerate(frames.files)}
    try:
        files = sorted(row.mask / name for name in os.listdir(row.mask) if name.endswith(".png"))
    except OSError as error:
        raise InputError(f"Cannot read the label maps in {row.mask}: {error.strerror}.") from error
    for file in files:
        if file.stem not in by_name:
            raise InputError(f"{file} has no frame; expected {row.image / file.stem}.jpg.")
    if len(files) < 3:
        raise InputError(f"{row.mask} has {len(files)} label maps; expected three or more.")
    video = AnnotatedVideo(frames, {by_name[file.stem]: file for file in files}, {})
    for frame in video.labels:
        for label in object_ids(video.read(frame), VIDEO_KIND):
            if label != VOID:
                video.first.setdefault(label, frame)
    return video


def read_lvos(name: str, root: Path) -> tuple[Row, ...]:
    """Read the rows of one of `LVOS_SETS`, by name of video.

    `root` is the folder of the valid split or the one above. For v2 the file `unseen_videos.txt` of
    the set's evaluation package, a name a line, must lie in either. Another number of videos than
    published is only told on stderr.

    Raises:
        InputError: the name is unknown, a folder or the list is missing, or there are no videos.
    """
    if name not in LVOS_SETS:
        raise InputError(f"Unknown dataset {name!r}; choose one of: {', '.join(LVOS_SETS)}.")
    places = [root, root / "valid", root / "val"]
    folder = next((place for place in places if (place / "Annotations").is_dir()), None)
    if folder is None:
        raise InputError(
            f"{root} does not hold the set {name}: expected valid/JPEGImages/VIDEO/*.jpg and "
            "valid/Annotations/VIDEO/*.png in it; name the folder above valid, or valid itself."
        )
    videos = sorted(entry.name for entry in (folder / "Annotations").iterdir() if entry.is_dir())
    if not videos:
        raise InputError(f"{folder / 'Annotations'} has no videos; expected a folder for each.")
    if len(videos) != LVOS_SETS[name]:
        sys.stderr.write(
            f"Warning: {folder} has {len(videos)} videos; {name} was published with "
            f"{LVOS_SETS[name]}.\n"
        )
    unseen = _unseen(folder, root) if name == "lvos2" else None
    return tuple(_row(name, folder, video, unseen) for video in videos)


def _row(name: str, folder: Path, video: str, unseen: frozenset[str] | None) -> Row:
    images = folder / "JPEGImages" / video
    if not images.is_dir():
        raise InputError(f"There is no folder {images}; expected the frames of {video} in it.")
    source = name if unseen is None else UNSEEN if video in unseen else SEEN
    return Row(
        id=f"{name}_{video}",
        image=images,
        mask=folder / "Annotations" / video,
        kind=VIDEO_KIND,
        source=source,
        split="valid",
        group=f"{name}_{video}",
    )


def _unseen(*folders: Path) -> frozenset[str]:
    for folder in folders:
        file = folder / UNSEEN_LIST
        if file.is_file():
            return frozenset(file.read_text(encoding="utf-8").split())
    raise InputError(
        f"There is no {UNSEEN_LIST} in {folders[0]}: LVOS v2 is scored as the mean over seen and "
        "unseen categories. Put the file of the set's evaluation package there."
    )
