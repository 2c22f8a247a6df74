"""Which compiler `--compile` needs."""

import pytest
import torch

from stylize_cli.api import describing
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
        with pytest.raises(StylizeError, match=f"--compile needs {missing}"):
            describing.check_compiler(machine)
