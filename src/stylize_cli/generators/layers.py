"""Layers that the generators share.

Weights stay float32; every layer computes in the type of what it is given, so that one network
trains in bfloat16 and is saved in float32.
"""

from collections.abc import Sequence
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from stylize_cli import devices, ranks

Padding = Literal["reflect", "replicate", "zeros", "circular", "none"]

EPSILON = 1e-5  # of every normalisation
BRIGHTNESS = 150 / 255  # of Johnson's scaled tanh
MEAN = (123.68 / 255, 116.779 / 255, 103.939 / 255)  # of ImageNet, RGB


def run(network: nn.Module, inputs: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    """What a generator makes of a batch.

    Args:
        network: of this package. One that adds to its image (`adds`) is given that as it is, and
            told the type: rounded to bfloat16, a photo has steps of half a level of 255.
        inputs: images (B, …, H, W), float32, and mixtures of styles (B, N), which stay so.
        dtype: that its layers compute in.

    Returns:
        (B, 3, H', W') RGB around [0, 1], float32.
    """
    if getattr(network, "adds", False):
        (image,) = inputs
        image = image.contiguous(memory_format=torch.channels_last)
        out: Tensor = network(image, dtype=dtype)
    else:
        out = network(*(in_type(x, dtype) for x in inputs))
    return out


def in_type(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Images or maps in a type, channels last; a mixture of styles stays as it is."""
    return x.to(dtype, memory_format=torch.channels_last) if x.dim() == 4 else x


class Conv(nn.Conv2d):
    """A convolution in the type of its input, padded so that only the stride changes its size.

    Args:
        into: maps of the input.
        out: maps of the output.
        kernel: side, odd.
        stride: of the output's positions.
        padding: what lies beyond the border; with "none", kernel - 1 positions are lost.
        bias: False where a normalisation follows, which would take it out again.
    """

    def __init__(
        self,
        into: int,
        out: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: Padding = "reflect",
        bias: bool = False,
    ) -> None:
        margin = 0 if padding == "none" else kernel // 2
        mode = "zeros" if padding == "none" or not margin else padding
        super().__init__(into, out, kernel, stride, margin, bias=bias, padding_mode=mode)

    def forward(self, x: Tensor) -> Tensor:
        """(B, into, H, W) -> (B, out, ⌈H/stride⌉, ⌈W/stride⌉)."""
        weight, bias = self.weight.to(x.dtype), self.bias
        bias = None if bias is None else bias.to(x.dtype)
        if self.padding_mode == "circular":
            return F.conv2d(wrapped(x, cast(int, self.padding[0])), weight, bias, self.stride)
        out: Tensor = self._conv_forward(x, weight, bias)
        return out


class DoublingConv(Conv):
    """Nearest ×2 and a convolution, which leave no checkerboard.

    Beyond the border lies the pixel at the border; for a 3×3 kernel that is what a mirror shows.

    Args:
        into: maps of the input.
        out: maps of the output.
        kernel: side, odd.
        bias: as in `Conv`.
    """

    def __init__(self, into: int, out: int, kernel: int = 3, *, bias: bool = False) -> None:
        super().__init__(into, out, kernel, padding="replicate", bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, into, H, W) -> (B, out, 2·H, 2·W)."""
        return super().forward(doubled(x))


class UpConv(nn.ConvTranspose2d):
    """A transposed 3×3 convolution of stride 2, which doubles the sides."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__(into, out, 3, stride=2, padding=1, output_padding=1)

    def forward(self, x: Tensor, _size: object = None) -> Tensor:
        """(B, into, H, W) -> (B, out, 2·H, 2·W)."""
        weight, bias = self.weight.to(x.dtype), self.bias
        assert bias is not None
        return F.conv_transpose2d(x, weight, bias.to(x.dtype), 2, padding=1, output_padding=1)


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation over the whole batch, also where other processes have parts of it."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        if not self.training or ranks.count() == 1:
            return super().forward(x)
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        size = ranks.summed(wide.new_tensor(x.numel() / x.shape[1]))
        mean = ranks.summed_with_gradient(wide.sum((0, 2, 3))) / size
        centred = wide - mean[:, None, None]
        variance = ranks.summed_with_gradient(centred.square().sum((0, 2, 3))) / size
        self._remember(mean.detach(), variance.detach() * size / (size - 1))
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Keeps the statistics for evaluation, as torch does, where any are kept."""
        if self.running_mean is None:
            return
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum or 0.0)
        self.running_var.lerp_(variance, self.momentum or 0.0)


class BatchRelu(BatchNorm):
    """Batch normalisation and a ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        return super().forward(x).relu_()


class Residual(nn.Module):
    """conv, BN, ReLU, conv, BN, and the input added (Johnson et al. 2016, supplement, fig. 1).

    Args:
        maps: of input and output.
        padding: "zeros" keeps the size; with "none" 2 positions a side are lost, and the input is
            cropped to what is left.
    """

    def __init__(self, maps: int, *, padding: Padding) -> None:
        super().__init__()
        self.margin = 2 if padding == "none" else 0
        self.body = nn.Sequential(
            Conv(maps, maps, 3, padding=padding, bias=True),
            BatchRelu(maps),
            Conv(maps, maps, 3, padding=padding, bias=True),
            BatchNorm(maps),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same, or (B, C, H - 4, W - 4)."""
        margin = self.margin
        kept = x[..., margin:-margin, margin:-margin] if margin else x
        out: Tensor = kept + self.body(x)
        return out


class ConditionalInstanceNorm(nn.Module):
    """z = γ_s (x - μ)/σ + β_s, one row of γ and β a style (Dumoulin et al. 2017, eq. 5).

    μ and σ are over the positions of one map of one image; the variance is the population's.

    Args:
        maps: C, of the input.
        styles: N, rows of γ and β.
    """

    def __init__(self, maps: int, styles: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(styles, maps))
        self.beta = nn.Parameter(torch.zeros(styles, maps))

    def forward(self, x: Tensor, mix: Tensor, *, relu: bool = True) -> Tensor:
        """Normalises, and by default takes the ReLU of it.

        Args:
            x: (B, C, H, W).
            mix: (B, N) convex weights of the styles: one 1 in a row picks a style, more than one
                blend them (ibid., sec. 3.4).
            relu: whether a ReLU follows.
        """
        return instance_norm(x, mix @ self.gamma, mix @ self.beta, relu=relu)


def instance_norm(x: Tensor, gamma: Tensor, beta: Tensor, *, relu: bool) -> Tensor:
    """γ (x - μ)/σ + β, and its ReLU or none.

    Batch normalisation does the same to a batch of one, and its kernel takes bfloat16 and
    channels-last as they come: a tenth of the formula's time at four samples of 256 px. A GPU is
    given all maps of all samples as those of one: it would wait for the next sample's kernel.

    Args:
        x: (B, C, H, W), of more than one position.
        gamma: (B, C), or (1, C) for all.
        beta: likewise.
        relu: whether to take the ReLU.

    Returns:
        The shape and type of x.
    """
    # What an engine's converter knows as one operation.
    if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        out = F.instance_norm(x, eps=EPSILON) * gamma.to(x.dtype)[:, :, None, None]
        out = out + beta.to(x.dtype)[:, :, None, None]
        return out.relu() if relu else out
    gamma, beta = gamma.expand(len(x), -1), beta.expand(len(x), -1)
    if len(x) > 1 and devices.at_once(x):
        maps = x.contiguous().view(1, -1, *x.shape[2:])
        out = _normalised(maps, gamma.flatten(), beta.flatten()).view(x.shape)
        if x.is_contiguous(memory_format=torch.channels_last):
            out = out.contiguous(memory_format=torch.channels_last)
    else:
        rows = zip(x.chunk(len(x)), gamma, beta, strict=True)
        each = [_normalised(one, g, b) for one, g, b in rows]
        out = each[0] if len(each) == 1 else torch.cat(each)
    return out.relu_() if relu else out


def _normalised(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """Maps (1, C, H, W) with the means and deviations of (C,) in place of their own."""
    return F.batch_norm(x, None, None, gamma, beta, training=True, eps=EPSILON)


def normalised_by(x: Tensor, mean: Tensor, variance: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """γ (x - μ)/σ + β by a mean and a variance that are given.

    Args:
        x: (B, C, H, W).
        mean: (B, C); so are the variance, gamma and beta.
        variance: see there.
        gamma: see there.
        beta: see there.
    """
    scale = gamma * (variance + EPSILON).rsqrt()
    shift = beta - mean * scale
    return (x * scale[:, :, None, None] + shift[:, :, None, None]).to(x.dtype)


def wrapped(x: Tensor, margin: int) -> Tensor:
    """Circular padding that keeps channels-last, there and back, which torch's own does not.

    Args:
        x: (B, C, H, W), sides of at least the margin.
        margin: positions added to each side.

    Returns:
        (B, C, H + 2·margin, W + 2·margin); it can be differentiated once.
    """
    if not torch.is_grad_enabled():  # an engine's converter does not know the other
        return _wrapped(x, margin)
    out: Tensor = _Wrapped.apply(x, margin)
    return out


def _wrapped(x: Tensor, margin: int) -> Tensor:
    x = torch.cat([x[..., -margin:, :], x, x[..., :margin, :]], dim=2)
    return torch.cat([x[..., -margin:], x, x[..., :margin]], dim=3)


class _Wrapped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, margin: int) -> Tensor:  # noqa: ANN401
        ctx.margin = margin
        return _wrapped(x, margin)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        margin = ctx.margin
        for dim in (3, 2):
            side = grad.shape[dim] - 2 * margin
            before, after = grad.narrow(dim, 0, margin), grad.narrow(dim, margin + side, margin)
            grad = grad.narrow(dim, margin, side).clone(memory_format=torch.channels_last)
            grad.narrow(dim, side - margin, margin).add_(before)
            grad.narrow(dim, 0, margin).add_(after)
        return grad, None


def doubled(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, 2·H, 2·W), by the nearest neighbour."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


class Tanh(nn.Module):
    """The paper's head: 150·tanh in VGG's mean-subtracted 0-255 space, here as RGB in [0, 1].

    Its values lie beyond [0, 1] too: whoever saves them clips them, as the authors do.
    """

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        # No file brings it: so it is on the host also where a network is laid out without memory.
        mean = torch.tensor(MEAN, device="cpu").view(1, 3, 1, 1)
        self.register_buffer("mean", mean, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> the same, float32."""
        return BRIGHTNESS * x.float().tanh() + self.mean.to(x.device)
