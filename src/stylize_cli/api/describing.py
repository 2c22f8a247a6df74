"""The descriptor that a method's settings ask for."""

import importlib.util
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import cast

import torch

from stylize_cli import descriptors, hardware
from stylize_cli.config.neighbours import NeighboursConfig
from stylize_cli.config.optimize import OptimizeConfig
from stylize_cli.config.train import TrainConfig
from stylize_cli.descriptor_tiles import Tiled
from stylize_cli.descriptors import Describe, Descriptor
from stylize_cli.devices import Machine
from stylize_cli.errors import StylizeError
from stylize_cli.limits import MemoryPlan
from stylize_cli.progress import OnStep
from stylize_cli.vgg import Name

COMPILERS = ("c++", "g++", "clang++", "cl")


def load(
    config: OptimizeConfig | NeighboursConfig | TrainConfig,
    layers: Collection[str],
    name: Name,
    file: Path | None,
    machine: Machine,
    *,
    on_step: OnStep,
) -> Descriptor:
    """The descriptor as the settings want it, on its device and in its precision.

    Args:
        config: says how it pools, and how it treats borders.
        layers: that it will be asked for.
        name: of the network.
        file: weights in place of its own.
        machine: where it runs.
        on_step: told of a download.

    Raises:
        StylizeError: its weights cannot be had or read.
    """
    return descriptors.load(
        name,
        layers=layers,
        dtype=machine.dtype,
        pool=config.pool,
        edges=config.edges,
        normalise=config.normalise if isinstance(config, OptimizeConfig) else "never",
        file=file,
        on_step=on_step,
    ).to(machine.device)


def compiled(describe: Descriptor) -> Describe:
    """The descriptor, compiled by torch at its first use."""
    compiled: Describe = torch.compile(describe)
    return compiled


def within(plan: MemoryPlan, describe: Describe) -> Describe:
    """The descriptor as a plan wants it: tile by tile where the picture is larger than memory."""
    if not plan.room:
        return describe
    hardware.return_large_blocks()
    return Tiled(cast(Descriptor, describe), plan.room, whole=plan.whole, kept=plan.kept)


def check_compiler(machine: Machine) -> None:
    """Raises `StylizeError` where there is no compiler for `compiled` on a machine."""
    if machine.device.type == "cuda":
        if not importlib.util.find_spec("triton"):
            raise StylizeError("`compile` needs the package triton on CUDA; leave it out")
    elif not any(shutil.which(compiler) for compiler in COMPILERS):
        raise StylizeError("`compile` needs a C++ compiler, and none is here; leave it out")
