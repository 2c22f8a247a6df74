"""What tests of whole losses aim at: content, style, smoothness and layout at once."""

from stylize_cli import objectives
from stylize_cli.config import STYLE_LAYERS
from stylize_cli.objectives import Targets


def aims(describe, photo, style, *, content, block_weights, statistic):
    """Targets of a photo and a painting, (1, 3, H, W) each, on the descriptor's device."""
    return Targets(
        objectives.content_targets(describe, photo, content, weight=2.0, weighting="relative"),
        objectives.style_targets(
            describe,
            [(style, 1.0)],
            STYLE_LAYERS,
            weight=1.0,
            weighting="relative",
            block_weights=block_weights,
            content=photo,
            statistic=statistic,
        ),
        5.0,
        photo,
        3.0,
        statistic,
    )
