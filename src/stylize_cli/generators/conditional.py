"""N styles in one network (Dumoulin, Shlens, Kudlur 2017, table 1); with N = 1, one style's."""

from collections.abc import Iterable
from typing import cast

from torch import Tensor, nn

from stylize_cli.generators.layers import (
    ConditionalInstanceNorm,
    Conv,
    DoublingConv,
    normalised_by,
)

BLOCKS = 5
INITIAL_DEVIATION = 0.01  # of the convolutions' weights


class Normalised(nn.Module):
    """A convolution, conditional instance normalisation, and a ReLU or none."""

    def __init__(self, conv: Conv, styles: int) -> None:
        super().__init__()
        self.conv = conv
        self.norm = ConditionalInstanceNorm(conv.out_channels, styles)

    def forward(self, x: Tensor, mix: Tensor, *, relu: bool = True) -> Tensor:
        """(B, into, H, W), (B, N) -> what the convolution makes of that size."""
        out: Tensor = self.norm(self.conv(x), mix, relu=relu)
        return out


class StyledResidual(nn.Module):
    """Two convolutions, the second linear, and the input added."""

    def __init__(self, maps: int, *, styles: int) -> None:
        super().__init__()
        self.first = Normalised(Conv(maps, maps, 3), styles)
        self.second = Normalised(Conv(maps, maps, 3), styles)

    def forward(self, x: Tensor, mix: Tensor) -> Tensor:
        """(B, maps, H, W), (B, N) -> the same shape."""
        out: Tensor = x + self.second(self.first(x, mix), mix, relu=False)
        return out


class StyleTransform(nn.Module):
    """An image and a mixture of styles in, the stylised image out: what such networks share.

    Args:
        down: from the image to maps of a quarter of its sides.
        blocks: of these.
        up: back to where the head starts.
        head: makes the three maps of the result.
    """

    multiple = 4  # sides of the input must be multiples of it
    least = 8  # px a side: the deepest maps are mirrored by one position
    normalisation = "conditional instance"

    def __init__(
        self,
        *,
        down: Iterable[Normalised],
        blocks: Iterable[StyledResidual],
        up: Iterable[Normalised],
        head: Normalised,
    ) -> None:
        super().__init__()
        self.down, self.blocks, self.up = map(nn.ModuleList, (down, blocks, up))
        self.head = head
        for module in self.modules():
            if isinstance(module, Conv):
                nn.init.normal_(module.weight, std=INITIAL_DEVIATION)

    def forward(self, image: Tensor, mix: Tensor) -> Tensor:
        """Stylises a batch.

        Args:
            image: (B, 3, H, W) RGB in [0, 1]; its type is the one computed in.
            mix: (B, N) convex weights of the styles, float32.

        Returns:
            (B, 3, H, W) RGB in [0, 1], float32, where H and W are multiples of 4.
        """
        x = image
        for layer in (*self.down, *self.blocks, *self.up):
            x = layer(x, mix)
        head: Tensor = self.head(x, mix, relu=False)
        return head.float().sigmoid()

    def pieces(self) -> list["Piece"]:
        """The network cut before every normalisation, for a picture that comes in tiles."""
        cut, before = [], None
        for layer in cast(list[Normalised], self.down):
            cut.append(Piece(before, layer))
            before = layer
        adds = False
        for block in cast(list[StyledResidual], self.blocks):
            cut.append(Piece(before, block.first, adds=adds, relu=not adds, keeps=True))
            cut.append(Piece(block.first, block.second))
            before, adds = block.second, True
        for layer in cast(list[Normalised], [*self.up, self.head]):
            cut.append(Piece(before, layer, adds=adds, relu=not adds))
            before, adds = layer, False
        return [*cut, Piece(self.head, None, relu=False)]


class ConditionalTransform(StyleTransform):
    """The notes' table 1.7.5.

    Args:
        styles: N, in the order of the model's style names.
        width: maps of the first convolution; the paper has 32.
    """

    def __init__(self, *, styles: int, width: int = 32) -> None:
        low, middle, high = width, 2 * width, 4 * width
        super().__init__(
            down=[
                Normalised(Conv(3, low, 9), styles),
                Normalised(Conv(low, middle, 3, stride=2), styles),
                Normalised(Conv(middle, high, 3, stride=2), styles),
            ],
            blocks=[StyledResidual(high, styles=styles) for _ in range(BLOCKS)],
            up=[
                Normalised(DoublingConv(into, out), styles)
                for into, out in ((high, middle), (middle, low))
            ],
            head=Normalised(Conv(low, 3, 9), styles),
        )


class Piece(nn.Module):
    """What lies between two normalisations: it does the one, and makes what the next is given.

    Args:
        before: whose normalisation it does; None at the start.
        after: whose convolution follows; None at the end.
        relu: whether a ReLU lies between.
        adds: whether the result is added to the maps that an earlier piece kept.
        keeps: whether it is kept for a later piece.
    """

    def __init__(
        self,
        before: Normalised | None,
        after: Normalised | None,
        *,
        relu: bool = True,
        adds: bool = False,
        keeps: bool = False,
    ) -> None:
        super().__init__()
        self.before = None if before is None else before.norm
        self.after = None if after is None else after.conv
        self.relu, self.adds, self.keeps = relu, adds, keeps

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """Computes a tile.

        Args:
            given: at the start the image (1, 3, H, W). Else the mixture (1, N), means and variances
                (1, C) of the maps that are to be normalised, and maps: those kept, and these.

        Returns:
            Maps, likewise; at the end the stylised image, (1, 3, H, W) in [0, 1].
        """
        if self.before is None:
            kept, x = [], given[0]
        else:
            mix, mean, variance, *kept, x = given
            gamma, beta = mix @ self.before.gamma, mix @ self.before.beta
            x = normalised_by(x, mean, variance, gamma, beta)
            x = x.relu() if self.relu else x
        if self.adds:
            x = kept.pop() + x
        if self.after is None:
            return (x.float().sigmoid(),)
        out: Tensor = self.after(x)
        return (x, out) if self.keeps else (*kept, out)
