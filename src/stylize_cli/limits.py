"""How much memory an optimisation or a training takes, said before it starts."""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor, nn

from stylize_cli import descriptors, devices, hardware, images, matching, ranks, tiled, vgg
from stylize_cli.config.neighbours import NeighboursConfig
from stylize_cli.config.optimize import OptimizeConfig
from stylize_cli.config.train import TrainConfig
from stylize_cli.devices import Machine
from stylize_cli.errors import amount, too_little_memory
from stylize_cli.vgg import block_of

VECTORS = 12  # images in float32 beside the L-BFGS history: gradients, directions, trials
LEAST_TILE = 256**2  # px
TILE = 512**2  # px: history is given up for a tile of this size
MOST_TILE = 1024**2  # px: larger ones gain nothing
LEAST_HISTORY = 3  # pairs of L-BFGS
COLUMNS = 6  # copies of a picture's hypercolumns: its own, the painting's, the target's, the kept
COPIES = 8  # of the weights: gradients, the optimiser's moments, and what a save copies of all
# Of training; chosen like `tiled.GRADIENTS`, over four sizes, both presets and all generators.
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


@dataclass(frozen=True)
class MemoryPlan:
    """How an optimisation is to stay within memory.

    Attributes:
        history: pairs that L-BFGS keeps.
        whole: px of the largest picture that is looked at as a whole.
        room: bytes that the maps of a tile of a larger one may take.
    """

    history: int
    whole: int
    room: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should be told of it."""
        said = f"memory: tile by tile, with {self.history} pairs of L-BFGS history"
        return (said,) if self.room else ()


def bytes_per_pixel(config: OptimizeConfig | NeighboursConfig, dtype: torch.dtype) -> float:
    """Bytes that one iteration takes for every pixel of the result, by the layers it looks at."""
    columns = COLUMNS * _column(config) * dtype.itemsize / matching.CELL**2
    return maps_per_pixel(config.layers, config.pool, dtype) + _vectors(config.history) + columns


def _column(config: OptimizeConfig | NeighboursConfig) -> int:
    """Values of a hypercolumn, where there are any."""
    if isinstance(config, OptimizeConfig):
        return 0
    return sum(vgg.MAPS[block_of(layer) - 1] for layer in config.layers)


def _vectors(history: int) -> float:
    return 3 * torch.float32.itemsize * (2 * history + VECTORS)


def maps_per_pixel(layers: Collection[str], pool: str, dtype: torch.dtype) -> float:
    """Bytes of VGG's maps and of their gradients, for every pixel it is shown."""
    return tiled.cost(_order(layers), pool, dtype)


def whole_maps_per_pixel(config: OptimizeConfig, dtype: torch.dtype) -> float:
    """Bytes, for every pixel, of the maps that stay whole where all others come in tiles.

    Those behind the cuts, their gradients, and what the content layers should show.
    """
    order = _order(config.layers)
    kept = {layer: 2 for layer in tiled.CUTS if layer in order[:-1]}
    shown = {layer: 1 for layer in config.content_layers} if config.content_weight else {}
    values = 0.0
    for layer, copies in (*kept.items(), *shown.items()):
        block = block_of(layer)
        values += copies * vgg.MAPS[block - 1] / 4 ** (block - ("relu" in layer))
    return values * dtype.itemsize


def _order(layers: Collection[str]) -> list[str]:
    """Names of the layers from the image up to the last of these."""
    order = vgg.layer_names(vgg.SOURCES["vgg19"])
    return order[: 1 + max(order.index(layer) for layer in layers)]


def estimate(
    size: tuple[int, int], config: OptimizeConfig | NeighboursConfig, dtype: torch.dtype
) -> int:
    """Bytes that optimising a picture of (height, width) as a whole takes, beside the program."""
    block = 2 * matching.SAMPLE * _column(config) * torch.float32.itemsize
    return LOADING + block + int(_area(size, config) * bytes_per_pixel(config, dtype))


def estimate_tiled(size: tuple[int, int], config: OptimizeConfig, dtype: torch.dtype) -> int:
    """Bytes that it takes where maps come in tiles, beside those of a tile's."""
    each = _vectors(config.history) + whole_maps_per_pixel(config, dtype)
    return LOADING + int(_area(size, config) * each)


def _area(size: tuple[int, int], config: OptimizeConfig | NeighboursConfig) -> float:
    """Px that VGG is shown, or what as many take."""
    margin = 2 * descriptors.MARGIN if config.edges == "clean" else 0
    return (size[0] + margin) * (size[1] + margin) * max(1.0, config.style_scale**2 / 2)


def check(
    size: tuple[int, int],
    config: OptimizeConfig | NeighboursConfig,
    machine: Machine,
    budget: int | None,
) -> MemoryPlan:
    """How to run within memory, or a refusal that says which size will do.

    Args:
        size: (height, width) of the result.
        config: what is to run.
        machine: where.
        budget: most bytes the whole program may take; None for what is free on the device.

    Raises:
        StylizeError: it does not fit, not even tile by tile.
    """
    free, own, there = _free(machine, budget)
    made = plan(size, config, machine.dtype, free)
    if made is not None:
        return made

    def fits(long: int) -> bool:
        return plan(images.fitted(size, long), config, machine.dtype, free) is not None

    long = images.longest(fits, max(size))
    fix = f"use --size {long}" if long else _more(budget, own, there)
    if isinstance(config, NeighboursConfig):
        need = estimate(size, config, machine.dtype)
        raise too_little_memory(f"{size[1]}x{size[0]} px", need, free, fix)
    least = replace(config, history=min(config.history, LEAST_HISTORY))
    need = estimate_tiled(size, least, machine.dtype) + _tile(config, machine.dtype, LEAST_TILE)
    raise too_little_memory(f"{size[1]}x{size[0]} px", need, free, fix)


def plan(
    size: tuple[int, int],
    config: OptimizeConfig | NeighboursConfig,
    dtype: torch.dtype,
    free: int,
) -> MemoryPlan | None:
    """How to stay within so many bytes; None where nothing will do.

    A picture is looked at as a whole where that fits. If not, tile by tile: with all of L-BFGS'
    history if that leaves room for tiles that are not all halo, or else with less. Neural
    neighbours are matched over whole pictures.
    """
    if estimate(size, config, dtype) <= free:
        return MemoryPlan(config.history, math.prod(size), 0)
    if isinstance(config, NeighboursConfig):
        return None
    least = min(config.history, LEAST_HISTORY) if config.optimizer == "lbfgs" else config.history
    for history in range(config.history, least - 1, -1):
        fewer = replace(config, history=history)
        room = free - estimate_tiled(size, fewer, dtype)
        if room >= _tile(config, dtype, TILE if history > least else LEAST_TILE):
            held = estimate_tiled(size, replace(config, history=0), dtype)
            whole = min(math.prod(size) - 1, int((free - held) / bytes_per_pixel(config, dtype)))
            return MemoryPlan(history, whole, min(room, _tile(config, dtype, MOST_TILE)))
    return None


def _tile(config: OptimizeConfig, dtype: torch.dtype, pixels: int) -> int:
    """Bytes of the maps of a tile of so many pixels."""
    return int(pixels * tiled.cost(_order(config.layers)[:6], config.pool, dtype))


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
    sides = [config.size, *([config.size // 2] if config.halved_weight else [])]
    area = config.batch_size * sum((side + margin) ** 2 for side in sides)
    judged = int(area * maps_per_pixel(config.layers, config.pool, dtype))
    # Before the first step the styles are looked at, one by one and without a backward pass.
    shown = (config.style_size + margin) ** 2 if config.style_layers else 0
    styles = shown * LOOKING * vgg.MAPS[0] * dtype.itemsize
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
        part = replace(other, batch_size=-(-other.batch_size // ranks.count()))
        return estimate_training(generator(other.size), part, machine.dtype)

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
    if machine.device.type == "cpu":  # what others train in beside this one is as free to them
        there //= ranks.beside()
    own = devices.own_memory(machine.device)
    return there if budget is None else min(there, budget - own), own, there


def room(machine: Machine, budget: int | None) -> int:
    """Bytes that a picture may take to read: of the host's memory, whatever computes.

    Args:
        machine: where the work will be done.
        budget: most bytes the whole program may take; None for what is free.
    """
    there = hardware.available_memory()
    if budget is None or machine.device.type != "cpu":
        return there
    return min(there, budget - hardware.own_memory())


def _more(budget: int | None, own: int, there: int) -> str:
    """What helps where nothing smaller will do."""
    if budget is not None and budget - own < there:
        return f"give --memory more (the program itself takes {amount(own)})"
    return "free some memory"
