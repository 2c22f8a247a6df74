"""Layers that the generators share.

Weights stay float32; every layer computes in the type of what it is given, so that one network
trains in bfloat16 and is saved in float32.
"""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

Padding = Literal["reflect", "zeros", "circular", "none"]

EPSILON = 1e-5  # of every normalisation
BRIGHTNESS = 150 / 255  # of Johnson's scaled tanh
MEAN = (123.68 / 255, 116.779 / 255, 103.939 / 255)  # of ImageNet, RGB


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
        mode: Literal["reflect", "zeros", "circular"] = "zeros" if padding == "none" else padding
        super().__init__(into, out, kernel, stride, margin, bias=bias, padding_mode=mode)

    def forward(self, x: Tensor) -> Tensor:
        """(B, into, H, W) -> (B, out, ⌈H/stride⌉, ⌈W/stride⌉)."""
        bias = None if self.bias is None else self.bias.to(x.dtype)
        out: Tensor = self._conv_forward(x, self.weight.to(x.dtype), bias)
        return out


class DoublingConv(Conv):
    """Nearest ×2 and a reflect-padded 3×3 convolution, which leave no checkerboard."""

    def __init__(self, into: int, out: int, *, bias: bool = False) -> None:
        super().__init__(into, out, 3, bias=bias)

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


class BatchRelu(nn.BatchNorm2d):
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
            nn.BatchNorm2d(maps),
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
            relu: whether a ReLU follows, which is cheaper here than behind.
        """
        gamma, beta = mix @ self.gamma, mix @ self.beta
        if torch.is_grad_enabled():
            return instance_norm(x, gamma, beta, relu=relu)
        # What an engine's converter knows as one operation.
        out: Tensor = F.instance_norm(x, eps=EPSILON) * gamma.to(x.dtype)[:, :, None, None]
        out = out + beta.to(x.dtype)[:, :, None, None]
        return out.relu() if relu else out


def instance_norm(x: Tensor, gamma: Tensor, beta: Tensor, *, relu: bool) -> Tensor:
    """γ (x - μ)/σ + β and its ReLU or none, with one backward for all.

    Left to autograd, the broadcast products cost four times the convolution beside them at 192 px,
    and keep three tensors of the size of x where one will do.

    Args:
        x: (B, C, H, W).
        gamma: (B, C).
        beta: (B, C).
        relu: whether to take the ReLU.

    Returns:
        The shape and type of x; it can be differentiated once.
    """
    out: Tensor = _InstanceNorm.apply(x, gamma, beta, relu)
    return out


class _InstanceNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, relu: bool) -> Tensor:  # noqa: ANN401, FBT001
        wide = torch.promote_types(x.dtype, torch.float32)
        centred = x - x.mean((2, 3), keepdim=True, dtype=wide).to(x.dtype)
        variance = centred.square().mean((2, 3), keepdim=True, dtype=wide)
        deviation = (variance + EPSILON).sqrt()
        normal = centred.mul_((1 / deviation).to(x.dtype))
        gamma, beta = gamma[:, :, None, None].to(x.dtype), beta[:, :, None, None].to(x.dtype)
        out = torch.addcmul(beta, normal, gamma)
        ctx.save_for_backward(normal, gamma, beta, deviation)
        ctx.relu = relu
        return out.relu_() if relu else out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:  # noqa: ANN401
        normal, gamma, beta, deviation = ctx.saved_tensors
        wide = deviation.dtype
        grad = grad.contiguous(memory_format=torch.channels_last)
        if ctx.relu:
            grad = torch.where(torch.addcmul(beta, normal, gamma) > 0, grad, 0)
        sums = grad.sum((2, 3), keepdim=True, dtype=wide)
        products = (grad * normal).sum((2, 3), keepdim=True, dtype=wide)
        positions = grad.shape[2] * grad.shape[3]
        down = grad - (sums / positions).to(grad.dtype)
        down = torch.addcmul(down, normal, (-products / positions).to(grad.dtype))
        down = down.mul_((gamma / deviation).to(grad.dtype))
        return down, products[:, :, 0, 0], sums[:, :, 0, 0], None


def doubled(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, 2·H, 2·W), by the nearest neighbour."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


class Tanh(nn.Module):
    """The paper's head: 150·tanh in VGG's mean-subtracted 0-255 space, here as RGB in [0, 1].

    Its values lie beyond [0, 1] too: whoever saves them clips them, as the authors do.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> the same, float32."""
        mean = torch.tensor(MEAN, device=x.device).view(1, 3, 1, 1)
        return BRIGHTNESS * x.float().tanh() + mean
