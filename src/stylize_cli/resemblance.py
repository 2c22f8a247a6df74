"""How far a picture is from showing the hypercolumns that are wanted (Kolkin et al. 2022)."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from stylize_cli import descriptor_panes, hypercolumns
from stylize_cli.descriptor_tiles import Tiled
from stylize_cli.descriptors import Describe
from stylize_cli.hypercolumns import ALL, LEAST, Columns
from stylize_cli.minimizers import Evaluation, Objective


class Wanted(Protocol):
    """What N cells should show: `Columns`, or the matches that stand for them."""

    @property
    def colours(self) -> Tensor:
        """(N, 3) RGB in [0, 1]."""

    @property
    def widths(self) -> tuple[int, ...]:
        """Maps of each layer."""

    def at(self, cells: Tensor | slice) -> Columns:
        """What the cells with these numbers should show."""


def objective(
    describe: Describe,
    target: Wanted,
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
        describe: a `Descriptor` with clean edges; where it is `Tiled`, a large picture is looked at
            pane by pane.
        target: of each cell of a picture of that size.
        size: (height, width).
        layers: those of the target, from the image up.
        colour_weight: of the mean square of RGB in [0, 1].

    Returns:
        A function of (1, 3, height, width); its parts are "features" and "colours".
    """
    colours = hypercolumns.maps(target.colours, hypercolumns.grid_of(size))
    if isinstance(describe, Tiled) and hypercolumns.is_in_panes(describe, size):
        features = _of_panes(describe, target, size, layers)
    else:
        features = _of_the_whole(describe, target, size, layers)

    def evaluate(image: Tensor) -> Evaluation:
        angles, gradient = features(image.detach())
        image = image.detach().requires_grad_()
        away = colour_weight * (hypercolumns.means(image) - colours).square().mean()
        gradient += torch.autograd.grad(away, image)[0]
        parts = {"features": angles, "colours": away.item()}
        return Evaluation(sum(parts.values()), gradient, parts)

    return evaluate


# The mean angle of a picture's hypercolumns with those wanted, and its gradient.
Angles = Callable[[Tensor], tuple[float, Tensor]]


def _of_the_whole(
    describe: Describe, target: Wanted, size: tuple[int, int], layers: Sequence[str]
) -> Angles:
    wanted = _directions(target.at(ALL), layers, hypercolumns.grid_of(size))

    def compared(layer: str, maps: Tensor) -> Tensor:
        return _compared(wanted, layer, hypercolumns.in_cells(layer, maps, size))

    def angles(image: Tensor) -> tuple[float, Tensor]:
        image.requires_grad_()
        loss = _angles(describe(image, layers, compared).values()).mean()
        return loss.item(), torch.autograd.grad(loss, image)[0]

    return angles


def _of_panes(tiled: Tiled, target: Wanted, size: tuple[int, int], layers: Sequence[str]) -> Angles:
    cells, describe = math.prod(hypercolumns.grid_of(size)), tiled.describe
    cut = hypercolumns.panes_of(tiled, size, layers)

    def angles(image: Tensor) -> tuple[float, Tensor]:
        framed = describe.framed(image.requires_grad_())
        slope, total = torch.zeros_like(framed), 0.0
        for pane in cut:
            place = (..., *descriptor_panes.source(pane, size))
            x = framed[place].detach().requires_grad_()
            numbers, grid = hypercolumns.cells_of(pane, size)
            wanted = _directions(target.at(numbers.to(x.device)), layers, grid)
            use = partial(_compared, wanted)
            found = hypercolumns.in_pane(describe, x, pane, size, layers, use)
            share = _angles(found.values()).sum() / cells
            slope[place] += torch.autograd.grad(share, x)[0]
            total += share.item()
        return total, torch.autograd.grad(framed, image, slope)[0]

    return angles


def _directions(
    columns: Columns, layers: Sequence[str], grid: tuple[int, int]
) -> Mapping[str, Tensor]:
    """What each layer shows of columns over their length, (1, C, rows, columns)."""
    kind = columns.features.dtype
    wide = torch.promote_types(kind, torch.float32)
    norms = columns.features.norm(dim=1, keepdim=True, dtype=wide)
    unit = (columns.features / norms.clamp(min=LEAST)).to(kind)
    parts = torch.split(unit, list(columns.widths), 1)
    return {layer: hypercolumns.maps(part, grid) for layer, part in zip(layers, parts, strict=True)}


def _compared(wanted: Mapping[str, Tensor], layer: str, cells: Tensor) -> Tensor:
    """A layer's share of the products with what is wanted, and of the squares: (2, 1, h, w)."""
    products: Tensor = _Products.apply(cells, wanted[layer])
    return products


class _Products(torch.autograd.Function):
    # Left to autograd, the gradient of each sum is spread out, multiplied and added by itself, in
    # float32: five times as long.
    @staticmethod
    def forward(ctx: Any, cells: Tensor, wanted: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(cells, wanted)
        wide = torch.promote_types(cells.dtype, torch.float32)
        products = (cells * wanted, cells.square())
        return torch.stack([product.sum(1, dtype=wide) for product in products])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        cells, wanted = ctx.saved_tensors
        dots, squares = grad.to(cells.dtype).unsqueeze(2)
        # Rounded as autograd would round it.
        return (wanted * dots).add_(cells * (2 * squares)), None


def _angles(products: Iterable[Tensor]) -> Tensor:
    """1 - cos of every cell, of all layers' shares."""
    dots, squares = torch.stack([*products]).sum(0)
    angles: Tensor = 1 - dots / squares.clamp(min=LEAST**2).sqrt()
    return angles
