"""What of a picture is opaque: the rest is no part of a style.

Styles are (1, 3, H, W), or (1, 4, H, W) with alpha where something of them is transparent.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from stylize_cli import decoders, images
from stylize_cli.images import Planes

OPAQUE = 0.9  # of the most opaque position's alpha, from which on one counts
LEAST_WEIGHT = 1e-30  # that colours are divided by


def style_of(picture: Planes) -> Tensor:
    """A picture as a style: without the margins in which all is transparent, its holes filled.

    A canvas says nothing of the painting on it. What is hidden does not count, but is seen from
    beside it: so a hole has the colours that are around it, and no edge.

    Args:
        picture: of any transparency.

    Returns:
        (1, 3, H, W) RGB in [0, 1], or (1, 4, H, W) with alpha where not all of it is opaque.
    """
    if picture.alpha is None or not bool(picture.alpha.any()):
        return picture.rgb
    seen = picture.alpha[0, 0] > 0
    spans = []
    for axis, length in ((1, seen.shape[0]), (0, seen.shape[1])):
        at = seen.any(axis).nonzero()
        start = min(int(at[0]), length - decoders.MIN_SIDE)  # never thinner than a picture may be
        spans.append(slice(start, max(int(at[-1]) + 1, start + decoders.MIN_SIDE)))
    rgb, alpha = (planes[:, :, spans[0], spans[1]] for planes in (picture.rgb, picture.alpha))
    return rgb if bool((alpha == 1).all()) else torch.cat([_filled(rgb, alpha > 0), alpha], 1)


def opaque(alpha: Tensor, size: tuple[int, int]) -> Tensor:
    """Which positions of maps show what is opaque.

    Args:
        alpha: (1, 1, H, W) of the picture, in [0, 1].
        size: (height, width) of the maps.

    Returns:
        (height, width), bool: those that are nearly as opaque as the most opaque one, on the mean
        over their own pixels. So at least one is.
    """
    share = F.adaptive_avg_pool2d(alpha, size)[0, 0]
    return share >= OPAQUE * share.max()


def at(maps: Tensor, chosen: Tensor) -> Tensor:
    """Maps (1, C, h, w) at the N positions that `chosen` (h, w) says: (1, C, N, 1)."""
    return maps[..., chosen][..., None]


def opaque_part(maps: Tensor, alpha: Tensor) -> Tensor:
    """Maps (1, C, h, w) of a picture where its alpha says that they are opaque: (1, C, N, 1)."""
    return at(maps, opaque(alpha, images.size_of(maps)))


def colours(style: Tensor) -> Tensor:
    """The colours of a style's N opaque pixels, (1, 3, N, 1); all, as they lie, without alpha."""
    rgb, alpha = style[:, :3], style[:, 3:]
    return opaque_part(rgb, alpha) if alpha.shape[1] else rgb


def changed(style: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """A style in other colours: what is made of those of its opaque pixels, which alone count.

    Args:
        style: (1, 3, H, W) or (1, 4, H, W).
        change: given colours (1, 3, h, w), returns as many.
    """
    rgb, alpha = style[:, :3], style[:, 3:]
    if not alpha.shape[1]:
        return change(rgb)
    chosen, made = opaque(alpha, images.size_of(rgb)), rgb.clone()
    made[..., chosen] = change(colours(style))[..., 0]
    return torch.cat([_filled(made, chosen[None, None]), alpha], 1)


def _filled(rgb: Tensor, known: Tensor) -> Tensor:
    """Colours (1, 3, H, W) as they are where they are known (1, 1, H, W), elsewhere those around.

    What is not known is taken from the picture at half the size, and so on (Gortler et al. 1996,
    sec. 3.4, "pull-push").
    """
    weight = known.to(rgb.dtype)
    return rgb.where(known, _pulled(rgb * weight, weight))


def _pulled(rgb: Tensor, weight: Tensor) -> Tensor:
    """Colours times their weight, over it; where that is 0, those around, ever more blurred."""
    own = rgb / weight.clamp(min=LEAST_WEIGHT)
    if bool((weight > 0).all()):
        return own
    rgb, less = (F.avg_pool2d(one, 2, ceil_mode=True) for one in (rgb, weight))
    around = F.interpolate(_pulled(rgb, less), size=images.size_of(own), mode="bilinear")
    return own.where(weight > 0, around)
