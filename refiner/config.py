"""The settings of every model and training run: dataclasses, a sentence a field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

OFFICIAL = {
    "sam2.1-tiny": "facebook/sam2.1-hiera-tiny",
    "sam2.1-small": "facebook/sam2.1-hiera-small",
    "sam2.1-base-plus": "facebook/sam2.1-hiera-base-plus",
    "sam2.1-large": "facebook/sam2.1-hiera-large",
}
LITE = "sam2-lite"
BACKBONES = (LITE, *OFFICIAL)
BACKBONE_TITLES = {
    LITE: "SAM2-Lite",
    "sam2.1-tiny": "SAM2.1-T",
    "sam2.1-small": "SAM2.1-S",
    "sam2.1-base-plus": "SAM2.1-B+",
    "sam2.1-large": "SAM2.1-L",
}
"""What to call the masks of each backbone on a page."""


MODULES = ("la", "pr", "mr")
"""Localization augment, prompt retargeting, mask refinement."""
OPTIMIZERS = ("adamw", "muon")
"""What training steps with; see `training.train.new_optimizer`."""
QUARTERS = ("source", "resized", "half")
"""What localization augment's quarters are cut from: the picture resized to 2S x 2S from its own
pixels; its S x S version enlarged to that; or the S x S version itself, in quarters of half size.
"""


@dataclass(frozen=True)
class LiteConfig:
    """The embedded base model: a small SAM2 with an EfficientNet-Lite trunk."""

    trunk: str = "tf_efficientnet_lite2"
    """The timm model whose stages at strides 4, 8, 16 and 32 feed the neck."""
    hidden_dim: int = 128
    """C, the width of the neck, the mask decoder and the memory attention."""
    image_size: int = 512
    """S, the side of the square the picture is resized to."""
    memory_layers: int = 2
    """Layers of memory attention (the official models have four)."""
    disc_radius: int = 3
    """Radius of a click in the dense prompt maps, in pixels at S/4."""

    def __post_init__(self) -> None:
        if self.hidden_dim % 64:
            raise ValueError(f"hidden_dim must be a multiple of 64, got {self.hidden_dim}.")
        if self.image_size % 32:
            raise ValueError(f"image_size must be a multiple of 32, got {self.image_size}.")


@dataclass(frozen=True)
class HQConfig:
    """The HQ-SAM2 baseline; C and S come from the base model."""

    hidden_dim: int
    """C of the base model."""
    image_size: int
    """S of the base model."""


@dataclass(frozen=True)
class RefinerConfig:
    """SAM2Refiner's three modules; C and S come from the base model."""

    hidden_dim: int
    """C of the base model."""
    image_size: int
    """S of the base model."""
    widths: tuple[int, int, int, int, int] = (128, 64, 48, 32, 8)
    """Channels of mask refinement at S/16, S/8, S/4, S/2 and S."""
    heads: int = 8
    """Attention heads of localization augment and prompt retargeting."""
    mlp_dim: int = 2048
    """Hidden width of the token MLP in prompt retargeting."""
    disc_radius: int = 3
    """Radius of a click in the dense prompt map, in pixels at S/4."""
    modules: tuple[str, ...] = MODULES
    """Which of the three modules are there; all but in ablations."""
    quarters: str = "source"
    """One of `QUARTERS`."""
    skips: bool = True
    """Whether mask refinement also sees the quarters' maps and the base's mask, beyond the paper;
    never without both modules."""
    gate: bool = False
    """Whether the answer is SAM2's own mask plus a share, learned for each place, of what refinement
    would change, beyond the paper; never without mask refinement."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))  # lists when read from JSON
        object.__setattr__(self, "modules", tuple(self.modules))
        if not self.modules or not set(self.modules) <= set(MODULES):
            raise ValueError(f"modules must be some of {MODULES}, got {self.modules}.")
        object.__setattr__(self, "skips", self.skips and {"la", "mr"} <= set(self.modules))
        object.__setattr__(self, "gate", self.gate and "mr" in self.modules)
        if self.quarters not in QUARTERS:
            raise ValueError(f"quarters must be one of {QUARTERS}, got {self.quarters!r}.")


VARIANTS: dict[str, dict[str, Any]] = {
    "sam2refiner": {},
    "sam2refiner-la": {"modules": ("la",)},
    "sam2refiner-la-pr": {"modules": ("la", "pr")},
    "sam2refiner-la-mr": {"modules": ("la", "mr"), "skips": False},
    "sam2refiner-pr-mr": {"modules": ("pr", "mr")},
    "sam2refiner-resized": {"quarters": "resized"},
    "sam2refiner-half": {"quarters": "half"},
    "sam2refiner-paper": {"skips": False},
    "sam2refiner-gate": {"gate": True},
    "hq-sam2": {},
}
"""What can be trained on a base, with its settings: the whole model, its ablations, the baseline."""
COMPARED = tuple(name for name in VARIANTS if name != "sam2refiner-gate")
"""The variants meant by `all`: those trained with equal budgets, on what was there at that time."""


def weights_name(variant: str, backbone: str) -> str:
    """Name the file that holds the weights of one of `VARIANTS` on one of `BACKBONES`."""
    return f"{variant}-{backbone.removeprefix('sam2-')}.safetensors"
