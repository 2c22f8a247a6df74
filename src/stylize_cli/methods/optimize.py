"""Gatys, Ecker, Bethge 2016: optimise the picture itself, from coarse to fine."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stylize_cli import images, minimizers, objectives
from stylize_cli.config import OptimizeConfig
from stylize_cli.descriptors import least_side
from stylize_cli.errors import StylizeError
from stylize_cli.objectives import Describe, Targets

COARSEST = 128  # px, about the long side of the first of the automatic scales
POSITIONS = 4  # on the short side of the deepest layer: fewer say nothing about a style


@dataclass(frozen=True)
class Iterate:
    """The best picture so far.

    Attributes:
        image: (1, 3, h, w) RGB in [0, 1], at the size of its scale.
        losses: weighted loss by term ("style relu1_1", "content relu4_2", "tv") and "total".
        done: share of all the work that is done, in [0, 1].
    """

    image: Tensor
    losses: Mapping[str, float]
    done: float


def scale_sizes(size: tuple[int, int], config: OptimizeConfig) -> list[tuple[int, int]]:
    """(height, width) of every scale, coarse to fine, each half of the next.

    Raises:
        StylizeError: the picture is too small for the deepest layer.
    """
    least = least_side({*config.content_layers, *config.style_layers})
    if min(size) < least:
        raise StylizeError(
            f"{size[1]}x{size[0]} px is too small for the layers chosen, which need {least} px a "
            "side; use a larger --size or lower layers"
        )
    wanted = config.scales
    count = max(1, 1 + round(math.log2(max(size) / COARSEST))) if wanted == "auto" else wanted
    sizes = [(round(size[0] / 2**k), round(size[1] / 2**k)) for k in range(count)]
    return [size, *(s for s in sizes[1:] if min(s) >= least * POSITIONS)][::-1]


def optimize(
    describe: Describe,
    content: Tensor | None,
    styles: Sequence[tuple[Tensor, float]],
    config: OptimizeConfig,
    *,
    size: tuple[int, int],
    start: Tensor | None = None,
    seed: int = 0,
) -> Iterator[Iterate]:
    """Optimises a picture towards one image's content and the style of others.

    Each scale starts from the enlarged result of the one below: large forms are settled where an
    evaluation is cheap (Gatys et al. 2017, sec. 6). Without content it synthesises a texture,
    without styles it reconstructs.

    Args:
        describe: a `Descriptor`, on the device that is to do the work.
        content: (1, 3, H, W) RGB in [0, 1] on that device, of any size; None for a texture.
        styles: (image likewise, share); the shares sum to 1.
        config: what to minimise, and how.
        size: (height, width) of the result.
        start: image to start from, in place of what the config says.
        seed: of the noise, where it starts from noise.

    Yields:
        The best picture so far, after every iteration.

    Raises:
        StylizeError: too small a picture, a loss that is not a number, a blank result.
    """
    sizes = scale_sizes(size, config)
    work = [config.iterations * height * width for height, width in sizes]
    if start is None and config.init == "content":
        start = content
    image = _noise(sizes[0], seed) if start is None else start
    best: minimizers.Iterate | None = None
    for index, area in enumerate(sizes):
        targets = _targets(describe, content, styles, config, area)
        image = images.resize(image, area)
        best = None
        for now in _minimise(describe, image, targets, config):
            if best is None or now.evaluation.loss < best.evaluation.loss:
                best = now
            _check_finite(now.evaluation.loss)
            share = min(1.0, now.evaluations / config.iterations)
            done = (sum(work[:index]) + share * work[index]) / sum(work)
            parts = {**best.evaluation.parts, "total": best.evaluation.loss}
            yield Iterate(best.x, parts, done)
            if now.evaluations >= config.iterations:
                break
        assert best is not None  # a minimiser yields its start
        image = best.x
    _check_not_blank(image)


def _targets(
    describe: Describe,
    content: Tensor | None,
    styles: Sequence[tuple[Tensor, float]],
    config: OptimizeConfig,
    size: tuple[int, int],
) -> Targets:
    """The targets at one scale: the photo at that size, the style at as many pixels."""
    photo = None if content is None else images.resize(content, size)
    pixels = round(size[0] * size[1] * config.style_scale**2)
    sized = [
        (images.resize(style, images.same_area((style.shape[2], style.shape[3]), pixels)), share)
        for style, share in styles
    ]
    return Targets(
        content=()
        if photo is None
        else objectives.content_targets(
            describe,
            photo,
            config.content_layers,
            weight=config.content_weight,
            weighting=config.weighting,
        ),
        style=()
        if not sized
        else objectives.style_targets(
            describe,
            sized,
            config.style_layers,
            weight=config.style_weight,
            weighting=config.weighting,
            content=photo,
        ),
        tv_weight=config.tv_weight,
    )


def _minimise(
    describe: Describe, image: Tensor, targets: Targets, config: OptimizeConfig
) -> Iterator[minimizers.Iterate]:
    def objective(x: Tensor) -> minimizers.Evaluation:
        return objectives.evaluate(describe, x, targets)

    if config.optimizer == "adam":
        return minimizers.adam(objective, image)
    return minimizers.lbfgs(objective, image, history=config.history)


def _noise(size: tuple[int, int], seed: int) -> Tensor:
    """White noise (1, 3, H, W), uniform in [0, 1]; the same on every device."""
    return torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(seed))


def _check_finite(loss: float) -> None:
    if not math.isfinite(loss):
        raise StylizeError(
            f"the loss became {loss}; try --precision float32, or smaller weights"
        )


def _check_not_blank(image: Tensor) -> None:
    if image.std().item() < 1 / 255:
        raise StylizeError(
            "the result is blank: nothing was left to match; give a larger --content-weight or "
            "--style-weight, or pictures that show something"
        )
