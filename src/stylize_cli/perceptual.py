"""The losses that train a generator (Johnson, Alahi, Fei-Fei 2016, sec. 3.2), of one batch."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from stylize_cli import colours, images, losses, transparency
from stylize_cli.config.train import TrainConfig
from stylize_cli.descriptors import Describe
from stylize_cli.statistics import STATISTICS
from stylize_cli.vgg import block_of, least_side

RELATIVE = ("relative", "norm")  # weightings that compare each term with its target's own scale
RANGE = "range"  # among the layers of a style's targets, and so are the next two
PALETTE = "palette"
HALVED = "halved "  # before a layer's name: of pictures at half their size
ENDS = (0.005, 0.995)  # quantiles of a style's values: a few of them are specks of dust
FINEST = 1e-6  # of alternation: what eight bits round by
LEAST = 1e-12  # a picture that excites nothing is compared as it is


@torch.no_grad()
def style_summary(
    describe: Describe, styles: Sequence[Tensor], config: TrainConfig
) -> dict[str, Tensor]:
    """What every style image asks of a picture.

    Args:
        describe: a `Descriptor`.
        styles: (1, 3, H, W) RGB in [0, 1] each, of any size; or (1, 4, H, W) with alpha, of which
            the opaque part counts.
        config: its style layers, and the area at which it shows them.

    Returns:
        {layer: (N, …) statistics}, and where they count: at `HALVED` and a layer the same of the
        style at half the size; at `RANGE` (N, 2, 3), the darkest and the brightest of its colours
        by channel; at `PALETTE` (N, 3, 4), its colours' covariance and mean.
    """
    shown = _at_area(styles, config.style_size**2, config)
    targets = _statistics(describe, shown, config)
    if config.halved_weight:
        halved = _statistics(describe, _at_area(styles, config.style_size**2 // 4, config), config)
        targets |= {HALVED + layer: value for layer, value in halved.items()}
    opaque = [transparency.colours(one) for one in shown]
    if config.range_weight:
        ends = torch.tensor(ENDS, device=shown[0].device)
        targets[RANGE] = torch.stack([one[0].flatten(1).quantile(ends, dim=1) for one in opaque])
    if config.recolour:
        targets[PALETTE] = torch.cat([colours.palette(one) for one in opaque])
    return targets


@torch.no_grad()
def parts_summary(
    describe: Describe, style: Tensor, config: TrainConfig, side: int
) -> dict[str, Tensor]:
    """What a style asks of samples smaller than itself: the mean over squares of their size.

    VGG pads what it is shown with zeros, so that deep layers see another picture in a small one.

    Args:
        describe: a `Descriptor`.
        style: (1, 3, H, W) RGB in [0, 1], or (1, 4, H, W) with alpha.
        config: its style layers, and the area at which it shows them.
        side: of the squares, px; no longer than the style shows.

    Returns:
        {layer: (1, …) statistics}; none where all squares are holes.
    """
    (shown,) = _at_area([style], config.style_size**2, config)
    if shown.shape[1] > 3:  # what is nearly transparent does not count, wherever a square lies
        chosen = transparency.opaque(shown[:, 3:], images.size_of(shown))
        shown = torch.cat([shown[:, :3], chosen[None, None].to(shown.dtype)], 1)
    rows, columns = (
        {0, max(0, length - side) // 2, max(0, length - side)} for length in images.size_of(shown)
    )
    parts = [shown[..., y : y + side, x : x + side] for y in rows for x in columns]
    # A part of a hole shows nothing of the style.
    seen = [one for one in parts if one.shape[1] == 3 or one[:, 3].any()]
    if not seen:
        return {}
    found = _statistics(describe, seen, config)
    return {layer: values.mean(0, keepdim=True) for layer, values in found.items()}


def _at_area(styles: Sequence[Tensor], pixels: int, config: TrainConfig) -> list[Tensor]:
    """Styles at so many pixels, their aspect kept where the layers have a position then."""
    least = least_side(config.style_layers)
    return [images.at_area(one, pixels, least=least) for one in styles]


def _statistics(
    describe: Describe, styles: Sequence[Tensor], config: TrainConfig
) -> dict[str, Tensor]:
    """{layer: (N, …)} of styles (1, 3, H, W) as they are."""
    statistic = STATISTICS[config.statistic]
    found = [
        describe(one, config.style_layers, lambda _, maps: statistic.of(maps)) for one in styles
    ]
    return {layer: torch.cat([one[layer] for one in found]) for layer in config.style_layers}


def feature_losses(
    describe: Describe,
    output: Tensor,
    target: Tensor | None,
    config: TrainConfig,
    *,
    styles: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Weighted losses of a batch by name, such as "content", "style" or "tv", each one a sample.

    Args:
        describe: a `Descriptor`.
        output: (B, 3, H, W) RGB around [0, 1], of the generator.
        target: (B, 3, H, W) RGB in [0, 1]: the photos whose content it should show; None for
            textures, which have none.
        config: layers and weights.
        styles: what `style_summary` returns, of each sample's own style.

    Returns:
        {name: (B,)}, float32 or wider.
    """
    known: Mapping[str, Tensor] = {} if styles is None else styles
    if target is not None and PALETTE in known:
        target = colours.in_palette(target, known[PALETTE], colours.SPREAD)
    total: dict[str, Tensor] = {}
    for name, value in (
        *_of_features(describe, output, target, config, known),
        *_of_halved(describe, output, config, known),
    ):
        total[name] = total[name] + value if name in total else value
    if config.tv_weight:
        total["tv"] = config.tv_weight * losses.total_variations(output) / output[0].numel()
    if config.layout_weight and target is not None:
        total["layout"] = config.layout_weight * losses.tonal_layout(output, target)
    if config.grid_weight and target is not None:
        total["grid"] = config.grid_weight * _grid(output, target, config)
    if RANGE in known:
        lowest, highest = known[RANGE].unbind(1)
        total["range"] = config.range_weight * losses.out_of_range(output, lowest, highest)
    return total


def _of_features(
    describe: Describe,
    output: Tensor,
    target: Tensor | None,
    config: TrainConfig,
    styles: Mapping[str, Tensor],
) -> list[tuple[str, Tensor]]:
    """("content" or "style", (B,)), layer by layer."""
    layer = config.content_layer
    wanted = None
    if target is not None:
        with torch.no_grad():
            wanted = describe(target, [layer])[layer]
    relative = config.weighting in RELATIVE

    def compare(name: str, maps: Tensor) -> list[tuple[str, Tensor]]:
        terms = []
        if name == layer and wanted is not None:
            distance = _mean_square(maps - wanted)
            scale = _mean_square(wanted).clamp(min=LEAST) if relative else 1.0
            terms.append(("content", config.content_weight * distance / scale))
        if name in styles:
            terms.append(("style", _style(name, maps, styles[name], config)))
        return terms

    return [term for terms in describe(output, config.layers, compare).values() for term in terms]


def _grid(output: Tensor, target: Tensor, config: TrainConfig) -> Tensor:
    """What alternates from pixel to pixel otherwise than in the target: (B,)."""
    distance = losses.alternation(output.float() - target)
    if config.weighting not in RELATIVE:
        return distance
    return distance / losses.alternation(target).clamp(min=FINEST)


def _of_halved(
    describe: Describe, output: Tensor, config: TrainConfig, styles: Mapping[str, Tensor]
) -> list[tuple[str, Tensor]]:
    """("style", (B,)), layer by layer, of pictures at half their size; none of too small ones."""
    layers = [layer for layer in config.style_layers if HALVED + layer in styles]
    if not layers or min(output.shape[2:]) // 2 < least_side(layers):
        return []

    def compare(name: str, maps: Tensor) -> Tensor:
        return config.halved_weight * _style(name, maps, styles[HALVED + name], config)

    found = describe(F.avg_pool2d(output, 2), layers, compare)
    return [("style", value) for value in found.values()]


def _style(layer: str, maps: Tensor, target: Tensor, config: TrainConfig) -> Tensor:
    """How far maps (B, C, H, W) are from statistics (B, …): (B,), as the config weighs it."""
    weight = config.style_weight * _share(layer, config)
    if config.gradients == "normalised":
        maps = losses.normalised_gradient(maps, config.style_weight)
    statistic = STATISTICS[config.statistic]
    distance = statistic.distance(statistic.of(maps), target)
    if config.weighting in RELATIVE:
        share = distance / statistic.scale(target).clamp(min=LEAST)
        if config.weighting == "norm":
            share = (share + LEAST).sqrt()  # whose slope at 0 is finite
        return weight * share
    return weight * (distance / maps.shape[1] ** 2 if config.weighting == "volume" else distance)


def _share(layer: str, config: TrainConfig) -> float:
    """What a style layer counts: its share of all where losses are relative, else 1."""
    if config.weighting not in RELATIVE:
        return 1.0
    weights = {name: config.block_weights[block_of(name) - 1] for name in config.style_layers}
    return weights[layer] / sum(weights.values())


def shifted(output: Tensor, target: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """Both cut to start at the first pixel or at the second, down and across.

    VGG pools squares of two pixels. What always lies in the same ones can be drawn to suit the
    pooling alone; what is moved by a pixel from step to step cannot.

    Args:
        output: (B, 3, H, W).
        target: the same shape.
        number: 0 to 3: which of the four ways.

    Returns:
        (B, 3, H - 1, W - 1) of each.
    """
    y, x = divmod(number, 2)
    height, width = (side - 1 for side in images.size_of(target))
    one, other = (shown[..., y : y + height, x : x + width] for shown in (output, target))
    return one, other


def pixel_losses(output: Tensor, target: Tensor) -> dict[str, Tensor]:
    """The baseline of super-resolution: the mean square of the pixels' difference (ibid., 3.2).

    Args:
        output: (B, 3, H, W) RGB around [0, 1].
        target: the same shape, in [0, 1].

    Returns:
        {"pixel": (B,)}.
    """
    return {"pixel": F.mse_loss(output, target, reduction="none").mean((1, 2, 3))}


def _mean_square(values: Tensor) -> Tensor:
    """(B, …) -> (B,), float32 or wider."""
    square = values.square().flatten(1)
    return square.mean(1, dtype=torch.promote_types(square.dtype, torch.float32))
