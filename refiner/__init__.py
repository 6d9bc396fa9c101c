"""SAM2 and SAM2Refiner as a library and a command line: `python -m refiner --help`.

    import refiner
    model = refiner.load()
    prompts = refiner.Prompts((refiner.Click(320, 240),))
    pair = model.segment(refiner.read_image("a.jpg"), [prompts]).objects[0]
    pair.base.mask, pair.refined.mask  # bool (height, width): SAM2's and SAM2Refiner's

What `__all__` names is the public part; it is imported when first asked for, so that `import
refiner` needs no torch. Nothing in this package imports gradio.

The rooms. Each imports those above it alone; up to `batch` none needs torch:

- types, video_types: the records that cross every border, numpy only; config, metrics
- files: pictures, masks, sessions and results, read and written
- data: manifests, published sets and archives
- clips: videos in and out by ffmpeg
- batch: many inputs, each once, in one process or by workers of Ray
- network: the layers; `base_model` and `lite` alone import the sam2 package
- predict: prompts in, masks out, on pictures and through clips
- training, evaluation: what makes the weights and what measures them
- commands: a file a verb

One click:

1. `refiner.files.pictures.read_image` makes a file uint8 (height, width, 3)
2. `refiner.predict.segmenter.BaseSegmenter.segment` checks the prompts and takes the model's lock
3. `refiner.predict.embedding_cache.EmbeddingCache.get` knows recent pictures; of others
4. `refiner.network.base_model.encode` makes SAM2's features of the S x S picture,
5. `refiner.network.quarters.local_features` those of its four quarters, and
6. `refiner.network.sam2refiner.SAM2Refiner.prepare` joins both: localization augment
7. `refiner.predict.tensors.to_points` scales clicks and boxes to S x S
8. `refiner.network.decoding.decode_both` gives SAM2's mask, logits at S/4, and what to refine
9. `refiner.network.sam2refiner.SAM2Refiner.forward` retargets the prompts and refines, logits at S
10. `refiner.predict.tensors.to_mask` brings both to the picture's size and cuts at zero

One frame:

1. `refiner.clips.clip.open_clip` counts the frames of a file, `refiner.clips.clip.Clip` decodes them
2. `refiner.predict.tracker.VideoTracker.track` yields the frames in order
3. `refiner.predict.frame.FrameModels.look` encodes a frame once for both models
4. `refiner.predict.frame.FrameModels.answer` answers prompted frames as pictures, before the rest
5. `refiner.predict.memory_bank.MemoryBank` keeps what each model remembers of each object
6. `refiner.predict.memory_bank.condition` lets the frame's feature look at the memories
7. `refiner.predict.frame.FrameModels.step` decodes and refines from there without prompts
8. `refiner.predict.frame.FrameModels.memories` encodes the masks for later frames
9. `refiner.predict.tensors.to_mask` brings them to the clip's size

To add

- a command: a file in `commands`, a line in `refiner.commands.parser.VERBS`
- an export of clips: `refiner.clips.exports.EXPORTS`
- a kind of prompt: `refiner.types.Prompts`, `refiner.predict.tensors.to_points`,
  `refiner.training.samples.prompts.draw_prompts`, `refiner.evaluation.prompts.sample_prompts`
- a part of the network: `refiner.network.sam2refiner.SAM2Refiner` and its
  `refiner.config.RefinerConfig`; a variant to train and measure: `refiner.config.VARIANTS`
"""

from __future__ import annotations

from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refiner.clips.clip import open_clip
    from refiner.files.pictures import read_image
    from refiner.predict.cascade import refine
    from refiner.predict.loading import load_any as load
    from refiner.predict.tracker import load_tracker
    from refiner.types import (
        Box,
        Click,
        ImageResult,
        InputError,
        Mask,
        MaskPair,
        ModelInfo,
        Prompts,
        Segmenter,
        Timings,
    )
    from refiner.video_types import (
        FramePrompts,
        Frames,
        TrackedFrame,
        Tracker,
        VideoInfo,
    )

__all__ = [
    "Box",
    "Click",
    "FramePrompts",
    "Frames",
    "ImageResult",
    "InputError",
    "Mask",
    "MaskPair",
    "ModelInfo",
    "Prompts",
    "Segmenter",
    "Timings",
    "TrackedFrame",
    "Tracker",
    "VideoInfo",
    "load",
    "load_tracker",
    "open_clip",
    "read_image",
    "refine",
]

_ELSEWHERE = {
    "load": "refiner.predict.loading:load_any",
    "load_tracker": "refiner.predict.tracker:load_tracker",
    "open_clip": "refiner.clips.clip:open_clip",
    "read_image": "refiner.files.pictures:read_image",
    "refine": "refiner.predict.cascade:refine",
    **{
        name: f"refiner.video_types:{name}"
        for name in ("FramePrompts", "Frames", "TrackedFrame", "Tracker", "VideoInfo")
    },
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = resolve_name(_ELSEWHERE.get(name, f"refiner.types:{name}"))
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
