"""PyTorch as the engine: CUDA, MPS, and CPUs that OpenVINO does not serve."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import torch
from torch import Tensor, nn

from stylize_cli import checkpoints, devices, engines, hardware
from stylize_cli.arrays import Pixels
from stylize_cli.config import Precision
from stylize_cli.devices import Machine
from stylize_cli.engines import About, Piece, conversion
from stylize_cli.generators import layers
from stylize_cli.generators.pyramid import AtHandNorm

COPIES = 1.8  # times OpenVINO's memory: padded maps, and maps in another layout


@dataclass(frozen=True)
class TorchEngine:
    """A generator as a PyTorch module; see `engines.Engine`."""

    network: nn.Module
    machine: Machine
    about: About
    note: str = ""
    given: int | None = None  # threads of the CPU; None leaves torch's number alone
    name: str = "torch"

    @property
    def device(self) -> str:
        """Name of the device."""
        return str(self.machine.device)

    @property
    def precision(self) -> str:
        """Name of the type computed in."""
        return self.machine.precision

    @cached_property
    def threads(self) -> int:
        """How many threads of the CPU it may take."""
        return hardware.threads(self.given)

    @torch.inference_mode()
    def run(self, *arrays: Pixels) -> Pixels:
        """Runs a batch."""
        with devices.threads(self.given):
            return self._run(*arrays)

    def _run(self, *arrays: Pixels) -> Pixels:
        output = layers.run(self.network, self._sent(arrays), self.machine.dtype)
        # Channels last, as it is: what is made of it is a picture, (H, W, 3).
        result: Pixels = output.float().cpu().numpy()
        return result

    def _sent(self, arrays: Sequence[Pixels]) -> list[Tensor]:
        return [devices.sent(torch.from_numpy(array), self.machine.device) for array in arrays]

    def pieces(self) -> list[Piece]:
        """The network, cut before every layer that normalises by the picture at hand."""
        cut: Callable[[], list[nn.Module]] = self.network.pieces  # type: ignore[assignment]
        return [partial(self._piece, piece) for piece in cut()]

    @torch.inference_mode()
    def _piece(self, piece: nn.Module, *arrays: Pixels) -> tuple[Pixels, ...]:
        with devices.threads(self.given):
            given = (layers.in_type(x, self.machine.dtype) for x in self._sent(arrays))
            maps = piece(*given)
            return tuple(one.float().cpu().contiguous().numpy() for one in maps)

    def measured(self, *arrays: Pixels) -> "TorchEngine":
        """The network with every statistic that is the picture's own fixed: those of this input."""
        network = copy.deepcopy(self.network)
        norms = [module for module in network.modules() if isinstance(module, AtHandNorm)]
        for norm in norms:
            norm.measures = True
        engine = replace(self, network=network)
        engine.run(*arrays)
        for norm in norms:
            norm.measures = False
        return engine

    def bytes_needed(self, size: tuple[int, int], batch: int = 1) -> int:
        """Bytes that a batch takes."""
        itemsize = self.machine.dtype.itemsize
        one = engines.bytes_needed(self.about, size, itemsize=itemsize)
        return int(batch * COPIES * one)


def open_model(
    path: Path, *, device: str, precision: Precision, threads: int | None, note: str = ""
) -> TorchEngine:
    """Loads a model file; see `engines.open_model`."""
    machine = devices.machine(device, precision)
    checkpoint = checkpoints.load(path)
    network = checkpoint.build().to(machine.device).to(memory_format=torch.channels_last)
    return TorchEngine(network, machine, conversion.about(checkpoint, network), note, threads)
