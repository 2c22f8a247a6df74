"""A wider network that starts as a narrower one left off: Net2Net (Chen et al. 2016, sec. 2.3)."""

from collections.abc import Mapping

import torch
from torch import Tensor

from stylize_cli.errors import StylizeError

DISTURBANCE = 0.02  # of every weight, relative: two copies of a map must come to differ
IMAGE = 3  # maps that are never copied


def widened(
    weights: Mapping[str, Tensor], old: int, new: int, *, random: torch.Generator
) -> dict[str, Tensor]:
    """Weights of a network of other widths that computes what the given one does, but for noise.

    Every further map is a copy of one that is there, and whatever reads them gives each copy its
    share. Instance normalisation and ReLU look at every map by itself, so nothing else changes. At
    the same width all is as it was.

    Args:
        weights: of a network whose maps are multiples of its width: kernels (out, in, k, k), and γ
            and β (N, maps).
        old: its width.
        new: the width wanted, from `old` to twice that.
        random: of the copies chosen, and of the noise.

    Raises:
        StylizeError: the width wanted is narrower, or more than twice as wide.
    """
    check_width(old, new)
    disturbance = DISTURBANCE if new > old else 0.0
    copies = {
        factor * old: torch.cat(
            [
                torch.arange(factor * old),
                torch.randperm(factor * old, generator=random)[: factor * (new - old)],
            ]
        )
        for factor in (1, 2, 4)
    }

    def taken(maps: int) -> Tensor:
        return torch.arange(maps) if maps == IMAGE else copies[maps]

    wider = {}
    for name, stored in weights.items():
        weight = stored.float()
        if weight.dim() == 2:
            wider[name] = weight[:, taken(weight.shape[1])]
            continue
        out, into = (taken(maps) for maps in weight.shape[:2])
        shares = 1 / torch.bincount(into)[into]
        kernel = weight[out][:, into] * shares[:, None, None]
        noise = torch.randn(kernel.shape, generator=random)
        wider[name] = kernel * (1 + disturbance * noise)
    return wider


def check_width(old: int, new: int) -> None:
    """Raises `StylizeError` where a network of width `old` cannot become one of width `new`."""
    if not old <= new <= 2 * old:
        raise StylizeError(
            f"a network of width {old} can start one of width {old} to {2 * old}, not {new}: give "
            "another `width`, or `start` none"
        )
