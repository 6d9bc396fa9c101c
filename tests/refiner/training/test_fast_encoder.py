"""The frozen encoder in OpenVINO: the same maps as torch's, or torch's."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from refiner.network.base_model import encode, set_image_size
from refiner.network.checkpoint import state_id
from refiner.training import fast_encoder

# OpenVINO reads a model by tracing it, of which torch warns.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


@pytest.fixture(autouse=True)
def installed():
    pytest.importorskip("openvino", reason="the extra 'train' is not installed")


def maps(base, size):
    set_image_size(base, size)
    with torch.no_grad():
        features, fpn = encode(base, torch.randn(2, 3, size, size, generator=torch.manual_seed(1)))
    return [features.g, *features.high_res, *fpn]


def test_openvino_computes_what_torch_does_at_every_size(new_base):
    base = new_base().eval().requires_grad_(False)
    before = state_id(base)
    wanted = [maps(base, size) for size in (64, 128)]
    assert fast_encoder.speed_up(base)
    assert state_id(base) == before
    for size, ours in zip((64, 128), wanted, strict=True):
        for one, other in zip(ours, maps(base, size), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-2)


def test_an_encoder_that_answers_otherwise_is_not_used(new_base, monkeypatch, capsys):
    base = new_base().eval().requires_grad_(False)
    own = base.image_encoder.forward
    monkeypatch.setattr(fast_encoder, "TOLERANCE", -1.0)
    assert not fast_encoder.speed_up(base)
    assert base.image_encoder.forward == own
    assert "more than" in capsys.readouterr().err


def test_signals_are_handled_after_a_model_is_gone_and_nothing_is_reported_of_its_use():
    script = (
        "import gc, signal, sys, torch\n"
        "from refiner.config import LiteConfig\n"
        "from refiner.network.base_model import build_lite\n"
        "from refiner.training import fast_encoder\n"
        "base = build_lite(LiteConfig()).eval().requires_grad_(False)\n"
        "assert fast_encoder.speed_up(base)\n"
        "del base\n"
        "gc.collect()\n"
        "heard = []\n"
        "signal.signal(signal.SIGUSR1, lambda *_: heard.append(1))\n"
        "signal.raise_signal(signal.SIGUSR1)\n"
        "assert heard and not sys.modules.get('openvino_telemetry')\n"
    )
    ran = subprocess.run([sys.executable, "-X", "faulthandler", "-c", script], capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()
