"""A trained generator over pictures that do not fit into memory at once: tile by tile.

What depends on nothing but its surroundings is computed with a halo as wide as these. A network
that normalises by the picture at hand is taken piece by piece: before each normalisation come the
statistics of all tiles. So the result is that of the whole picture.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stylize_cli import colours, encoders, grain, images
from stylize_cli.arrays import Pixels, Samples
from stylize_cli.encoders import Depth
from stylize_cli.engines import Engine, Piece
from stylize_cli.methods import feedforward, resampling, tile_plan
from stylize_cli.methods.feedforward import Finish, Noise
from stylize_cli.methods.moments import Moments
from stylize_cli.methods.tile_plan import TilePlan
from stylize_cli.tiles import Stretch, Tile

UPPER = int(sys.byteorder == "little")  # of a float's two halves, the place of the upper one
LEVELS = 2**16  # that outputs are held in, where a histogram is to be matched

Photo = Pixels | Samples


@dataclass(frozen=True)
class Wanted:
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


def paint(engine: Engine, photo: Photo, wanted: Wanted, plan: TilePlan) -> Samples:
    """Paints a photo, or enlarges it.

    Args:
        engine: runs the model.
        photo: (H, W, 3) or with alpha (H, W, 4), floats in [0, 1] or samples.
        wanted: what to make of it.
        plan: within memory.

    Returns:
        (f·H, f·W, C) samples.
    """
    canvas = _Canvas(engine, photo, wanted, plan)
    outputs = canvas.outputs()
    if feedforward.is_matched(engine.about):
        outputs = canvas.matched(outputs)
    finish = feedforward.finishing(
        photo, engine.about, strength=wanted.strength, preserve_color=wanted.preserve_color
    )
    factor = engine.about.factor
    shape = (factor * photo.shape[0], factor * photo.shape[1], photo.shape[2])
    samples: Any = np.empty(shape, np.uint8 if wanted.depth == 8 else np.uint16)
    for tile, output in outputs:
        shown = _finished(canvas, tile, output, finish) if finish.changes(photo) else output
        samples[_place(tile, factor)] = encoders.quantised(shown, wanted.depth)
    made: Samples = samples
    return made


def _finished(canvas: "_Canvas", tile: Tile, output: Pixels, finish: Finish) -> Pixels:
    """A tile's output, finished with its halo: an enlarged photo looks beyond the tile."""
    factor, base = canvas.engine.about.factor, canvas.seen(tile)
    grown = np.zeros((factor * base.shape[0], factor * base.shape[1], 3), np.float32)
    rows, columns = _inner(tile, factor)
    inner = (
        slice(rows.start, rows.start + output.shape[0]),
        slice(columns.start, columns.start + output.shape[1]),
    )
    grown[inner] = output
    return finish(grown, base)[inner]


@dataclass(frozen=True)
class _Canvas:
    """A photo in tiles."""

    engine: Engine
    photo: Photo
    wanted: Wanted
    plan: TilePlan

    @property
    def size(self) -> tuple[int, int]:
        height, width = self.photo.shape[:2]
        return height, width

    @property
    def tiles(self) -> list[Tile]:
        return tile_plan.cut(self.engine, self.size, self.plan.side, wraps=self.wanted.wraps)

    def seen(self, tile: Tile) -> Pixels:
        """(h, w, C) of the photo, halo included: beyond the borders mirrored, or its other end."""
        return encoders.floats(self.photo[np.ix_(*self._places(tile))])

    def _places(self, tile: Tile) -> list[NDArray[np.intp]]:
        """The photo's rows and columns that a tile shows, halo included."""
        sides = zip(tile, self.photo.shape[:2], strict=True)
        return [self._positions(span, side) for span, side in sides]

    def _positions(self, span: Stretch, side: int) -> NDArray[np.intp]:
        at = np.arange(span.first, span.last)
        if self.wanted.wraps:
            return at % side
        at %= feedforward.filled(side, self.engine.about)
        return np.abs((at + side - 1) % (2 * side - 2) - side + 1)

    def given(self, tile: Tile) -> list[Pixels]:
        """What the network is given of a tile."""
        about = self.engine.about
        batch = np.ascontiguousarray(self.seen(tile)[..., :3].transpose(2, 0, 1))[None]
        if about.grain:
            batch += np.float32(about.grain) * grain.drawn(*self._places(tile))
        if not about.noise_levels:
            return [batch]
        height, width = (feedforward.filled(side, about) for side in self.size)
        return feedforward.with_noise(
            batch, about.noise_levels, self.wanted.noise, tile, (height, width)
        )

    def outputs(self) -> Iterator[tuple[Tile, Pixels]]:
        """What the network makes of every tile, (h, w, 3) in [0, 1]: of the photo, no halo."""
        if self.engine.about.is_cut:
            yield from self._in_pieces()
            return
        mix = [self.wanted.mix[None]] if self.engine.about.takes_mix else []
        engine = self._measured() if self.plan.reduced else self.engine
        for tile in self.tiles:
            yield tile, self._shown(tile, engine.run(*self.given(tile), *mix))

    def _shown(self, tile: Tile, output: Pixels) -> Pixels:
        factor = self.engine.about.factor
        inner = output[0].transpose(1, 2, 0)[_inner(tile, factor)]
        ends = (factor * (side - span.start) for span, side in zip(tile, self.size, strict=True))
        rows, columns = map(slice, ends)  # beyond them the photo was filled up
        return feedforward.clipped(inner[rows, columns])

    def _measured(self) -> Engine:
        """The network, normalising by the statistics of a reduced picture."""
        small = resampling.reduced(self.photo, images.fitted(self.size, self.plan.reduced))
        canvas = replace(self, photo=small)
        sides = (feedforward.filled(side, self.engine.about) for side in canvas.size)
        rows, columns = (Stretch.whole(side) for side in sides)
        return self.engine.measured(*canvas.given((rows, columns)))

    def _in_pieces(self) -> Iterator[tuple[Tile, Pixels]]:
        """Piece by piece, the tiles of each in turn: statistics first, and then the picture."""
        every, pieces = self.tiles, self.engine.pieces()
        runner = _Runner(self, pieces)
        most = max(1, int(self.plan.share * len(every)))
        looked = np.unique(np.linspace(0, len(every) - 1, most).round().astype(int)).tolist()
        for done in range(1, len(pieces)):
            moments = Moments()
            for index in looked:
                tile = every[index]
                (maps,) = runner.run(index, tile, done)[-1]
                rows, columns = _inner(tile, maps.shape[1] / tile[0].width)
                moments.add(maps[:, rows, columns])
            runner.known.append((moments.mean, moments.variance))
        if most < len(every):
            runner.kept.clear()  # as many others are to have their place
        for start in range(0, len(every), most):
            group = list(enumerate(every))[start : start + most]
            for done in sorted(runner.stops):
                for index, tile in group:
                    if index not in runner.kept or runner.kept[index][0] < done:
                        runner.run(index, tile, done)
            for index, tile in group:
                (output,) = runner.run(index, tile, len(pieces))
                del runner.kept[index]
                yield tile, self._shown(tile, output)

    def matched(self, outputs: Iterator[tuple[Tile, Pixels]]) -> Iterator[tuple[Tile, Pixels]]:
        """The outputs with the photo's histogram, channel by channel."""
        factor, done = self.engine.about.factor, list[Tile]()
        held = np.empty((factor * self.size[0], factor * self.size[1], 3), np.uint16)
        for tile, output in outputs:
            held[_place(tile, factor)] = encoders.quantised(output, 16)
            done.append(tile)
        at = np.linspace(0, 1, colours.QUANTILES)
        ramp, curves = np.linspace(0, 1, LEVELS), []
        for channel in range(3):
            counts = np.zeros(LEVELS, np.int64)
            for row in range(0, len(held), feedforward.ROWS):
                values = held[row : row + feedforward.ROWS, :, channel]
                counts += np.bincount(values.ravel(), minlength=LEVELS)
            wanted = np.quantile(encoders.floats(self.photo[..., channel]), at)
            own = colours.counted_quantiles(counts)
            curves.append(np.interp(ramp, *colours.curve(own, wanted)).astype(np.float32))
        for tile in done:
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
        engine, mix = self.canvas.engine, self.canvas.wanted.mix[None]
        done, packed = self.kept.get(index, (0, []))
        maps: Sequence[Pixels] = [self._unpacked(k, one) for k, one in enumerate(packed)]
        for number in range(done, upto):
            if number:
                maps = self.pieces[number](mix, *self.known[number - 1], *maps)
            else:
                maps = self.pieces[0](*self.canvas.given(tile))
        values = sum(one.size for one in maps)
        if upto > done and values <= tile_plan.most_kept(engine) * tile_plan.area(tile):
            self.kept[index] = upto, [_packed(one, half=tile_plan.is_half(engine)) for one in maps]
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


def _inner(tile: Tile, scale: float) -> tuple[slice, slice]:
    """Where what is wanted lies within what is computed, at so many positions a pixel."""
    rows, columns = (
        slice(int((span.start - span.first) * scale), int((span.stop - span.first) * scale))
        for span in tile
    )
    return rows, columns


def _place(tile: Tile, factor: int) -> tuple[slice, slice]:
    """Where a tile lies in a result that is so many times as large as the photo."""
    rows, columns = (slice(factor * span.start, factor * span.stop) for span in tile)
    return rows, columns
