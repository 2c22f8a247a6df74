"""Which compiler `--compile` needs, and what is compiled."""

import numpy as np
import pytest
import torch

from stylize_cli import limits
from stylize_cli.api import describing, optimize
from stylize_cli.devices import Machine
from stylize_cli.errors import StylizeError


@pytest.mark.parametrize(
    ("device", "here", "missing"),
    [
        ("cpu", {"g++"}, None),
        ("cpu", {"triton"}, r"a C\+\+ compiler"),
        ("cuda:0", {"triton"}, None),
        ("cuda:0", {"g++"}, "the package triton"),
    ],
)
def test_a_compiler_is_the_device_s(monkeypatch, device, here, missing):
    monkeypatch.setattr(describing.shutil, "which", lambda name: name if name in here else None)
    monkeypatch.setattr(
        describing.importlib.util, "find_spec", lambda name: name if name in here else None
    )
    machine = Machine(torch.device(device), torch.float32)
    if missing is None:
        describing.check_compiler(machine)
    else:
        with pytest.raises(StylizeError, match=f"`compile` needs {missing}"):
            describing.check_compiler(machine)


@pytest.mark.parametrize(("room", "calls"), [(0, 1), (500_000, 0)])
def test_a_picture_in_tiles_is_not_compiled_and_says_so(monkeypatch, room, calls):
    """Of tiles VGG's stages are called, and what is compiled would never be."""
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda describe: compiled.append(describe) or describe)
    monkeypatch.setattr(limits, "plan", lambda *_: limits.MemoryPlan(2, "float32", 500, room))
    monkeypatch.setattr(describing, "check_compiler", lambda _machine: None)
    photo = np.zeros((48, 64, 3), np.uint8)
    layers = {"content_layers": ["relu1_1"], "style_layers": ["relu1_1"]}
    job = optimize.prepare(photo, photo, size=64, compile=True, device="cpu", **layers)
    job.load()
    assert len(compiled) == calls
    assert any("nothing is compiled" in note for note in job.notes) == (not calls)
