"""A part in OpenVINO: torch's answers at every shape, or torch itself."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from refiner.network import openvino_engine
from refiner.network.kept_programs import cache_folder
from refiner.network.openvino_engine import FastPart, engine_version

pytest.importorskip("openvino", reason="not installed here")


class Mixture(nn.Module):
    """A map and tokens in, both out."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.linear = nn.Linear(4, 8)

    def forward(self, image: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        mixed = self.linear(tokens)
        return self.conv(image) + mixed.mean(1)[..., None, None], mixed


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.delenv("SAM2REFINER_ENGINE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return cache_folder()


@pytest.fixture
def own() -> Mixture:
    torch.manual_seed(0)
    return Mixture().requires_grad_(False)


def given(side: int = 16, tokens: int = 5, count: int = 1, seed: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(count, 3, side, side, generator=generator)
    return image, torch.randn(count, tokens, 4, generator=generator)


def agrees(part: FastPart, inputs: tuple[Tensor, ...]) -> bool:
    pairs = zip(part(*inputs), part.own(*inputs), strict=True)
    return all(torch.allclose(one, other, rtol=0, atol=1e-4) for one, other in pairs)


def test_answers_are_those_of_torch_at_every_size_and_number(own):
    part = FastPart(own)
    for side, tokens, count in ((16, 5, 1), (24, 5, 1), (16, 9, 1), (16, 2, 3)):
        inputs = given(side, tokens, count)
        assert part.computes(*inputs)
        assert agrees(part, inputs)


def test_one_row_goes_to_all_of_a_batch(own):
    image, tokens = given(count=3)
    assert agrees(FastPart(own), (image[:1], tokens))


def test_the_next_process_takes_the_program_of_the_last_one(own, folder, monkeypatch):
    assert FastPart(own).computes(*given())
    (program,) = folder.iterdir()
    monkeypatch.setattr(openvino_engine, "_traced", None)
    assert FastPart(own).computes(*given())
    own.linear.weight.add_(1)
    assert not FastPart(own).computes(*given())  # other weights: another program
    assert list(folder.iterdir()) == [program]


@pytest.mark.parametrize("damage", [b"", b"damaged", None])
def test_a_damaged_program_is_made_again(own, folder, damage, monkeypatch):
    assert FastPart(own).computes(*given())
    (program,) = folder.iterdir()
    whole = program.read_bytes()
    program.write_bytes(whole[:-100] if damage is None else damage)
    part = FastPart(own)
    assert part.computes(*given()) and agrees(part, given())
    monkeypatch.setattr(openvino_engine, "_traced", None)
    assert FastPart(own).computes(*given())
    assert list(folder.iterdir()) == [program]


def test_without_a_folder_to_write_to_all_is_as_with_one(own, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    part = FastPart(own)
    assert part.computes(*given()) and agrees(part, given())
    assert capsys.readouterr().err == ""


def test_a_part_that_answers_otherwise_is_left_to_torch(own, folder, monkeypatch, capsys):
    monkeypatch.setattr(openvino_engine, "TOLERANCE", -1.0)
    part = FastPart(own)
    assert not part.computes(*given())
    assert agrees(part, given())
    assert capsys.readouterr().err.count("\n") == 1
    assert not folder.exists()


def test_what_cannot_be_converted_is_left_to_torch(capsys):
    class Complex(nn.Module):
        def forward(self, tokens: Tensor) -> tuple[Tensor]:
            return (torch.linalg.eigvals(tokens).real.sort().values,)

    part = FastPart(Complex())
    tokens = torch.eye(4)[None]
    assert not part.computes(tokens)
    assert torch.equal(part(tokens)[0], torch.ones(1, 4))
    assert capsys.readouterr().err.startswith("OpenVINO is not used for complex: ")


def test_threads_that_call_at_once_get_their_own_answers(own):
    part = FastPart(own)
    cases = [given(side, tokens, seed=side + tokens) for side in (16, 24) for tokens in (1, 9)]
    with ThreadPoolExecutor(8) as pool:
        for inputs, found in zip(8 * cases, pool.map(lambda c: part(*c), 8 * cases), strict=True):
            for one, other in zip(found, own(*inputs), strict=True):
                assert torch.allclose(one, other, rtol=0, atol=1e-4)


def test_another_number_of_threads_is_followed(own, monkeypatch):
    asked = []
    imported = openvino_engine._imported
    monkeypatch.setattr(
        openvino_engine, "_imported", lambda data, n: asked.append(n) or imported(data, n)
    )
    part = FastPart(own)
    for threads in (1, 1, 2):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        assert agrees(part, given())
    assert asked == [1, 2]


def test_torch_answers_where_openvino_is_missing_or_not_wanted(monkeypatch):
    assert str(engine_version()).startswith("openvino 20")
    monkeypatch.setenv("SAM2REFINER_ENGINE", "torch")
    assert engine_version() is None
    monkeypatch.setenv("SAM2REFINER_ENGINE", "openvino")
    assert engine_version() is not None
    monkeypatch.setattr(openvino_engine, "find_spec", lambda name: None)
    assert engine_version() is None


SCRIPT = """
import gc, os, signal, sys, torch
from refiner.network.openvino_engine import FastPart

torch.set_num_threads(1)

class Double(torch.nn.Module):
    def forward(self, x):
        return (2 * x,)

part, x = FastPart(Double()), torch.ones(1, 4)
assert part.computes(x)
if (child := os.fork()) == 0:
    same = torch.equal(part(x)[0], 2 * x)
    os._exit(0 if same else 1)
assert os.waitpid(child, 0)[1] == 0
del part
gc.collect()
heard = []
signal.signal(signal.SIGUSR1, lambda *_: heard.append(1))
signal.raise_signal(signal.SIGUSR1)
assert heard and not sys.modules.get("openvino_telemetry")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_fork_computes_too_signals_are_handled_and_nothing_is_reported_of_its_use():
    subprocess.run([sys.executable, "-W", "ignore", "-c", SCRIPT], check=True, timeout=120)
