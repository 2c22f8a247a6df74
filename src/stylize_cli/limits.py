"""How much memory an optimisation or a training takes, said before it starts."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import psutil
import torch
from torch import Tensor, nn

from stylize_cli import descriptors, devices, hardware, images, matching
from stylize_cli.config import NeighboursConfig, OptimizeConfig, TrainConfig
from stylize_cli.devices import Machine
from stylize_cli.errors import too_little_memory

# Copies of the first block's maps alive at once at the peak of the backward pass, beside those that
# the forward pass kept: gradients above and below a convolution, its workspace, and what the heap
# cannot use again. Chosen so that no measured peak was above the estimate.
GRADIENTS = 4
VECTORS = 12  # images in float32 beside the L-BFGS history: gradients, directions, trials
COLUMNS = 6  # copies of a picture's hypercolumns: its own, the painting's, the target's, the kept
INDEX = 8  # bytes: where max pooling took each value from
COPIES = 8  # of the weights: gradients, the optimiser's moments, and what a save copies of all
# Of training; chosen like GRADIENTS, over four sizes, both presets and all kinds of generators.
PASSES = 2  # times what a generator's forward pass keeps: its backward pass has gradients as large
HEAP = 280_000_000  # bytes: photos in the making, workspaces, and what cannot be used again
LOOKING = 3  # copies of the first block's maps of a style image
LOADING = 120_000_000  # bytes: of the descriptor while it is read and converted

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


def bytes_per_pixel(config: OptimizeConfig | NeighboursConfig, dtype: torch.dtype) -> float:
    """Bytes that one iteration takes for every pixel of the result, by the layers it looks at."""
    vectors = 3 * torch.float32.itemsize * (2 * config.history + VECTORS)
    columns = 0.0
    if isinstance(config, NeighboursConfig):
        values = sum(descriptors.MAPS[int(layer[4]) - 1] for layer in config.layers)
        columns = COLUMNS * values * dtype.itemsize / matching.CELL**2
    return maps_per_pixel(config.layers, config.pool, dtype) + vectors + columns


def maps_per_pixel(layers: Collection[str], pool: str, dtype: torch.dtype) -> float:
    """Bytes of VGG's maps and of their gradients, for every pixel it is shown."""
    order = descriptors.layer_names(descriptors.SOURCES["vgg19"])
    kept = 0.0
    for layer in order[: 1 + max(order.index(layer) for layer in layers)]:
        kind, block = (layer[:4], int(layer[4]))
        values = descriptors.MAPS[block - 1] / 4 ** (block - 1)  # a pixel
        if kind == "relu":
            kept += values * dtype.itemsize
        else:
            kept += values / 4 * (dtype.itemsize + (INDEX if pool == "max" else 0))
    return kept + GRADIENTS * descriptors.MAPS[0] * dtype.itemsize


def estimate(
    size: tuple[int, int], config: OptimizeConfig | NeighboursConfig, dtype: torch.dtype
) -> int:
    """Bytes that optimising a picture of (height, width) takes, beside the program itself."""
    margin = 2 * descriptors.MARGIN if config.edges == "clean" else 0
    area = (size[0] + margin) * (size[1] + margin) * max(1.0, config.style_scale**2 / 2)
    return LOADING + int(area * bytes_per_pixel(config, dtype))


def check(
    size: tuple[int, int],
    config: OptimizeConfig | NeighboursConfig,
    machine: Machine,
    budget: int | None,
) -> None:
    """Refuses a size for which memory will not do, and says which will.

    Args:
        size: (height, width) of the result.
        config: what is to run.
        machine: where.
        budget: most bytes the whole program may take; None for what is free on the device.

    Raises:
        StylizeError: it does not fit.
    """
    free, own, there = _free(machine, budget)
    need = estimate(size, config, machine.dtype)
    if need <= free:
        return

    def fits(long: int) -> bool:
        return estimate(images.fitted(size, long), config, machine.dtype) <= free

    long = images.longest(fits, max(size))
    fix = f"use --size {long}" if long else _more(budget, own, there)
    raise too_little_memory(f"{size[1]}x{size[0]} px", need, free, fix)


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


def estimate_training(own: Generator, config: TrainConfig, dtype: torch.dtype) -> int:
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
    area = config.batch_size * (config.size + margin) ** 2
    judged = int(area * maps_per_pixel(config.layers, config.pool, dtype))
    # Before the first step the styles are looked at, one by one and without a backward pass.
    shown = (config.style_size + margin) ** 2 if config.style_layers else 0
    styles = shown * LOOKING * descriptors.MAPS[0] * dtype.itemsize
    return LOADING + max(need + judged, HEAP + styles)


def check_training(
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
    free, own, there = _free(machine, budget)

    @cache
    def generator(size: int) -> Generator:
        return measure(outline, replace(config, size=size))

    def need(other: TrainConfig) -> int:
        return estimate_training(generator(other.size), other, machine.dtype)

    if need(config) <= free:
        return
    fix = _more(budget, own, there)
    fitting = next((other for other in lesser if need(other) <= free), None)
    if fitting is not None:
        fix = f"use --batch-size {fitting.batch_size}"
        fix += f" --size {fitting.size}" if fitting.size < config.size else ""
    what = f"a step of {config.batch_size} samples of {config.size} px"
    raise too_little_memory(what, need(config), free, fix)


def _free(machine: Machine, budget: int | None) -> tuple[int, int, int]:
    """Bytes that may be taken, that the program takes, and that the device has free."""
    there = devices.free_memory(machine.device)
    own = psutil.Process().memory_info().rss
    return there if budget is None else min(there, budget - own), own, there


def room(machine: Machine, budget: int | None) -> int:
    """Bytes that a picture may take to read: of the host's memory, whatever computes.

    Args:
        machine: where the work will be done.
        budget: most bytes the whole program may take; None for what is free.
    """
    there = hardware.available_memory()
    own = psutil.Process().memory_info().rss
    return there if budget is None or machine.device.type != "cpu" else min(there, budget - own)


def _more(budget: int | None, own: int, there: int) -> str:
    """What helps where nothing smaller will do."""
    if budget is not None and budget - own < there:
        return f"give --memory more (the program itself takes {own / 1e9:.1f} GB)"
    return "free some memory"
