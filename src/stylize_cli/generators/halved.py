"""N styles in one network without maps of the image's own size: a third faster than the paper's."""

from stylize_cli.generators import USUAL_BLOCKS
from stylize_cli.generators.conditional import Normalised, StyledResidual, StyleTransform
from stylize_cli.generators.layers import Conv, DoublingConv

FIRST, HEAD = 5, 9  # sides of the kernels that read the image and make the result

# Where a `ConditionalTransform` has what this network has too, as the starts of names.
SHARED = {
    "down.0.norm.": "down.1.norm.",
    "down.1.": "down.2.",
    "blocks.": "blocks.",
    "up.0.": "up.0.",
    "head.norm.": "head.norm.",
}


class HalvedTransform(StyleTransform):
    """Dumoulin et al. 2017, table 1, without its layers at full size.

    The first convolution halves the image, and the last one makes the result out of maps of half
    its sides: its 9×9 kernel sees each of them twice, by nearest ×2.

    Args:
        styles: N, in the order of the model's style names.
        width: a quarter of the maps of a block, so that blocks are those of a
            `ConditionalTransform` of the same width.
        blocks: residual. The paper has five (docs/benchmarks.md, By eye).
    """

    def __init__(self, *, styles: int, width: int = 32, blocks: int = USUAL_BLOCKS) -> None:
        middle, high = 2 * width, 4 * width
        super().__init__(
            down=[
                Normalised(Conv(3, middle, FIRST, stride=2), styles),
                Normalised(Conv(middle, high, 3, stride=2), styles),
            ],
            blocks=[StyledResidual(high, styles=styles) for _ in range(blocks)],
            up=[Normalised(DoublingConv(high, middle), styles)],
            head=Normalised(DoublingConv(middle, 3, HEAD), styles),
        )
