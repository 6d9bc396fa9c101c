"""Parts of a frozen model in OpenVINO, on a CPU up to twice as fast as in torch.

A `FastPart` stands in for a module. It is compiled when it is first called with inputs of a shape, and
its answer to them is compared with torch's: where it is another, torch goes on answering.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import warnings
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from refiner.network.kept_programs import keep, kept

TOLERANCE = 1e-2
"""How far an answer may be from torch's, anywhere, for OpenVINO's to be used."""
_SETTINGS = {
    "INFERENCE_PRECISION_HINT": "f32",  # bf16 is slower, and off by 0.7
    "ENABLE_CPU_PINNING": False,  # several processes would share the same cores
}
_TRACING = threading.Lock()
"""While a module is traced, OpenVINO patches torch for all threads."""

Tensors = tuple[Tensor, ...]
Shapes = tuple[tuple[int, ...], ...]


@cache
def _core() -> Any:
    """Return the one engine of this process, which is never ended.

    Its end frees the stack on which signals of this thread are handled without taking it back, and
    the next signal (a worker of a `DataLoader` that ends) kills the process.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # asks its makers' host
    import openvino

    return openvino.Core()


def engine_version() -> str | None:
    """Return what computes on a CPU, `openvino 2026.4.1`; None if torch does.

    torch does where OpenVINO is not installed, or SAM2REFINER_ENGINE is `torch`.
    """
    if os.environ.get("SAM2REFINER_ENGINE", "").lower() == "torch" or not find_spec("openvino"):
        return None
    try:
        return f"openvino {version('openvino')}"
    except PackageNotFoundError:
        return None


class FastPart(nn.Module):
    """A module from tensors to a tuple of tensors, computed in OpenVINO wherever that works.

    Rows of a batch are computed one after the other; an input of one row goes to all of them. Maps
    (.., C, h, w) lie in memory with their channels last, as convolutions want them. Safe to use
    from several threads. After a fork torch computes: OpenVINO's threads were not forked along.
    """

    def __init__(self, own: nn.Module) -> None:
        super().__init__()
        self.own: Any = own
        self._home = os.getpid()
        self._lock = threading.Lock()
        self._threads = 0
        self._programs: dict[Shapes, _Program | None] = {}

    def forward(self, *inputs: Tensor) -> Tensors:
        """Return what the module returns."""
        if os.getpid() != self._home or not all(item.device.type == "cpu" for item in inputs):
            return self.own(*inputs)  # type: ignore[no-any-return]
        count = max(len(item) for item in inputs)
        rows = [
            self._row(tuple(item if len(item) == 1 else item[i : i + 1] for item in inputs))
            for i in range(count)
        ]
        return rows[0] if count == 1 else tuple(map(torch.cat, zip(*rows, strict=True)))

    def computes(self, *inputs: Tensor) -> bool:
        """Say whether OpenVINO answers inputs of these shapes, after comparing its answer."""
        self.forward(*inputs)
        return self._programs[self._shapes(inputs)] is not None

    def _row(self, inputs: Tensors) -> Tensors:
        with self._lock:
            if self._threads != torch.get_num_threads():
                self._threads = torch.get_num_threads()
                self._programs.clear()
            shapes = self._shapes(inputs)
            if shapes not in self._programs:
                self._programs[shapes] = self._program(shapes, inputs)
            program = self._programs[shapes]
            return self.own(*inputs) if program is None else program(inputs)

    def _shapes(self, inputs: Tensors) -> Shapes:
        """Return the shapes of a row, the channels of maps last."""
        return tuple((1, *_to_last(item).shape[1:]) for item in inputs)

    def _program(self, shapes: Shapes, inputs: Tensors) -> _Program | None:
        """Return what computes inputs of these shapes as torch does, None if nothing does."""
        wanted, name = self.own(*inputs), self._name(shapes)
        stored, reason = kept(name), ""
        for known in (stored, None) if stored else (None,):
            try:
                found = known or _traced(self.own, shapes, inputs)
                program = _Program(_imported(found, self._threads))
                distance = _distance(wanted, program(inputs))
            except Exception as error:  # whatever OpenVINO cannot do, torch can
                reason = str(error).strip().partition("\n")[0] or type(error).__name__
                continue
            if distance <= TOLERANCE:
                if known is None:
                    keep(name, found)
                return program
            reason = f"it answers {distance:.3g} from torch, more than {TOLERANCE}"
        sys.stderr.write(f"OpenVINO is not used for {_title(self.own)}: {reason}\n")
        return None

    def _name(self, shapes: Shapes) -> str:
        """Name a program by all that decides it."""
        digest = hashlib.sha256(repr((_surroundings(), shapes, self.own)).encode())
        for name, tensor in self.own.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.detach().contiguous().numpy().tobytes())
        return f"{_title(self.own)}-{digest.hexdigest()[:24]}.program"


class _Program:
    """A compiled model; one call at a time."""

    def __init__(self, compiled: Any) -> None:
        self._request = compiled.create_infer_request()
        self._shapes = [tuple(output.shape) for output in compiled.outputs]

    def __call__(self, inputs: Tensors) -> Tensors:
        import openvino

        given = {i: _to_last(item).contiguous().numpy() for i, item in enumerate(inputs)}
        answers = [torch.empty(shape) for shape in self._shapes]
        for i, answer in enumerate(answers):  # written to where torch reads it
            self._request.set_output_tensor(i, openvino.Tensor(answer.numpy(), shared_memory=True))
        self._request.infer(given, share_inputs=True)
        return tuple(map(_from_last, answers))


class _ChannelsLast(nn.Module):
    """A module whose maps come and go with their channels last; OpenVINO then copies none."""

    def __init__(self, own: nn.Module) -> None:
        super().__init__()
        self.own = own

    def forward(self, *inputs: Tensor) -> Tensors:
        return tuple(_to_last(item) for item in self.own(*map(_from_last, inputs)))


def _traced(own: nn.Module, shapes: Shapes, inputs: Tensors) -> bytes:
    """Compile a module for inputs of these shapes."""
    core = _core()
    import openvino

    with _TRACING, warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of torch, about tracing
        model = openvino.convert_model(
            _ChannelsLast(own),
            example_input=tuple(_to_last(item).contiguous() for item in inputs),
            input=list(shapes),
        )
        program = core.compile_model(model, "CPU", _SETTINGS).export_model()
    return bytes(program.getvalue() if hasattr(program, "getvalue") else program)


def _imported(program: bytes, threads: int) -> Any:
    return _core().import_model(program, "CPU", {**_SETTINGS, "INFERENCE_NUM_THREADS": threads})


def _distance(wanted: Tensors, given: Tensors) -> float:
    """Return the largest difference anywhere; NaN counts as infinite."""
    pairs = zip(wanted, given, strict=True)
    found = max(float((one - other).abs().max()) for one, other in pairs)
    return found if found == found else float("inf")


@cache
def _surroundings() -> tuple[str, ...]:
    """Return the versions and the source that a module's computation depends on."""
    names = ("openvino", "torch", "sam2", "timm")
    source = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        source.update(file.read_bytes())
    capability = torch.backends.cpu.get_cpu_capability()
    return (*map(version, names), capability, source.hexdigest())


def _title(own: nn.Module) -> str:
    return type(own).__name__.strip("_").lower()


def _to_last(item: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, h, w, C); others as they are."""
    return item.permute(0, 2, 3, 1) if item.ndim == 4 else item


def _from_last(item: Tensor) -> Tensor:
    return item.permute(0, 3, 1, 2) if item.ndim == 4 else item
