"""The sizes at which a picture is optimised in turn, and what goes from one to the next.

From coarse to fine, so that large forms are settled where an evaluation is cheap (Gatys et al.
2017, sec. 6).
"""

import math

from torch import Tensor

from stylize_cli import images
from stylize_cli.config.neighbours import NeighboursConfig
from stylize_cli.config.optimize import OptimizeConfig
from stylize_cli.errors import StylizeError
from stylize_cli.vgg import least_side

COARSEST = 128  # px, about the long side of the first of the automatic scales
POSITIONS = 4  # on the short side of the deepest layer: fewer say nothing about a style


def scale_sizes(
    size: tuple[int, int], config: OptimizeConfig | NeighboursConfig
) -> list[tuple[int, int]]:
    """(height, width) of every scale, coarse to fine, each half of the next.

    Raises:
        StylizeError: the picture is too small for the deepest layer.
    """
    least = least_side(config.layers)
    if min(size) < least:
        raise StylizeError(
            f"{size[1]}x{size[0]} px is too small for the layers chosen, which need {least} px a "
            "side; use a larger `size` or lower layers"
        )
    wanted = config.scales
    count = max(1, 1 + round(math.log2(max(size) / COARSEST))) if wanted == "auto" else wanted
    count = min(count, max(size).bit_length())  # of more, nothing is left
    sizes = [(round(size[0] / 2**k), round(size[1] / 2**k)) for k in range(count)]
    return [size, *(s for s in sizes[1:] if min(s) >= least * POSITIONS)][::-1]


def with_details(image: Tensor, photo: Tensor, *, share: float = 1.0) -> Tensor:
    """An image at the photo's size, with the details that the photo would lose at the image's.

    Args:
        image: (1, 3, h, w) RGB in [0, 1], smaller as a rule.
        photo: (1, 3, H, W) likewise.
        share: of those details, in [0, 1].

    Returns:
        (1, 3, H, W) in [0, 1].
    """
    size, smaller = images.size_of(photo), images.size_of(image)
    details = photo - images.resize(images.resize(photo, smaller), size)
    return (images.resize(image, size) + share * details).clamp(0, 1)
