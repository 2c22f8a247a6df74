"""How much memory a training takes, said before it starts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor, nn

from stylize_cli import descriptors, limits, ranks, vgg
from stylize_cli.config.train import TrainConfig
from stylize_cli.devices import Machine
from stylize_cli.errors import too_little_memory

COPIES = 8  # of the weights: gradients, the optimiser's moments, and what a save copies of all
# Chosen like `stages.GRADIENTS`, over four sizes, both presets and all generators.
PASSES = 2  # times what a generator's forward pass keeps: its backward pass has gradients as large
HEAP = 280_000_000  # bytes: photos in the making, workspaces, and what cannot be used again
LOOKING = 3  # copies of the first block's maps of a style image

# A generator with such settings and a batch of its inputs, all on the "meta" device.
Outline = Callable[[TrainConfig], tuple[nn.Module, Sequence[Tensor]]]


@dataclass(frozen=True)
class Generator:
    """What a generator takes.

    Attributes:
        kept: bytes of one sample that the forward pass keeps for the backward pass.
        weights: bytes of its parameters.
    """

    kept: int
    weights: int


def kept_bytes(network: nn.Module, inputs: Sequence[Tensor]) -> int:
    """Bytes that a network's forward pass keeps for its backward pass, its weights apart.

    Args:
        network: on the "meta" device, where nothing is computed, and nothing kept in fact.
        inputs: likewise.
    """
    own = {parameter.untyped_storage()._cdata for parameter in network.parameters()}
    kept: dict[int, Tensor] = {}  # by storage, and held: or else another may get its address

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()._cdata
        if storage not in own:
            kept[storage] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = network(*inputs)
    del output
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def measure(outline: Outline, config: TrainConfig) -> Generator:
    """What a generator of such settings takes."""
    network, samples = outline(config)
    weights = sum(parameter.nbytes for parameter in network.parameters())
    return Generator(kept_bytes(network, samples) // len(samples[0]), weights)


def estimate(own: Generator, config: TrainConfig, dtype: torch.dtype) -> int:
    """Bytes that training takes, beside the program itself.

    Args:
        own: what its generator takes.
        config: batch size, size of a sample, and the layers it is judged by.
        dtype: of the descriptor.
    """
    need = HEAP + PASSES * config.batch_size * own.kept + COPIES * own.weights
    if not config.layers:
        return need
    margin = 2 * descriptors.MARGIN if config.edges == "clean" else 0
    sides = [config.size, *([config.size // 2] if config.halved_weight else [])]
    area = config.batch_size * sum((side + margin) ** 2 for side in sides)
    judged = int(area * limits.maps_per_pixel(config.layers, config.pool, dtype))
    # Before the first step the styles are looked at, one by one and without a backward pass.
    shown = (config.style_size + margin) ** 2 if config.style_layers else 0
    styles = shown * LOOKING * vgg.MAPS[0] * dtype.itemsize
    return limits.LOADING + max(need + judged, HEAP + styles)


def check(
    outline: Outline,
    config: TrainConfig,
    lesser: Iterable[TrainConfig],
    machine: Machine,
    budget: int | None,
) -> None:
    """Refuses a training for which memory will not do, and says what would.

    Args:
        outline: the generator.
        config: what is to run.
        lesser: what could run instead, with fewer or smaller samples, the best first.
        machine: where.
        budget: most bytes the whole program may take; None for what is free on the device.

    Raises:
        StylizeError: it does not fit.
    """
    free, own, there = limits.free_for(machine, budget)
    if machine.device.type == "cpu":  # a part of it is for photos that are kept decoded
        free -= free // limits.PHOTOS

    @cache
    def generator(size: int) -> Generator:
        return measure(outline, replace(config, size=size))

    def need(other: TrainConfig) -> int:
        part = replace(other, batch_size=-(-other.batch_size // ranks.count()))
        return estimate(generator(other.size), part, machine.dtype)

    if need(config) <= free:
        return
    fix = limits.more(budget, own, there)
    fitting = next((other for other in lesser if need(other) <= free), None)
    if fitting is not None:
        fix = f"use `batch_size` {fitting.batch_size}"
        fix += f" `size` {fitting.size}" if fitting.size < config.size else ""
    what = f"a step of {config.batch_size} samples of {config.size} px"
    raise too_little_memory(what, need(config), free, fix)
