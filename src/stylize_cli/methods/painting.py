"""One photo and a generator: the size that it is given, the memory that takes, and the result."""

from collections.abc import Callable

import numpy as np

from stylize_cli import decoders, encoders, images
from stylize_cli.arrays import Pixels, Samples, size_of
from stylize_cli.engines import Engine
from stylize_cli.errors import StylizeError, too_little_memory
from stylize_cli.methods import feedforward, resampling, tile_plan, tiling
from stylize_cli.methods.tiling import Wanted

FEWEST, MOST = 2, 8  # threads that decode: pictures that wait take memory


def threads(engine: Engine) -> int:
    """How many threads decode beside the network, and as many that encode."""
    return min(max(FEWEST, engine.threads), MOST)


def needed(engine: Engine, size: tuple[int, int], batch: int = 1) -> int:
    """Bytes that pictures of (height, width) take, a batch of them at a time, from file to file."""
    outputs = size[0] * size[1] * engine.about.factor**2
    # Beside the network's own: waiting, in hand, and as they are encoded.
    pictures = 10 + 4 * threads(engine)
    waiting = pictures * 4 * np.dtype(np.float32).itemsize * outputs
    return engine.bytes_needed(size, batch) + waiting


def fit(pixels: Pixels, long_side: int | None, engine: Engine, room: int) -> Pixels:
    """A photo at the size that the network is given, None for its own.

    Raises:
        StylizeError: that takes more than the room in bytes; it says which size does not.
    """
    size = given_size(size_of(pixels), long_side)
    if needed(engine, size) > room:
        raise _refusal(engine, size, room, lambda smaller: needed(engine, smaller) <= room)
    return resampling.resized(pixels, size)


def given_size(own: tuple[int, int], long_side: int | None) -> tuple[int, int]:
    """The (height, width) at which the network is given a photo; long side None is its own."""
    size = own if long_side is None else images.fitted(own, long_side)
    return max(size[0], decoders.MIN_SIDE), max(size[1], decoders.MIN_SIDE)


def paint(
    engine: Engine, pixels: Pixels | Samples, long_side: int | None, wanted: Wanted, *, room: int
) -> tuple[Pixels | Samples, str]:
    """Paints one photo, at once where memory allows, or else tile by tile.

    Args:
        engine: runs the model.
        pixels: (H, W, 3) or with alpha (H, W, 4), floats in [0, 1] or samples.
        long_side: at which the network is given it, None for its own.
        wanted: what to make of it.
        room: bytes that all this may take.

    Returns:
        The result, floats or samples; and what the user should be told of it, or "".

    Raises:
        StylizeError: memory will not do, not even tile by tile.
    """
    size = given_size(size_of(pixels), long_side)
    if not wanted.wraps and needed(engine, size) <= room:
        photo = resampling.resized(encoders.floats(pixels), size)
        (output,) = feedforward.forward(engine, [photo], [wanted.mix], wanted.noise)
        result = feedforward.finish(
            output,
            photo,
            engine.about,
            strength=wanted.strength,
            preserve_color=wanted.preserve_color,
        )
        return result, ""
    plan = tile_plan.plan(engine, size, room, depth=wanted.depth)
    if plan is None:
        raise _refusal(
            engine,
            size,
            room,
            lambda smaller: (
                tile_plan.plan(engine, smaller, room, depth=wanted.depth) is not None
                or (not wanted.wraps and needed(engine, smaller) <= room)
            ),
        )
    return tiling.paint(engine, resampling.resampled(pixels, size), wanted, plan), plan.note


def _refusal(
    engine: Engine, size: tuple[int, int], room: int, fits: Callable[[tuple[int, int]], bool]
) -> StylizeError:
    """What is said where memory will not do: which size will."""
    long = images.longest(lambda long: fits(images.fitted(size, long)), max(size))
    fix = f"use `size` {long}" if long > 0 else "give `memory` more, or free some"
    return too_little_memory(f"{size[1]}x{size[0]} px", needed(engine, size), room, fix)
