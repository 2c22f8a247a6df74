"""The style network of Johnson, Alahi, Fei-Fei 2016 as published (supplement, table 1)."""

from torch import Tensor, nn
from torch.nn import functional as F

from stylize_cli.generators.layers import BatchRelu, Conv, Residual, Tanh, UpConv

BLOCKS = 5
MARGIN = 40  # px mirrored around the image: what the unpadded blocks use up
# Deviation of what the head is given at the start. At 1, one update of Adam's at 1e-3 moves the
# 2,592 products of a pixel by 1 together: the tanh is soon at its end, and learns no more.
FAINT = 0.1


class JohnsonTransform(nn.Module):
    """Batch normalisation, transposed convolutions, blocks without padding: 1,679,235 parameters.

    Args:
        width: maps of the first convolution; the paper has 32.
    """

    multiple = 4  # sides of the input must be multiples of it
    least = MARGIN + 4  # px a side
    normalisation = "batch"

    def __init__(self, *, width: int = 32) -> None:
        super().__init__()
        low, middle, high = width, 2 * width, 4 * width
        self.body = nn.Sequential(
            Conv(3, low, 9, padding="zeros", bias=True),
            BatchRelu(low),
            Conv(low, middle, 3, stride=2, padding="zeros", bias=True),
            BatchRelu(middle),
            Conv(middle, high, 3, stride=2, padding="zeros", bias=True),
            BatchRelu(high),
            *(Residual(high, padding="none") for _ in range(BLOCKS)),
            UpConv(high, middle),
            BatchRelu(middle),
            UpConv(middle, low),
            last := BatchRelu(low),
            Conv(low, 3, 9, padding="zeros", bias=True),
            Tanh(),
        )
        nn.init.constant_(last.weight, FAINT)

    def forward(self, image: Tensor) -> Tensor:
        """Stylises a batch.

        Args:
            image: (B, 3, H, W) RGB in [0, 1], sides over 40 px; its type is the one computed in.

        Returns:
            (B, 3, H, W) RGB around [0, 1], float32, where H and W are multiples of 4.
        """
        out: Tensor = self.body(F.pad(image, (MARGIN,) * 4, mode="reflect"))
        return out
