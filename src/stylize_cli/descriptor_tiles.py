"""VGG over a picture in tiles: the same means over positions, and the same gradient.

The network is cut behind some of its poolings, and every stage of it works tile by tile on the
whole maps of the one below. So a tile's halo is as wide as what a few layers see, not the whole
network: 8 px and 16 px in place of 80.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from stylize_cli import descriptors, images, stages, transparency, vgg
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
        climbs: by stage, of those whose maps are kept: each tile, what was cut out for it, and what
            it showed, with all that the backward pass needs.
    """

    sources: list[Tensor]
    climbs: dict[int, list[tuple[Tile, Tensor, list["Shown"]]]] = field(default_factory=dict)


Shown = tuple[str, int, Tensor]  # a layer, positions below one of its own, and a tile's maps of it
Note = Callable[[str, Tensor, Part], None]
Score = Callable[[str, Tensor, Part], Tensor]


class Tiled:
    """A descriptor that looks at large pictures tile by tile, and at others as a whole.

    Args:
        describe: a `Descriptor`.
        room: bytes that a tile's maps and their gradients may take.
        whole: px of the largest picture that is looked at as a whole.
        cuts: layers whose whole maps are kept; without them halos are as wide as all VGG sees.
        kept: how many of the stages above the first keep the maps that a gradient needs from one
            pass to the next, the uppermost first; the others compute them anew.
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
        self, images: Sequence[Tensor], layers: Collection[str], note: Note, *, kept: int = 0
    ) -> Seen:
        """Shows every tile's maps.

        Args:
            images: (1, 3, H, W) RGB each, of one size, looked at side by side: in [0, 1], or uint8
                where the descriptor adds no margin.
            layers: to show.
            note: told each layer's name, a tile's maps (B, C, h, w), and where they lie; the tiles
                of a layer cover it once.
            kept: see `Tiled`.

        Returns:
            What `pull` needs.
        """
        framed = [self.describe.framed(image) for image in images]
        seen = Seen(framed[:1])
        cut = stages.cut(layers, self.describe.source, self.cuts)
        for number, stage in enumerate(cut):
            whole: Tensor | None = None
            is_kept = number >= max(1, len(cut) - kept)
            for tile in self._grid(stage, seen.sources[-1]):
                sources = seen.sources[-1:] if number else framed
                x = torch.cat([_floats(_cropped(source, tile)) for source in sources])
                climb = self._held(stage, x) if is_kept else self._climb(stage, x)
                if isinstance(climb, list):
                    seen.climbs.setdefault(number, []).append((tile, x, climb))
                for layer, ratio, maps in climb:
                    if layer in layers:
                        for shown in self._shown(images[0], layer, maps, tile, ratio):
                            note(layer, *shown)
                if stage is not cut[-1]:
                    if whole is None:
                        whole = _empty(maps, self._sizes(images[0])[stage[-1]])
                    whole[_place(tile, ratio)] = _wanted(maps, tile, ratio)
            if whole is not None:
                seen.sources.append(whole)
        return seen

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
        cut = stages.cut(layers, self.describe.source, self.cuts)
        for number, stage in reversed([*enumerate(cut)]):
            source = seen.sources.pop()
            below = torch.zeros_like(source)
            for tile, x, climb in self._again(seen, number, stage, source):
                terms = []
                for layer, ratio, maps in climb:
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

    def _again(
        self, seen: Seen, number: int, stage: Sequence[str], source: Tensor
    ) -> Iterator[tuple[Tile, Tensor, Iterable[Shown]]]:
        """A stage's climbs, for a gradient: those that were kept, or anew."""
        waiting = seen.climbs.pop(number, [])
        if not waiting:
            for tile in self._grid(stage, source):
                x = _cropped(source, tile).detach().requires_grad_()
                yield tile, x, self._climb(stage, x)
        while waiting:
            yield waiting.pop()

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
        size = images.size_of(image)
        rows, columns = self._sizes(image)[layer]
        inside = self.describe.inside(layer, size)
        (top, bottom, _), (left, right, _) = inside[0].indices(rows), inside[1].indices(columns)
        return slice(top, bottom), slice(left, right)

    def _climb(self, stage: Sequence[str], x: Tensor) -> Iterator[Shown]:
        """Names, positions below one of theirs, and maps of a stage's layers over a tile."""
        if stage[0] == "relu1_1":
            x = self.describe.normalised(x)
        ratio = 1
        for layer in stage:
            x = self.describe.layer(x, layer)
            ratio *= 2 if layer.startswith("pool") else 1
            yield layer, ratio, x

    def _held(self, stage: Sequence[str], x: Tensor) -> list[Shown]:
        """`_climb`, with all that a gradient needs."""
        x.requires_grad_()
        with torch.enable_grad():
            return list(self._climb(stage, x))

    def _grid(self, stage: Sequence[str], source: Tensor) -> list[Tile]:
        own = self.describe
        return stages.grid(stage, images.size_of(source), self.room, own.pool, own.dtype)

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
