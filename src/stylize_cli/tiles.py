"""Cutting a picture into tiles: what each is wanted for, and how far around it must be computed."""

import math
from dataclasses import dataclass

from stylize_cli.arrays import Size


@dataclass(frozen=True)
class Stretch:
    """A stretch of one axis of a picture or a map, in its positions.

    Attributes:
        start: first position that is wanted.
        stop: the one after the last.
        first: first position that is computed; of an axis that wraps around it may be below 0.
        last: the one after the last, which may be beyond such an axis' end.
        is_end: whether it is the axis' last stretch, to which on a coarser axis all belongs that is
            left, whichever way the pooling rounds.
    """

    start: int
    stop: int
    first: int
    last: int
    is_end: bool = False

    @classmethod
    def whole(cls, side: int) -> "Stretch":
        """An axis of so many positions that is not cut."""
        return cls(0, side, 0, side, is_end=True)

    @property
    def width(self) -> int:
        """Positions that are computed."""
        return self.last - self.first

    @property
    def computed(self) -> slice:
        """Where they are on the axis."""
        return slice(self.first, self.last)

    def wanted(self, ratio: int = 1) -> slice:
        """What is wanted, of an axis with one position where this one has `ratio`."""
        return slice(self.start // ratio, None if self.is_end else self.stop // ratio)

    def inner(self, ratio: int = 1) -> slice:
        """Where the wanted positions lie within the computed ones."""
        shift = self.first // ratio
        return slice(
            self.start // ratio - shift, None if self.is_end else self.stop // ratio - shift
        )

    def within(self, start: int, stop: int, ratio: int) -> tuple[slice, slice]:
        """What of a part of the axis is wanted here; both slices are empty where nothing is.

        Args:
            start: of the part, in positions of `ratio` each.
            stop: the one after its last.
            ratio: see `wanted`.

        Returns:
            Where that lies within the computed positions, and where within the part.
        """
        first = max(start, self.start // ratio)
        last = max(first, stop if self.is_end else min(stop, self.stop // ratio))
        shift = self.first // ratio
        return slice(first - shift, last - shift), slice(first - start, last - start)


Tile = tuple[Stretch, Stretch]  # rows and columns


def stretches(side: int, *, most: int, halo: int, unit: int = 1) -> list[Stretch]:
    """Cuts an axis into stretches of about one length.

    Args:
        side: positions of the axis.
        most: positions to be computed at once, unless the halos alone are as many; the last stretch
            may have up to `unit` more.
        halo: positions that must be computed on either side of what is wanted.
        unit: every start but the axis' own end is a multiple of it.
    """
    if side <= most:
        return [Stretch.whole(side)]
    halo = math.ceil(halo / unit) * unit
    count = math.ceil(side / max((most - 2 * halo) // unit * unit, unit))
    length = math.ceil(side / count / unit) * unit
    starts = list(range(0, side, length))
    if len(starts) > 1 and side - starts[-1] < unit:  # which a pooling may leave nothing of
        starts.pop()
    stops = [*starts[1:], side]
    return [
        Stretch(start, stop, max(0, start - halo), min(side, stop + halo), is_end=stop == side)
        for start, stop in zip(starts, stops, strict=True)
    ]


def windows(
    side: int, *, most: int, halo: int, unit: int = 1, wraps: bool = False
) -> list[Stretch]:
    """Cuts an axis into stretches for each of which as many positions are computed.

    So a network that is compiled for a size is compiled once. At the ends of the axis, the halo
    that is missing outside is added inside.

    Args:
        side: positions of the axis, a multiple of the unit.
        most: positions to be computed at once, unless the halos alone are as many.
        halo: positions that must be computed on either side of what is wanted.
        unit: every start and end is a multiple of it.
        wraps: whether the axis goes on with its other end: then positions to be computed may be
            below 0, and beyond the side.
    """
    halo = math.ceil(halo / unit) * unit
    if side <= most and not wraps:
        return [Stretch(0, side, 0, side)]
    count = math.ceil(side / max((most - 2 * halo) // unit * unit, unit))
    length = math.ceil(side / count / unit) * unit
    width = length + 2 * halo if wraps else min(length + 2 * halo, side)
    found = []
    for start in range(0, side, length):
        first = start - halo if wraps else min(max(0, start - halo), side - width)
        stop = min(start + length, side)
        found.append(Stretch(start, stop, first, first + width))
    return found


def axes(size: Size, *, most: int, halo: int, unit: int = 1) -> tuple[list[Stretch], list[Stretch]]:
    """Rows and columns of the tiles into which a picture of (height, width) is cut.

    Args:
        size: (height, width), positions.
        most: positions of a tile to be computed at once, as nearly as the halos allow.
        halo: see `stretches`; so is unit.
        unit: see there.
    """
    short = min(size)
    across = stretches(short, most=math.isqrt(most), halo=halo, unit=unit)
    widest = max(one.width for one in across)
    along = stretches(max(size), most=most // widest, halo=halo, unit=unit)
    return (across, along) if size[0] == short else (along, across)


def grid(size: Size, *, most: int, halo: int, unit: int = 1) -> list[Tile]:
    """The tiles themselves; see `axes`."""
    rows, columns = axes(size, most=most, halo=halo, unit=unit)
    return [(row, column) for row in rows for column in columns]
