"""Losses as pure functions: targets are arguments, layer weights belong to the caller.

Every Gram matrix is divided by its own H·W, so that style and result may differ in size; with that
one convention the same two functions serve all four methods, and what remains of their differences
is a weight per layer (Gatys et al. 2016, eq. 3-5; Johnson et al. 2016, sec. 3.2).
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from stylize_cli import devices, ranks
from stylize_cli.config import LUMINANCE

LEAST_NORM = 1e-8  # added to the norm that a gradient is divided by
FARTHEST = 3.0  # logit of a value of 0.95: white, and still with a gradient
PRECISION = 1e-7  # of values near 1, as float32 has them
CELL = 8  # px, side of the squares whose light and dark a network keeps
FLAT = 1e-8  # mean square of a luminance that hardly varies


def gram_matrix(features: Tensor) -> Tensor:
    """Gram matrix of feature maps, divided by H·W (Gatys et al. 2016, eq. 3).

    Its backward returns a gradient in the channels-last layout of the features, which spares the
    convolution below it a copy of every map: at 512 px that is half of an iteration's time.

    Args:
        features: (B, C, H, W), any floating type.

    Returns:
        (B, C, C), float32 (float64 for float64 features). It can be differentiated once.
    """
    gram: Tensor = _Gram.apply(features)
    return gram


class _Gram(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:  # noqa: ANN401 - torch's own signature
        ctx.save_for_backward(features)
        rows = _rows(features)
        gram = _products(rows)
        return gram.to(torch.promote_types(gram.dtype, torch.float32)) / rows.shape[1]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # noqa: ANN401
        (features,) = ctx.saved_tensors
        rows = _rows(features)
        return _maps(rows @ ((grad + grad.mT) / rows.shape[1]).to(rows.dtype), features)


def moments(features: Tensor) -> Tensor:
    """First and second moments of feature vectors over all positions, with the Gram's backward.

    Args:
        features: (B, C, H, W), any floating type.

    Returns:
        (B, C, C + 1), float32 (float64 for float64 features): the means of f·fᵀ, which are the Gram
        matrix, and in the last column those of f. It can be differentiated once.
    """
    found: Tensor = _Moments.apply(features)
    return found


class _Moments(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(features)
        # Wide first: a covariance is what is left of a second moment, whose rounding would show.
        rows = _rows(features)
        rows = rows.to(torch.promote_types(rows.dtype, torch.float32))
        return torch.cat([_products(rows) / rows.shape[1], rows.mean(1)[..., None]], dim=-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # noqa: ANN401
        (features,) = ctx.saved_tensors
        rows = _rows(features)
        grad = grad / rows.shape[1]
        second, first = grad[..., :-1], grad[..., -1]
        second, first = (second + second.mT).to(rows.dtype), first[:, None].to(rows.dtype)
        return _maps(torch.baddbmm(first, rows, second), features)


def normalised_gradient(features: Tensor, weight: float) -> Tensor:
    """The features as they are, whose gradient is replaced by one of L1 norm `weight`.

    So every layer pulls as hard as the others, however far it is from its target (Ulyanov et al.
    2016, released code). The loss itself is not changed by it.

    Args:
        features: (B, C, H, W); the norm is over the whole batch, also where other processes have
            parts of it.
        weight: L1 norm of the gradient.
    """
    same: Tensor = _NormalisedGradient.apply(features, weight)
    return same


class _NormalisedGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: float) -> Tensor:  # noqa: ANN401
        ctx.weight = weight
        return features.view_as(features)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        norm = grad.abs().sum(dtype=torch.promote_types(grad.dtype, torch.float32))
        norm = ranks.summed(norm)
        return grad * (ctx.weight / (norm + LEAST_NORM)).to(grad.dtype), None


def _rows(features: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H·W, C); a view where the features are channels-last."""
    return features.permute(0, 2, 3, 1).flatten(1, 2)


def _maps(rows: Tensor, like: Tensor) -> Tensor:
    """(B, H·W, C) -> (B, C, H, W), channels-last, for the H and W of `like`."""
    batch, channels, height, width = like.shape
    return rows.view(batch, height, width, channels).permute(0, 3, 1, 2)


def _products(rows: Tensor) -> Tensor:
    """(B, H·W, C) -> (B, C, C), sums over positions.

    On a processor one by one: a batched product first copies the transposed maps there, and takes
    five times as long for the largest of them.
    """
    if devices.at_once(rows):
        return rows.mT @ rows
    return torch.stack([one.T @ one for one in rows])


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Mean square of F - P (course notes, eq. 1.3 as corrected in docs/methods.md).

    Args:
        features: (B, C, H, W) of the result, any floating type.
        target: the same shape, of the content image.

    Returns:
        Scalar, float32 or wider.
    """
    # Only the mean is widened: autograd would keep a float32 copy of bfloat16 maps.
    square: Tensor = (features - target).square()
    return square.mean(dtype=torch.promote_types(square.dtype, torch.float32))


def total_variation(image: Tensor) -> Tensor:
    """Half the sum of squared differences of neighbouring pixels (Johnson et al. 2016, sec. 3.2).

    Args:
        image: (B, 3, H, W) in [0, 1].

    Returns:
        Scalar ½Σ(dx² + dy²), summed over images, channels and pixels.
    """
    return total_variations(image).sum()


def total_variations(image: Tensor) -> Tensor:
    """`total_variation` of each image by itself, (B, 3, H, W) -> (B,)."""
    rows = (image[..., 1:, :] - image[..., :-1, :]).square().sum((1, 2, 3))
    columns = (image[..., 1:] - image[..., :-1]).square().sum((1, 2, 3))
    half: Tensor = 0.5 * (rows + columns)
    return half


def total_variation_gradient(image: Tensor) -> Tensor:
    """The gradient of `total_variation`, in a third of the memory that autograd takes for it.

    Args:
        image: (B, 3, H, W) in [0, 1].

    Returns:
        The same shape: each value's differences from its neighbours, added up.
    """
    gradient = torch.zeros_like(image)
    for dim in (2, 3):
        steps, count = image.diff(dim=dim), image.shape[dim] - 1
        gradient.narrow(dim, 1, count).add_(steps)
        gradient.narrow(dim, 0, count).sub_(steps)
    return gradient


def tonal_layout(image: Tensor, photo: Tensor, cell: int = CELL) -> Tensor:
    """How unlike the places of light and dark are: 1 - r of the luminance, cell by cell.

    A style loss does not care where a picture is bright. A network of instance normalisations uses
    that, and draws halos around things, glows in skies and vignettes; a correlation forbids them,
    and leaves the painter's own brightness, contrast and strokes smaller than a cell alone.

    Args:
        image: (B, 3, H, W) RGB in [0, 1], sides of at least a cell.
        photo: the same shape.
        cell: side of the squares whose mean counts, px.

    Returns:
        (B,) in [0, 2], 0 where one is the other but for brightness and contrast; about 1 where
        either has no light and dark at all.
    """
    one, other = _tones(image, cell), _tones(photo, cell)
    norms = one.norm(dim=1) * other.norm(dim=1)
    correlation: Tensor = (one * other).sum(1) / (norms + FLAT * one.shape[1])
    return 1 - correlation


def alternation(image: Tensor) -> Tensor:
    """How much neighbouring pixels take turns, lighter and darker, along rows and columns.

    Each pixel is held against the mean of the two beside it, and what is found once more: of a wave
    of 2 px all is seen, of one of 4 px a quarter, of what is smooth nothing.

    Args:
        image: (B, 3, H, W), sides of at least 5 px.

    Returns:
        (B,) mean squares over the values, those along rows and along columns added up.
    """
    found = image.new_zeros(len(image))
    for dim in (2, 3):
        waves = image.diff(n=4, dim=dim) / 16  # (-1, 1) four times: 16 of a wave of 2 px
        found = found + waves.square().mean((1, 2, 3))
    return found


def _tones(image: Tensor, cell: int) -> Tensor:
    """(B, 3, H, W) -> (B, cells) mean luminances less their mean."""
    weights = devices.sent(torch.tensor(LUMINANCE, dtype=image.dtype), image.device)
    luminance = (image * weights.view(1, 3, 1, 1)).sum(1, keepdim=True)
    cells = F.avg_pool2d(luminance, cell).flatten(1)
    return cells - cells.mean(1, keepdim=True)


def out_of_range(image: Tensor, lowest: Tensor, highest: Tensor) -> Tensor:
    """How far a sigmoid's inputs lie beyond a range: where hardly any gradient comes back.

    A network of instance normalisations learns to draw white blobs, as any style does (Karras et
    al. 2020, sec. 2): their size settles the statistics of all else, and behind the sigmoid they
    cost nothing that it feels.

    Args:
        image: (B, 3, H, W) in [0, 1], the sigmoid's float32 outputs.
        lowest: (B, 3) in [0, 1], of each channel.
        highest: the same; both are taken as no farther out than ±3 before the sigmoid.

    Returns:
        (B,) mean squares over the values. Within 1e-7 of black and white there is no gradient.
    """
    logits = torch.logit(image, eps=PRECISION)
    low, high = (
        torch.logit(end, eps=PRECISION).clamp(-FARTHEST, FARTHEST)[..., None, None]
        for end in (lowest, highest)
    )
    beyond = (logits - high).relu() + (low - logits).relu()
    return beyond.square().mean((1, 2, 3))
