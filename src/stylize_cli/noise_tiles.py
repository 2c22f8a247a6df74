"""Which noise a part of a texture is made of, so that any part can be computed without the rest."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 2  # positions around its own that a block of two 3×3 convolutions looks at
MAPS = 3  # of noise at every scale
STEP, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB  # of SplitMix64

Noise = NDArray[np.float32]


@dataclass(frozen=True)
class Span:
    """A stretch of one axis of a texture.

    Attributes:
        start: px.
        length: px; beyond the end the texture begins anew.
        margin: px that must be computed on either side of it, and are dropped.
    """

    start: int
    length: int
    margin: int = 0

    @property
    def computed(self) -> int:
        """Its length with both margins, px."""
        return self.length + 2 * self.margin


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


def spans(side: int, levels: int, *, most: int) -> list[Span]:
    """Cuts an axis into stretches of one length, so that one compiled network serves all.

    An axis that is short enough stays whole, and needs no margin: the network's own padding is
    circular.

    Args:
        side: of the texture, px, a multiple of 2^(K-1).
        levels: K.
        most: px to be computed at once, margins included, unless the margins alone are as long.
    """
    margin, unit = halo(levels), 2 ** (levels - 1)
    if side <= most:
        return [Span(0, side)]
    count = math.ceil(side / max(most - 2 * margin, margin))
    length = math.ceil(side / count / unit) * unit
    return [Span(start, length, margin) for start in range(0, side, length)]


def draw(
    seed: Sequence[int], levels: int, size: tuple[int, int], part: tuple[Span, Span]
) -> list[Noise]:
    """Uniform noise in [0, 1) at every scale (Ulyanov et al. 2016, sec. 3.1).

    A value depends on the seed, its scale and its position only, and wraps around at the borders.

    Args:
        seed: numbers from 0 up.
        levels: K.
        size: (H, W) of the whole texture, multiples of 2^(K-1).
        part: the rows and the columns to be computed.

    Returns:
        K arrays from coarse to fine, (1, 3, h / 2^(K-1-k), w / 2^(K-1-k)) for a part of h×w px.
    """
    arrays = []
    for level in range(levels):
        ratio = 2 ** (levels - 1 - level)
        keys = np.random.SeedSequence([*seed, level]).generate_state(MAPS, np.uint64)
        rows, columns = (
            _positions(span, side, ratio) for span, side in zip(part, size, strict=True)
        )
        arrays.append(np.stack([_uniform(key, rows, columns) for key in keys])[None])
    return arrays


def _positions(span: Span, side: int, ratio: int) -> NDArray[np.uint64]:
    first = span.start - span.margin
    positions = np.arange(first // ratio, (first + span.computed) // ratio) % (side // ratio)
    return positions.astype(np.uint64)


def _uniform(key: np.uint64, rows: NDArray[np.uint64], columns: NDArray[np.uint64]) -> Noise:
    """One map: a position's number is its place in a sequence of SplitMix64 (Steele 2014)."""
    place = (rows[:, None] << np.uint64(24)) | columns
    bits = mixed(key + place * np.uint64(STEP)) >> np.uint64(40)
    return bits.astype(np.float32) * np.float32(2**-24)


def mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's output for its states: every bit depends on every bit."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(FIRST)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(SECOND)
    return state ^ (state >> np.uint64(31))
