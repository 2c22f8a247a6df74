"""VGG over a picture in tiles: the same means over positions, and the same gradient.

The network is cut behind some of its poolings, and every stretch of it works tile by tile on the
whole maps of the one below. So a tile's halo is as wide as what a few layers see, not the whole
network: 8 px and 16 px in place of 80.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from stylize_cli import descriptors, regions, transparency, vgg
from stylize_cli.descriptors import Descriptor, Place, itself
from stylize_cli.regions import Stretch
from stylize_cli.vgg import block_of

CUTS = ("pool2", "pool3")  # whose whole maps are kept: 32 and 16 bytes a pixel in float32
# Copies of the largest maps alive at once at the peak of the backward pass, beside those that the
# forward pass kept: gradients above and below a convolution, its workspace, and what the heap
# cannot use again. Chosen so that no measured peak was above the estimate.
GRADIENTS = 4
INDEX = 8  # bytes: where max pooling took each value from

Tile = tuple[Stretch, Stretch]


@dataclass(frozen=True)
class Part:
    """Where a tile lies in a layer's maps, less their margin.

    Attributes:
        place: rows and columns.
        share: of all positions.
    """

    place: Place = descriptors.WHOLE
    share: float = 1.0


Note = Callable[[str, Tensor, Part], None]
Score = Callable[[str, Tensor, Part], Tensor]


class Tiled:
    """A descriptor that looks at large pictures tile by tile, and at others as a whole.

    Args:
        describe: a `Descriptor`.
        room: bytes that a tile's maps and their gradients may take.
        whole: px of the largest picture that is looked at as a whole.
        cuts: layers whose whole maps are kept; without them halos are as wide as all VGG sees.
    """

    def __init__(
        self, describe: Descriptor, room: int, *, whole: int = 0, cuts: Collection[str] = CUTS
    ) -> None:
        self.describe, self.room, self.whole, self.cuts = describe, room, whole, cuts

    def __call__(
        self, image: Tensor, layers: Collection[str], use: Callable[[str, Tensor], Any] = itself
    ) -> dict[str, Any]:
        """As `Descriptor.forward`, without gradients.

        Args:
            image: (1, 3, H, W) RGB in [0, 1]; or (1, 4, H, W) with alpha, for means.
            layers: to return.
            use: what to make of a layer's maps: a mean over positions, or the maps themselves.
        """
        if not self.is_cut(image):
            return dict(self.describe(image, layers, use))
        found: dict[str, Any] = {}
        image, alpha = image[:, :3], image[:, 3:]

        def keep(layer: str, maps: Tensor, part: Part) -> None:
            if layer not in found:
                place = self._inside(image, layer)
                found[layer] = _empty(maps, (_length(place[0]), _length(place[1])))
            found[layer][..., part.place[0], part.place[1]] = maps

        def add(layer: str, maps: Tensor, part: Part) -> None:
            share = part.share
            if alpha.shape[1]:
                rows, columns = self._inside(image, layer)
                chosen = transparency.opaque(alpha, (_length(rows), _length(columns)))
                here = chosen[part.place]
                if not here.any():
                    return
                maps, share = transparency.at(maps, here), float(here.sum() / chosen.sum())
            found[layer] = found.get(layer, 0) + share * use(layer, maps)

        self.look([image], layers, keep if use is itself else add)
        return found

    def is_cut(self, image: Tensor) -> bool:
        """Whether a picture (1, 3, H, W) is too large to be looked at as a whole."""
        return image.shape[2] * image.shape[3] > self.whole

    @torch.no_grad()
    def look(self, images: Sequence[Tensor], layers: Collection[str], note: Note) -> list[Tensor]:
        """Shows every tile's maps.

        Args:
            images: (1, 3, H, W) RGB each, of one size, looked at side by side: in [0, 1], or uint8
                where the descriptor adds no margin.
            layers: to show.
            note: told each layer's name, a tile's maps (B, C, h, w), and where they lie; the tiles
                of a layer cover it once.

        Returns:
            What `pull` needs: the framed picture, and the whole maps behind each cut.
        """
        framed = [self.describe.framed(image) for image in images]
        kept = framed[:1]
        stages = self._stages(layers)
        for stage in stages:
            whole: Tensor | None = None
            for tile in self._grid(stage, kept[-1]):
                if stage is stages[0]:
                    x = torch.cat([_floats(_cropped(source, tile)) for source in framed])
                else:
                    x = _cropped(kept[-1], tile)
                for layer, ratio, maps in self._climb(stage, x):
                    if layer in layers:
                        for shown in self._shown(images[0], layer, maps, tile, ratio):
                            note(layer, *shown)
                if stage is not stages[-1]:
                    if whole is None:
                        whole = _empty(maps, self._sizes(images[0])[stage[-1]])
                    whole[_place(tile, ratio)] = _wanted(maps, tile, ratio)
            if whole is not None:
                kept.append(whole)
        return kept

    def pull(
        self, image: Tensor, layers: Collection[str], kept: list[Tensor], score: Score
    ) -> Tensor:
        """The gradient of a sum over tiles by the picture, exact.

        Args:
            image: (1, 3, H, W), as it was looked at.
            layers: that are scored.
            kept: what `look` returned; it is emptied.
            score: a tile's share of the sum: told as `note` is, it returns a scalar that can be
                differentiated.

        Returns:
            (1, 3, H, W).
        """
        above: Tensor | None = None
        for stage in reversed(self._stages(layers)):
            source = kept.pop()
            below = torch.zeros_like(source)
            for tile in self._grid(stage, source):
                x = _cropped(source, tile).detach().requires_grad_()
                terms = []
                for layer, ratio, maps in self._climb(stage, x):
                    if layer in layers:
                        for shown in self._shown(image, layer, maps, tile, ratio):
                            terms.append(score(layer, *shown))
                if above is not None:
                    terms.append((_wanted(maps, tile, ratio) * above[_place(tile, ratio)]).sum())
                if not terms:  # of nothing but margin
                    continue
                (gradient,) = torch.autograd.grad(torch.stack(terms).sum(), x)
                _cropped(below, tile).add_(gradient)
            above = below
        leaf = image.detach().requires_grad_()
        (folded,) = torch.autograd.grad(self.describe.framed(leaf), leaf, above)
        return folded

    def _shown(
        self, image: Tensor, layer: str, maps: Tensor, tile: Tile, ratio: int
    ) -> Iterator[tuple[Tensor, Part]]:
        """What of a tile's maps lies inside the picture, and where: once, or not at all."""
        inside = self._inside(image, layer)
        spans = [
            one.within(span.start, span.stop, ratio) for one, span in zip(tile, inside, strict=True)
        ]
        (own_rows, rows), (own_columns, columns) = spans
        count = _length(rows) * _length(columns)
        if count > 0:
            share = count / (_length(inside[0]) * _length(inside[1]))
            yield (
                descriptors.part(maps, (own_rows, own_columns)),
                Part((rows, columns), share),
            )

    def _inside(self, image: Tensor, layer: str) -> Place:
        """Rows and columns of a layer's whole maps that lie inside the picture."""
        size = image.shape[2], image.shape[3]
        rows, columns = self._sizes(image)[layer]
        inside = self.describe.inside(layer, size)
        (top, bottom, _), (left, right, _) = inside[0].indices(rows), inside[1].indices(columns)
        return slice(top, bottom), slice(left, right)

    def _climb(self, stage: Sequence[str], x: Tensor) -> Iterator[tuple[str, int, Tensor]]:
        """Names, positions below one of theirs, and maps of a stage's layers over a tile."""
        if stage[0] == "relu1_1":
            x = self.describe.normalised(x)
        ratio = 1
        for layer in stage:
            x = self.describe.layer(x, layer)
            ratio *= 2 if layer.startswith("pool") else 1
            yield layer, ratio, x

    def _stages(self, layers: Collection[str]) -> list[list[str]]:
        """The layers up to the last one, cut behind `cuts`."""
        order = vgg.layer_names(self.describe.source)
        stages: list[list[str]] = [[]]
        for layer in order[: 1 + max(order.index(layer) for layer in layers)]:
            if stages[-1] and stages[-1][-1] in self.cuts:
                stages.append([])
            stages[-1].append(layer)
        return stages

    def _grid(self, stage: Sequence[str], source: Tensor) -> list[Tile]:
        return regions.grid(
            (source.shape[2], source.shape[3]),
            most=int(self.room / self._cost(stage)),
            halo=halo(stage),
            unit=2 ** sum(layer.startswith("pool") for layer in stage),
        )

    def _cost(self, stage: Sequence[str]) -> float:
        return cost(stage, self.describe.pool, self.describe.dtype)

    def _sizes(self, image: Tensor) -> dict[str, tuple[int, int]]:
        """(height, width) of every layer's maps."""
        height, width = self.describe.framed_size((image.shape[2], image.shape[3]))
        sizes = {}
        for layer in vgg.layer_names(self.describe.source):
            if layer.startswith("pool"):
                height, width = self.describe.pooled(height), self.describe.pooled(width)
            sizes[layer] = height, width
        return sizes


def halo(stage: Sequence[str]) -> int:
    """How far around its own place a position of the last layer sees, in positions of the input."""
    reach = 0
    for layer in reversed(stage):
        reach = 2 * reach if layer.startswith("pool") else reach + 1
    return reach


def cost(stage: Sequence[str], pool: str, dtype: torch.dtype) -> float:
    """Bytes of VGG's maps and of their gradients for every position of what a stage is given.

    Args:
        stage: names of consecutive layers.
        pool: "max" or "avg".
        dtype: of the maps.
    """
    kept, largest, area = 0.0, 0.0, 1.0
    for layer in stage:
        if layer.startswith("pool"):
            area /= 4
        values = area * vgg.MAPS[block_of(layer) - 1]
        largest = max(largest, values)
        kept += values * dtype.itemsize
        if layer.startswith("pool") and pool == "max":
            kept += values * INDEX
    return kept + GRADIENTS * largest * dtype.itemsize


def _floats(image: Tensor) -> Tensor:
    """RGB in [0, 1] of a part of an image, in float32 where that is held in less."""
    if image.dtype == torch.uint8:
        return image.float() / 255
    return image.float() if image.dtype == torch.float16 else image


def _cropped(maps: Tensor, tile: Tile) -> Tensor:
    return maps[..., tile[0].computed, tile[1].computed]


def _wanted(maps: Tensor, tile: Tile, ratio: int) -> Tensor:
    return descriptors.part(maps, (tile[0].inner(ratio), tile[1].inner(ratio)))


def _place(tile: Tile, ratio: int) -> tuple[Any, ...]:
    return ..., tile[0].wanted(ratio), tile[1].wanted(ratio)


def _length(span: slice) -> int:
    return max(0, int(span.stop) - int(span.start))


def _empty(like: Tensor, size: tuple[int, int]) -> Tensor:
    return torch.empty(
        (*like.shape[:2], *size),
        dtype=like.dtype,
        device=like.device,
        memory_format=torch.channels_last,
    )
