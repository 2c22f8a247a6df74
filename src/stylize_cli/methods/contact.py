"""The sheet that shows one picture in all the styles, from results as they are made."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from stylize_cli import sheets
from stylize_cli.arrays import Pixels, Samples, size_of
from stylize_cli.methods.resampling import reduced

CELL = 256  # px, height of its pictures


@dataclass
class Contact:
    """A sheet on its way.

    Attributes:
        small: the results by style, at its size.
    """

    small: dict[str, Pixels] = field(default_factory=dict)

    def add(self, style: str, pixels: Pixels | Samples) -> None:
        """Keeps a result (H, W, 3 or 4), floats in [0, 1] or samples, small; from any thread."""
        size = sheets.fitted(size_of(pixels), CELL)
        self.small[style] = reduced(pixels, size)

    def drawn(self, styles: Sequence[str | None]) -> Pixels:
        """The sheet (H, W, 3) of what there is of these styles, in their order; then it is empty.

        There must be one at least.
        """
        cells = [(str(style), self.small[style]) for style in styles if style in self.small]
        self.small.clear()
        return sheets.draw(sheets.grid(cells), height=CELL)
