"""A gradient's way down through VGG, layer by layer, without autograd.

VGG is frozen. So the gradient of a convolution needs its weights alone, that of a ReLU the signs of
its maps, and the maps themselves are held of those layers only that a loss looks at.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from stylize_cli import signs
from stylize_cli.descriptors import Descriptor
from stylize_cli.signs import Signs


@dataclass(frozen=True)
class Step:
    """What a layer leaves on the way up for the way down.

    Attributes:
        layer: its name.
        ratio: positions, below one of its own, of what the first of its stage was given.
        given: (B, C, H, W) of what it was given.
        shape: (B, C, H, W) of its maps.
        maps: its maps, where these are kept.
        signs: where it let values through: a ReLU those above zero, max pooling the largest of each
            window. None where the maps tell, and of average pooling.
    """

    layer: str
    ratio: int
    given: torch.Size
    shape: torch.Size
    maps: Tensor | None
    signs: Signs | None


class Climb(NamedTuple):
    """A layer's part of the way up.

    Attributes:
        layer: its name.
        ratio: see `Step`.
        below: (B, C, H, W) that it was given.
        maps: (B, C, H, W) that it made of them.
    """

    layer: str
    ratio: int
    below: Tensor
    maps: Tensor


def climb(describe: Descriptor, stage: Sequence[str], x: Tensor) -> Iterator[Climb]:
    """Layers one after the other.

    Args:
        describe: their network.
        stage: their names, each on top of the one before.
        x: RGB (B, 3, H, W) in [0, 1] for the network's first layer; maps for others.
    """
    if "relu1_1" in stage:
        x = describe.normalised(x)
    ratio = 1
    for layer in stage:
        below, x = x, describe.layer(x, layer)
        ratio *= 2 if layer.startswith("pool") else 1
        yield Climb(layer, ratio, below, x)


def step(describe: Descriptor, climbed: Climb, *, keeps: bool) -> Step:
    """What a layer leaves on its way up: its maps if they are to be kept, or else their signs."""
    layer, ratio, below, maps = climbed
    passed: Signs | None = None
    if not layer.startswith("pool"):
        passed = None if keeps else signs.packed(maps > 0)
    elif describe.pool == "max":
        passed = signs.packed(_largest(describe, below))
    return Step(layer, ratio, below.shape, maps.shape, maps if keeps else None, passed)


def descend(
    describe: Descriptor,
    steps: list[Step],
    gradient: Tensor | None,
    own: Callable[[Step], Tensor | None],
) -> Tensor | None:
    """The gradient by what a stage was given, in its values; None where there is none.

    Args:
        describe: the stage's network.
        steps: of its layers, the lowest first; they are taken away.
        gradient: by the last one's maps, of what looks at layers above; None where nothing does.
        own: says the gradient of a loss by the maps of a layer that has kept them, if there is any.
    """
    while steps:
        step = steps.pop()
        added = own(step)
        if added is not None:
            gradient = added if gradient is None else gradient.add_(added)
        if gradient is not None:
            gradient = down(describe, step, gradient)
            if step.layer == "relu1_1":
                gradient = gradient.to(torch.promote_types(gradient.dtype, torch.float32))
                gradient = gradient * describe.scale
    return gradient


def down(describe: Descriptor, step: Step, gradient: Tensor) -> Tensor:
    """The gradient by what a layer was given, of that by its maps.

    Args:
        describe: the layer's network.
        step: what the layer left.
        gradient: (B, C, H, W), shaped like its maps; it is overwritten.
    """
    if step.layer.startswith("pool"):
        return _through_pool(describe, step, gradient)
    name = step.layer.removeprefix("relu")
    if step.maps is not None:
        passed = step.maps > 0
    else:
        assert step.signs is not None
        passed = signs.unpacked(step.signs)
    weight = describe.get_buffer(f"weight{name}")
    return F.conv_transpose2d(gradient.masked_fill_(passed.logical_not_(), 0), weight, padding=1)


def _through_pool(describe: Descriptor, step: Step, gradient: Tensor) -> Tensor:
    """A window's gradient to the largest of its values, or in equal parts to all of them."""
    sides = step.given[2:]
    if not step.signs:
        gradient = gradient / 4
        for dim, side in zip((2, 3), sides, strict=True):
            if side % 2 and describe.edges == "clean":  # whose last window has half of the values
                gradient.narrow(dim, -1, 1).mul_(2)
    below = F.interpolate(gradient, scale_factor=2.0)
    if below.shape[2:] != sides:
        below = F.pad(below, (0, sides[1] - below.shape[3], 0, sides[0] - below.shape[2]))
    return below.masked_fill_(signs.unpacked(step.signs).logical_not_(), 0) if step.signs else below


def _largest(describe: Descriptor, maps: Tensor) -> Tensor:
    """Where max pooling takes its values from, one a window: booleans (B, C, H, W)."""
    _, places = F.max_pool2d(maps, 2, ceil_mode=describe.edges == "clean", return_indices=True)
    flat = torch.zeros(maps.shape, dtype=torch.bool, device=maps.device).flatten(2)
    return flat.scatter_(2, places.flatten(2), value=True).view(maps.shape)
