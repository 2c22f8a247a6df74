"""A network's layers as OpenVINO is given them: the same numbers, in fewer operations."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylize_cli.generators.conditional import StyleTransform
from stylize_cli.generators.layers import DoublingConv

BLOCK = 2  # px, side of the squares of output that are computed at once
COLOURS = 3  # maps of an image


class Squares(nn.Module):
    """A convolution of few output maps, computed for 2×2 positions at once; equal up to rounding.

    Three maps leave most of a SIMD register empty. Four positions' kernels make twelve.

    Args:
        conv: what it computes.
        weight: (out, 2, 2, into, k, k), a kernel for each position of a square.
        margin: positions that the input is padded by.
        stride: from square to square, in positions of the input.
    """

    def __init__(self, conv: nn.Conv2d, weight: Tensor, *, margin: int, stride: int) -> None:
        super().__init__()
        self.register_buffer("weight", weight.flatten(0, 2))
        self.register_buffer("bias", _bias(conv).repeat_interleave(BLOCK**2))
        self.margin, self.stride = [margin] * 4, stride
        self.mode = _mode(conv)

    def forward(self, x: Tensor) -> Tensor:
        """(B, into, H, W) -> (B, out, 2·H/stride, 2·W/stride)."""
        return F.pixel_shuffle(self.apart(x), BLOCK)

    def apart(self, x: Tensor) -> Tensor:
        """(B, into, H, W) -> (B, out·4, H/stride, W/stride), a square's positions side by side."""
        padded = F.pad(x, self.margin, mode=self.mode)
        weight, bias = cast(Tensor, self.weight), cast(Tensor, self.bias)
        return F.conv2d(padded, weight, bias, stride=self.stride)


class Blocked(Squares):
    """A convolution whose kernel is shifted to each position of a square, in one larger by a pixel.

    The last layer of a style net takes a third of its time.

    Args:
        conv: of stride 1, over inputs of even sides.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        out, into, kernel, _ = conv.weight.shape
        wide = torch.zeros(out, BLOCK, BLOCK, into, kernel + BLOCK - 1, kernel + BLOCK - 1)
        for y in range(BLOCK):
            for x in range(BLOCK):
                wide[:, y, x, :, y : y + kernel, x : x + kernel] = conv.weight.detach()
        super().__init__(conv, wide, margin=kernel // 2, stride=BLOCK)


class Centred(Squares):
    """A `DoublingConv`, computed at the size of its input.

    The four pixels that one of the image becomes see the same square around it: a kernel of 5×5
    for each where there was one of 9×9.

    Args:
        conv: of a kernel that reaches an even number of pixels.
    """

    def __init__(self, conv: DoublingConv) -> None:
        reach = conv.kernel_size[0] // 2
        super().__init__(conv, _kernels(conv), margin=reach // 2, stride=1)


class Stacked(nn.Module):
    """`Squares` that leave a map's positions in another order: a quarter at a time.

    A map's statistics are the same.
    """

    def __init__(self, squares: Squares) -> None:
        super().__init__()
        self.squares = squares

    def forward(self, x: Tensor) -> Tensor:
        """(B, into, H, W) -> (B, out, 4·h, w), where (h, w) are squares."""
        apart = self.squares.apart(x)
        batch, maps, _, width = apart.shape
        return apart.reshape(batch, maps // BLOCK**2, -1, width)


class Late(nn.Module):
    """A style net that puts the positions of its last maps in order at the very end.

    Three maps with their channels last also leave most of a register empty where they are
    normalised and squashed. Stacked, they are planes: this takes a third of the time.

    Args:
        network: rewritten; it is changed.
    """

    def __init__(self, network: StyleTransform) -> None:
        super().__init__()
        head = network.head
        head.conv = Stacked(cast(Squares, head.conv))  # type: ignore[assignment]
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
        conv: of a kernel that reaches an odd number of pixels.
    """

    def __init__(self, conv: DoublingConv) -> None:
        super().__init__()
        self.register_buffer("weight", _kernels(conv).permute(1, 2, 0, 3, 4, 5).flatten(0, 2))
        self.register_buffer("bias", _bias(conv).repeat(BLOCK**2))
        self.margin = [(conv.kernel_size[0] // 2 + 1) // 2] * 4

    def forward(self, x: Tensor) -> Tensor:
        """(B, into, H, W) -> (B, out, 2·H, 2·W)."""
        padded = F.pad(x, self.margin, mode="replicate")
        weight, bias = cast(Tensor, self.weight), cast(Tensor, self.bias)
        corners = F.conv2d(padded, weight, bias)
        batch, _, height, width = corners.shape
        # A position's maps lie together, which moves them twice as fast as `F.pixel_shuffle`.
        apart = corners.reshape(batch, BLOCK, BLOCK, -1, height, width).permute(0, 3, 4, 1, 5, 2)
        return apart.reshape(batch, -1, BLOCK * height, BLOCK * width)[..., 1:-1, 1:-1]


def _kernels(conv: DoublingConv) -> Tensor:
    """What 2×2 neighbours of the doubled image see of the image: (out, 2, 2, into, r+1, r+1).

    The kernel reaches r pixels of the doubled image, in which two neighbours see the same r+1 rows
    of the image: the two that one row becomes where r is even, and else the last of what a row
    becomes and the first of the next.
    """
    reach = conv.kernel_size[0] // 2
    taps = torch.zeros(BLOCK, reach + 1, 2 * reach + 1, dtype=conv.weight.dtype)
    for place in range(BLOCK):
        for offset in range(2 * reach + 1):
            taps[place, (place + offset) // 2, offset] = 1
    return torch.einsum("pak,qbl,oikl->opqiab", taps, taps, conv.weight.detach())


def _bias(conv: nn.Conv2d) -> Tensor:
    return torch.zeros(conv.out_channels) if conv.bias is None else conv.bias.detach()


def _mode(conv: nn.Conv2d) -> str:
    return "constant" if conv.padding_mode == "zeros" else conv.padding_mode


class Unshuffled(nn.Module):
    """A convolution of stride 2 over few maps, on squares of 2×2 px as one position of four maps.

    Equal up to rounding: the kernel is filled up with zeros, to whole squares.

    Args:
        conv: of an odd kernel.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        filled = F.pad(conv.weight.detach(), [0, 1, 0, 1])
        self.register_buffer("weight", F.pixel_unshuffle(filled, BLOCK))
        self.register_buffer("bias", _bias(conv))
        self.margin, self.mode = [conv.kernel_size[0] // 2] * 4, _mode(conv)

    def forward(self, x: Tensor) -> Tensor:
        """(B, into, H, W), H and W even -> (B, out, H/2, W/2)."""
        padded = F.pad(x, self.margin, mode=self.mode)
        weight, bias = cast(Tensor, self.weight), cast(Tensor, self.bias)
        return F.conv2d(F.pixel_unshuffle(padded, BLOCK), weight, bias)


def rewrite(network: nn.Module) -> None:
    """Puts in the place of convolutions what computes the same faster; the network is changed."""
    convs = {name: m for name, m in network.named_modules() if isinstance(m, nn.Conv2d)}
    last = list(convs)[-1]
    for name, conv in convs.items():
        if isinstance(conv, DoublingConv):
            is_even = conv.kernel_size[0] % 4 == 1
            _put(network, name, Centred(conv) if is_even else Phased(conv))
        elif conv.in_channels == COLOURS and conv.stride[0] == BLOCK:
            _put(network, name, Unshuffled(conv))
        elif name == last and conv.kernel_size[0] > 1:
            _put(network, name, Blocked(conv))


def whole(network: nn.Module) -> nn.Module:
    """A network of `load` as it is converted in one piece; it is changed."""
    return Late(network) if isinstance(network, StyleTransform) else network


def _put(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, attribute = name.rpartition(".")
    setattr(network.get_submodule(parent), attribute, module)
