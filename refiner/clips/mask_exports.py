"""The masks of a tracked clip as files: index PNGs in DAVIS layout, COCO run lengths in JSON."""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refiner.clips.clip import Clip
from refiner.files.names import safe_name
from refiner.files.painting import object_color
from refiner.files.results import mask_values, versions
from refiner.types import BoolArray, ImageArray, InputError, MaskPair, ModelInfo

FORMAT = "sam2refiner-studio.clip"
FORMAT_VERSION = 1
MOST_OBJECTS = 255
MODELS = MaskPair.MODELS

Pairs = Mapping[int, MaskPair]


@dataclass(frozen=True, slots=True)
class ClipExport:
    """What an export is made of.

    Attributes:
        clip: the frames; not scaled down, if files of the source's size are wanted.
        objects: the ids of the objects, in the order of their colours and their indices from 1.
        info: the model that made the masks.
        stem: how the names of the files begin; made safe by `names.safe_name`.
    """

    clip: Clip
    objects: Sequence[int]
    info: ModelInfo
    stem: str

    def __post_init__(self) -> None:
        if len(set(self.objects)) != len(self.objects) or len(self.objects) > MOST_OBJECTS:
            raise InputError(
                f"An export holds up to {MOST_OBJECTS} objects of different ids, got "
                f"{len(self.objects)}."
            )
        object.__setattr__(self, "stem", safe_name(self.stem, "clip"))


def masks_of(pairs: Pairs | None, model: str) -> dict[int, BoolArray]:
    """Return one model's masks by object id."""
    return {name: getattr(pair, MODELS[model]).mask for name, pair in (pairs or {}).items()}


class _File:
    """A file that gets its name when it is finished, and else is removed."""

    def __init__(self, path: Path, job: ClipExport) -> None:
        self._path, self._job, self._frames = path, job, 0
        self._untracked: list[int] = []
        try:
            handle, name = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
        except OSError as error:
            raise self._failed(error) from error
        os.chmod(name, 0o644)
        self._unfinished, self._file = Path(name), os.fdopen(handle, "w+b")

    def add(self, index: int, image: ImageArray, pairs: Pairs | None) -> None:
        self._frames += 1
        if pairs is None:
            self._untracked.append(index)
        try:
            self._add(index, pairs)
        except OSError as error:
            raise self._failed(error) from error

    def _add(self, index: int, pairs: Pairs | None) -> None:
        raise NotImplementedError

    def _end(self) -> None:
        raise NotImplementedError

    def _release(self) -> None:
        """Let go of the file, finished or not."""

    def _failed(self, error: OSError) -> InputError:
        return InputError(
            f"{self._path.name} cannot be written ({error.strerror}); free some space or choose "
            "another folder."
        )

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self._frames and not isinstance(error, Exception):
                self._end()
                self._file.close()
                os.replace(self._unfinished, self._path)
        except OSError as failure:
            raise self._failed(failure) from failure
        finally:
            with suppress(OSError):
                self._release()
            with suppress(OSError):
                self._file.close()
            self._unfinished.unlink(missing_ok=True)


class IndexMasks(_File):
    """DAVIS layout: MODEL/NAME/00000.png, the pixel's value the object's index, 0 the ground.

    Where objects overlap the later one counts, as in overlays. `manifest.json` tells the rest.
    """

    def __init__(self, path: Path, job: ClipExport) -> None:
        super().__init__(path, job)
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_STORED)
        colors = [object_color(index) for index in range(len(job.objects))]
        self._palette = [0, 0, 0, *(value for color in colors for value in color)]

    def _add(self, index: int, pairs: Pairs | None) -> None:
        for model in MODELS:
            values = np.zeros(self._job.clip.info.size_hw, dtype=np.uint8)
            for name, mask in masks_of(pairs, model).items():
                values[mask] = self._job.objects.index(name) + 1
            self._add_file(f"{model}/{self._job.stem}/{index:05}.png", self._png(values))

    def _png(self, values: NDArray[np.uint8]) -> bytes:
        picture = Image.fromarray(values)
        picture.putpalette(self._palette)
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        return buffer.getvalue()

    def _add_file(self, name: str, content: bytes) -> None:
        entry = zipfile.ZipInfo(name)  # without the time, so that the same masks are the same bytes
        entry.external_attr = 0o644 << 16
        self._zip.writestr(entry, content)

    def _end(self) -> None:
        indices = {str(i + 1): name for i, name in enumerate(self._job.objects)}
        manifest = {
            **_document(self._job),
            "object_ids": indices,
            "frames_written": self._frames,
            "untracked_frames": self._untracked,
        }
        self._add_file("manifest.json", json.dumps(manifest, indent=1).encode())
        self._zip.close()

    def _release(self) -> None:
        self._zip.close()


class RunLengths(_File):
    """JSON of both models' masks as COCO's compressed run lengths, by frame and object."""

    def __init__(self, path: Path, job: ClipExport) -> None:
        super().__init__(path, job)
        head = json.dumps({**_document(job), "object_ids": list(job.objects)}, indent=1)
        self._file.write(f'{head[:-2]},\n "frames": ['.encode())

    def _add(self, index: int, pairs: Pairs | None) -> None:
        objects = None
        if pairs is not None:
            size_hw = self._job.clip.info.size_hw
            objects = [
                {
                    "id": name,
                    "base": mask_values(pair.base, size_hw),
                    "refined": mask_values(pair.refined, size_hw),
                }
                for name, pair in pairs.items()
            ]
        seconds = float(self._job.clip.timing.seconds(index))
        line = json.dumps({"index": index, "seconds": round(seconds, 6), "objects": objects})
        self._file.write(f"{',' if index else ''}\n  {line}".encode())

    def _end(self) -> None:
        tail = {"frames_written": self._frames, "untracked_frames": self._untracked}
        self._file.write(f"\n ],\n {json.dumps(tail)[1:]}\n".encode())


def _document(job: ClipExport) -> dict[str, Any]:
    """Return what both documents say of the clip and of the model."""
    info = job.clip.info
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "video": {
            "name": job.stem,
            "width": info.size_hw[1],
            "height": info.size_hw[0],
            "fps": str(info.fps),
            "frames": info.frames,
            "first_frame": job.clip.first,
            "audio": info.audio,
            "notes": list(info.notes),
        },
        "model": asdict(job.info),
        "versions": versions(),
    }
