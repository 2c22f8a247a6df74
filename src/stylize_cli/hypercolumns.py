"""Hypercolumns: what all layers say of one cell of a picture, as one vector (Kolkin et al. 2022).

Their cells are squares of 4 px, but for what is left of them at the lower and right border.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from stylize_cli import descriptor_panes, descriptors, images, stages, transparency, vgg
from stylize_cli.descriptor_tiles import Tiled
from stylize_cli.descriptors import MARGIN, Describe, Descriptor, Place, Use
from stylize_cli.tiles import Tile
from stylize_cli.vgg import Source

CELL = 4  # px a side (released code)
LEAST = 1e-6  # norm that is divided by
ALL = slice(None)
# Copies of a pane's hypercolumns that are alive at once: its own, those wanted, one in the making.
COPIES = 3


@dataclass(frozen=True)
class Columns:
    """What a picture, or another in its place, shows in each of its N cells, row by row.

    Attributes:
        features: (N, C) in the descriptor's type, all layers' maps one after the other.
        colours: (N, 3) mean RGB in [0, 1], float32.
        widths: maps of each layer; they sum to C.
    """

    features: Tensor
    colours: Tensor
    widths: tuple[int, ...]

    def at(self, cells: Tensor | slice) -> "Columns":
        """Those of the cells with these numbers."""
        return Columns(self.features[cells], self.colours[cells], self.widths)


def grid_of(size: tuple[int, int]) -> tuple[int, int]:
    """(rows, columns) of the cells of a picture of (height, width)."""
    return math.ceil(size[0] / CELL), math.ceil(size[1] / CELL)


def is_in_panes(describe: Describe, size: tuple[int, int]) -> bool:
    """Whether a picture of (height, width) is seen pane by pane."""
    return isinstance(describe, Tiled) and describe.is_cut(size) and min(size) > MARGIN


def panes_of(describe: Tiled, size: tuple[int, int], layers: Sequence[str]) -> list[Tile]:
    """The panes of a picture of (height, width)."""
    own = describe.describe
    most = int(describe.room / cost(layers, own.source, own.pool, own.dtype))
    return descriptor_panes.cut(own, size, layers, most)


def cost(layers: Sequence[str], source: Source, pool: str, dtype: torch.dtype) -> float:
    """Bytes that a pane takes for every pixel that is computed; see `stages.cost`."""
    (stage,) = stages.cut(layers, source, ())
    return stages.cost(stage, pool, dtype) + COPIES * bytes_per_pixel(layers, dtype)


def bytes_per_pixel(layers: Sequence[str], dtype: torch.dtype) -> float:
    """Bytes of the hypercolumns of these layers of VGG, for every pixel of the picture."""
    return sum(map(vgg.maps_of, layers)) * dtype.itemsize / CELL**2


@torch.no_grad()
def columns(
    describe: Describe, image: Tensor, layers: Sequence[str], most: int | None = None
) -> Columns:
    """What a picture shows in each cell.

    Args:
        describe: a `Descriptor` with clean edges, or a `Tiled` one.
        image: (1, 3, H, W) RGB in [0, 1]; or (1, 4, H, W) with alpha, of which only the opaque
            cells are told of.
        layers: names from the image up.
        most: cells to be told of, evenly spread where there are more; None is all.
    """
    image, alpha = image[:, :3], image[:, 3:]
    colours = rows(means(image))
    chosen = torch.arange(len(colours), device=image.device)
    if alpha.shape[1]:
        grid = grid_of(images.size_of(image))
        chosen = transparency.opaque(alpha, grid).flatten().nonzero()[:, 0]
    if most is not None and len(chosen) > most:
        chosen = chosen[spread(len(chosen), most, chosen.device)]
    place = torch.full((len(colours),), -1, device=image.device)
    place[chosen] = torch.arange(len(chosen), device=image.device)
    features: list[Tensor] = []
    for cells, found in parts(describe, image, layers):
        features = features or [one.new_empty(len(chosen), one.shape[1]) for one in found]
        wanted = place[cells]
        for kept, one in zip(features, found, strict=True):
            kept[wanted[wanted >= 0]] = one[wanted >= 0]
    return Columns(torch.cat(features, 1), colours[chosen], tuple(one.shape[1] for one in features))


def parts(
    describe: Describe, image: Tensor, layers: Sequence[str]
) -> Iterator[tuple[Tensor, list[Tensor]]]:
    """The numbers of cells (n,), and what each layer shows in them, (n, maps) each; in all, all.

    Args:
        describe: see `columns`; so are the others.
        image: (1, 3, H, W), see there.
        layers: see there.
    """
    size = images.size_of(image)
    if not isinstance(describe, Tiled) or not is_in_panes(describe, size):
        look = describe.describe if isinstance(describe, Tiled) else describe
        found = look(image, layers, lambda layer, maps: rows(in_cells(layer, maps, size)))
        cells = torch.arange(math.prod(grid_of(size)), device=image.device)
        yield cells, [found[layer] for layer in layers]
        return
    framed = describe.describe.framed(image)
    for pane in panes_of(describe, size, layers):
        x = framed[(..., *descriptor_panes.source(pane, size))]
        found = in_pane(describe.describe, x, pane, size, layers, lambda _layer, cells: rows(cells))
        cells, _ = cells_of(pane, size)
        yield cells.to(image.device), [found[layer] for layer in layers]


def vectors(
    describe: Describe, image: Tensor, layers: Sequence[str]
) -> Callable[[], Iterable[tuple[Tensor, Tensor]]]:
    """Gives a picture's columns, (n, C) beside the numbers of their cells (n,), see `parts`.

    Pane by pane they are computed whenever they are asked for, and else once.
    """

    @torch.no_grad()
    def found() -> Iterator[tuple[Tensor, Tensor]]:
        for cells, layered in parts(describe, image, layers):
            yield cells, torch.cat(layered, 1)

    if is_in_panes(describe, images.size_of(image)):
        return found
    whole = [*found()]
    return lambda: whole


def in_pane(
    describe: Descriptor,
    x: Tensor,
    pane: Tile,
    size: tuple[int, int],
    layers: Sequence[str],
    use: Use[Tensor],
) -> dict[str, Tensor]:
    """What is made of a pane's own cells, layer by layer: `use` is given their maps (1, C, h, w).

    Args:
        describe: with clean edges.
        x: see `descriptor_panes.look`, and so are the others.
        pane: see there.
        size: see there.
        layers: see there.
        use: called with a layer's name and its maps over the pane's own cells.
    """
    seen = descriptor_panes.shown(pane, size, descriptor_panes.unit_of(layers))
    around = (seen[0].stop - seen[0].start, seen[1].stop - seen[1].start)
    place = _own_cells(pane, seen)

    def own(layer: str, maps: Tensor) -> Tensor:
        return use(layer, descriptors.part(in_cells(layer, maps, around), place))

    return descriptor_panes.look(describe, x, pane, size, layers, own)


def cells_of(pane: Tile, size: tuple[int, int]) -> tuple[Tensor, tuple[int, int]]:
    """The numbers (n,) of a pane's own cells, among all of a picture's, and their grid."""
    place = _own_cells(pane, (slice(0, 0), slice(0, 0)))
    numbers = torch.arange(math.prod(grid_of(size))).view(grid_of(size))[place]
    return numbers.flatten(), (numbers.shape[0], numbers.shape[1])


def _own_cells(pane: Tile, seen: Place) -> Place:
    """A pane's own cells, counted from where `seen` begins."""
    rows, columns = (
        slice((one.start - at.start) // CELL, -((at.start - one.stop) // CELL))
        for one, at in zip(pane, seen, strict=True)
    )
    return rows, columns


def in_cells(layer: str, maps: Tensor, size: tuple[int, int]) -> Tensor:
    """A layer's maps over their number, one value a cell of a picture of that size.

    Finer maps are averaged, where the authors take every fourth value, and coarser interpolated.

    Args:
        layer: its name.
        maps: (1, C, h, w).
        size: (height, width) of the picture.

    Returns:
        (1, C, rows, columns).
    """
    grid, ratio = grid_of(size), vgg.stride(layer)
    if maps.shape[2:] != (math.ceil(size[0] / ratio), math.ceil(size[1] / ratio)):
        cells = F.interpolate(maps, grid, mode="bilinear")  # a picture smaller than its margin
    elif ratio < CELL:
        cells = F.avg_pool2d(maps, CELL // ratio, ceil_mode=True)
    elif ratio > CELL:
        cells = F.interpolate(maps, scale_factor=ratio // CELL, mode="bilinear")
        if cells.shape[2:] != grid:
            cells = descriptors.part(cells, (slice(grid[0]), slice(grid[1])))
    else:
        cells = maps
    return cells / maps.shape[1]


def means(image: Tensor) -> Tensor:
    """(1, 3, H, W) -> (1, 3, rows, columns), each cell's mean colour."""
    return F.avg_pool2d(image, CELL, ceil_mode=True)


def rows(cells: Tensor) -> Tensor:
    """(1, C, h, w) -> (h·w, C)."""
    return cells[0].permute(1, 2, 0).flatten(0, 1)


def maps(vectors: Tensor, grid: tuple[int, int]) -> Tensor:
    """(h·w, C) -> (1, C, h, w), channels last as the descriptor's maps are."""
    return vectors.view(1, *grid, -1).permute(0, 3, 1, 2)


def spread(count: int, most: int, device: torch.device) -> Tensor:
    """At most so many of the numbers below `count`, evenly spread."""
    return torch.linspace(0, count - 1, min(count, most), device=device).round().long()
