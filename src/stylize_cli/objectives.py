"""What a picture is optimised towards, and how far it still is from that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stylize_cli import images, losses
from stylize_cli.config import BlockWeights, StatisticName
from stylize_cli.config.optimize import Weighting
from stylize_cli.descriptor_tiles import Part, Tiled
from stylize_cli.descriptors import Describe
from stylize_cli.minimizers import Evaluation
from stylize_cli.statistics import STATISTICS
from stylize_cli.vgg import block_of

CELLS = 18  # along the longer side: squares whose light and dark is compared
ALL = Part()
LEAST_DISTANCE = 0.01  # of the style's own square: a photo nearer than that has the style already


@dataclass(frozen=True)
class Target:
    """What one layer should show, and the weight of its distance from that."""

    layer: str
    value: Tensor
    weight: float


@dataclass(frozen=True)
class Targets:
    """All that a picture of one size is optimised towards.

    Attributes:
        content: features, compared by their mean square difference.
        style: statistics of features, compared by their distance.
        tv_weight: of the total variation per value.
        photo: (1, 3, H, W), whose light and dark should stay where they are; None where there is
            none, or that does not count.
        layout_weight: of that.
        statistic: the style's.
    """

    content: tuple[Target, ...] = ()
    style: tuple[Target, ...] = ()
    tv_weight: float = 0.0
    photo: Tensor | None = None
    layout_weight: float = 0.0
    statistic: StatisticName = "gram"

    @property
    def layers(self) -> set[str]:
        """All layers looked at."""
        return {target.layer for target in (*self.content, *self.style)}

    def terms(self, layer: str, features: Tensor) -> dict[str, Tensor]:
        """The weighted losses of one layer's maps by name: "content relu4_2", "style relu1_1"."""
        known = {
            target.layer: STATISTICS[self.statistic].of(features)
            for target in self.style
            if target.layer == layer
        }
        return {**self.content_terms(layer, features), **self.style_terms(known)}

    def content_terms(self, layer: str, features: Tensor, part: Part = ALL) -> dict[str, Tensor]:
        """The weighted content losses of one layer's maps, or a part's share of them."""
        return {
            f"content {layer}": target.weight
            * part.share
            * losses.content_loss(features, target.value[..., part.place[0], part.place[1]])
            for target in self.content
            if target.layer == layer
        }

    def style_terms(self, known: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weighted style losses by name, of such statistics by layer."""
        distance = STATISTICS[self.statistic].distance
        return {
            f"style {target.layer}": target.weight
            * distance(known[target.layer], target.value).mean()
            for target in self.style
            if target.layer in known
        }

    def pixel_terms(self, image: Tensor) -> dict[str, Tensor]:
        """The weighted losses of an image (1, 3, H, W) itself: "tv", "layout"."""
        terms = {}
        if self.tv_weight:
            terms["tv"] = self.tv_weight * losses.total_variation(image) / image.numel()
        if self.photo is not None and self.layout_weight:
            cell = max(1, min(max(image.shape[2:]) // CELLS, *image.shape[2:]))
            layout = losses.tonal_layout(image, self.photo, cell).mean()
            terms["layout"] = self.layout_weight * layout
        return terms

    def with_content(self, factor: float) -> "Targets":
        """These targets, with so many times the weight of the content."""
        content = tuple(replace(one, weight=one.weight * factor) for one in self.content)
        return replace(self, content=content)


@torch.no_grad()
def content_targets(
    describe: Describe, image: Tensor, layers: Sequence[str], *, weight: float, weighting: Weighting
) -> tuple[Target, ...]:
    """Features of the content image (1, 3, H, W), with the weight each layer's mean square gets.

    The layers share `weight` evenly. "relative" divides by the features' own mean square, so that 1
    is the loss of a picture that shows nothing of the content; the others leave it as it is.
    """
    found = describe(image, layers)
    targets = []
    for layer in layers:
        value = found[layer]
        factor = {
            "relative": 1 / max(losses.content_loss(value, torch.zeros_like(value)).item(), 1e-12),
            "mean": 1.0,
            "paper": 1.0,
        }[weighting]
        targets.append(Target(layer, value, weight * factor / len(layers)))
    return tuple(targets)


@torch.no_grad()
def style_targets(
    describe: Describe,
    images: Sequence[tuple[Tensor, float]],
    layers: Sequence[str],
    *,
    weight: float,
    weighting: Weighting,
    block_weights: BlockWeights,
    content: Tensor | None = None,
    statistic: StatisticName = "gram",
) -> tuple[Target, ...]:
    """Statistics of the style, with the weight each layer's distance gets.

    Several styles become their weighted mean, which for Gram matrices has the same gradient as the
    weighted sum of their losses. "relative" divides each layer by the distance between the photo's
    statistic and the style's, so that every layer starts at 1 and ends at the share of the way not
    gone; "mean" divides by N² (Gatys' notebook); "paper" is w_l = 1/L (Gatys et al. 2016, eq. 5).

    Args:
        describe: a `Descriptor`.
        images: ((1, 3, H, W) style image, or with alpha (1, 4, H, W), its share); the shares sum
            to 1.
        layers: names of the style layers.
        weight: of the style in all.
        weighting: see above.
        block_weights: factors of the layers, by their VGG block.
        content: (1, 3, H, W), where there is a photo.
        statistic: which.
    """
    kind = STATISTICS[statistic]

    def known(image: Tensor) -> Mapping[str, Tensor]:
        return describe(image, layers, lambda _, features: kind.of(features))

    blend: dict[str, Tensor] = {}
    for image, share in images:
        for layer, value in known(image).items():
            value = share * value
            blend[layer] = blend[layer] + value if layer in blend else value
    start = {} if content is None else known(content)
    targets = []
    for layer in layers:
        value = blend[layer]
        own = kind.scale(value).item()
        way = kind.distance(start[layer], value).item() if start else own
        factor = {
            "relative": 1 / max(way, LEAST_DISTANCE * own, 1e-12) / len(layers),
            "mean": 1 / value.shape[-1] ** 2,
            "paper": 1 / len(layers),
        }[weighting]
        targets.append(Target(layer, value, weight * factor * block_weights[block_of(layer) - 1]))
    return tuple(targets)


def evaluate(describe: Describe, image: Tensor, targets: Targets) -> Evaluation:
    """Loss of an image (1, 3, H, W), its gradient, and its terms ("style relu1_1": 0.2, …)."""
    if isinstance(describe, Tiled) and describe.is_cut(images.size_of(image)):
        return _by_tiles(describe, image, targets)
    image = image.detach().requires_grad_()
    found = describe(image, targets.layers, targets.terms)
    terms = {name: term for layer in found.values() for name, term in layer.items()}
    terms |= targets.pixel_terms(image)
    values = torch.stack(list(terms.values()))
    total = values.sum()
    (gradient,) = torch.autograd.grad(total, image)
    # Read at once: a GPU would wait at each.
    loss, *parts = torch.cat([total[None], values]).detach().tolist()
    return Evaluation(loss, gradient, dict(zip(terms, parts, strict=True)))


def _by_tiles(describe: Tiled, image: Tensor, targets: Targets) -> Evaluation:
    """The loss of a picture whose maps are never whole, its gradient and its terms.

    A style's loss depends on a tile through the statistics alone: once those are known, and with
    them the loss's derivative by each, every tile has its own share of the gradient.
    """
    image, statistic = image.detach(), STATISTICS[targets.statistic]
    styled = {target.layer for target in targets.style}
    known: dict[str, Tensor] = {}
    parts: dict[str, float] = {}

    def note(layer: str, features: Tensor, part: Part) -> None:
        if layer in styled:
            known[layer] = known.get(layer, 0) + part.share * statistic.of(features)
        for name, term in targets.content_terms(layer, features, part).items():
            parts[name] = parts.get(name, 0.0) + term.item()

    seen = describe.look([image], targets.layers, note, is_pulled=True)
    leaves = {layer: value.requires_grad_() for layer, value in known.items()}
    slopes: dict[str, Tensor] = {}
    for name, term in targets.style_terms(leaves).items():
        parts[name] = term.item()
        layer = name.removeprefix("style ")
        (slopes[layer],) = torch.autograd.grad(term, leaves[layer])

    def score(layer: str, features: Tensor, part: Part) -> Tensor:
        shares = list(targets.content_terms(layer, features, part).values())
        if layer in slopes:
            shares.append((slopes[layer] * statistic.of(features)).sum() * part.share)
        return torch.stack(shares).sum()

    gradient = describe.pull(image, targets.layers, seen, score)
    if targets.tv_weight:
        weight = targets.tv_weight / image.numel()
        parts["tv"] = weight * losses.total_variation(image).item()
        gradient.add_(losses.total_variation_gradient(image), alpha=weight)
    leaf = image.requires_grad_()
    for name, term in replace(targets, tv_weight=0.0).pixel_terms(leaf).items():
        parts[name] = term.item()
        gradient.add_(torch.autograd.grad(term, leaf)[0])
    return Evaluation(sum(parts.values()), gradient, parts)
