"""What a tracked object leaves for later frames, and how a later frame looks back at it.

Everything is done by SAM2Base's own parts; see sam2/sam2_video_predictor.py for the loop around
them. Letters in shapes: N objects, C hidden_dim, S image_size, h = S/16.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from refiner.network.base_model import NO_OBJ_SCORE, BaseFeatures, SAM2Base
from refiner.network.decoding import BaseOutput


@dataclass(frozen=True)
class Answer:
    """What one model says of N objects on one frame.

    Attributes:
        logits: (N, 1, ., .) at S/4 or S; NO_OBJ_SCORE all over where the object is not there.
        quality: predicted IoU (N,).
        score: logits (N, 1) that the object is there.
        pointer: object pointers (N, C).
    """

    logits: Tensor
    quality: Tensor
    score: Tensor
    pointer: Tensor


def to_answer(
    base: SAM2Base, decoded: BaseOutput, logits: Tensor, score: Tensor | None = None
) -> Answer:
    """Make an answer of the mask decoder's output, as SAM2Base._forward_sam_heads does.

    Args:
        base: the model.
        decoded: the mask decoder's output.
        logits: (N, 1, ., .), `decoded.best` or what a refiner made of it.
        score: replaces the decoder's object score, (N, 1).
    """
    score = decoded.object_score if score is None else score
    there = score > 0
    # an absent object leaves SAM2's learned pointer of absence
    pointer = torch.where(there, base.obj_ptr_proj(decoded.token), base.no_obj_ptr)
    seen = torch.where(there[..., None, None], logits.float(), NO_OBJ_SCORE)
    return Answer(seen, decoded.best_iou, score, pointer)


def mask_as_answer(base: SAM2Base, features: BaseFeatures, s2: Tensor, mask: Tensor) -> Answer:
    """Take a mask (1, 1, S, S) of 0 and 1 for SAM2's answer, as its video predictor does."""
    _, _, quality, logits, _, pointer, score = base._use_mask_as_output(
        s2, list(features.high_res), mask
    )
    return Answer(logits, quality[:, 0], score, pointer)


def encode_memory(
    base: SAM2Base, s2: Tensor, logits: Tensor, score: Tensor, prompted: bool
) -> Tensor:
    """Encode masks into memories of N objects.

    Args:
        base: the model.
        s2: the frame's own coarse feature, (1, C, h, h).
        logits: (N, 1, S, S).
        score: logits (N, 1) that the object is there.
        prompted: the masks answer prompts; SAM2 then encodes them as 0 and 1.

    Returns:
        bfloat16 (N, 64, h, h), the precision SAM2's video predictor keeps.
    """
    features, _ = base._encode_new_memory(
        current_vision_feats=[_sequence(s2, len(logits))],
        feat_sizes=[s2.shape[-2:]],
        pred_masks_high_res=logits,
        object_score_logits=score,
        is_mask_from_pts=prompted,
    )
    return features.to(torch.bfloat16)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Memory:
    """One object on one frame: bfloat16 (1, 64, h, h), None once too old, and a pointer (1, C)."""

    features: Tensor | None
    pointer: Tensor


class MemoryBank:
    """All that one model remembers of one object; its size does not depend on the clip's length.

    Attributes:
        prompted: the memories of the prompted frames, kept for good.
        recent: the newest others by frame: SAM2 looks at 6 memories and 15 pointers.
    """

    def __init__(self, base: SAM2Base, start: int) -> None:
        """Begin at the frame `start`, where tracking turns round later."""
        self.prompted: dict[int, Memory] = {}
        self.recent: dict[int, Memory] = {}
        self._memories = base.num_maskmem - 1
        self._pointers = base.max_obj_ptrs_in_encoder - 1
        self._start = start
        self._first: dict[int, Memory] = {}

    def add(self, frame: int, memory: Memory) -> None:
        """Remember a tracked frame and forget what no later one looks at."""
        # kept for the way back, which looks at the first frames of the way there
        if self._start < frame <= self._start + self._pointers:
            near = frame <= self._start + self._memories
            self._first[frame] = memory if near else Memory(None, memory.pointer)
        self.recent[frame] = memory
        for old in list(self.recent):
            # abs: on the way back older frames have higher numbers
            age = abs(frame - old)
            if age >= self._pointers:
                del self.recent[old]
            elif age >= self._memories:
                self.recent[old] = Memory(None, self.recent[old].pointer)

    def turn(self) -> None:
        """Go on backwards from the start: SAM2 then looks at the first frames behind it."""
        self.recent = self._first


def condition(
    base: SAM2Base,
    banks: Sequence[MemoryBank],
    s2: Tensor,
    frame: int,
    frames: int,
    backwards: bool,
) -> Tensor:
    """Condition a frame's feature on the memories of each bank.

    Banks that remember the same frames share a pass of memory attention.

    Args:
        base: the model.
        banks: of N objects.
        s2: the frame's own coarse feature, (1, C, h, h).
        frame: its index.
        frames: how many the clip has.
        backwards: tracking goes from later frames to earlier ones.

    Returns:
        The global feature G of each, (N, C, h, h).
    """
    alike: dict[tuple[tuple[int, ...], ...], list[int]] = {}
    for i, bank in enumerate(banks):
        # the same frames give the same number of tokens, so that they stack
        alike.setdefault((tuple(bank.prompted), tuple(bank.recent)), []).append(i)
    position = base.image_encoder.neck.position_encoding(s2)
    features_of: dict[int, Tensor] = {}
    for members in alike.values():
        features = base._prepare_memory_conditioned_features(
            frame_idx=frame,
            is_init_cond_frame=False,
            current_vision_feats=[_sequence(s2, len(members))],
            current_vision_pos_embeds=[_sequence(position, len(members))],
            feat_sizes=[s2.shape[-2:]],
            output_dict=_outputs(base, [banks[i] for i in members]),
            num_frames=frames,
            track_in_reverse=backwards,
        )
        features_of.update(zip(members, features.chunk(len(members)), strict=True))
    return torch.cat([features_of[i] for i in range(len(banks))])


def _sequence(feature: Tensor, count: int) -> Tensor:
    """(1, C, h, h) -> (h·h, count, C)."""
    return feature.flatten(2).permute(2, 0, 1).expand(-1, count, -1)


def _outputs(base: SAM2Base, banks: list[MemoryBank]) -> dict[str, dict[int, dict[str, Any]]]:
    """Lay banks out as the sam2 package's `output_dict`."""
    return {
        "cond_frame_outputs": {
            frame: _joined(base, [bank.prompted[frame] for bank in banks])
            for frame in banks[0].prompted
        },
        "non_cond_frame_outputs": {
            frame: _joined(base, [bank.recent[frame] for bank in banks])
            for frame in banks[0].recent
        },
    }


def _joined(base: SAM2Base, memories: list[Memory]) -> dict[str, Any]:
    # (N, C)
    pointer = torch.cat([memory.pointer for memory in memories])
    kept = [memory.features for memory in memories if memory.features is not None]
    if not kept:
        return {"obj_ptr": pointer}
    features = torch.cat(kept).float()  # linear layers of a float32 model take no bfloat16
    position = base.memory_encoder.position_encoding(features)
    return {"obj_ptr": pointer, "maskmem_features": features, "maskmem_pos_enc": [position]}
