"""Stages of VGG: where it is cut, how far each of them sees, and what its maps take."""

import math
from collections.abc import Collection, Sequence

import torch

from stylize_cli import tiles, vgg
from stylize_cli.arrays import Size
from stylize_cli.tiles import Stretch
from stylize_cli.vgg import Source

CUTS = ("pool2", "pool3")  # whose whole maps are kept: 32 and 16 bytes a pixel in float32
# Copies of the largest maps alive at once at the peak of the backward pass, beside those that the
# forward pass kept: gradients above and below a convolution, its workspace, and what the heap
# cannot use again. Chosen so that no measured peak was above the estimate.
GRADIENTS = 4
INDEX = 8  # bytes: where max pooling took each value from
SIGN = 1 / 8  # bytes: whether a value counts, see `descents`
FEW = 2.0  # values a pixel of a layer's maps, which are held rather than computed anew: of block 5


def cut(layers: Collection[str], source: Source, cuts: Collection[str] = CUTS) -> list[list[str]]:
    """Names of all layers from the image up to the last of these, in stages.

    Args:
        layers: that are looked at.
        source: of which network.
        cuts: layers with which a stage ends.
    """
    order = vgg.layer_names(source)
    stages: list[list[str]] = [[]]
    for layer in order[: 1 + max(order.index(layer) for layer in layers)]:
        if stages[-1] and stages[-1][-1] in cuts:
            stages.append([])
        stages[-1].append(layer)
    return stages


def halo(stage: Sequence[str]) -> int:
    """How far around its own place a position of the last layer sees, in positions of the input."""
    reach = 0
    for layer in reversed(stage):
        reach = 2 * reach if layer.startswith("pool") else reach + 1
    return reach


def axes(
    stage: Sequence[str], size: Size, room: int, pool: str, dtype: torch.dtype
) -> tuple[list[Stretch], list[Stretch]]:
    """Rows and columns of the tiles in which a stage comes.

    Args:
        stage: names of consecutive layers.
        size: (height, width) of what it is given, positions.
        room: bytes that the maps of a tile, and their gradients, may take.
        pool: see `cost`; so is dtype.
        dtype: see there.
    """
    return tiles.axes(
        size,
        most=int(room / cost(stage, pool, dtype)),
        halo=halo(stage),
        unit=2 ** sum(layer.startswith("pool") for layer in stage),
    )


def held(cut: Sequence[Sequence[str]], scored: Collection[str], count: int) -> frozenset[str]:
    """Layers that leave on a tile's way up all that a gradient's way down needs.

    Those of the uppermost stages, and of every other those above the last that a loss looks at: of
    them a bit a value is enough.

    Args:
        cut: the stages.
        scored: layers that a loss looks at.
        count: of the uppermost stages; never the first, whose maps are as large as the picture.
    """
    found: set[str] = set()
    for number, stage in enumerate(cut):
        is_whole = number >= max(1, len(cut) - count)
        for layer in reversed(stage):
            if layer in scored and vgg.values_of(layer) > FEW and not is_whole:
                break
            found.add(layer)
    return frozenset(found)


def left_by_tiles(
    cut: Sequence[Sequence[str]],
    size: Size,
    scored: Collection[str],
    count: int,
    room: int,
    pool: str,
    dtype: torch.dtype,
) -> list[float]:
    """Bytes by stage of what its tiles, with their halos, leave on the way up for the way down.

    Args:
        cut: the stages.
        size: (height, width) of the framed picture, px.
        scored: see `held`; so is count.
        count: see there.
        room: see `axes`; so are pool and dtype.
        pool: see there.
        dtype: see there.
    """
    names, ratio, found = held(cut, scored, count), 1, []
    for stage in cut:
        given = math.ceil(size[0] / ratio), math.ceil(size[1] / ratio)
        rows, columns = axes(stage, given, room, pool, dtype)
        each = _left(_sizes(stage), names, scored, pool, dtype)
        found.append(each * sum(one.width for one in rows) * sum(one.width for one in columns))
        ratio = vgg.stride(stage[-1])
    return found


def _left(
    sizes: Sequence[tuple[str, int, float]],
    held: Collection[str],
    scored: Collection[str],
    pool: str,
    dtype: torch.dtype,
) -> float:
    """Bytes that the held ones of a stage's layers leave, for a position of what it is given."""
    total, given = 0.0, 1.0
    for layer, maps, area in sizes:
        if layer in held:
            is_pool = layer.startswith("pool")
            total += area * maps * dtype.itemsize * (layer in scored)
            if is_pool and pool == "max":
                total += given * maps * SIGN
            elif not is_pool and layer not in scored:
                total += area * maps * SIGN
        given = area
    return total


def kept(stage: Sequence[str], pool: str, dtype: torch.dtype) -> float:
    """Bytes that a stage's forward pass keeps for autograd's backward pass, see `cost`."""
    return sum(
        area * maps * (dtype.itemsize + INDEX * (pool == "max" and layer.startswith("pool")))
        for layer, maps, area in _sizes(stage)
    )


def cost(stage: Sequence[str], pool: str, dtype: torch.dtype) -> float:
    """Bytes of VGG's maps and of their gradients for every position of what a stage is given.

    Args:
        stage: names of consecutive layers.
        pool: "max" or "avg".
        dtype: of the maps.
    """
    largest = max(area * maps for _, maps, area in _sizes(stage))
    return kept(stage, pool, dtype) + GRADIENTS * largest * dtype.itemsize


def _sizes(stage: Sequence[str]) -> list[tuple[str, int, float]]:
    """Each layer's name, its maps, and their positions for each of what the stage is given."""
    found, area = [], 1.0
    for layer in stage:
        area /= 4 if layer.startswith("pool") else 1
        found.append((layer, vgg.maps_of(layer), area))
    return found
