"""Noise as a function of its place, so that any part of a texture is computed without the rest."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stylize_cli.arrays import Pixels, Size
from stylize_cli.tiles import Stretch, Tile

BLOCK = 2  # positions around its own that a block of two 3×3 convolutions looks at
MAPS = 3  # of noise at every scale
STEP, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB  # of SplitMix64


def halo(levels: int) -> int:
    """How far away a pixel's noise may lie in a pyramid of frozen statistics.

    From fine to coarse, each level's block looks further, and half as many positions reach as far;
    at the coarsest level the branch alone looks.

    Args:
        levels: K.

    Returns:
        In px, a multiple of 2^(K-1).
    """
    reach = 0
    for _ in range(levels - 1):
        reach = math.ceil((reach + BLOCK) / 2)
    return (reach + BLOCK) << (levels - 1)


def stretches(side: int, levels: int, *, most: int) -> list[Stretch]:
    """Cuts an axis into stretches of one length, so that one compiled network serves all.

    An axis that is short enough stays whole, and needs no halo: the network's own padding is
    circular. Of others a stretch may reach below 0 and beyond the end, where the texture begins
    anew.

    Args:
        side: of the texture, px, a multiple of 2^(K-1).
        levels: K.
        most: px to be computed at once, halos included, unless the halos alone are as long.
    """
    if side <= most:
        return [Stretch.whole(side)]
    around, unit = halo(levels), 2 ** (levels - 1)
    count = math.ceil(side / max(most - 2 * around, around))
    length = math.ceil(side / count / unit) * unit
    return [
        Stretch(start, start + length, start - around, start + length + around)
        for start in range(0, side, length)
    ]


def draw(seed: Sequence[int], levels: int, size: Size, tile: Tile) -> list[Pixels]:
    """Uniform noise in [0, 1) at every scale (Ulyanov et al. 2016, sec. 3.1).

    A value depends on the seed, its scale and its position only, and wraps around at the borders.

    Args:
        seed: numbers from 0 up.
        levels: K.
        size: (H, W) of the whole texture, multiples of 2^(K-1).
        tile: the part that is computed.

    Returns:
        K arrays from coarse to fine, (1, 3, h / 2^(K-1-k), w / 2^(K-1-k)) for a tile
        whose computed positions are h×w px.
    """
    arrays = []
    for level in range(levels):
        ratio = 2 ** (levels - 1 - level)
        keys = np.random.SeedSequence([*seed, level]).generate_state(MAPS, np.uint64)
        rows, columns = (
            _positions(span, side, ratio) for span, side in zip(tile, size, strict=True)
        )
        arrays.append(np.stack([uniform(key, rows, columns) for key in keys])[None])
    return arrays


def _positions(span: Stretch, side: int, ratio: int) -> NDArray[np.uint64]:
    positions = np.arange(span.first // ratio, span.last // ratio) % (side // ratio)
    return positions.astype(np.uint64)


def uniform(key: np.uint64, rows: NDArray[np.uint64], columns: NDArray[np.uint64]) -> Pixels:
    """One map: a position's number is its place in a sequence of SplitMix64 (Steele 2014)."""
    place = (rows[:, None] << np.uint64(24)) | columns
    bits = mixed(key + place * np.uint64(STEP)) >> np.uint64(40)
    return bits.astype(np.float32) * np.float32(2**-24)


def mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's output for its states: every bit depends on every bit."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(FIRST)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(SECOND)
    return state ^ (state >> np.uint64(31))
