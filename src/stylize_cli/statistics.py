"""What a style is known by: a statistic of feature maps, and how far two of them are apart.

Every statistic here is a mean over positions. So it is additive: that of a whole is the mean of its
parts', each weighed by how many positions it has, and nothing need be whole to have it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from stylize_cli import losses
from stylize_cli.config import StatisticName

LEAST_VARIANCE = 1e-4  # added to every map's, as a share of the target's mean square over its maps


@dataclass(frozen=True)
class Statistic:
    """One way to tell styles apart.

    Attributes:
        of: feature maps (B, C, H, W) -> what is known of them, (B, …), float32 or wider.
        distance: of such (B, …) from a target of the same shape or (1, …) -> (B,), 0 where equal.
        scale: target (B, …) -> (B,), its distance from maps that are 0 everywhere.
    """

    of: Callable[[Tensor], Tensor]
    distance: Callable[[Tensor, Tensor], Tensor]
    scale: Callable[[Tensor], Tensor]


def gram_distance(gram: Tensor, target: Tensor) -> Tensor:
    """Mean square of G - A, the notes' E_l (Gatys et al. 2016, eq. 4, without its factor 1/4).

    Args:
        gram: (B, C, C), from `losses.gram_matrix`.
        target: (B, C, C) or (1, C, C).

    Returns:
        (B,).
    """
    return (gram - target).square().mean((1, 2))


def gram_scale(target: Tensor) -> Tensor:
    """Mean square of Gram matrices (B, C, C): (B,)."""
    return target.square().mean((1, 2))


def gaussian_distance(moments: Tensor, target: Tensor) -> Tensor:
    """Squared Wasserstein-2 distance of the Gaussians of such moments, over the number of maps.

    ‖μ - μ̂‖² + tr(Σ + Σ̂ - 2(Σ^½ Σ̂ Σ^½)^½) (Dowson & Landau 1982). With Σ̂ = L·Lᵀ the last trace is
    that of the roots of the eigenvalues of LᵀΣL, whose gradient is finite and costs no more than
    they do. Newton-Schulz iterations in float32 are slower on a processor and far from converged:
    after twelve, the distance of a real style from itself is a sixth of that from a photo.

    Args:
        moments: (B, C, C + 1), from `losses.moments`.
        target: (B, C, C + 1) or (1, C, C + 1); not differentiated.

    Returns:
        (B,), in the type of the moments.
    """
    # In float64, because LᵀΣL has the squares of the covariances' ratios; so not on every device.
    x, y = (values.to("cpu", torch.float64) for values in (moments, target.detach()))
    least = LEAST_VARIANCE * gaussian_scale(y)[:, None, None] + torch.finfo(torch.float32).tiny
    ridge = least * torch.eye(x.shape[1], dtype=x.dtype)
    covariance, wanted = (_covariance(values) + ridge for values in (x, y))
    factor = torch.linalg.cholesky(wanted)
    # Half of it and of its transpose: rounding must not leave it askew.
    product = factor.mT @ covariance @ factor
    common = torch.linalg.eigvalsh((product + product.mT) / 2)
    roots = common.clamp(min=torch.finfo(torch.float32).tiny ** 2).sqrt().sum(-1)
    means = (x[..., -1] - y[..., -1]).square().sum(-1)
    distance: Tensor = means + _trace(covariance) + _trace(wanted) - 2 * roots
    return (distance / x.shape[1]).to(moments.device, moments.dtype)


def gaussian_scale(target: Tensor) -> Tensor:
    """Mean square of the maps that moments (B, C, C + 1) are of: (B,)."""
    return _trace(target[..., :-1]) / target.shape[1]


def _covariance(moments: Tensor) -> Tensor:
    mean = moments[..., -1:]
    return moments[..., :-1] - mean * mean.mT


def _trace(matrices: Tensor) -> Tensor:
    return matrices.diagonal(dim1=-2, dim2=-1).sum(-1)


STATISTICS: Mapping[StatisticName, Statistic] = {
    "gram": Statistic(losses.gram_matrix, gram_distance, gram_scale),
    "gaussian": Statistic(losses.moments, gaussian_distance, gaussian_scale),
}
