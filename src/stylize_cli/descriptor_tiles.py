"""VGG over a picture in tiles: the same means over positions, and the same gradient.

The network is cut behind some of its poolings, and every stage of it works tile by tile on the
whole maps of the one below. So a tile's halo is as wide as what a few layers see, not the whole
network: 8 px and 16 px in place of 80.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor

from stylize_cli import descents, descriptors, images, stages, transparency, vgg
from stylize_cli.descents import Step
from stylize_cli.descriptors import Descriptor, Place, itself
from stylize_cli.tiles import Tile


@dataclass(frozen=True)
class Part:
    """Where a tile lies in a layer's maps, less their margin.

    Attributes:
        place: rows and columns.
        share: of all positions.
    """

    place: Place = descriptors.WHOLE
    share: float = 1.0


@dataclass
class Seen:
    """What one pass over the tiles leaves for the next.

    Attributes:
        sources: the framed picture, and the whole maps behind each cut.
        held: layers whose tiles need not be looked at again.
        steps: by stage and tile, what these left.
    """

    sources: list[Tensor]
    held: Collection[str]
    steps: list[list[list[Step]]]


Note = Callable[[str, Tensor, Part], None]
Score = Callable[[str, Tensor, Part], Tensor]


class Tiled:
    """A descriptor that looks at large pictures tile by tile, and at others as a whole.

    Args:
        describe: a `Descriptor`.
        room: bytes that a tile's maps and their gradients may take.
        whole: px of the largest picture that is looked at as a whole.
        cuts: layers whose whole maps are kept; without them halos are as wide as all VGG sees.
        kept: how many of the stages above the first are not looked at again for a gradient, the
            uppermost first; see `stages.held`.
    """

    def __init__(
        self,
        describe: Descriptor,
        room: int,
        *,
        whole: int = 0,
        cuts: Collection[str] = stages.CUTS,
        kept: int = 0,
    ) -> None:
        self.describe, self.room, self.whole = describe, room, whole
        self.cuts, self.kept = cuts, kept

    def __call__(
        self, image: Tensor, layers: Collection[str], use: Callable[[str, Tensor], Any] = itself
    ) -> dict[str, Any]:
        """Feature maps of the asked-for layers, or what is made of them; without gradients.

        Args:
            image: (1, 3, H, W) RGB in [0, 1]; or (1, 4, H, W) with alpha, for means.
            layers: to return.
            use: what to make of a layer's maps: a mean over positions, or the maps themselves.
        """
        if not self.is_cut(images.size_of(image)):
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

    def is_cut(self, size: tuple[int, int]) -> bool:
        """Whether a picture of (height, width) is too large to be looked at as a whole."""
        return size[0] * size[1] > self.whole

    @torch.no_grad()
    def look(
        self,
        images: Sequence[Tensor],
        layers: Collection[str],
        note: Note,
        *,
        is_pulled: bool = False,
    ) -> Seen:
        """Shows every tile's maps.

        Args:
            images: (1, 3, H, W) RGB each, of one size, looked at side by side: in [0, 1], or uint8
                where the descriptor adds no margin.
            layers: to show.
            note: told each layer's name, a tile's maps (B, C, h, w), and where they lie; the tiles
                of a layer cover it once.
            is_pulled: whether `pull` comes next, for a single image.

        Returns:
            What `pull` needs.
        """
        framed = [self.describe.framed(image) for image in images]
        cut = stages.cut(layers, self.describe.source, self.cuts)
        held = stages.held(cut, layers, self.kept) if is_pulled else frozenset[str]()
        seen = Seen(framed[:1], held, [[] for _ in cut])
        for number, stage in enumerate(cut):
            whole: Tensor | None = None
            for tile in self._grid(stage, seen.sources[-1]):
                sources = seen.sources[-1:] if number else framed
                x = torch.cat([_floats(_cropped(source, tile)) for source in sources])
                steps = []
                for one in descents.climb(self.describe, stage, x):
                    layer, ratio, _, maps = one
                    if layer in layers:
                        shown = self._shown(images[0], layer, maps, tile, ratio)
                        if shown:
                            note(layer, *shown)
                    if layer in held:
                        steps.append(descents.step(self.describe, one, keeps=layer in layers))
                seen.steps[number].append(steps)
                if stage is not cut[-1]:
                    if whole is None:
                        whole = _empty(maps, self._sizes(images[0])[stage[-1]])
                    whole[_place(tile, ratio)] = maps[_inner(tile, ratio)]
            if whole is not None:
                seen.sources.append(whole)
        return seen

    @torch.no_grad()
    def pull(self, image: Tensor, layers: Collection[str], seen: Seen, score: Score) -> Tensor:
        """The gradient of a sum over tiles by the picture, exact.

        Args:
            image: (1, 3, H, W), as it was looked at.
            layers: that are scored.
            seen: what `look` returned; it is emptied.
            score: a tile's share of the sum: told as `note` is, it returns a scalar that can be
                differentiated.

        Returns:
            (1, 3, H, W).
        """
        above: Tensor | None = None
        for stage in reversed(stages.cut(layers, self.describe.source, self.cuts)):
            source, held = seen.sources.pop(), seen.steps.pop()
            below = torch.zeros_like(source)
            again = [layer for layer in stage if layer not in seen.held]
            for tile, upper in zip(self._grid(stage, source), held, strict=True):
                climb = descents.climb(self.describe, again, _cropped(source, tile))
                steps = [descents.step(self.describe, one, keeps=True) for one in climb] + upper
                upper.clear()
                gradient = None if above is None else _own(above, tile, steps[-1])
                own = partial(self._scored, image, layers, tile, score)
                gradient = descents.descend(self.describe, steps, gradient, own)
                if gradient is not None:  # None: of nothing but margin
                    _cropped(below, tile).add_(gradient)
            above = below
        leaf = image.detach().requires_grad_()
        with torch.enable_grad():
            (folded,) = torch.autograd.grad(self.describe.framed(leaf), leaf, above)
        return folded

    def _scored(
        self, image: Tensor, layers: Collection[str], tile: Tile, score: Score, step: Step
    ) -> Tensor | None:
        """The gradient of a tile's score by a layer's maps, where any of them count."""
        if step.maps is None or step.layer not in layers:
            return None
        leaf = step.maps.requires_grad_()
        with torch.enable_grad():
            shown = self._shown(image, step.layer, leaf, tile, step.ratio)
            return torch.autograd.grad(score(step.layer, *shown), leaf)[0] if shown else None

    def _shown(
        self, image: Tensor, layer: str, maps: Tensor, tile: Tile, ratio: int
    ) -> tuple[Tensor, Part] | None:
        """What of a tile's maps lies inside the picture, and where, if any does."""
        inside = self._inside(image, layer)
        spans = [
            one.within(span.start, span.stop, ratio) for one, span in zip(tile, inside, strict=True)
        ]
        (own_rows, rows), (own_columns, columns) = spans
        count = _length(rows) * _length(columns)
        if not count:
            return None
        share = count / (_length(inside[0]) * _length(inside[1]))
        return descriptors.part(maps, (own_rows, own_columns)), Part((rows, columns), share)

    def _inside(self, image: Tensor, layer: str) -> Place:
        """Rows and columns of a layer's whole maps that lie inside the picture."""
        size = images.size_of(image)
        rows, columns = self._sizes(image)[layer]
        inside = self.describe.inside(layer, size)
        (top, bottom, _), (left, right, _) = inside[0].indices(rows), inside[1].indices(columns)
        return slice(top, bottom), slice(left, right)

    def _grid(self, stage: Sequence[str], source: Tensor) -> list[Tile]:
        own = self.describe
        axes = stages.axes(stage, images.size_of(source), self.room, own.pool, own.dtype)
        return [*product(*axes)]

    def _sizes(self, image: Tensor) -> dict[str, tuple[int, int]]:
        """(height, width) of every layer's maps."""
        height, width = self.describe.framed_size(images.size_of(image))
        sizes = {}
        for layer in vgg.layer_names(self.describe.source):
            if layer.startswith("pool"):
                height, width = self.describe.pooled(height), self.describe.pooled(width)
            sizes[layer] = height, width
        return sizes


def _floats(image: Tensor) -> Tensor:
    """RGB in [0, 1] of a part of an image, in float32 where that is held in less."""
    if image.dtype == torch.uint8:
        return image.float() / 255
    return image.float() if image.dtype == torch.float16 else image


def _cropped(maps: Tensor, tile: Tile) -> Tensor:
    return maps[..., tile[0].computed, tile[1].computed]


def _inner(tile: Tile, ratio: int) -> tuple[Any, ...]:
    return ..., tile[0].inner(ratio), tile[1].inner(ratio)


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


def _own(above: Tensor, tile: Tile, top: Step) -> Tensor:
    """The gradient by a tile's uppermost maps: that of the whole maps, where they are wanted."""
    own = above.new_zeros(top.shape).contiguous(memory_format=torch.channels_last)
    own[_inner(tile, top.ratio)] = above[_place(tile, top.ratio)]
    return own
