"""What a feed-forward net is to make of every photo."""

from collections.abc import Sequence
from dataclasses import dataclass

from stylize_cli.encoders import Depth
from stylize_cli.engines import About
from stylize_cli.methods import feedforward
from stylize_cli.methods.feedforward import Noise
from stylize_cli.methods.tiling import Wanted


@dataclass(frozen=True)
class Look:
    """What to make of every photo.

    Attributes:
        styles: names, each of which gives a result; (None,) for a net without styles.
        strength: share of the result in the mixture with the photo, in [0, 1].
        preserve_color: keep the photo's colours.
        size: long side of what the network is given, px; None is the photo's own.
        noise: of a texture-style net.
        tileable: whether the photo's borders fit each other, and the result's are to.
        depth: bits a channel of results that come tile by tile.
    """

    styles: Sequence[str | None]
    strength: float = 1.0
    preserve_color: bool = False
    size: int | None = None
    noise: Noise = feedforward.USUAL
    tileable: bool = False
    depth: Depth = 8

    def wanted(self, about: About, style: str | None) -> Wanted:
        """What is wanted of one style."""
        return Wanted(
            feedforward.one_style(about, style),
            strength=self.strength,
            preserve_color=self.preserve_color,
            noise=self.noise,
            wraps=self.tileable,
            depth=self.depth,
        )
