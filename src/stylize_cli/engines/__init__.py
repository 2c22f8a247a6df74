"""Run a trained generator on numpy arrays: OpenVINO on CPUs, PyTorch elsewhere.

Nothing here imports torch before it is needed.
"""

import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from stylize_cli import hardware, noise_field
from stylize_cli.arrays import Pixels
from stylize_cli.config import Precision
from stylize_cli.errors import StylizeError
from stylize_cli.generators import KINDS, blocks_of, width_of

EngineName = Literal["auto", "openvino", "torch"]
Piece = Callable[..., tuple[Pixels, ...]]  # of a network; see `Engine.pieces`

LOADING = 60_000_000  # bytes: weights, and kernels that are generated for a shape


@dataclass(frozen=True)
class About:
    """What is known of a model without its weights; see `checkpoints.Checkpoint`.

    Attributes:
        method: that trained it.
        generator: its network.
        arguments: that build it.
        styles: names of its styles.
        multiple: sides of its input must be multiples of it.
        least: shortest side of an input, px.
        provenance: what it was trained with.
        grain: how much of `grain.drawn` is laid over a photo before the network sees it.
    """

    method: str
    generator: str
    arguments: Mapping[str, Any]
    styles: tuple[str, ...]
    multiple: int
    least: int
    provenance: Mapping[str, Any]
    grain: float = 0.0

    @property
    def factor(self) -> int:
        """How much larger than the input the output is, a side."""
        return int(self.arguments.get("factor", 1))

    @property
    def takes_mix(self) -> bool:
        """Whether its second input is a mixture of styles."""
        return KINDS[self.generator].takes_mix

    @property
    def noise_levels(self) -> int:
        """At how many scales it takes noise, each half as coarse as the last; 0 for none."""
        return self.multiple.bit_length() if KINDS[self.generator].takes_noise else 0

    @property
    def takes_photo(self) -> bool:
        """Whether it works on a photo; a texture is made of noise alone."""
        return not self.noise_levels or bool(self.arguments.get("image"))

    @property
    def halo(self) -> int:
        """Px of its input around its own place that a pixel looks at, statistics apart."""
        if self.noise_levels:
            return noise_field.halo(self.noise_levels)
        kind = KINDS[self.generator]
        return kind.halo + kind.block_halo * blocks_of(self.arguments)

    @property
    def is_cut(self) -> bool:
        """Whether it normalises by the picture at hand, and comes in pieces."""
        return KINDS[self.generator].is_cut

    @property
    def is_measured(self) -> bool:
        """Whether it normalises by the picture at hand, and does not come in pieces."""
        norm = self.arguments.get("norm", "batch")
        return bool(self.noise_levels and self.takes_photo and norm == "instance")


class Engine(Protocol):
    """A trained generator, ready to run. Several threads may run it at once."""

    @property
    def name(self) -> str:
        """What runs the network: "openvino" or "torch"."""

    @property
    def device(self) -> str:
        """Where it runs."""

    @property
    def precision(self) -> str:
        """The precision of the activations, such as "bfloat16"."""

    @property
    def threads(self) -> int:
        """How many threads of the CPU it may take."""

    @property
    def about(self) -> About:
        """The model."""

    @property
    def note(self) -> str:
        """What the user should be told of how it was opened, or ""."""

    def run(self, *arrays: Pixels) -> Pixels:
        """Runs a batch.

        Args:
            arrays: the generator's inputs, float32, the batch first: images (B, 3, H, W), mixtures
                of styles (B, N).

        Returns:
            (B, 3, H', W') RGB around [0, 1].
        """

    def bytes_needed(self, size: tuple[int, int], batch: int = 1) -> int:
        """Bytes that a batch of inputs of (height, width) takes, beside the program itself."""

    def pieces(self) -> Sequence[Piece]:
        """The network, cut before every layer that normalises by the picture at hand.

        The first takes the image (1, 3, H, W) and returns maps, the last of which are to be
        normalised. The others take the mixture of styles (1, N), means and variances (1, C) of
        these, and the maps; the last returns the image. What one returns can be handed to the next
        piece, and may be gone when that has returned, or when any other was called: whoever wants
        it for longer copies it.
        """

    def measured(self, *arrays: Pixels) -> "Engine":
        """The network with every statistic that is the picture's own fixed: those of this input."""


def open_model(
    path: Path,
    *,
    engine: EngineName = "auto",
    device: str = "auto",
    precision: Precision = "auto",
    threads: int | None = None,
) -> Engine:
    """Makes a model file ready to run.

    `auto` takes OpenVINO on a CPU and PyTorch on every other device, and PyTorch too where OpenVINO
    is missing or cannot run the model.

    Args:
        path: the model file.
        engine: what runs it.
        device: auto, cpu, cuda, cuda:N or mps.
        precision: of activations; auto is bfloat16 where the hardware multiplies it.
        threads: of the CPU; None for those of OMP_NUM_THREADS, or for all that may be used.

    Raises:
        StylizeError: no such model, device or precision, too many threads, or the engine asked for
            cannot run it.
    """
    hardware.check_threads(threads)
    if engine == "openvino" and device not in ("auto", "cpu"):
        raise StylizeError(f"OpenVINO runs on the CPU, not on {device}: use `engine` torch")
    accelerated = device not in ("auto", "cpu")
    if device == engine == "auto" and _may_have_accelerator():
        from stylize_cli import devices  # noqa: PLC0415 - imports torch, which alone knows

        accelerated = devices.choose("auto").type != "cpu"
    if engine == "openvino" or (engine == "auto" and not accelerated):
        from stylize_cli.engines import openvino, toolkit  # noqa: PLC0415 - only where it is to run

        try:
            return openvino.open_model(path, precision=precision, threads=threads)
        except toolkit.Unusable as error:
            if engine == "openvino":
                raise StylizeError(f"{error}: use `engine` torch") from error
            note = f"{error}: running with PyTorch"
    else:
        note = ""
    from stylize_cli.engines import pytorch  # noqa: PLC0415 - imports torch

    return pytorch.open_model(path, device=device, precision=precision, threads=threads, note=note)


def room(engine: Engine, budget: int | None) -> int:
    """Bytes that work may take on an engine's device, beside what the program has already.

    Args:
        engine: runs the work.
        budget: most bytes that the whole program may take; None for what is free.

    Raises:
        StylizeError: the program itself takes more than that.
    """
    free, own = hardware.available_memory(), hardware.own_memory()
    if engine.device != "cpu":
        import torch  # noqa: PLC0415 - as above

        from stylize_cli import devices  # noqa: PLC0415

        device = torch.device(engine.device)
        free, own = min(free, devices.free_memory(device)), devices.own_memory(device)
    return free if budget is None else min(free, hardware.left_of(budget, own))


def _may_have_accelerator() -> bool:
    """Whether torch may have a GPU here; found without importing it."""
    is_apple = sys.platform == "darwin" and platform.machine() == "arm64"
    return is_apple or hardware.cuda_driver()


def bytes_needed(about: About, size: tuple[int, int], *, itemsize: int) -> int:
    """Bytes that one input of (height, width) takes in a generator of that precision."""
    width = width_of(about.generator, about.arguments) * max(1, about.noise_levels)
    width = max(width, about.arguments.get("trunk", 0))
    maps = KINDS[about.generator].alive * width
    outputs = size[0] * size[1] * about.factor**2
    colours = 2 * 3 * np.dtype(np.float32).itemsize  # what goes in, and what comes out
    return LOADING + int(outputs * (maps * itemsize + colours))
