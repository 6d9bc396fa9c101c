"""The frozen base's image encoder in OpenVINO, on a CPU twice as fast as in torch."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from refiner.network.base_model import SAM2Base

Encoder = Callable[[Tensor], dict[str, Any]]
TOLERANCE = 1e-2
"""How far a map may be from torch's, anywhere, for OpenVINO's encoder to be used."""


@cache
def _core() -> Any:
    """Return the one engine of this process, which is never ended.

    Its end frees the stack on which signals of this thread are handled without taking it back, and
    the next signal (a worker of a `DataLoader` that ends) kills the process.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # asks its makers' host
    import openvino

    return openvino.Core()


class _Maps(nn.Module):
    """The neck's maps alone, which is all that is traced."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        maps: list[Tensor] = self.encoder(images)["backbone_fpn"]
        return tuple(maps)


def speed_up(base: SAM2Base) -> bool:
    """Let the encoder of a frozen base compute in OpenVINO from here on; say whether it does.

    It does not where OpenVINO is not installed, or answers otherwise than torch does. The base's
    parameters stay where they are, and no gradient reaches them.
    """
    try:
        _core()
    except ImportError:
        return False
    encoder = base.image_encoder
    fast = _encoder(encoder)
    images = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        pairs = zip(encoder(images)["backbone_fpn"], fast(images)["backbone_fpn"], strict=True)
        error = max(float((ours - theirs).abs().max()) for ours, theirs in pairs)
    if not error <= TOLERANCE:
        sys.stderr.write(
            f"OpenVINO's encoder is {error:.3g} from torch's, more than {TOLERANCE}; using torch's.\n"
        )
        return False
    encoder.forward = fast
    return True


def _encoder(encoder: nn.Module) -> Encoder:
    """Return a function that does what `encoder` does now, for pictures (B, 3, S, S) of any S."""
    own = encoder.forward

    @cache
    def compiled(side: int) -> Any:
        import openvino

        fast, encoder.forward = encoder.forward, own
        picture = torch.zeros(1, 3, side, side)
        with warnings.catch_warnings():  # torch's, that OpenVINO traces the module
            warnings.simplefilter("ignore", DeprecationWarning)
            model = openvino.convert_model(
                _Maps(encoder), example_input=picture, input=[1, 3, side, side]
            )
        encoder.forward = fast
        precision = {"INFERENCE_PRECISION_HINT": "f32"}  # bf16 is slower, and off by 0.7
        return _core().compile_model(
            model, "CPU", {**precision, "INFERENCE_NUM_THREADS": torch.get_num_threads()}
        )

    def fast(images: Tensor) -> dict[str, Any]:
        run = compiled(images.shape[-1])
        answers = [run(picture[None].contiguous().numpy()) for picture in images]
        count = len(run.outputs)
        maps = [torch.cat([torch.from_numpy(one[i]) for one in answers]) for i in range(count)]
        return {"backbone_fpn": maps}

    return fast
