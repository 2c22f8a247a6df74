"""Keeping one picture's colours in another (Gatys et al. 2016, arXiv:1606.05897)."""

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from stylize_cli.arrays import Pixels, Values
from stylize_cli.config import LUMINANCE

if TYPE_CHECKING:
    from torch import Tensor

TINT = 1.5 / 255  # most by which the channels of a grey picture differ: it may be a JPEG in RGB
SPREAD = 1e-3  # variance below which a photo's colours are not spread to those of a painting
QUANTILES = 1025  # that describe the distribution of a channel
FLOOR = 1e-5  # least variance divided by, less than one of 255 levels: a grey image has none

Image = TypeVar("Image", "Tensor", Pixels)


def luminance(image: Image) -> Image:
    """Y of YIQ.

    Args:
        image: (B, 3, H, W) RGB in [0, 1], a tensor or an array.

    Returns:
        (B, 1, H, W) in [0, 1].
    """
    red, green, blue = (image[:, channel : channel + 1] for channel in range(3))
    y: Image = red * LUMINANCE[0] + green * LUMINANCE[1] + blue * LUMINANCE[2]
    return y


def with_luminance(image: Image, source: Image) -> Image:
    """The colours of `image` with the luminance of `source` (ibid., sec. 3.2).

    Y, I and Q are linear in RGB, so that changing Y alone adds its difference to every channel.

    Args:
        image: (B, 3, H, W) RGB in [0, 1], a tensor or an array.
        source: the same shape.

    Returns:
        (B, 3, H, W), clamped to [0, 1].
    """
    return (image + luminance(source) - luminance(image)).clip(0, 1)


def is_grey(image: Image) -> bool:
    """Whether a picture (B, 3, H, W) in [0, 1] has no colours."""
    red, green, blue = (image[:, channel] for channel in range(3))
    pairs = ((red, green), (green, blue), (blue, red))
    return all(float(abs(one - other).max()) <= TINT for one, other in pairs)


def greyed(image: Image) -> Image:
    """Three equal channels, the luminance of (B, 3, H, W) RGB in [0, 1]."""
    black = image - image
    return with_luminance(black, image)


def match_histogram(image: Pixels, target: Pixels) -> Pixels:
    """The image with the distribution of every channel of the target's.

    Args:
        image: (H, W, 3).
        target: (H', W', 3).

    Returns:
        (H, W, 3).
    """
    at = np.linspace(0, 1, QUANTILES)
    matched = np.empty_like(image)
    for channel in range(3):
        own, wanted = (np.quantile(pixels[..., channel], at) for pixels in (image, target))
        matched[..., channel] = np.interp(image[..., channel], *curve(own, wanted))
    return matched


def curve(own: NDArray[Any], wanted: NDArray[Any]) -> tuple[Values, Values]:
    """What gives values the distribution of others, from the quantiles of both.

    Returns:
        Values, increasing, and what each becomes; values between them go between.
    """
    # Values that many pixels share get the mean of their share, not its end.
    levels, where = np.unique(own, return_inverse=True)
    return levels, np.bincount(where, wanted) / np.bincount(where)


def counted_quantiles(counts: NDArray[np.int64]) -> Values:
    """Quantiles of values in [0, 1], of which it is known how often each of K levels comes.

    Args:
        counts: (K,), from 0 to 1.
    """
    rank = np.linspace(0, 1, QUANTILES) * (counts.sum() - 1)
    below, above = (
        np.searchsorted(counts.cumsum(), place, side="right") / (len(counts) - 1)
        for place in (np.floor(rank), np.ceil(rank))
    )
    quantiles: Values = below + (rank % 1) * (above - below)
    return quantiles


def match_luminance(image: "Tensor", target: "Tensor") -> "Tensor":
    """`image` as grey, with the mean and deviation of the target's luminance (ibid., eq. 5).

    Args:
        image: (1, 3, H, W) RGB in [0, 1].
        target: (1, 3, H', W').

    Returns:
        (1, 3, H, W) in [0, 1], three equal channels.
    """
    y, wanted = luminance(image), luminance(target)
    scale = wanted.std(correction=0) / y.std(correction=0).clamp(min=FLOOR**0.5)
    return ((y - y.mean()) * scale + wanted.mean()).clamp(0, 1).expand_as(image)


def match_covariance(image: "Tensor", target: "Tensor", least: float = FLOOR) -> "Tensor":
    """`image` with the mean and covariance of the target's colours (ibid., sec. 3.1).

    Args:
        image: (B, 3, H, W) RGB in [0, 1].
        target: (B, 3, H', W').
        least: see `in_palette`.

    Returns:
        (B, 3, H, W), clamped to [0, 1].
    """
    return in_palette(image, palette(target), least)


def palette(image: "Tensor") -> "Tensor":
    """Mean and covariance of a picture's colours.

    Args:
        image: (B, 3, H, W) RGB in [0, 1].

    Returns:
        (B, 3, 4) float64 on the CPU: the covariance, and in the last column the mean.
    """
    return _palette(_pixels(image))


def _palette(pixels: "Tensor") -> "Tensor":
    """`palette` of what `_pixels` returns."""
    import torch  # noqa: PLC0415 - what runs a compiled model needs the rest, and not torch

    mean = pixels.mean(dim=2, keepdim=True)
    centred = pixels - mean
    return torch.cat([centred @ centred.mT / pixels.shape[2], mean], dim=2).cpu()


def _pixels(image: "Tensor") -> "Tensor":
    """(B, 3, H, W) -> (B, 3, H·W) float64, on the CPU where the device has no such numbers."""
    return (image.cpu() if image.device.type == "mps" else image).flatten(2).double()


def in_palette(image: "Tensor", wanted: "Tensor", least: float) -> "Tensor":
    """A picture with another mean and covariance of its colours.

    Of all linear maps that do so, the one that moves the colours least (Pitié, Kokaram 2007, "The
    linear Monge-Kantorovitch colour mapping", sec. 4): light stays light. Grey and flat pictures
    work, since variances have a floor.

    Args:
        image: (B, 3, H, W) RGB in [0, 1].
        wanted: (B, 3, 4), what `palette` returns.
        least: variance in [0, 1] that the picture's is taken for where it is less, in any direction
            of RGB; so the noise of a nearly grey one does not become colour.

    Returns:
        (B, 3, H, W), clamped to [0, 1].
    """
    import torch  # noqa: PLC0415 - as above

    pixels = _pixels(image)
    (own, mean), (aim, wanted_mean) = (
        (colours[..., :3], colours[..., 3:]) for colours in (_palette(pixels), wanted)
    )
    root, inverse = _power(own, 0.5, least), _power(own, -0.5, least)
    matrix = inverse @ _power(root @ aim @ root, 0.5, 0.0) @ inverse
    # One copy of both: pixels move by a matrix and a shift.
    move = torch.cat([matrix, wanted_mean - matrix @ mean], dim=2).to(pixels.device)
    moved = move[..., :3] @ pixels + move[..., 3:]
    return moved.view(image.shape).to(image).clamp(0, 1)


def _power(covariance: "Tensor", exponent: float, least: float) -> "Tensor":
    """A power of symmetric positive semidefinite matrices (B, 3, 3), their eigenvalues floored."""
    import torch  # noqa: PLC0415 - as above

    values, vectors = torch.linalg.eigh(covariance)
    power: Tensor = vectors @ torch.diag_embed(values.clamp(min=least) ** exponent) @ vectors.mT
    return power
