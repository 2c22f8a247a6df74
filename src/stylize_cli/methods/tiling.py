"""A trained generator over pictures that do not fit into memory at once: tile by tile.

What depends on nothing but its surroundings is computed with a halo as wide as these. A network
that normalises by the picture at hand is taken piece by piece: before each normalisation come the
statistics of all tiles. So the result is that of the whole picture.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from stylize_cli import colours, encoders, images, regions
from stylize_cli.encoders import Depth, Samples
from stylize_cli.engines import Engine, Piece, Pixels
from stylize_cli.methods import feedforward
from stylize_cli.methods.feedforward import Noise
from stylize_cli.methods.moments import Moments
from stylize_cli.noise_tiles import Span
from stylize_cli.regions import Stretch

SIDES = (1152, 896, 640, 512, 384, 256)  # px of a tile with its halo, the largest that fits
HELD = 2_500_000_000  # bytes of maps kept at most, whatever memory there is: 90 megapixels' or more
HANDED = 2  # copies of the largest maps in float32, between one piece and the next
UPPER = int(sys.byteorder == "little")  # of a float's two halves, the place of the upper one
LEVELS = 2**16  # that outputs are held in, where a histogram is to be matched

Tile = tuple[Stretch, Stretch]
Photo = Pixels | Samples


@dataclass(frozen=True)
class Plan:
    """How a picture is painted within memory.

    Attributes:
        side: px of a tile with its halo.
        held: bytes of maps that may be kept, of a network that comes in pieces.
        share: of the tiles, whose statistics stand for all; 1 is exact.
        reduced: long side of the picture whose statistics stand for it; 0 where none does.
    """

    side: int
    held: int = 0
    share: float = 1.0
    reduced: int = 0

    @property
    def note(self) -> str:
        """What the user should be told, or ""."""
        if self.reduced:
            return f"memory: statistics of a picture of {self.reduced} px stand for the whole's"
        if self.share < 1:
            return f"memory: statistics of {self.share:.0%} of the picture stand for the whole's"
        return ""


@dataclass(frozen=True)
class Look:
    """What to make of a photo.

    Attributes:
        mix: of the styles, (N,).
        strength: share of the result in the mixture with the photo, in [0, 1].
        preserve_color: keep the photo's colours.
        noise: of a texture-style net.
        wraps: whether the photo is a tile of a pattern, and the result is to be one.
        depth: bits a channel of the result.
    """

    mix: Pixels
    strength: float = 1.0
    preserve_color: bool = False
    noise: Noise = feedforward.USUAL
    wraps: bool = False
    depth: Depth = 8


def plan(engine: Engine, size: tuple[int, int], room: int, *, depth: Depth = 8) -> Plan | None:
    """How a photo of (height, width) is painted within so many bytes; None where it is not."""
    about = engine.about
    pixels = size[0] * size[1] * about.factor**2
    own = 4 * size[0] * size[1] * depth // 8 + 4 * pixels * depth // 8  # photo and result
    own += 3 * pixels * 2 if feedforward.is_matched(about) else 0
    for side in SIDES:
        if side < 4 * about.halo and side > SIDES[-1]:  # of nothing but halo
            continue
        left = room - own - _tile_bytes(engine, side)
        if left < 0 or side - 2 * about.halo < about.multiple:
            continue
        if about.is_measured:
            long = _reduced_side(engine, size, left)
            return Plan(side, reduced=long) if long else None
        if not about.is_cut:
            return Plan(side)
        held = min(left, HELD)
        share = min(1.0, held / _kept_bytes(engine, size, side))
        return Plan(side, held, share) if share > 0 else None
    return None


def _tile_bytes(engine: Engine, side: int) -> int:
    """Bytes that one tile takes while it is computed."""
    handed = HANDED * 4 * _width(engine) * side**2 if engine.about.is_cut else 0
    return engine.bytes_needed((side, side)) + handed


def _kept_bytes(engine: Engine, size: tuple[int, int], side: int) -> int:
    """Bytes of all tiles' maps that are kept."""
    tiles = _cut(engine, size, side, wraps=False)
    area = sum(_area(tile) for tile in tiles)
    return int(area * _most_kept(engine)) * (2 if _is_half(engine) else 4)


def _width(engine: Engine) -> int:
    return int(engine.about.arguments.get("width", 32))


def _most_kept(engine: Engine) -> float:
    """Values a pixel of the maps that are kept; what has more is computed anew."""
    return _width(engine) / 2


def _is_half(engine: Engine) -> bool:
    return engine.precision == "bfloat16"


def _reduced_side(engine: Engine, size: tuple[int, int], room: int) -> int:
    return images.longest(
        lambda long: 2 * engine.bytes_needed(images.fitted(size, long)) <= min(room, HELD),
        max(size),
    )


def paint(engine: Engine, photo: Photo, look: Look, plan: Plan) -> Samples:
    """Paints a photo, or enlarges it.

    Args:
        engine: runs the model.
        photo: (H, W, 3) or with alpha (H, W, 4), floats in [0, 1] or samples.
        look: what to make of it.
        plan: within memory.

    Returns:
        (f·H, f·W, C) samples.
    """
    canvas = _Canvas(engine, photo, look, plan)
    outputs = canvas.outputs()
    if feedforward.is_matched(engine.about):
        outputs = canvas.matched(outputs)
    finish = feedforward.finishing(
        photo, engine.about, strength=look.strength, preserve_color=look.preserve_color
    )
    factor = engine.about.factor
    shape = (factor * photo.shape[0], factor * photo.shape[1], photo.shape[2])
    samples: Samples = np.empty(shape, np.uint8 if look.depth == 8 else np.uint16)
    for tile, output in outputs:
        base = canvas.seen(tile)
        grown = np.zeros((factor * base.shape[0], factor * base.shape[1], 3), np.float32)
        inner = _inner(tile, factor)
        grown[inner] = output
        place = samples[_place(tile, factor)]
        finished = finish(grown, base)[inner]
        place[:] = encoders.quantised(finished[: place.shape[0], : place.shape[1]], look.depth)
    return samples


@dataclass(frozen=True)
class _Canvas:
    """A photo in tiles."""

    engine: Engine
    photo: Photo
    look: Look
    plan: Plan

    @property
    def size(self) -> tuple[int, int]:
        height, width = self.photo.shape[:2]
        return height, width

    @property
    def tiles(self) -> list[Tile]:
        return _cut(self.engine, self.size, self.plan.side, wraps=self.look.wraps)

    def seen(self, tile: Tile) -> Pixels:
        """(h, w, C) of the photo, halo included: beyond the borders mirrored, or its other end."""
        sides = zip(tile, self.photo.shape[:2], strict=True)
        rows, columns = (self._positions(span, side) for span, side in sides)
        return feedforward.floats(self.photo[np.ix_(rows, columns)])

    def _positions(self, span: Stretch, side: int) -> NDArray[np.intp]:
        whole = feedforward.filled(side, self.engine.about)
        at = np.arange(span.first, span.last) % whole
        return np.abs((at + side - 1) % (2 * side - 2) - side + 1)

    def given(self, tile: Tile) -> list[Pixels]:
        """What the network is given of a tile."""
        about = self.engine.about
        batch = np.ascontiguousarray(self.seen(tile)[..., :3].transpose(2, 0, 1))[None]
        if not about.noise_levels:
            return [batch]
        rows, columns = (Span(span.first, span.last - span.first) for span in tile)
        size = tuple(feedforward.filled(side, about) for side in self.size)
        return feedforward.with_noise(
            batch, about.noise_levels, self.look.noise, (rows, columns), size
        )

    def outputs(self) -> Iterator[tuple[Tile, Pixels]]:
        """What the network makes of every tile, (h, w, 3) in [0, 1] without the halo."""
        if self.engine.about.is_cut:
            yield from self._in_pieces()
            return
        mix = [self.look.mix[None]] if self.engine.about.takes_mix else []
        engine = self._measured() if self.plan.reduced else self.engine
        for tile in self.tiles:
            yield tile, self._shown(tile, engine.run(*self.given(tile), *mix))

    def _shown(self, tile: Tile, output: Pixels) -> Pixels:
        inner = _inner(tile, self.engine.about.factor)
        return feedforward.clipped(output[0].transpose(1, 2, 0)[inner])

    def _measured(self) -> Engine:
        """The network, normalising by the statistics of a reduced picture."""
        small = feedforward.reduced(self.photo, images.fitted(self.size, self.plan.reduced))
        canvas = replace(self, photo=small)
        (tile,) = _cut(self.engine, canvas.size, max(small.shape) + SIDES[0], wraps=False)
        return self.engine.measured(*canvas.given(tile))

    def _in_pieces(self) -> Iterator[tuple[Tile, Pixels]]:
        """Piece by piece, the tiles of each in turn: statistics first, and then the picture."""
        tiles, pieces = self.tiles, self.engine.pieces()
        runner = _Runner(self, pieces)
        most = max(1, int(self.plan.share * len(tiles)))
        looked = np.unique(np.linspace(0, len(tiles) - 1, most).round().astype(int)).tolist()
        for done in range(1, len(pieces)):
            moments = Moments()
            for index in looked:
                tile = tiles[index]
                maps = runner.run(index, tile, done)[-1]
                moments.add(maps[0][(slice(None), *_inner(tile, maps.shape[2] / _height(tile)))])
            runner.known.append((moments.mean, moments.variance))
        if most < len(tiles):
            runner.kept.clear()  # as many others are to have their place
        for start in range(0, len(tiles), most):
            group = list(enumerate(tiles))[start : start + most]
            for done in sorted(runner.stops):
                for index, tile in group:
                    runner.run(index, tile, done)
            for index, tile in group:
                (output,) = runner.run(index, tile, len(pieces))
                del runner.kept[index]
                yield tile, self._shown(tile, output)

    def matched(self, outputs: Iterator[tuple[Tile, Pixels]]) -> Iterator[tuple[Tile, Pixels]]:
        """The outputs with the photo's histogram, channel by channel."""
        factor, tiles = self.engine.about.factor, []
        held = np.empty((factor * self.size[0], factor * self.size[1], 3), np.uint16)
        for tile, output in outputs:
            place = held[_place(tile, factor)]
            place[:] = encoders.quantised(output, 16)[: place.shape[0], : place.shape[1]]
            tiles.append(tile)
        at = np.linspace(0, 1, colours.QUANTILES)
        ramp, curves = np.linspace(0, 1, LEVELS), []
        for channel in range(3):
            counts = np.zeros(LEVELS, np.int64)
            for row in range(0, len(held), feedforward.ROWS):
                values = held[row : row + feedforward.ROWS, :, channel]
                counts += np.bincount(values.ravel(), minlength=LEVELS)
            wanted = np.quantile(feedforward.floats(self.photo[..., channel]), at)
            own = colours.counted_quantiles(counts)
            curves.append(np.interp(ramp, *colours.curve(own, wanted)).astype(np.float32))
        for tile in tiles:
            values = held[_place(tile, factor)]
            yield tile, np.stack([curves[k][values[..., k]] for k in range(3)], axis=2)


@dataclass(frozen=True)
class _Runner:
    """A network in pieces, over tiles whose maps are kept where they are small.

    Attributes:
        canvas: the tiles.
        pieces: of the network.
        known: mean and variance before each piece but the first, as far as they are known.
        kept: how many pieces a tile has behind it, and its maps.
        stops: behind how many pieces maps are kept.
        wide: arrays that such maps are unpacked into, used again and again: fresh memory takes
            longer than all else that is done here.
    """

    canvas: _Canvas
    pieces: Sequence[Piece]
    known: list[tuple[Pixels, Pixels]] = field(default_factory=list)
    kept: dict[int, tuple[int, list[NDArray[np.generic]]]] = field(default_factory=dict)
    stops: set[int] = field(default_factory=set)
    wide: dict[tuple[int, tuple[int, ...]], Pixels] = field(default_factory=dict)

    def run(self, index: int, tile: Tile, upto: int) -> Sequence[Pixels]:
        """A tile's maps behind so many pieces; where it is further already, those that it has."""
        engine, mix = self.canvas.engine, self.canvas.look.mix[None]
        done, packed = self.kept.get(index, (0, []))
        maps: Sequence[Pixels] = [self._unpacked(k, one) for k, one in enumerate(packed)]
        for number in range(done, upto):
            if number:
                maps = self.pieces[number](mix, *self.known[number - 1], *maps)
            else:
                maps = self.pieces[0](*self.canvas.given(tile))
        if upto > done and sum(one.size for one in maps) <= _most_kept(engine) * _area(tile):
            self.kept[index] = upto, [_packed(one, half=_is_half(engine)) for one in maps]
            self.stops.add(upto)
        return maps

    def _unpacked(self, place: int, packed: NDArray[np.generic]) -> Pixels:
        if packed.dtype == np.float32:
            return packed  # type: ignore[return-value]
        key = place, packed.shape
        if key not in self.wide:
            self.wide[key] = np.zeros(packed.shape, np.float32)
        self.wide[key].view(np.uint16)[..., UPPER::2] = packed
        return self.wide[key]


def _packed(maps: Pixels, *, half: bool) -> NDArray[np.generic]:
    """Maps as they are kept: of what was computed in bfloat16 the lower half is nought."""
    return maps.view(np.uint16)[..., UPPER::2].copy() if half else maps.copy()


def _cut(engine: Engine, size: tuple[int, int], side: int, *, wraps: bool) -> list[Tile]:
    about = engine.about
    rows, columns = (
        regions.windows(
            feedforward.filled(length, about),
            most=side,
            halo=about.halo,
            unit=about.multiple,
            wraps=wraps or bool(about.noise_levels),  # whose padding is circular
        )
        for length in size
    )
    return list(product(rows, columns))


def _height(tile: Tile) -> int:
    return tile[0].last - tile[0].first


def _area(tile: Tile) -> int:
    return _height(tile) * (tile[1].last - tile[1].first)


def _inner(tile: Tile, scale: float) -> tuple[slice, slice]:
    """Where what is wanted lies within what is computed, at so many positions a pixel."""
    rows, columns = (
        slice(int((span.start - span.first) * scale), int((span.stop - span.first) * scale))
        for span in tile
    )
    return rows, columns


def _place(tile: Tile, factor: int) -> tuple[slice, slice]:
    """Of the result."""
    rows, columns = (slice(factor * span.start, factor * span.stop) for span in tile)
    return rows, columns
