"""A picture seen pane by pane: all of VGG's layers at once, where what is wanted needs them all.

A loss of each place by itself needs one pass alone, forwards and back, but halos as wide as all
that the network sees. `descriptor_tiles` has narrow halos and two passes, for what is known of the
whole.
"""

from collections.abc import Collection, Sequence
from typing import Any

from torch import Tensor

from stylize_cli import descriptors, stages, tiles, vgg
from stylize_cli.descriptors import MARGIN, Descriptor, Place, Use
from stylize_cli.tiles import Tile


def cut(
    describe: Descriptor, size: tuple[int, int], layers: Sequence[str], most: int
) -> list[Tile]:
    """Panes of a picture, whose starts are whole positions of every layer.

    Args:
        describe: with clean edges.
        size: (height, width) of the picture, which has more than `MARGIN` px a side.
        layers: that are looked at.
        most: px of a pane to be computed at once, as nearly as the halos allow.
    """
    (stage,) = stages.cut(layers, describe.source, ())
    unit = unit_of(layers)
    return tiles.grid(size, most=most, halo=stages.halo(stage) + unit, unit=unit)


def unit_of(layers: Collection[str]) -> int:
    """Px a side of a position of the deepest layer."""
    return vgg.least_side(layers)


def source(pane: Tile, size: tuple[int, int]) -> Place:
    """What of a framed picture is computed for a pane of a picture of (height, width)."""
    rows, columns = (
        slice(
            one.first + (MARGIN if one.first else 0),
            one.last + (2 * MARGIN if one.last == side else MARGIN),
        )
        for one, side in zip(pane, size, strict=True)
    )
    return rows, columns


def shown(pane: Tile, size: tuple[int, int], unit: int) -> Place:
    """What of a picture a pane's maps are of: its own part, and a position around that."""
    rows, columns = (
        slice(max(0, one.start - unit), min(side, one.stop + unit))
        for one, side in zip(pane, size, strict=True)
    )
    return rows, columns


def look(
    describe: Descriptor,
    x: Tensor,
    pane: Tile,
    size: tuple[int, int],
    layers: Collection[str],
    use: Use[Any],
) -> dict[str, Any]:
    """What is made of a pane's maps.

    Args:
        describe: see `cut`.
        x: what `source` says of the framed picture, (1, 3, h, w) RGB in [0, 1].
        pane: which.
        size: (height, width) of the picture.
        layers: names, from the image up.
        use: called with a layer's name and its maps (1, C, h, w) over what is `shown`.
    """
    seen, place = shown(pane, size, unit_of(layers)), source(pane, size)
    offsets = [one.start + MARGIN - whole.start for one, whole in zip(seen, place, strict=True)]
    found, ratio = {}, 1
    (stage,) = stages.cut(layers, describe.source, ())
    x = describe.normalised(x)
    for layer in stage:
        x = describe.layer(x, layer)
        ratio *= 2 if layer.startswith("pool") else 1
        if layer in layers:
            rows, columns = (
                slice(offset // ratio, offset // ratio - (span.start - span.stop) // ratio)
                for offset, span in zip(offsets, seen, strict=True)
            )
            found[layer] = use(layer, descriptors.part(x, (rows, columns)))
    return found
