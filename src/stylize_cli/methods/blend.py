"""Mixtures of the styles that one network has learned (Dumoulin et al. 2017)."""

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from stylize_cli.arrays import Pixels, size_of
from stylize_cli.engines import About, Engine
from stylize_cli.errors import StylizeError
from stylize_cli.methods import apply, feedforward

GAP = 4  # px of white between the cells of a grid

Weights = NDArray[np.float64]  # (mixtures, styles), convex: from 0 up, each row sums to 1


def shares(weights: Sequence[float]) -> Weights:
    """One mixture (1, K): the weights of K styles made to sum to 1.

    Raises:
        StylizeError: one is negative or no number, or all are 0.
    """
    total = sum(weights)
    if not all(weight >= 0 for weight in weights) or total == math.inf:
        given = ", ".join(f"{weight:g}" for weight in weights)
        raise StylizeError(f"weights of styles must be finite numbers from 0 up, not {given}")
    if not total:
        raise StylizeError("no style has a weight: give one of them more than 0")
    return np.array([[weight / total for weight in weights]])


def strip(steps: int) -> Weights:
    """Mixtures (steps, 2), evenly spaced from the first style to the second."""
    second = np.arange(steps) / (steps - 1)
    return np.stack([1 - second, second], axis=1)


def grid(steps: int) -> Weights:
    """Bilinear mixtures (steps², 4) of four corners, row by row.

    The styles are at the top left, top right, bottom left and bottom right.
    """
    line = strip(steps)
    weights: Weights = np.einsum("ya,xb->yxab", line, line).reshape(-1, 4)
    return weights


def blend(
    engine: Engine,
    photo: Pixels,
    styles: Sequence[str],
    weights: Weights,
    *,
    strength: float = 1.0,
    preserve_color: bool = False,
    room: int,
) -> Iterator[Pixels]:
    """Paints a photo in mixtures of styles, a few of them at a time.

    A mixture is one row of γ = Σ w_s γ_s and β = Σ w_s β_s in every layer, not one of pictures.

    Args:
        engine: runs a model of many styles.
        photo: (H, W, 3) or with alpha (H, W, 4), in [0, 1].
        styles: names of K of the model's styles; one that comes twice has both weights.
        weights: (M, K).
        strength: share of the result in the mixture with the photo, in [0, 1].
        preserve_color: keep the photo's colours.
        room: bytes that all this may take.

    Yields:
        For each mixture (H, W, C) in [0, 1].
    """
    wanted = mixes(engine.about, styles, weights)
    step = apply.batch_size(engine, room, size_of(photo))
    for start in range(0, len(wanted), step):
        batch = wanted[start : start + step]
        for output in feedforward.forward(engine, [photo] * len(batch), batch):
            yield feedforward.finish(
                output, photo, engine.about, strength=strength, preserve_color=preserve_color
            )


def mixes(about: About, styles: Sequence[str], weights: Weights) -> list[Pixels]:
    """What the network is given: (N,) of all its styles for each mixture."""
    chosen = np.stack([feedforward.one_style(about, style) for style in styles])
    return list((weights @ chosen).astype(np.float32))


def tiled(cells: Iterable[Pixels], size: tuple[int, int], *, columns: int) -> Pixels:
    """Lays out a square table of pictures row by row, a small white gap between them.

    Args:
        cells: columns² pictures (H, W, 3), not all in memory at once.
        size: (H, W) of each.
        columns: of the table, and rows.

    Returns:
        (H', W', 3).
    """
    height, width = size[0] + GAP, size[1] + GAP
    sheet = np.ones((columns * height - GAP, columns * width - GAP, 3), np.float32)
    for index, cell in enumerate(cells):
        top, left = index // columns * height, index % columns * width
        sheet[top : top + size[0], left : left + size[1]] = cell
    return sheet
