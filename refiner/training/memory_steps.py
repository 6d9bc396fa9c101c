"""Tracking objects through clips in batches, with gradients: SAM2Base's own steps and a plain bank.

Letters in shapes: B clips, T frames, K objects a clip, N = B * K objects, S image_size.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from refiner.network.base_model import PointPrompts, SAM2Base, normalise

ANY_LENGTH = 2**20
"""Frames a clip claims to have, so that object pointers are told apart as in a long one."""


@dataclass(frozen=True)
class EncodedClips:
    """What the frozen encoder makes of B clips of T frames.

    Attributes:
        levels: projected s0, s1 and s2, each (h * w, B, T, channels).
        positions: the code of s2's positions, (h * w, 1, C).
        sizes: (h, w) of each level.
    """

    levels: list[Tensor]
    positions: Tensor
    sizes: list[tuple[int, int]]


@dataclass(frozen=True)
class Tracked:
    """The answer for N objects on one frame.

    Attributes:
        masks: logits (N, M, S/4, S/4), M = 3 candidates or 1 mask.
        ious: predicted IoU (N, M).
        best: logits (N, 1, S/4, S/4); -1024 where the object is taken to be gone.
        full: `best` at (N, 1, S, S).
        pointer: the object pointer, (N, C).
        score: logits (N, 1) that the object is there.
    """

    masks: Tensor
    ious: Tensor
    best: Tensor
    full: Tensor
    pointer: Tensor
    score: Tensor


@dataclass
class Bank:
    """What is remembered of N objects: by frame, as SAM2Base wants it."""

    index: Tensor
    """The clip each object is in, int64 (N,)."""
    outputs: dict[str, dict[int, dict[str, Any]]] = field(
        default_factory=lambda: {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
    )
    gap: int = 0
    """Frames between the first one and the second."""

    def number(self, frame: int) -> int:
        """Return the number by which frame `frame` of the clip is remembered."""
        return frame + self.gap if frame else 0


class ClipTracker:
    """Follows objects through clips with a sam2-lite; nothing is forgotten, so clips are short."""

    def __init__(self, base: SAM2Base) -> None:
        self.base = base

    @torch.no_grad()
    def encode(self, clips: Tensor) -> EncodedClips:
        """Encode uint8 clips (B, T, 3, S, S)."""
        out = self.base.forward_image(normalise(clips.flatten(0, 1).float() / 255))
        _, levels, positions, sizes = self.base._prepare_backbone_features(out)
        return EncodedClips(
            [level.unflatten(1, clips.shape[:2]) for level in levels], positions[-1][:, :1], sizes
        )

    def track(
        self,
        encoded: EncodedClips,
        bank: Bank,
        frame: int,
        points: PointPrompts | None = None,
        mask: Tensor | None = None,
        before: Tensor | None = None,
    ) -> Tracked:
        """Answer one frame with SAM2Base's own steps, from the bank or, on frame 0, without.

        Args:
            encoded: the clips.
            bank: what is remembered so far.
            frame: the frame within the clips.
            points: clicks or boxes of the objects.
            mask: masks (N, 1, S, S) in [0, 1] that are taken as the answer.
            before: logits (N, 1, S/4, S/4) that the points correct.
        """
        given = None
        if points is not None:
            given = {"point_coords": points.coords, "point_labels": points.labels}
        levels = [level[:, bank.index, frame] for level in encoded.levels]
        positions = encoded.positions.expand(-1, len(bank.index), -1)
        _, outputs, _, _ = self.base._track_step(
            frame_idx=bank.number(frame),
            is_init_cond_frame=frame == 0,
            current_vision_feats=levels,
            current_vision_pos_embeds=[positions] * len(levels),
            feat_sizes=encoded.sizes,
            point_inputs=given,
            mask_inputs=mask,
            output_dict=bank.outputs,
            num_frames=ANY_LENGTH,
            track_in_reverse=False,
            prev_sam_mask_logits=before,
        )
        masks, _, ious, best, full, pointer, score = outputs
        return Tracked(masks, ious, best, full, pointer, score)

    def remember(
        self, encoded: EncodedClips, bank: Bank, frame: int, answer: Tracked, prompted: bool
    ) -> None:
        """Put an answer into the bank."""
        features, positions = self.base._encode_new_memory(
            current_vision_feats=[encoded.levels[-1][:, bank.index, frame]],
            feat_sizes=encoded.sizes,
            pred_masks_high_res=answer.full,
            object_score_logits=answer.score,
            is_mask_from_pts=prompted,
        )
        kind = "cond_frame_outputs" if prompted else "non_cond_frame_outputs"
        bank.outputs[kind][bank.number(frame)] = {
            "maskmem_features": features,
            "maskmem_pos_enc": positions,
            "obj_ptr": answer.pointer,
        }

    def answers(self, encoded: EncodedClips, bank: Bank, given: dict[str, Any]) -> Tensor:
        """Track from the given prompt of frame 0; return probability maps (T, N, 1, S/4, S/4)."""
        maps = []
        for frame in range(encoded.levels[-1].shape[2]):
            answer = self.track(encoded, bank, frame, **({} if frame else given))
            self.remember(encoded, bank, frame, answer, prompted=frame == 0)
            maps.append(answer.best.sigmoid())
        return torch.stack(maps)


def new_bank(masks: Tensor) -> tuple[Bank, Tensor]:
    """Flatten masks (B, T, K, S, S) to those of N objects by frame, (T, N, S, S); and their bank."""
    clips, _, count = masks.shape[:3]
    index = torch.arange(clips, device=masks.device).repeat_interleave(count)
    return Bank(index), masks.transpose(0, 1).flatten(1, 2)
