"""Super-resolution networks (Johnson, Alahi, Fei-Fei 2016, sec. 4.2 and supplement, table 2)."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylize_cli.generators import USUAL_BLOCKS
from stylize_cli.generators.layers import BatchRelu, Conv, DoublingConv, Residual, Tanh, UpConv

PAPER_BLOCKS = 4  # residual, of the paper's network
CUBIC = -0.75  # a of bicubic interpolation (Keys 1981), as torch has it
SIGMA = 1.0  # px, of the blur before downsampling
RADIUS = 4  # px, beyond which that Gaussian is nothing


class JohnsonUpscaler(nn.Module):
    """The paper's: 401,859 parameters for ×4, 438,915 for ×8.

    Args:
        factor: 2, 4 or 8.
        width: maps of every layer; the paper has 64.
    """

    multiple = 1
    normalisation = "batch"

    def __init__(self, *, factor: int, width: int = 64) -> None:
        super().__init__()
        ups = (
            layer
            for _ in range(factor.bit_length() - 1)
            for layer in (UpConv(width, width), BatchRelu(width))
        )
        self.body = nn.Sequential(
            Conv(3, width, 9, padding="zeros", bias=True),
            BatchRelu(width),
            *(Residual(width, padding="zeros") for _ in range(PAPER_BLOCKS)),
            *ups,
            Conv(width, 3, 9, padding="zeros", bias=True),
            Tanh(),
        )

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> (B, 3, f·H, f·W) RGB around [0, 1], float32."""
        out: Tensor = self.body(image)
        return out


class Upscaler(nn.Module):
    """The default: what bicubic interpolation lacks, by nearest ×2 + convolution, unnormalised.

    It starts out as bicubic interpolation, so that a short training is spent on detail alone, and
    its pixels depend on nothing but their surroundings: a tile is upscaled as the whole is. The
    residual blocks start out as nothing (Goyal et al. 2017, sec. 5.1), so that many of them train
    at the step size of a few.

    Args:
        factor: 2, 4 or 8.
        width: maps of the low-resolution layers; those above have half of them.
        blocks: residual, at low resolution, as in EDSR (Lim et al. 2017, sec. 3).
    """

    multiple = 1
    least = 3  # px a side: the first convolution mirrors two
    normalisation = "none"
    adds = True  # to its image, which it is given in float32 whatever it computes in

    def __init__(self, *, factor: int, width: int = 64, blocks: int = USUAL_BLOCKS) -> None:
        super().__init__()
        self.factor = factor
        self.first = Conv(3, width, 5, bias=True)
        self.blocks = nn.ModuleList(_block(width) for _ in range(blocks))
        maps = [width] + [width // 2] * (factor.bit_length() - 1)
        self.ups = nn.ModuleList(DoublingConv(into, out, bias=True) for into, out in pairwise(maps))
        self.head = _zero(Conv(maps[-1], 3, 5, bias=True))

    def forward(self, image: Tensor, *, dtype: torch.dtype | None = None) -> Tensor:
        """Enlarges a batch.

        Args:
            image: (B, 3, H, W) RGB in [0, 1].
            dtype: that the detail is computed in; None is the image's own.

        Returns:
            (B, 3, f·H, f·W) RGB around [0, 1], float32.
        """
        x = image - 0.5
        x = self.first(x if dtype is None else x.to(dtype)).relu_()
        for block in self.blocks:
            x = x + block(x)
        for up in self.ups:
            x = up(x).relu_()
        # In this order the sum has the maps' layout, which is the picture's: channels last.
        out: Tensor = self.head(x).float() + enlarged(image.float(), self.factor)
        return out


def _block(width: int) -> nn.Sequential:
    first, last = (Conv(width, width, 3, bias=True) for _ in range(2))
    return nn.Sequential(first, nn.ReLU(inplace=True), _zero(last))


def _zero(conv: Conv) -> Conv:
    """The convolution, which starts out as 0."""
    for values in conv.parameters():
        nn.init.zeros_(values)
    return conv


def enlarged(image: Tensor, factor: int) -> Tensor:
    """Bicubic interpolation, as `torch.nn.functional.interpolate` has it, in additions alone.

    On a CPU with bfloat16 OpenVINO computes its own operation in that; these stay in float32.

    Args:
        image: (B, 3, H, W), float32.
        factor: f.

    Returns:
        (B, 3, f·H, f·W).
    """
    for dim, margins in ((2, (0, 0, 2, 2)), (3, (2, 2, 0, 0))):
        padded, phases = F.pad(image, margins, mode="replicate"), []
        for place in range(factor):  # of the pixels that one becomes
            at = (place + 0.5) / factor - 0.5  # px from its middle
            before = math.floor(at)  # the second of the four neighbours
            taps = enumerate(_taps(at - before), before + 1)
            weighed = [tap * _cut(padded, dim, start, 4) for start, tap in taps]
            phases.append(sum(weighed[1:], weighed[0]))
        image = torch.stack(phases, dim + 1).flatten(dim, dim + 1)
    return image


def _cut(image: Tensor, dim: int, start: int, less: int) -> Tensor:
    """What lies behind a position, so much shorter than the whole."""
    part = slice(start, start - less or None)
    return image[:, :, part] if dim == 2 else image[..., part]


def _taps(past: float) -> list[float]:
    """What four neighbours count at a place so far behind the second of them (Keys 1981)."""
    near = [(CUBIC + 2) * x**3 - (CUBIC + 3) * x**2 + 1 for x in (past, 1 - past)]
    far = [CUBIC * (x**3 - 5 * x**2 + 8 * x - 4) for x in (1 + past, 2 - past)]
    return [far[0], *near, far[1]]


def degraded(image: Tensor, factor: int) -> Tensor:
    """What a camera of f times fewer pixels a side might have seen (ibid., sec. 4.2).

    Args:
        image: (B, 3, H, W) RGB in [0, 1]; H and W multiples of the factor.
        factor: f.

    Returns:
        (B, 3, H/f, W/f) in [0, 1]: blurred by a Gaussian of σ = 1 px, then bicubic.
    """
    offsets = torch.arange(-RADIUS, RADIUS + 1, dtype=image.dtype, device=image.device)
    kernel = torch.softmax(-offsets.square() / (2 * SIGMA**2), 0)  # a Gaussian that sums to 1
    maps = image.shape[1]
    blurred = F.pad(image, (RADIUS,) * 4, mode="reflect")
    for shape in ((1, 1, -1, 1), (1, 1, 1, -1)):
        blurred = F.conv2d(blurred, kernel.view(shape).expand(maps, -1, -1, -1), groups=maps)
    size = image.shape[2] // factor, image.shape[3] // factor
    return F.interpolate(blurred, size=size, mode="bicubic", antialias=True).clamp(0, 1)
