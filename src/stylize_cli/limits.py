"""How much memory an optimisation takes, said before it starts."""

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TypeVar

import torch

from stylize_cli import (
    descriptors,
    devices,
    hardware,
    hypercolumns,
    images,
    matching,
    minimizers,
    ranks,
    stages,
    vgg,
)
from stylize_cli.arrays import Size
from stylize_cli.config import PairType
from stylize_cli.config.neighbours import NeighboursConfig
from stylize_cli.config.optimize import OptimizeConfig
from stylize_cli.devices import Machine
from stylize_cli.errors import amount, too_little_memory

VECTORS = 12  # images in float32 beside the L-BFGS history: gradients, directions, trials
LEAST_TILE = 256**2  # px
TILE = 512**2  # px: history is given up for a tile of this size
MOST_TILE = 1024**2  # px: larger ones gain nothing
LEAST_HISTORY = 3  # pairs of L-BFGS
PHOTOS = 16  # of the free memory, the part that photos to train on may take, kept decoded
LOADING = 120_000_000  # bytes: of the descriptor while it is read and converted

VGG19 = vgg.SOURCES["vgg19"]
Config = TypeVar("Config", bound=OptimizeConfig | NeighboursConfig)


@dataclass(frozen=True)
class MemoryPlan:
    """How an optimisation is to stay within memory.

    Attributes:
        history: pairs that L-BFGS keeps.
        pairs: the type that it keeps them in.
        whole: px of the largest picture that is looked at as a whole.
        room: bytes that the maps of a tile of a larger one may take; 0 where all are whole.
        kept: stages of VGG that the second pass over the tiles need not look at again.
    """

    history: int
    pairs: PairType
    whole: int
    room: int
    kept: int = 0

    def applied(self, config: Config) -> Config:
        """The settings, changed to what the plan says."""
        return replace(config, history=self.history, pairs=self.pairs)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should be told of it."""
        kind = "" if self.pairs == "float32" else f", in {self.pairs}"
        pairs = f", with {self.history} pairs of L-BFGS history{kind}" if self.history else ""
        return (f"memory: tile by tile{pairs}",) if self.room else ()


def bytes_per_pixel(config: OptimizeConfig | NeighboursConfig, dtype: torch.dtype) -> float:
    """Bytes that one iteration takes for every pixel of the result, by the layers it looks at."""
    columns = 0.0
    if isinstance(config, NeighboursConfig):
        columns = hypercolumns.COPIES * hypercolumns.bytes_per_pixel(sorted(config.layers), dtype)
    return maps_per_pixel(config.layers, config.pool, dtype) + _vectors(config) + columns


def _vectors(config: OptimizeConfig | NeighboursConfig) -> float:
    """Bytes a pixel of the images that are held, and of the history."""
    pair = 2 * minimizers.TYPES[config.pairs].itemsize
    return 3 * (config.history * pair + VECTORS * torch.float32.itemsize)


def maps_per_pixel(layers: Collection[str], pool: str, dtype: torch.dtype) -> float:
    """Bytes of VGG's maps and of their gradients, for every pixel it is shown."""
    return stages.cost(_order(layers), pool, dtype)


def tiled_maps(size: Size, config: OptimizeConfig, dtype: torch.dtype, count: int = 0) -> int:
    """Bytes, at their most, of the maps that stay where a tile's come and go.

    Those behind the cuts, the gradients above and below the stage at work, what its tiles and those
    under it have left for the gradient, and what the content layers should show.

    Args:
        size: (height, width) of the picture, px.
        config: what is to run.
        dtype: of the maps.
        count: of the uppermost stages of VGG, which are not looked at again.
    """
    cut, pixels = stages.cut(config.layers, VGG19), _area(size, config)
    framed = size[0] + _margin(config), size[1] + _margin(config)
    room = _tile(config, dtype, TILE)
    left = stages.left_by_tiles(cut, framed, config.layers, count, room, config.pool, dtype)
    wholes = [vgg.values_of(stage[-1]) * dtype.itemsize * pixels for stage in cut[:-1]]
    most = 0.0
    for number in range(len(cut)):
        gradients = wholes[max(0, number - 1) : number + 1]
        most = max(most, sum(wholes[:number]) + sum(gradients) + sum(left[: number + 1]))
    shown = config.content_layers if config.content_weight else ()
    return int(most + sum(vgg.values_of(layer) for layer in shown) * dtype.itemsize * pixels)


def _order(layers: Collection[str]) -> list[str]:
    """Names of the layers from the image up to the last of these."""
    order = vgg.layer_names(VGG19)
    return order[: 1 + max(order.index(layer) for layer in layers)]


def estimate(
    size: Size,
    config: OptimizeConfig | NeighboursConfig,
    dtype: torch.dtype,
    styles: int = 1,
) -> int:
    """Bytes that optimising a picture of (height, width) as a whole takes, beside the program."""
    need = LOADING + _area(size, config) * bytes_per_pixel(config, dtype)
    return int(need) + _candidates(size, config, dtype, styles)


def estimate_tiled(
    size: Size,
    config: OptimizeConfig | NeighboursConfig,
    dtype: torch.dtype,
    styles: int = 1,
    kept: int = 0,
) -> int:
    """Bytes that it takes where maps come in tiles, beside those of a tile's; see `tiled_maps`."""
    need = LOADING + int(_area(size, config) * _vectors(config))
    if isinstance(config, OptimizeConfig):
        need += tiled_maps(size, config, dtype, kept)
    return need + _candidates(size, config, dtype, styles)


def _candidates(
    size: Size,
    config: OptimizeConfig | NeighboursConfig,
    dtype: torch.dtype,
    styles: int,
) -> int:
    """Bytes of the hypercolumns that paintings have in place of the picture's, if any."""
    if isinstance(config, OptimizeConfig):
        return 0
    cells = math.prod(hypercolumns.grid_of(size)) * max(1.0, config.style_scale**2)
    column = hypercolumns.CELL**2 * hypercolumns.bytes_per_pixel(sorted(config.layers), dtype)
    views = styles * matching.TURNS * min(cells, matching.MOST_KEYS)
    return int(views * (column + matching.DIRECTIONS * torch.float32.itemsize)) + matching.SPARE


def _area(size: Size, config: OptimizeConfig | NeighboursConfig) -> float:
    """Px that VGG is shown, or what as many take."""
    margin = _margin(config)
    return (size[0] + margin) * (size[1] + margin) * max(1.0, config.style_scale**2 / 2)


def _margin(config: OptimizeConfig | NeighboursConfig) -> int:
    """Px on both sides of a picture together."""
    return 2 * descriptors.MARGIN if config.edges == "clean" else 0


def check(
    size: Size,
    config: OptimizeConfig | NeighboursConfig,
    machine: Machine,
    budget: int | None,
    styles: int = 1,
) -> MemoryPlan:
    """How to run within memory, or a refusal that says which size will do.

    Args:
        size: (height, width) of the result.
        config: what is to run.
        machine: where.
        budget: most bytes the whole program may take; None for what is free on the device.
        styles: how many there are.

    Raises:
        StylizeError: it does not fit, not even tile by tile.
    """
    free, own, there = free_for(machine, budget)
    made = plan(size, config, machine.dtype, free, styles)
    if made is not None:
        return made

    def fits(long: int) -> bool:
        return plan(images.fitted(size, long), config, machine.dtype, free, styles) is not None

    long = images.longest(fits, max(size))
    fix = f"use `size` {long}" if long else more(budget, own, there)
    least = replace(config, history=min(config.history, LEAST_HISTORY), pairs="bfloat16")
    need = estimate_tiled(size, least, machine.dtype, styles)
    need += _tile(config, machine.dtype, LEAST_TILE)
    raise too_little_memory(f"{size[1]}x{size[0]} px", need, free, fix)


def plan(
    size: Size,
    config: OptimizeConfig | NeighboursConfig,
    dtype: torch.dtype,
    free: int,
    styles: int = 1,
) -> MemoryPlan | None:
    """How to stay within so many bytes; None where nothing will do.

    A picture is looked at as a whole where that fits. If not, tile by tile, with L-BFGS' pairs in
    bfloat16: all of them if that leaves room for tiles that are not all halo, or else fewer. What
    is left then holds what VGG's upper stages need not be looked at again for.
    """
    if estimate(size, config, dtype, styles) <= free:
        return MemoryPlan(config.history, config.pairs, math.prod(size), 0)
    is_lbfgs = isinstance(config, NeighboursConfig) or config.optimizer == "lbfgs"
    least = min(config.history, LEAST_HISTORY) if is_lbfgs else config.history
    for history in range(config.history, least - 1, -1):
        fewer = replace(config, history=history, pairs="bfloat16")
        room = free - estimate_tiled(size, fewer, dtype, styles)
        wanted = _tile(config, dtype, TILE)
        if room < (wanted if history > least else _tile(config, dtype, LEAST_TILE)):
            continue
        kept = _kept(size, fewer, dtype, free - wanted, styles)
        if kept:
            room = free - estimate_tiled(size, fewer, dtype, styles, kept)
        held = estimate_tiled(size, replace(config, history=0), dtype, styles)
        whole = min(math.prod(size) - 1, int((free - held) / bytes_per_pixel(fewer, dtype)))
        room = min(room, _tile(config, dtype, MOST_TILE))
        pairs = history if is_lbfgs else 0  # Adam holds none
        return MemoryPlan(pairs, fewer.pairs, max(0, whole), room, kept)
    return None


def _kept(
    size: Size,
    config: OptimizeConfig | NeighboursConfig,
    dtype: torch.dtype,
    room: int,
    styles: int,
) -> int:
    """How many stages of VGG need not be looked at again, in so many bytes beside a tile's."""
    if isinstance(config, NeighboursConfig):
        return 0
    most = len(stages.cut(config.layers, VGG19)) - 1
    counts = range(most, 0, -1)
    fitting = (n for n in counts if estimate_tiled(size, config, dtype, styles, n) <= room)
    return next(fitting, 0)


def _tile(config: OptimizeConfig | NeighboursConfig, dtype: torch.dtype, pixels: int) -> int:
    """Bytes of the maps of a tile of so many pixels."""
    if isinstance(config, NeighboursConfig):
        return int(pixels * hypercolumns.cost(sorted(config.layers), VGG19, config.pool, dtype))
    first = stages.cut(config.layers, VGG19)[0]
    return int(pixels * stages.cost(first, config.pool, dtype))


def free_for(machine: Machine, budget: int | None) -> tuple[int, int, int]:
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

    Raises:
        StylizeError: the program itself takes more than that.
    """
    there = hardware.available_memory()
    if budget is None or machine.device.type != "cpu":
        return there
    return min(there, hardware.left_of(budget, hardware.own_memory()))


def more(budget: int | None, own: int, there: int) -> str:
    """What helps where nothing smaller will do."""
    if budget is not None and budget - own < there:
        return f"give `memory` more (the program itself takes {amount(own)})"
    return "free some memory"
