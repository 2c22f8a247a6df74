"""Textures that a network makes of noise."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from stylize_cli import encoders
from stylize_cli.api.options import SEED, Ranges, check_ranges
from stylize_cli.api.picture import Picture, of_pixels
from stylize_cli.arrays import Size
from stylize_cli.config import MOST
from stylize_cli.encoders import Depth, Format
from stylize_cli.methods import texture
from stylize_cli.progress import OnStep, Step, ignore

if TYPE_CHECKING:
    from stylize_cli.api.network import Network

RANGES: Ranges = {"size": (2, MOST), "seed": SEED}


def sides(size: int | Sequence[int]) -> Size:
    """(height, width) of a size: of both sides, or (width, height).

    Raises:
        TypeError: it is neither.
    """
    pair = size if isinstance(size, Sequence) else (size, size)
    if isinstance(size, str) or len(pair) != 2:
        raise TypeError(f"`size` takes px, or (width, height), not {size!r}")
    width, height = pair
    return height, width


def make(
    network: "Network",
    size: Size,
    *,
    seed: int = 0,
    count: int = 1,
    depth: Depth = 8,
    format: Format = "PNG",
    on_step: OnStep = ignore,
) -> Iterator[Picture]:
    """Makes textures of noise, one after the other; memory is checked before the first.

    Args:
        network: of textures.
        size: (height, width) of each, px.
        seed: of the noise of all.
        count: how many.
        depth: bits a channel.
        format: that they will be saved in.
        on_step: told of every tile.

    Raises:
        StylizeError: the network works on photos, an option will not do, the format holds no such
            size, or memory will not do.
    """
    for side in size:
        check_ranges({"size": side, "seed": seed}, RANGES)
    encoders.check_depth(format, depth)
    texture.check(network.engine, size, format, depth=depth, room=network.room)

    def made(index: int) -> Picture:
        for now in texture.generate(network.engine, size, seed, index, depth=depth):
            on_step(Step("Making a texture", now.done, now.tiles))
        return of_pixels(now.samples)

    return map(made, range(count))
