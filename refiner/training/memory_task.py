"""Training of sam2-lite's video path on clips: what it remembers, and how it looks that up.

Pictures are encoded and decoded by the frozen image path, so masks of pictures stay what they were.

Letters in shapes: B clips, T frames, K objects a clip, N = B * K objects, S image_size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from refiner.network.base_model import SAM2Base, set_image_size
from refiner.network.checkpoint import VIDEO_ONLY
from refiner.training.arrays import Rng
from refiner.training.look import Tile
from refiner.training.losses import bce_dice, shrink, soft_iou
from refiner.training.memory_steps import Bank, ClipTracker, EncodedClips, Tracked, new_bank
from refiner.training.samples import prompts
from refiner.training.samples.clips import FRAMES, ClipData
from refiner.training.samples.photos import DataOptions, collate

FIRST_PROMPTS = {"box": 0.45, "mask": 0.25, "points": 0.2, "point": 0.1}
"""Share of each kind of prompt on the first frame."""
LEAST_FRAMES = 4
"""A clip is cut to between so many and FRAMES frames."""
_CORRECTED_SHARE = 0.3
"""How often a click or two correct an object on one later frame."""
GAP_SHARE, LONGEST_GAP = 0.5, 60
"""How often, and by how many frames at most, the tracked frames follow the first one later."""
PRESENCE = 0.2
"""Weight of the loss on whether the object is there; SAM2's own weights are 20 : 1 : 1."""
SAME_PLACE = 1.5
"""How strongly an untrained memory attention looks at the same place: within two cells or so."""


class MemoryTask(ClipTracker):
    """What the loop needs of a sam2-lite whose video path is trained."""

    def __init__(self, base: SAM2Base) -> None:
        super().__init__(base)
        self.module: nn.Module = base
        for name, parameter in base.named_parameters():
            parameter.requires_grad_(name.startswith(VIDEO_ONLY))
        for part in base.memory_attention.modules():
            if hasattr(part, "dropout_p"):  # attention with dropout keeps its whole matrix
                part.dropout_p = 0.0

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """Return the optimizer's one group."""
        return [
            {"params": [one for one in self.base.parameters() if one.requires_grad], "lr": rate}
        ]

    def set_size(self, size: int) -> int:
        """Set S; return the side of the frames wanted."""
        set_image_size(self.base, size)
        return size

    def data(self, options: DataOptions) -> Dataset[tuple[Tensor, Tensor]]:
        """Return clips with masks."""
        return ClipData(options)

    @torch.no_grad()
    def settle(self, images: Tensor) -> None:
        """Prepare an untrained memory attention with uint8 pictures (B, 3, S, S).

        Its last norm makes features of unit size, which the frozen decoder does not know: scale and
        shift of each channel are fitted to what the decoder gets of a picture, s2 + no_mem_embed.
        And it looks at all places alike: equal biases of queries and keys, turned by their
        positions, are most alike where the places are the same. Learning either would take longer
        than all the rest.
        """
        norm = self.base.memory_attention.norm
        s2 = self.encode(images[:, None]).levels[-1].flatten(0, 2)  # (pixels, C)
        wanted = s2 + self.base.no_mem_embed.flatten()
        given = F.layer_norm(s2, norm.normalized_shape, eps=norm.eps)
        slope = ((given - given.mean(0)) * (wanted - wanted.mean(0))).mean(0)
        norm.weight.copy_(slope / given.var(0, unbiased=False))
        norm.bias.copy_(wanted.mean(0) - norm.weight * given.mean(0))
        for layer in self.base.memory_attention.layers:
            nn.init.constant_(layer.cross_attn_image.q_proj.bias, SAME_PLACE)
            nn.init.constant_(layer.cross_attn_image.k_proj.bias, SAME_PLACE)

    def loss(
        self, clips: Tensor, masks: Tensor, rng: Rng, share: float
    ) -> tuple[Tensor, dict[str, float]]:
        """Prompt the first frame, track the others, sometimes correct one: the mean of their losses.

        Args:
            clips: uint8 (B, FRAMES, 3, S, S).
            masks: uint8 coverage (B, FRAMES, K, S, S).
            rng: where prompts, length and gap come from.
            share: share of the training budget that is used; not needed here.
        """
        length = int(rng.integers(LEAST_FRAMES, FRAMES + 1))
        encoded = self.encode(clips[:, :length])
        bank, targets = new_bank(masks[:, :length])
        if rng.random() < GAP_SHARE:
            bank.gap = int(rng.integers(1, LONGEST_GAP + 1))
        loss = self._start(encoded, bank, targets[0], rng)
        corrected = int(rng.integers(1, length)) if rng.random() < _CORRECTED_SHARE else None
        ious = []
        for frame in range(1, length):
            answer = self.track(encoded, bank, frame)
            loss = loss + tracked_loss(answer, targets[frame])
            ious.append(frame_iou(answer.best.sigmoid(), targets[frame]))
            if frame == corrected:
                answer = self._correct(encoded, bank, frame, answer, targets[frame], rng)
                loss = loss + tracked_loss(answer, targets[frame])
            self.remember(encoded, bank, frame, answer, prompted=frame == corrected)
        return loss / length, {"iou_second": ious[0], "iou_last": ious[-1]}

    def _start(self, encoded: EncodedClips, bank: Bank, targets: Tensor, rng: Rng) -> Tensor:
        """Prompt the first frame, remember it, and return the loss of its object score."""
        kind = str(rng.choice(list(FIRST_PROMPTS), p=list(FIRST_PROMPTS.values())))
        inside = targets > 127
        if kind == "mask":
            answer = self.track(encoded, bank, 0, mask=inside[:, None].float())
            self.remember(encoded, bank, 0, answer, prompted=True)
            return targets.new_zeros((), dtype=torch.float32)
        given = prompts.draw_prompts(inside, rng, kind)
        answer = self.track(encoded, bank, 0, given.points)
        if kind != "box" and rng.random() < 0.5:
            given = prompts.corrected(given, inside, _shown(answer.best), rng)
            answer = self.track(encoded, bank, 0, given.points, before=given.mask_logits)
        self.remember(encoded, bank, 0, answer, prompted=True)
        return presence_loss(answer.score, inside.flatten(1).any(1))

    def _correct(
        self,
        encoded: EncodedClips,
        bank: Bank,
        frame: int,
        answer: Tracked,
        targets: Tensor,
        rng: Rng,
    ) -> Tracked:
        """Answer a tracked frame again, with a click or two where the answer is wrong."""
        shown = _shown(answer.best)
        nothing = prompts.TrainingPrompts(None, None)
        clicks = prompts.corrected(nothing, targets > 127, shown, rng).points
        return self.track(encoded, bank, frame, clicks, before=shown)

    def look(
        self, data: Dataset[tuple[Tensor, Tensor]], count: int, device: str
    ) -> tuple[dict[str, float], list[Tile]]:
        """Track `count` clips from a box and from a mask.

        Values are IoUs: `*_first` on the prompted frame, `*_last` on the last one, `*_tracked` on
        all but the first; `still` is that of the first frame's true mask with the last one's: below
        it, tracking is worse than doing nothing.
        """
        sums: dict[str, list[float]] = {}
        tiles: list[Tile] = []
        for start in range(0, count, 2):
            clips, masks = (part.to(device) for part in collate([data[start], data[start + 1]]))
            encoded = self.encode(clips)
            _, targets = new_bank(masks)
            inside = targets > 127
            given: dict[str, dict[str, Any]] = {
                "box": {"points": prompts.box(inside[0], noise=0.0)},
                "mask": {"mask": inside[0][:, None].float()},
            }
            for kind, prompt in given.items():
                maps = self.answers(encoded, new_bank(masks)[0], prompt)
                found = [frame_iou(one, truth) for one, truth in zip(maps, targets, strict=True)]
                for name, part in {
                    "first": found[:1],
                    "last": found[-1:],
                    "tracked": found[1:],
                }.items():
                    sums.setdefault(f"{kind}_{name}", []).extend(part)
                if kind == "box" and start < 12:
                    tiles += [
                        (clips[clip, frame], maps[frame, 2 * clip], inside[frame, 2 * clip])
                        for clip in range(2)
                        for frame in range(FRAMES)
                    ]
            still = shrink(targets[0], maps.shape[-1])
            sums.setdefault("still", []).append(frame_iou(still, targets[-1]))
        return {key: float(np.mean(values)) for key, values in sums.items()}, tiles


def tracked_loss(answer: Tracked, targets: Tensor) -> Tensor:
    """Return the loss of a tracked frame: best candidate, all predicted IoUs, presence.

    An object that is not there has no mask to learn, and the mask of one taken to be gone is
    replaced by a constant.
    """
    there = (targets > 127).flatten(1).any(1)
    truth = shrink(targets, answer.masks.shape[-1]).expand_as(answer.masks)
    ious = soft_iou(answer.masks, truth)
    each = bce_dice(answer.masks.clamp(-32, 32), truth).min(dim=1).values
    each = each + (answer.ious - ious).abs().mean(dim=1)
    counted = there & (answer.score[:, 0] > 0)
    return (each * counted).sum() / len(each) + presence_loss(answer.score, there)


def presence_loss(score: Tensor, there: Tensor) -> Tensor:
    """Return the weighted loss of object scores (N, 1) for bool (N,)."""
    return PRESENCE * F.binary_cross_entropy_with_logits(score[:, 0].float(), there.float())


def frame_iou(maps: Tensor, targets: Tensor) -> float:
    """Return the mean IoU of probability maps (N, 1, h, w); of an object that is gone as DAVIS does.

    That is 1 where nothing is answered for it, else 0.
    """
    truth = shrink(targets, maps.shape[-1])
    agreed = ~((maps > 0.5) | (truth > 0.5)).flatten(1).any(1)
    return float((soft_iou(maps - 0.5, truth)[:, 0] + agreed).mean())


def _shown(logits: Tensor) -> Tensor:
    """Return an answer as the video predictor shows it to the decoder with further clicks."""
    return logits.detach().clamp(-32, 32)
