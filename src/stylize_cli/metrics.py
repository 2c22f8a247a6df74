"""How close a picture is to a style and to a photo, free of any method's weights."""

from collections.abc import Mapping

import torch
from torch import Tensor

from stylize_cli import images, losses
from stylize_cli.config import CONTENT_LAYERS, STYLE_LAYERS
from stylize_cli.descriptors import least_side
from stylize_cli.errors import StylizeError
from stylize_cli.objectives import Describe

NOTEBOOK_STYLE = 1e3  # Gatys' notebook: its style weight, over N² in each layer
LEAST_SIDE = 32  # px: of a very long style image at the result's area


@torch.no_grad()
def judge(
    describe: Describe, image: Tensor, style: Tensor | None = None, content: Tensor | None = None
) -> dict[str, float]:
    """Errors of a picture as it was saved, at its own size.

    The photo is resized to the picture, the style to as many pixels with its aspect kept.

    Args:
        describe: VGG-19 with max pooling in float32, for figures that compare with others'.
        image: (1, 3, H, W) RGB in [0, 1].
        style: likewise, of any size.
        content: likewise.

    Returns:
        "style_error": mean over relu1_1 … relu5_1 of ‖G - A‖ / ‖A‖, where there is a style;
        "content_error": ‖F - P‖ / ‖P‖ at relu4_2, where there is a photo;
        "notebook": Gatys' notebook's objective on 0-255 features, where there are both.

    Raises:
        StylizeError: the picture is too small for the layers compared.
    """
    layers = {*STYLE_LAYERS, *CONTENT_LAYERS}
    height, width = images.size_of(image)
    if min(height, width) < least_side(layers):
        raise StylizeError(
            f"{width}x{height} px is too small to measure; give a picture of at least "
            f"{least_side(layers)} px a side"
        )
    found = describe(image, layers)
    report: dict[str, float] = {}
    if style is not None:
        grams = _grams(found)
        size = images.same_area(images.size_of(style), height * width, least=LEAST_SIDE)
        wanted = _grams(describe(images.resize(style, size), STYLE_LAYERS))
        report["style_error"] = sum(relative_error(grams[k], wanted[k]) for k in grams) / len(grams)
    if content is not None:
        (layer,) = CONTENT_LAYERS
        photo = describe(images.resize(content, images.size_of(image)), CONTENT_LAYERS)[layer]
        report["content_error"] = relative_error(found[layer], photo)
        if style is not None:
            report["notebook"] = losses.content_loss(found[layer], photo).item() + sum(
                NOTEBOOK_STYLE
                / grams[k].shape[-1] ** 2
                * losses.style_loss(grams[k], wanted[k]).item()
                for k in grams
            )
    return report


def relative_error(value: Tensor, target: Tensor) -> float:
    """‖value - target‖ / ‖target‖, Frobenius norms."""
    return float((value - target).norm() / target.norm())


def _grams(features: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {layer: losses.gram_matrix(features[layer]) for layer in STYLE_LAYERS}
