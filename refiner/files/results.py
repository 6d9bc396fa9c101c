"""Masks as files: PNGs, cut-outs, overlays, COCO run lengths and the JSON of a result.

Pictures are uint8 RGB (height, width, 3), masks bool (height, width). Nothing here needs torch.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import numpy as np
from faster_coco_eval.core import mask as coco
from PIL import Image

from refiner.types import (
    BoolArray,
    ImageArray,
    InputError,
    Mask,
    MaskPair,
    ModelInfo,
    Prompts,
    check_image,
)

Color = tuple[int, int, int]

OBJECT_COLORS: tuple[Color, ...] = (
    (0, 158, 115),  # bluish green
    (204, 121, 167),  # reddish purple
    (240, 228, 66),  # yellow
    (213, 94, 0),  # vermillion
    (86, 180, 233),  # sky blue
)
"""Okabe and Ito's colours, which the colour-blind can tell apart, without the orange and the blue
that stand for SAM2 and SAM2Refiner."""

MAX_RLE_PIXELS = 100_000_000
FORMAT = "sam2refiner-studio.result"
FORMAT_VERSION = 1
PACKAGES = (
    "sam2refiner-studio",
    "sam2",
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "pillow",
    "opencv-python",
    "faster-coco-eval",
)


def object_color(index: int) -> Color:
    """Return the RGB colour of object `index`, counted from 0; colours repeat after the last."""
    return OBJECT_COLORS[index % len(OBJECT_COLORS)]


def iou(a: BoolArray, b: BoolArray) -> float:
    """Intersection over union of two masks in [0, 1]; two empty masks agree, 1.0.

    Raises:
        InputError: the masks are no masks or differ in size.
    """
    _check_mask(a)
    _check_mask(b, (a.shape[0], a.shape[1]))
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0


def mask_png(mask: BoolArray) -> bytes:
    """Return `mask` as an 8-bit grey PNG: 255 the object, 0 the rest.

    Raises:
        InputError: `mask` is no mask.
    """
    _check_mask(mask)
    return _png(mask.astype(np.uint8) * 255)


def cutout_png(image: ImageArray, mask: BoolArray) -> bytes:
    """Return the object on a transparent ground as an RGBA PNG.

    Alpha is 255 inside `mask` and 0 outside, where the colours are black, so that nothing of the
    background remains in the file.

    Raises:
        InputError: the picture or the mask cannot be used, or they differ in size.
    """
    _check_mask(mask, check_image(image).shape[:2])
    colors = np.where(mask[..., None], image, 0)
    return _png(np.dstack([colors, mask.astype(np.uint8) * 255]).astype(np.uint8))


def overlay(
    image: ImageArray, masks: Sequence[BoolArray], colors: Sequence[Color], opacity: float = 0.5
) -> ImageArray:
    """Paint `masks` over a copy of `image`, later ones over earlier ones.

    Args:
        image: uint8 RGB (height, width, 3).
        masks: bool (height, width) each.
        colors: one RGB colour (0..255) for each mask.
        opacity: the share of the colour, from 0 (unchanged) to 1 (flat colour).

    Returns:
        The painted picture; pixels outside all masks are those of `image`.

    Raises:
        InputError: sizes differ, the colours are not as many as the masks, or `opacity` is not
            in [0, 1].
    """
    size_hw = check_image(image).shape[:2]
    if len(masks) != len(colors):
        raise InputError(
            f"Each mask needs one colour, got {len(masks)} masks, {len(colors)} colours."
        )
    if not 0 <= opacity <= 1:
        raise InputError(f"The opacity must lie between 0 and 1, got {opacity}.")
    painted = image.copy()
    for mask, color in zip(masks, colors, strict=True):
        _check_mask(mask, size_hw)
        blend = painted[mask] * (1 - opacity) + np.asarray(color) * opacity
        painted[mask] = np.rint(blend).astype(np.uint8)
    return painted


def overlay_png(
    image: ImageArray, masks: Sequence[BoolArray], colors: Sequence[Color], opacity: float = 0.5
) -> bytes:
    """Return `overlay` of the same arguments as an RGB PNG."""
    return _png(overlay(image, masks, colors, opacity))


def encode_rle(mask: BoolArray) -> dict[str, Any]:
    """Return `mask` as COCO's compressed run lengths, `{"size": [height, width], "counts": str}`.

    Raises:
        InputError: `mask` is no mask.
    """
    _check_mask(mask)
    encoded = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [*map(int, mask.shape)], "counts": encoded["counts"].decode("ascii")}


def decode_rle(rle: Mapping[str, Any]) -> BoolArray:
    """Return the bool mask (height, width) of COCO's compressed run lengths.

    Args:
        rle: as `encode_rle` returns it; other keys are ignored. It may come from a stranger.

    Raises:
        InputError: a key is missing, the size is empty or over `MAX_RLE_PIXELS`, or the run
            lengths are damaged or of another size.
    """
    if not isinstance(rle, Mapping) or not {"size", "counts"} <= rle.keys():
        raise InputError('A run-length mask has the keys "size" and "counts"; export it again.')
    size, counts = rle["size"], rle["counts"]
    if not _is_size(size):
        raise InputError(
            "The size of a run-length mask is [height, width], two positive whole numbers of at "
            f"most {MAX_RLE_PIXELS:,} pixels together; export the mask again."
        )
    if not isinstance(counts, str):
        raise InputError(
            f'The "counts" of a run-length mask is a compressed string, got {type(counts).__name__}; '
            "export it as compressed COCO RLE."
        )
    try:
        decoded = coco.decode({"size": list(size), "counts": counts.encode("ascii")})
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"The run lengths do not fill a mask of {size[1]} x {size[0]} pixels, or are damaged; "
            "export the mask again."
        ) from error
    return np.ascontiguousarray(decoded, dtype=np.bool_)


def result_document(
    size_hw: tuple[int, int],
    objects: Sequence[Prompts],
    pairs: Sequence[MaskPair],
    info: ModelInfo,
    image_sha256: str,
) -> dict[str, Any]:
    """Return all that is known of a result as plain values for `json.dumps`.

    Masks are run lengths as of `encode_rle`, boxes of masks `[x, y, width, height]` as in COCO
    (zeros for an empty mask), box prompts `[x0, y0, x1, y1]`, clicks `[x, y, positive]`; a mask
    prompt of probabilities is kept as the mask above one half.

    Args:
        size_hw: the picture's size.
        objects: the prompts of each object.
        pairs: the masks of each object, in the same order, of the picture's size.
        info: the model that made them.
        image_sha256: the hexadecimal SHA-256 of the picture.

    Raises:
        InputError: objects and pairs are not equally many, or a mask is of another size.
    """
    if len(objects) != len(pairs):
        raise InputError(
            f"Each object needs one pair of masks, got {len(objects)} and {len(pairs)}."
        )
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "image": {"width": int(size_hw[1]), "height": int(size_hw[0]), "sha256": image_sha256},
        "model": {
            "backbone": info.backbone,
            "device": info.device,
            "base_weights": info.base_weights,
            "refiner_weights": info.refiner_weights,
            "details": dict(info.details),
        },
        "versions": versions(),
        "objects": [
            {
                "prompts": _prompts_values(prompts),
                "base": mask_values(pair.base, size_hw),
                "refined": mask_values(pair.refined, size_hw),
                "iou": iou(pair.base.mask, pair.refined.mask),
            }
            for prompts, pair in zip(objects, pairs, strict=True)
        ],
    }


def _prompts_values(prompts: Prompts) -> dict[str, Any]:
    box = prompts.box
    return {
        "clicks": [[click.x, click.y, bool(click.positive)] for click in prompts.clicks],
        "box": None if box is None else [box.x0, box.y0, box.x1, box.y1],
        "mask": None if prompts.mask is None else encode_rle(prompts.mask > 0.5),
    }


def mask_values(mask: Mask, size_hw: tuple[int, int]) -> dict[str, Any]:
    """Return an answer as COCO has it, with `predicted_iou`.

    Raises:
        InputError: the mask is no mask, or of another size.
    """
    _check_mask(mask.mask, size_hw)
    rle = encode_rle(mask.mask)
    return {
        "segmentation": rle,
        "bbox": [int(value) for value in coco.toBbox(rle)],
        "area": int(np.count_nonzero(mask.mask)),
        "predicted_iou": float(mask.quality),
    }


def versions() -> dict[str, str]:
    """Return the versions of the packages that decide the masks."""
    installed = {}
    for name in PACKAGES:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return installed


def _is_size(size: Any) -> bool:
    return (
        isinstance(size, Sequence)
        and len(size) == 2
        and all(type(side) is int and side > 0 for side in size)
        and size[0] * size[1] <= MAX_RLE_PIXELS
    )


def _check_mask(mask: Any, size_hw: tuple[int, ...] | None = None) -> None:
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
        got = f"{mask.dtype} array" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise InputError(f"A mask must be a bool numpy array, got {got}; threshold it first.")
    if mask.ndim != 2 or 0 in mask.shape:
        raise InputError(f"A mask must have the shape (height, width), got {mask.shape}.")
    if size_hw is not None and mask.shape != tuple(size_hw):
        raise InputError(
            f"The mask is {mask.shape[1]} x {mask.shape[0]}, but {size_hw[1]} x {size_hw[0]} pixels "
            "are expected; masks and picture must be of the same size."
        )


def _png(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
