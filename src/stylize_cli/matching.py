"""Neural neighbours: what a painting has in place of a picture's features (Kolkin et al. 2022).

A hypercolumn is what all layers say of one cell of a picture, as one vector. Each of a photo's is
replaced by that of the painting which points most nearly the same way (sec. 3.2); the picture
wanted is the one that has those (sec. 3.3).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from stylize_cli import transparency
from stylize_cli.descriptors import Describe
from stylize_cli.minimizers import Evaluation, Objective

CELL = 4  # px a side (released code)
DIRECTIONS = 256  # of the painting's vectors, that are compared: there are ten times as many maps
SAMPLE = 4096  # vectors, by which those directions are found
MOST_KEYS = 2**15  # vectors of a painting, evenly spread, that are candidates
BLOCK = 2**24  # similarities in memory at once: 64 MB
LEAST = 1e-6  # norm that is divided by
ROUNDS = 20  # in which several styles' handicaps are found


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

    def where(self, chosen: Tensor, other: "Columns") -> "Columns":
        """These where `chosen` (N,) is true, and the other's elsewhere."""
        return Columns(
            torch.where(chosen[:, None], self.features, other.features),
            torch.where(chosen[:, None], self.colours, other.colours),
            self.widths,
        )

    def at(self, cells: Tensor) -> "Columns":
        """Those of the cells with these numbers."""
        return Columns(self.features[cells], self.colours[cells], self.widths)


def grid_of(size: tuple[int, int]) -> tuple[int, int]:
    """(rows, columns) of the cells of a picture of (height, width)."""
    return math.ceil(size[0] / CELL), math.ceil(size[1] / CELL)


@torch.no_grad()
def columns(describe: Describe, image: Tensor, layers: Sequence[str]) -> Columns:
    """What a picture shows in each cell.

    Args:
        describe: a `Descriptor` with clean edges.
        image: (1, 3, H, W) RGB in [0, 1]; or (1, 4, H, W) with alpha, of which only the opaque
            cells are told of.
        layers: names from the image up.
    """
    size = (image.shape[2], image.shape[3])
    image, alpha = image[:, :3], image[:, 3:]
    found = describe(image, layers, lambda _layer, maps: _rows(_in_cells(maps, size)))
    parts = [found[layer] for layer in layers]
    widths = tuple(part.shape[1] for part in parts)
    made = Columns(torch.cat(parts, 1), _rows(_means(image)), widths)
    if not alpha.shape[1]:
        return made
    return made.at(transparency.opaque(alpha, grid_of(size)).flatten().nonzero()[:, 0])


def _rows(cells: Tensor) -> Tensor:
    """(1, C, h, w) -> (h·w, C)."""
    return cells[0].permute(1, 2, 0).flatten(0, 1)


def _means(image: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(image, grid_of((image.shape[2], image.shape[3])))


def _in_cells(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """A layer's maps over their number, one value a cell of a picture of that size.

    Finer maps are averaged, where the authors take every fourth value, and coarser interpolated.
    """
    grid = grid_of(size)
    if maps.shape[2] >= grid[0] and maps.shape[3] >= grid[1]:
        cells = F.adaptive_avg_pool2d(maps, grid)
    else:
        cells = F.interpolate(maps, grid, mode="bilinear", align_corners=False)
    return cells / maps.shape[1]


@torch.no_grad()
def nearest(query: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """The key at the least angle to each vector, both seen from their own mean.

    Compared are the components along the directions in which the keys vary most: a tenth of the
    work; another key may be found where several are about as near.

    Args:
        query: (N, C).
        keys: (M, C).

    Returns:
        Similarities (N,), the cosines but for a factor that a vector has with all keys alike, and
        the numbers (N,) of the keys.
    """
    centre = keys.mean(0, dtype=torch.float32)
    basis = _principal(keys[_spread(len(keys), SAMPLE, keys.device)].float() - centre)
    known = _projected(keys, centre, basis, unit=True)
    wanted = _projected(query, query.mean(0, dtype=torch.float32), basis, unit=False)
    found = [(block @ known.T).max(1) for block in torch.split(wanted, max(1, BLOCK // len(known)))]
    return torch.cat([one.values for one in found]), torch.cat([one.indices for one in found])


def _principal(vectors: Tensor) -> Tensor:
    """(C, K) orthonormal, about the directions in which vectors (M, C) vary most.

    By subspace iteration (Halko, Martinsson, Tropp 2011, algorithm 4.4).
    """
    count = min(DIRECTIONS, *vectors.shape)
    random = torch.Generator().manual_seed(0)
    basis = torch.randn((vectors.shape[1], count), generator=random).to(vectors)
    for _ in range(3):
        basis = torch.linalg.qr(vectors.T @ (vectors @ basis)).Q
    return basis


def _projected(vectors: Tensor, centre: Tensor, basis: Tensor, *, unit: bool) -> Tensor:
    """(N, K) float32: vectors less the centre along the basis, over their norm before where `unit`.

    In blocks: all of them in float32 would be as much again as everything else.
    """
    done = []
    for block in torch.split(vectors, SAMPLE):
        centred = block.float() - centre
        found = centred @ basis
        done.append(found / centred.norm(dim=1, keepdim=True).clamp(min=LEAST) if unit else found)
    return torch.cat(done)


def _spread(count: int, most: int, device: torch.device) -> Tensor:
    """At most so many of the numbers below `count`, evenly spread."""
    return torch.linspace(0, count - 1, min(count, most), device=device).round().long()


def replaced(query: Columns, paintings: Iterable[Columns]) -> tuple[Columns, Tensor]:
    """Every cell's nearest among those of several pictures, which may come one by one.

    Args:
        query: of the picture, N cells.
        paintings: as many as there are views of a painting; at least one.

    Returns:
        What stands in place of the query, N cells, and how near it is, (N,); see `nearest`.
    """
    best, found = None, query
    for painting in paintings:
        keys = painting
        if len(keys.colours) > MOST_KEYS:
            keys = painting.at(_spread(len(keys.colours), MOST_KEYS, keys.colours.device))
        similarity, index = nearest(query.features, keys.features)
        closer = similarity > (torch.full_like(similarity, -math.inf) if best is None else best)
        found = keys.at(index).where(closer, found)
        best = similarity if best is None else torch.maximum(best, similarity)
    assert best is not None
    return found, best


def divided(similarities: Tensor, shares: Sequence[float]) -> Tensor:
    """Which of several styles each cell is painted in: the nearest, so that each has its share.

    A style that is near in too many cells gets a handicap: that at which it has its share, the
    others' handicaps given, found in turns.

    Args:
        similarities: (S, N), of each style.
        shares: of the cells that each style is to have, positive; they sum to 1.

    Returns:
        (N,) numbers of the styles.
    """
    handicaps = similarities.new_zeros(len(shares), 1)
    for turn in range(ROUNDS * len(shares)):
        style = turn % len(shares)
        others = similarities - handicaps
        others[style] = -math.inf
        lead = similarities[style] - others.amax(0)
        handicaps[style] = torch.quantile(lead, 1 - shares[style])
    return (similarities - handicaps).argmax(0)


def objective(
    describe: Describe,
    target: Columns,
    size: tuple[int, int],
    layers: Sequence[str],
    *,
    colour_weight: float,
) -> Objective:
    """How far a picture is from showing the target in its cells.

    The mean of 1 - cos between its hypercolumns and the target's (sec. 3.3), and the mean square
    between the cells' colours: an angle says nothing of lengths, so that without the colours
    contrast and saturation end wherever the minimiser leaves them.

    Args:
        describe: a `Descriptor` with clean edges.
        target: of each cell of a picture of that size.
        size: (height, width).
        layers: those of the target.
        colour_weight: of the mean square of RGB in [0, 1].

    Returns:
        A function of (1, 3, height, width); its parts are "features" and "colours".
    """
    grid = grid_of(size)
    colours = _maps(target.colours, grid)
    wide = torch.promote_types(target.features.dtype, torch.float32)
    norms = target.features.norm(dim=1, keepdim=True, dtype=wide)
    unit = (target.features / norms.clamp(min=LEAST)).to(target.features.dtype)
    wanted = {
        layer: _maps(part, grid)
        for layer, part in zip(layers, torch.split(unit, list(target.widths), 1), strict=True)
    }

    def compared(layer: str, maps: Tensor) -> Tensor:
        cells = _in_cells(maps, size)
        products = (cells * wanted[layer], cells.square())
        return torch.stack([product.sum(1, dtype=wide) for product in products])

    def evaluate(image: Tensor) -> Evaluation:
        image = image.detach().requires_grad_()
        dots, squares = torch.stack(list(describe(image, layers, compared).values())).sum(0)
        features = (1 - dots / squares.clamp(min=LEAST**2).sqrt()).mean()
        away = colour_weight * (_means(image) - colours).square().mean()
        (gradient,) = torch.autograd.grad(features + away, image)
        parts = {"features": features.item(), "colours": away.item()}
        return Evaluation(sum(parts.values()), gradient, parts)

    return evaluate


def _maps(rows: Tensor, grid: tuple[int, int]) -> Tensor:
    """(h·w, C) -> (1, C, h, w), channels last as the descriptor's maps are."""
    return rows.view(1, *grid, -1).permute(0, 3, 1, 2)
