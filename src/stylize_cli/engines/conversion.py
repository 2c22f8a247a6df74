"""A model file -> the PyTorch module that OpenVINO is given, and examples of its inputs."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylize_cli import checkpoints
from stylize_cli.checkpoints import Checkpoint
from stylize_cli.engines import About
from stylize_cli.generators.conditional import ConditionalTransform
from stylize_cli.generators.layers import DoublingConv
from stylize_cli.generators.pyramid import draw_noise, with_image

BLOCK = 2  # px, side of the squares of output that `Blocked` computes at once
SIDE = 64  # px, of the example


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
        """(B, into, H, W) -> (B, out·4, H/2, W/2), the four positions of a map beside each other."""
        padded = F.pad(x, self.margin, mode=self.mode)
        weight, bias = cast(Tensor, self.weight), cast(Tensor, self.bias)
        return F.conv2d(padded, weight, bias, stride=BLOCK)


class Stacked(nn.Module):
    """A `Blocked` convolution whose maps are left in another order: the four positions in turn.

    Statistics of a map do not depend on it.
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
    """A style net that puts its last maps' positions in order at the very end.

    Normalising and squashing three maps channels-last leaves most of a SIMD register empty too;
    `Stacked`, they are planes.

    Args:
        network: rewritten.
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

    What three positions of the doubled image see is two of the image itself: each of the four
    output positions that one of the input becomes has a kernel of its own.

    Args:
        conv: with reflect padding.
    """

    TAPS = ((1, 1, 0), (0, 0, 1)), ((1, 0, 0), (0, 1, 1))  # up to a corner, and from it on

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
        return spread(F.conv2d(padded, weight, bias))[..., 1:-1, 1:-1]


def spread(x: Tensor) -> Tensor:
    """(B, 4·C, H, W) -> (B, C, 2·H, 2·W): maps of the four positions of every square."""
    batch, _, height, width = x.shape
    blocks = x.reshape(batch, BLOCK, BLOCK, -1, height, width).permute(0, 3, 4, 1, 5, 2)
    return blocks.reshape(batch, -1, BLOCK * height, BLOCK * width)


def load(path: Path) -> tuple[nn.Module, About]:
    """The network of a model file, rewritten, and what is known of it.

    Raises:
        StylizeError: it is none.
    """
    checkpoint = checkpoints.load(path)
    network = checkpoint.build()
    found = about(checkpoint, network)
    rewrite(network)
    return network, found


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


def examples(about: About) -> tuple[Tensor, ...]:
    """Inputs to trace a network with."""
    generator, side = torch.Generator().manual_seed(0), max(SIDE, 4 * about.multiple)
    image = torch.rand(1, 3, side, side, generator=generator)
    if about.noise_levels:
        noise = draw_noise((side, side), about.noise_levels, 1, generator)
        return tuple(with_image(noise, image) if about.takes_photo else noise)
    return (image, torch.eye(len(about.styles))[:1]) if about.takes_mix else (image,)


def pieces(network: nn.Module, about: About) -> list[tuple[nn.Module, tuple[Tensor, ...]]]:
    """The pieces of a network, rewritten or not, and examples of what each is given."""
    image, mix = examples(about)
    cut: Callable[[], list[nn.Module]] = network.pieces  # type: ignore[assignment]
    given: tuple[Tensor, ...] = (image,)
    found = []
    for piece in cut():
        found.append((piece, given))
        *kept, maps = piece(*given)
        variance, mean = torch.var_mean(maps, dim=(2, 3))
        given = (mix, mean, variance, *kept, maps)
    return found


def about(checkpoint: Checkpoint, network: nn.Module) -> About:
    """What is known of a model without its weights."""
    multiple = cast(int, network.multiple)
    return About(
        method=checkpoint.method,
        generator=checkpoint.generator,
        arguments=checkpoint.arguments,
        styles=checkpoint.styles,
        multiple=multiple,
        least=cast(int, getattr(network, "least", multiple)),
        provenance=checkpoint.provenance,
    )
