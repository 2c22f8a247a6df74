"""Gatys, Ecker, Bethge 2016: optimise the picture itself, from coarse to fine."""

import math
from collections import deque
from collections.abc import Generator, Iterator

import torch
from torch import Tensor

from stylize_cli import hardware, images, minimizers, objectives, transparency
from stylize_cli.config.optimize import OptimizeConfig
from stylize_cli.descriptors import Describe
from stylize_cli.errors import StylizeError
from stylize_cli.methods import balance
from stylize_cli.methods.pictures import Best, Pictures
from stylize_cli.methods.scales import scale_sizes, with_details
from stylize_cli.objectives import Target, Targets
from stylize_cli.vgg import least_side

RECENT = 10  # iterations that tell whether it goes on falling
FAINT = 0.1  # range of the noise that a texture starts from, around its source's mean colour


def optimize(
    describe: Describe,
    pictures: Pictures,
    config: OptimizeConfig,
    *,
    size: tuple[int, int],
    seed: int = 0,
) -> Generator[Best, None, None]:
    """Optimises a picture towards one image's content and the style of others.

    Each scale (`scales`) starts from the enlarged result of the one below.

    Args:
        describe: a `Descriptor`, on the device of the pictures.
        pictures: what to match.
        config: what to minimise, and how.
        size: (height, width) of the result.
        seed: of the noise, where it starts from noise.

    Yields:
        The best picture so far, after every iteration.

    Raises:
        StylizeError: too small a picture, a loss that is not a number, a blank result.
    """
    pictures = pictures.recoloured(config.palette_share)
    sizes = scale_sizes(size, config)
    work = [height * width for height, width in sizes]
    image, factor = _start(pictures, config, sizes[0], seed), balance.usual(config)
    for index, scale in enumerate(sizes):
        aims = targets(describe, pictures, config, scale)
        hardware.release_memory()
        image = _at_scale(image, pictures.content, scale, config)
        for begun, end in balance.rounds(config):
            weighed = aims.with_content(factor)
            for best, taken in _descend(describe, image, weighed, config, most=end - begun):
                done = sum(work[:index]) + (begun + taken) / config.iterations * work[index]
                losses = {**best.evaluation.parts, "total": best.evaluation.loss}
                yield Best(best.x, losses, done / sum(work))
            image = best.x
            factor = balance.steered(factor, best.evaluation.parts, config)
    _check_not_blank(image)


def _at_scale(
    image: Tensor, photo: Tensor | None, size: tuple[int, int], config: OptimizeConfig
) -> Tensor:
    """What a scale starts from: the result so far, enlarged with the details of the photo."""
    is_enlarged = math.prod(images.size_of(image)) < math.prod(size)
    if photo is None or not config.details or not is_enlarged:
        return images.resize(image, size)
    return with_details(image, images.resize(photo, size), share=balance.details(config))


def _descend(
    describe: Describe, image: Tensor, aims: Targets, config: OptimizeConfig, *, most: int
) -> Iterator[tuple[minimizers.Point, int]]:
    """One round: the best iterate so far, and how many evaluations it has taken, `most` at most."""
    best: minimizers.Point | None = None
    losses: deque[float] = deque(maxlen=RECENT + 1)
    for now in _minimise(describe, image, aims, config):
        check_finite(now.evaluation.loss)
        if best is None or now.evaluation.loss < best.evaluation.loss:
            best = now
        yield best, min(most, now.evaluations)
        losses.append(best.evaluation.loss)
        is_settled = len(losses) > RECENT and losses[-1] > (1 - config.settled) * losses[0]
        if now.evaluations >= most or is_settled:
            return


def _start(pictures: Pictures, config: OptimizeConfig, size: tuple[int, int], seed: int) -> Tensor:
    if pictures.start is not None:
        return pictures.start
    if config.init == "content" and pictures.content is not None:
        photo = images.resize(pictures.content, size)
        # A little sharper than that, as it was wherever results were judged by eye.
        return with_details(pictures.content, photo) if config.details else photo
    # Drawn on the CPU, so that a seed means the same noise on every device.
    noise = torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(seed))
    if pictures.content is not None:
        return noise.to(pictures.content.device)
    # Of white noise, which the papers start from, dots of odd colours stay in a texture to the end.
    mean = sum(
        share * transparency.colours(style).mean((2, 3), keepdim=True)
        for style, share in pictures.styles
    )
    return (mean + FAINT * (noise.to(pictures.styles[0][0].device) - 0.5)).clamp(0, 1)


def targets(
    describe: Describe, pictures: Pictures, config: OptimizeConfig, size: tuple[int, int]
) -> Targets:
    """The targets at one scale: the photo at that size, the styles at as many pixels."""
    content: tuple[Target, ...] = ()
    style: tuple[Target, ...] = ()
    photo = None if pictures.content is None else images.resize(pictures.content, size)
    if photo is not None and config.content_weight:
        content = objectives.content_targets(
            describe,
            photo,
            config.content_layers,
            weight=config.content_weight,
            weighting=config.weighting,
        )
    if pictures.styles:
        pixels = round(size[0] * size[1] * config.style_scale**2)
        least = least_side(config.style_layers)  # px: each layer has a position then
        style = objectives.style_targets(
            describe,
            [
                (images.at_area(image, pixels, least=least), share)
                for image, share in pictures.styles
            ],
            config.style_layers,
            weight=config.style_weight,
            weighting=config.weighting,
            block_weights=config.block_weights,
            content=photo,
            statistic=config.statistic,
        )
    return Targets(content, style, config.tv_weight, photo, config.layout_weight, config.statistic)


def _minimise(
    describe: Describe, image: Tensor, aims: Targets, config: OptimizeConfig
) -> Iterator[minimizers.Point]:
    def objective(x: Tensor) -> minimizers.Evaluation:
        return objectives.evaluate(describe, x, aims)

    if config.optimizer == "adam":
        return minimizers.adam(objective, image)
    size = images.size_of(image)
    guess = minimizers.coarse_first(size, config.spectrum) if config.spectrum else None
    kept_in = minimizers.TYPES[config.pairs]
    return minimizers.lbfgs(objective, image, history=config.history, kept_in=kept_in, guess=guess)


def check_finite(loss: float) -> None:
    """Raises `StylizeError` where a loss is no number."""
    if not math.isfinite(loss):
        raise StylizeError(f"the loss became {loss}; try `precision` float32, or smaller weights")


def _check_not_blank(image: Tensor) -> None:
    if image.std().item() < 1 / 255:
        raise StylizeError(
            "the result is blank: nothing was left to match; give a larger `content_weight` or "
            "`style_weight`, or pictures that show something"
        )
