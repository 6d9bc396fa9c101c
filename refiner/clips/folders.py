"""The clips of a folder, and of those in it: video files, and folders of frames."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from refiner.clips.containers import ClipLimits, demuxer_of
from refiner.files.decoding.kinds import IMAGE_FORMATS, kind_of
from refiner.types import InputError

_VIDEO_ENDINGS = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"),
    *(".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv"),
)


@dataclass(frozen=True, slots=True)
class FolderClips:
    """The clips by their paths below the folder, and files that are none."""

    clips: tuple[Path, ...]
    others: tuple[Path, ...]


def holds_clips(path: Path) -> bool:
    """Whether a path is a folder of clips, and not the frames of a single one."""
    if not path.is_dir():
        return False
    files = _files(path)
    return any(map(_is_video, files)) or not any(map(_is_picture, files))


def find_clips(folder: Path, apart: Iterable[Path]) -> FolderClips:
    """Find the clips of a folder; nothing in the folders `apart` is looked at.

    A file whose name ends like a video's is a clip, broken or not. A folder is the frames of one if
    it has pictures and no video.

    Raises:
        InputError: there is no clip, or a folder cannot be read.
    """
    clips: list[Path] = []
    others: list[Path] = []
    left = {path.resolve() for path in apart}
    for root, folders, names in os.walk(folder):
        place = Path(root)
        folders[:] = sorted(
            name for name in folders if name[0] != "." and (place / name).resolve() not in left
        )
        files = sorted(place / name for name in names if name[0] != ".")
        videos = [file for file in files if _is_video(file)]
        if not videos and place != folder and any(map(_is_picture, files)):
            clips.append(place)
        else:
            clips += videos
            others += [file for file in files if file not in videos]
    if not clips:
        raise InputError(
            f"The folder {folder} has neither clips nor the frames of one; give a folder of videos, "
            "of folders of pictures, or of pictures."
        )
    return FolderClips(
        tuple(path.relative_to(folder) for path in clips),
        tuple(path.relative_to(folder) for path in others),
    )


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if file.is_file() and file.name[0] != "."]


def _is_video(file: Path) -> bool:
    if file.suffix.lower() in _VIDEO_ENDINGS:
        return True
    try:
        demuxer_of(file, ClipLimits().file_bytes)
    except InputError:
        return False
    return True


def _is_picture(file: Path) -> bool:
    with file.open("rb") as opened:
        return kind_of(opened.read(1024)) in IMAGE_FORMATS
