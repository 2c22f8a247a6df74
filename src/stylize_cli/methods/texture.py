"""Textures of any size from a trained pyramid, tile by tile, on numpy arrays."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from stylize_cli import encoders, images, noise_field
from stylize_cli.arrays import Samples, Size
from stylize_cli.encoders import Depth, Format
from stylize_cli.engines import About, Engine
from stylize_cli.errors import StylizeError, too_little_memory
from stylize_cli.methods import feedforward
from stylize_cli.tiles import Stretch

TILE = 1024  # px, most that is computed at once a side
# Copies of a texture's samples that are alive while it is encoded, itself included; measured.
COPIES: Mapping[Format, int] = {"PNG": 4, "JPEG": 4, "TIFF": 3, "WEBP": 12}


@dataclass(frozen=True)
class Drawn:
    """A texture in the making.

    Attributes:
        samples: (H, W, 3), sRGB; what is still to come is black.
        done: tiles that are there.
        tiles: of the whole.
    """

    samples: Samples
    done: int
    tiles: int


def check(engine: Engine, size: Size, format: Format, *, depth: Depth, room: int) -> None:
    """Refuses what could not be made.

    Args:
        engine: runs the model.
        size: of the texture.
        format: of its file.
        depth: bits a channel.
        room: bytes that it may take.

    Raises:
        StylizeError: the model works on photos, the format holds no such size, or memory will not
            do.
    """
    if engine.about.takes_photo:
        raise StylizeError("the model works on photos: use stylize apply")
    encoders.check_side(format, max(size))
    need = needed(engine, size, format, depth=depth)
    if need <= room:
        return
    long, fits = max(size), size
    while long and needed(engine, fits, format, depth=depth) > room:
        long = long * 15 // 256 * 16  # a sixteenth less, and a multiple of 16
        fits = images.fitted(size, long)
    fix = f"use `size` {fits[1]}x{fits[0]}" if long else "give `memory` more, or free some"
    raise too_little_memory(f"{size[1]}x{size[0]} px", need, room, fix)


def needed(engine: Engine, size: Size, format: Format, *, depth: Depth) -> int:
    """Bytes that a texture takes: one tile at a time, and its samples as they are encoded."""
    rows, columns = _stretches(engine.about, size, TILE)
    samples = 3 * size[0] * size[1] * depth // 8
    return engine.bytes_needed((rows[0].width, columns[0].width)) + COPIES[format] * samples


def tileable(size: Size, about: About) -> tuple[Size, Size]:
    """The nearest sizes from below and from above whose copies join without a seam."""
    unit = about.multiple
    height, width = size
    below = max(unit, height - height % unit), max(unit, width - width % unit)
    return below, _filled(size, about)


def generate(
    engine: Engine, size: Size, seed: int, index: int = 0, *, depth: Depth = 8, tile: int = TILE
) -> Iterator[Drawn]:
    """Makes a texture of noise.

    Its opposite borders fit each other where both sides are multiples of 2^(K-1); any other size is
    cut out of the next larger one. Tiles change nothing but rounding.

    Args:
        engine: runs the model.
        size: of the texture.
        seed: of the noise.
        index: of the texture among those of that seed.
        depth: bits a channel.
        tile: px, most to be computed at once a side.

    Yields:
        After every tile.
    """
    about = engine.about
    whole, levels = _filled(size, about), about.noise_levels
    shape = (*size, 3)
    samples = np.zeros(shape, np.uint8) if depth == 8 else np.zeros(shape, np.uint16)
    parts = list(product(*_stretches(about, size, tile)))
    for done, (rows, columns) in enumerate(parts, 1):
        noise = noise_field.draw((seed, index), levels, whole, (rows, columns))
        output = feedforward.clipped(engine.run(*noise))
        place = samples[rows.start : rows.stop, columns.start : columns.stop]
        halo = rows.start - rows.first, columns.start - columns.first
        inner = output[0, :, halo[0] :, halo[1] :].transpose(1, 2, 0)
        place[:] = encoders.quantised(inner[: place.shape[0], : place.shape[1]], depth)
        yield Drawn(samples, done, len(parts))


def _filled(size: Size, about: About) -> Size:
    """The size with both sides filled up to multiples of what the network can make."""
    height, width = (side + -side % about.multiple for side in size)
    return height, width


def _stretches(about: About, size: Size, tile: int) -> tuple[list[Stretch], list[Stretch]]:
    rows, columns = (
        noise_field.stretches(side, about.noise_levels, most=tile) for side in _filled(size, about)
    )
    return rows, columns
