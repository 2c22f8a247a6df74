"""A network's layers as OpenVINO is given them: the same numbers, in fewer operations."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylize_cli.generators.conditional import ConditionalTransform
from stylize_cli.generators.layers import DoublingConv

BLOCK = 2  # px, side of the squares of output that are computed at once


class Blocked(nn.Module):
    """A convolution of few output maps, computed for 2×2 positions at once; equal up to rounding.

    Three maps leave most of a SIMD register empty. Four positions' kernels, each shifted in one
    kernel larger by a pixel, make twelve: the last layer of a style net takes a third of its time.

    Args:
        conv: of stride 1, over inputs of even sides.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        out, into, kernel, _ = conv.weight.shape
        wide = torch.zeros(out, BLOCK, BLOCK, into, kernel + BLOCK - 1, kernel + BLOCK - 1)
        for y in range(BLOCK):
            for x in range(BLOCK):
                wide[:, y, x, :, y : y + kernel, x : x + kernel] = conv.weight
        self.register_buffer("weight", wide.flatten(0, 2))
        bias = torch.zeros(out) if conv.bias is None else conv.bias.detach()
        self.register_buffer("bias", bias.repeat_interleave(BLOCK**2))
        self.margin = [kernel // 2] * 4
        self.mode = "constant" if conv.padding_mode == "zeros" else conv.padding_mode

    def forward(self, x: Tensor) -> Tensor:
        """(B, into, H, W) -> (B, out, H, W)."""
        return F.pixel_shuffle(self.apart(x), BLOCK)

    def apart(self, x: Tensor) -> Tensor:
        """(B, into, H, W) -> (B, out·4, H/2, W/2), the positions of a map beside each other."""
        padded = F.pad(x, self.margin, mode=self.mode)
        weight, bias = cast(Tensor, self.weight), cast(Tensor, self.bias)
        return F.conv2d(padded, weight, bias, stride=BLOCK)


class Stacked(nn.Module):
    """A `Blocked` convolution that leaves a map's positions in another order: a quarter at a time.

    A map's statistics are the same.
    """

    def __init__(self, blocked: Blocked) -> None:
        super().__init__()
        self.blocked = blocked

    def forward(self, x: Tensor) -> Tensor:
        """(B, into, H, W) -> (B, out, 4·H/2, W/2)."""
        apart = self.blocked.apart(x)
        batch, maps, _, width = apart.shape
        return apart.reshape(batch, maps // BLOCK**2, -1, width)


class Late(nn.Module):
    """A style net that puts the positions of its last maps in order at the very end.

    Three maps with their channels last also leave most of a register empty where they are
    normalised and squashed. Stacked, they are planes: this takes a third of the time.

    Args:
        network: rewritten; it is changed.
    """

    def __init__(self, network: ConditionalTransform) -> None:
        super().__init__()
        head = network.head
        head.conv = Stacked(cast(Blocked, head.conv))  # type: ignore[assignment]
        self.network = network

    def forward(self, image: Tensor, mix: Tensor) -> Tensor:
        """(B, 3, H, W), (B, N) -> (B, 3, H, W)."""
        stacked: Tensor = self.network(image, mix)
        batch, maps, _, width = stacked.shape
        return F.pixel_shuffle(stacked.reshape(batch, maps * BLOCK**2, -1, width), BLOCK)


class Phased(nn.Module):
    """A `DoublingConv`, computed at the size of its input; equal up to rounding.

    The four pixels of the doubled image around a corner between four of the image see these four
    alone: a kernel of 2×2 for each, 4 products where there were 9.

    Args:
        conv: with reflect padding.
    """

    TAPS = ((1, 1, 0), (0, 0, 1)), ((1, 0, 0), (0, 1, 1))  # before a corner, and behind it

    def __init__(self, conv: DoublingConv) -> None:
        super().__init__()
        taps = torch.tensor(self.TAPS, dtype=conv.weight.dtype)
        weight = torch.einsum("pak,qbl,oikl->pqoiab", taps, taps, conv.weight.detach())
        self.register_buffer("weight", weight.flatten(0, 2))
        bias = torch.zeros(conv.out_channels) if conv.bias is None else conv.bias.detach()
        self.register_buffer("bias", bias.repeat(BLOCK**2))

    def forward(self, x: Tensor) -> Tensor:
        """(B, into, H, W) -> (B, out, 2·H, 2·W)."""
        # Mirrored after doubling, the first row is the second, which is the same row of the input.
        padded = F.pad(x, [1] * 4, mode="replicate")
        weight, bias = cast(Tensor, self.weight), cast(Tensor, self.bias)
        corners = F.conv2d(padded, weight, bias)
        batch, _, height, width = corners.shape
        # A position's maps lie together, which moves them twice as fast as `F.pixel_shuffle`.
        apart = corners.reshape(batch, BLOCK, BLOCK, -1, height, width).permute(0, 3, 4, 1, 5, 2)
        return apart.reshape(batch, -1, BLOCK * height, BLOCK * width)[..., 1:-1, 1:-1]


def rewrite(network: nn.Module) -> None:
    """Puts `Phased` in the place of what doubles, `Blocked` in that of the colours' convolution."""
    convs = {name: m for name, m in network.named_modules() if isinstance(m, nn.Conv2d)}
    last = list(convs)[-1]
    for name, conv in convs.items():
        if isinstance(conv, DoublingConv):
            _put(network, name, Phased(conv))
        elif name == last and conv.kernel_size[0] > 1:
            _put(network, name, Blocked(conv))


def whole(network: nn.Module) -> nn.Module:
    """A network of `load` as it is converted in one piece; it is changed."""
    return Late(network) if isinstance(network, ConditionalTransform) else network


def _put(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, attribute = name.rpartition(".")
    setattr(network.get_submodule(parent), attribute, module)
