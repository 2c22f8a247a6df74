"""Grain over a photo: without any, a network can only cover flat parts with a regular mesh.

A network of convolutions makes the same of every place that looks the same. Noise tells the places
apart, as it does where a texture is made (Ulyanov et al. 2016, sec. 3); it is a function of the
place, so that a photo comes out the same every time, in tiles or whole.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from stylize_cli import noise_field
from stylize_cli.arrays import Pixels

PERIODS = (4, 8, 16)  # px, between values that are drawn: each a multiple of the first
# What values are drawn by: SeedSequence([6, period]) of numpy.random, whose import takes 12 ms.
KEYS = {4: 0x4A7831C0973A0EB1, 8: 0x3D4DED43F466900F, 16: 0xD315A5FA485D30ED}
KEPT = 4_000_000  # px, of a picture whose grain is kept for the next
STRIP = 32  # rows, interpolated at once: their values stay in the processor's cache

Positions = NDArray[np.int64]


def whole(height: int, width: int) -> Pixels:
    """The grain of a picture, (H, W), not to be changed; see `drawn`."""
    return (_kept if height * width <= KEPT else _whole)(height, width)


def _whole(height: int, width: int) -> Pixels:
    return drawn(np.arange(height), np.arange(width))


_kept = lru_cache(maxsize=1)(_whole)  # frames, and most photos of a folder, are of one size


def drawn(rows: Positions, columns: Positions) -> Pixels:
    """The grain at positions of a picture.

    Args:
        rows: (h,), from 0 up, in any order.
        columns: (w,), likewise.

    Returns:
        (h, w) around 0, of a deviation of two thirds on the average: more where values are drawn,
        less between them.
    """
    finest, *coarser = PERIODS
    spans = [_span(at, finest) for at in (rows, columns)]
    values = _values(finest, *spans)
    for period in coarser:  # linear between values of the finest: known there, known everywhere
        down, across = (finest * span for span in spans)
        known = _values(period, _span(down, period), _span(across, period))
        values += _between(known, down, across, period)
    return _between(values, rows, columns, finest)


def _span(at: Positions, period: int) -> Positions:
    """The values that positions lie between, one after the other."""
    return np.arange(at.min() // period, at.max() // period + 2)


def _values(period: int, rows: Positions, columns: Positions) -> Pixels:
    """What is drawn, in [-1, 1)."""
    places = (at.astype(np.uint64) for at in (rows, columns))
    return noise_field.uniform(np.uint64(KEYS[period]), *places) * np.float32(2) - np.float32(1)


def _between(values: Pixels, rows: Positions, columns: Positions, period: int) -> Pixels:
    """Bilinear interpolation of what is drawn for the span of all positions."""
    place, down = _place(rows, period)
    left, across = _place(columns, period)
    lines = values[place] + (values[place + 1] - values[place]) * down[:, None]
    result = np.empty((len(rows), len(columns)), np.float32)
    for start in range(0, len(rows), STRIP):
        strip = lines[start : start + STRIP]
        slope = strip[:, 1:] - strip[:, :-1]
        result[start : start + STRIP] = _taken(slope, left) * across + _taken(strip, left)
    return result


def _taken(values: Pixels, columns: Positions) -> Pixels:
    """Some columns; told that all are there, numpy takes a fifth of the time."""
    return values.take(columns, axis=1, mode="clip")


def _place(at: Positions, period: int) -> tuple[Positions, Pixels]:
    """Which of a span's values comes last before each position, and how far it is behind it."""
    first = at // period
    share = (at - period * first).astype(np.float32) / np.float32(period)
    return first - first.min(), share
