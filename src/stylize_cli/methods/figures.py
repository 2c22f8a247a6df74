"""Figures of mixtures: a strip from one style to another, and a table between four."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from stylize_cli import sheets
from stylize_cli.arrays import Pixels
from stylize_cli.errors import too_little_memory
from stylize_cli.methods import blend, resampling
from stylize_cli.methods.blend import Weights

BYTES = 4 * 3 * 4  # a pixel: of the figure, and of what encoding it takes, float32


@dataclass(frozen=True)
class Mixture:
    """Which styles are mixed, and how.

    Attributes:
        kind: one picture; a strip between two styles; a grid between four.
        styles: that are mixed.
        weights: (pictures, styles).
        steps: pictures a side of a figure.
    """

    kind: Literal["picture", "strip", "grid"]
    styles: Sequence[str]
    weights: Weights
    steps: int = 1


def draw(pictures: Iterable[Pixels], mixture: Mixture, size: tuple[int, int], room: int) -> Pixels:
    """Draws the pictures of a strip or a grid on one, on white.

    Args:
        pictures: (H, W, 3) or with alpha (H, W, 4), in [0, 1]; not all in memory at once.
        mixture: of each.
        size: (height, width) of each in the figure.
        room: bytes that the figure may take.

    Returns:
        (H', W', 3) in [0, 1].

    Raises:
        StylizeError: memory will not do.
    """
    need = len(mixture.weights) * size[0] * size[1] * BYTES
    if need > room:
        fix = "use a smaller `cell`, or fewer `steps`"
        raise too_little_memory(f"the {mixture.kind}", need, room, fix)
    cells = (resampling.resized(_on_white(picture), size) for picture in pictures)
    if mixture.kind == "grid":
        table = blend.tiled(cells, size, columns=mixture.steps)
        return sheets.cornered(table, mixture.styles)
    labels = [f"{first:.2f} : {second:.2f}" for first, second in mixture.weights]
    labels[0], labels[-1] = mixture.styles
    row = [
        (label, pixels.transpose(2, 0, 1)[None])
        for label, pixels in zip(labels, cells, strict=True)
    ]
    return sheets.draw([row], height=size[0])


def _on_white(picture: Pixels) -> Pixels:
    rgb, alpha = picture[..., :3], picture[..., 3:]
    return rgb * alpha + (1 - alpha) if alpha.size else rgb
