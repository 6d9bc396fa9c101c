"""Which mask file belongs to which picture of a folder, and what their results are called."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from refiner.data.pairing import MASK_ENDINGS, PICTURES
from refiner.files.decoding.kinds import IMAGE_FORMATS, kind_of
from refiner.types import InputError

MASK_FILES = (*PICTURES, ".json", ".txt")


@dataclass(frozen=True, slots=True)
class PicturePair:
    """A picture and its mask file.

    Attributes:
        image: the picture.
        mask: the file of its masks.
        name: the picture's path below the folder given, as messages and results call it.
        shared: whether the mask file is that of all pictures.
    """

    image: Path
    mask: Path
    name: str
    shared: bool = False


@dataclass(frozen=True, slots=True)
class FolderPairs:
    """The pairs of a folder, the pictures without a mask, and files that are no pictures."""

    pairs: tuple[PicturePair, ...]
    without: tuple[str, ...]
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MaskNames:
    """What the refined masks of a picture are called: that of its first object, all others."""

    first: str
    prefix: str

    def of(self, number: int) -> str:
        """Return the name for an object, counted from 1."""
        return self.first if number == 1 else f"{self.prefix}_{number}.png"


def name_masks(folder: Path, pairs: Sequence[PicturePair]) -> dict[Path, MaskNames]:
    """Name the results of each picture, however many objects it has.

    None is named twice, nor as a file in `folder` that is read. The names depend on the pairs
    alone, not on what is refined first.
    """
    taken = set(_read_below(folder, pairs))
    stems = [_key(PurePath(pair.name).with_suffix("")) for pair in pairs]
    counts = Counter(stems)
    firsts = []
    for pair, stem in zip(pairs, stems, strict=True):
        path = PurePath(pair.name)
        base = (path.with_suffix("") if counts[stem] == 1 else path).as_posix()
        while _key(f"{base}.png") in taken:
            base += "-"
        taken.add(_key(f"{base}.png"))
        firsts.append(base)
    # a prefix that a name begins with already could lead to that name
    used = {name.removesuffix(".png").rpartition("_")[0] for name in taken}
    names = {}
    for pair, base in zip(pairs, firsts, strict=True):
        prefix = base
        while _key(prefix) in used:
            prefix += "_"
        used.add(_key(prefix))
        names[pair.image] = MaskNames(f"{base}.png", prefix)
    return names


def _read_below(folder: Path, pairs: Iterable[PicturePair]) -> Iterator[str]:
    """Yield the names of the files in `folder` that are read, as `_key` makes them."""
    root = folder.resolve()
    for pair in pairs:
        for file in (pair.image.resolve(), pair.mask.resolve()):
            if file.is_relative_to(root):
                yield _key(file.relative_to(root))


def find_pictures(folder: Path, apart: Iterable[Path]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the pictures of a folder, and of those in it, and the files that are none.

    Args:
        folder: where to look.
        apart: folders in it that are left out.

    Raises:
        InputError: there is no picture.
    """
    files = _files(folder, apart)
    pictures = [path for path in files if _is_picture(path)]
    if not pictures:
        raise InputError(f"The folder {folder} has no picture; give one that has.")
    known = set(pictures)
    rest = [path for path in files if path not in known]
    return tuple(_plain(pictures, folder)), tuple(_names(rest, folder))


def pair_folder(images: Path, masks: Path, out: Path) -> FolderPairs:
    """Pair the pictures of a folder, and of those in it, with the mask files of another.

    The mask of `a.jpg` is `a.png`, `a.json` or `a.txt`, `a_mask.png` or `a.jpg.png`, in the same
    place below its folder or, where the name is used once, anywhere. Both folders may be one.

    Args:
        images: the folder of pictures.
        masks: the folder of masks, or a single annotation file of all.
        out: where results go; nothing in it is read, unless it is one of the folders.

    Raises:
        InputError: there is no picture, or none has a mask.
    """
    files = _files(images, (masks, out))
    pictures = [path for path in files if _is_picture(path)]
    if masks.is_file():
        pictures = [path for path in pictures if path.resolve() != masks.resolve()]
        shared = [_pair(path, masks, images, shared=True) for path in pictures]
        rest = [
            path for path in files if path not in pictures and path.resolve() != masks.resolve()
        ]
        return _checked(images, shared, [], _names(rest, images))
    same = images.resolve() == masks.resolve()
    candidates = files if same else _files(masks, (images, out))
    candidates = [path for path in candidates if path.suffix.lower() in MASK_FILES]
    table = _by_name(candidates, masks)
    if same:
        pictures = [path for path in pictures if not _is_mask_of_other(path, pictures, images)]
    pairs, without = [], []
    for path in pictures:
        found = [mask for mask in _masks_of(path, images, table) if mask != path]
        name = path.relative_to(images).as_posix()
        if len(found) == 1:
            pairs.append(_pair(path, found[0], images))
        elif found:
            both = " and ".join(sorted(mask.name for mask in found)[:3])
            without.append(f"{name}: it has several masks, {both}; leave one")
        else:
            without.append(f"{name}: no mask of its name in {masks}")
    used = {pair.mask for pair in pairs} | {pair.image for pair in pairs}
    rest = [path for path in files if path not in pictures and path not in used]
    unused = [] if same else [path for path in candidates if path not in used]
    others = [
        *_names(rest, images),
        *(f"{name}: a mask without its picture" for name in _plain(unused, masks)),
    ]
    return _checked(images, pairs, without, others)


def _checked(
    images: Path, pairs: Sequence[PicturePair], without: Sequence[str], others: Sequence[str]
) -> FolderPairs:
    if not pairs:
        first = [*without, *others]
        raise InputError(
            f"The folder {images} has no picture with a mask"
            + (f"; the first file is {first[0]}." if first else "; it has no files.")
        )
    return FolderPairs(tuple(pairs), tuple(without), tuple(others))


def _files(folder: Path, apart: Iterable[Path]) -> list[Path]:
    """Return the files below a folder, but for hidden ones and those in other folders of the work."""
    root = folder.resolve()
    left = [path.resolve() for path in apart]
    left = [path for path in left if path != root and path.is_relative_to(root)]
    found = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
        if hidden or not path.is_file() or any(path.resolve().is_relative_to(one) for one in left):
            continue
        found.append(path)
    return found


def _is_picture(path: Path) -> bool:
    """Whether a file is a picture by its name or by its first bytes."""
    if path.suffix.lower() in PICTURES:
        return True
    try:
        with path.open("rb") as file:
            return kind_of(file.read(1024)) in IMAGE_FORMATS
    except OSError:
        return False


def _is_mask_of_other(path: Path, pictures: Sequence[Path], root: Path) -> bool:
    """Whether a picture in a folder of both is named as the mask of another one."""
    key = _key(path.relative_to(root).with_suffix(""))
    others = [one for one in pictures if one != path]
    if any(key in _mask_keys(one, root)[1:] for one in others):
        return True
    jpeg = (".jpg", ".jpeg")
    return path.suffix.lower() not in jpeg and any(
        one.suffix.lower() in jpeg and _key(one.relative_to(root).with_suffix("")) == key
        for one in others
    )


def _mask_keys(path: Path, root: Path) -> list[str]:
    """Return what the mask of a picture may be called, but for its ending, the likeliest first."""
    name = path.relative_to(root)
    stem = name.with_suffix("")
    return [_key(stem), *(_key(f"{stem}{ending}") for ending in MASK_ENDINGS), _key(name)]


def _by_name(masks: Iterable[Path], root: Path) -> dict[str, list[Path]]:
    """Return masks by their place below the folder, and by a star and their name alone."""
    table: dict[str, list[Path]] = defaultdict(list)
    for path in masks:
        stem = path.relative_to(root).with_suffix("")
        table[_key(stem)].append(path)
        table["*" + _key(stem.name)].append(path)
    return table


def _masks_of(path: Path, root: Path, table: dict[str, list[Path]]) -> list[Path]:
    keys = _mask_keys(path, root)
    for key in keys:
        found = [mask for mask in table.get(key, []) if mask != path]
        if found:
            return found
    for key in keys:
        found = [mask for mask in table.get("*" + key.rpartition("/")[2], []) if mask != path]
        if len(found) == 1:
            return found
    return []


def _pair(path: Path, mask: Path, root: Path, *, shared: bool = False) -> PicturePair:
    return PicturePair(path, mask, path.relative_to(root).as_posix(), shared)


def _plain(paths: Iterable[Path], root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in paths]


def _names(paths: Iterable[Path], root: Path) -> list[str]:
    return [f"{name}: no picture" for name in _plain(paths, root)]


def _key(name: PurePath | str) -> str:
    """Return a name as no file system tells two apart: letters' case and accents in one form."""
    text = name.as_posix() if isinstance(name, PurePath) else name
    return unicodedata.normalize("NFC", text).casefold()
