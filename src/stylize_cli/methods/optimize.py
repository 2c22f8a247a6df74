"""Gatys, Ecker, Bethge 2016: optimise the picture itself, from coarse to fine."""

import math
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from stylize_cli import colours, hardware, images, minimizers, objectives, transparency
from stylize_cli.config.neighbours import NeighboursConfig
from stylize_cli.config.optimize import OptimizeConfig
from stylize_cli.descriptors import Describe
from stylize_cli.errors import StylizeError
from stylize_cli.objectives import Target, Targets
from stylize_cli.vgg import least_side

KeepColours = Literal["luminance", "covariance"]

COARSEST = 128  # px, about the long side of the first of the automatic scales
MOST_LOST = 0.8  # of the content's relative mean square, where all is the painter's
LEAST_LOST = 0.02  # where all is the photo's
STEERED = (0.9, 2.5)  # least and greatest factor of the content weight that a balance leads to
ROUNDS = 3  # at each scale, after each of which the content weight is steered anew
RECENT = 10  # iterations that tell whether it goes on falling
LEAST_ROUND = 12  # iterations, of which there is one round more
FAINT = 0.1  # range of the noise that a texture starts from, around its source's mean colour
POSITIONS = 4  # on the short side of the deepest layer: fewer say nothing about a style


@dataclass(frozen=True)
class Pictures:
    """What an optimisation is given; all RGB in [0, 1], of any sizes.

    Attributes:
        content: (1, 3, H, W), or None for a texture.
        styles: ((1, 3, H, W), share); the shares sum to 1. Empty for a reconstruction. Or
            (1, 4, H, W) with alpha: what is transparent does not count.
        start: (1, 3, H, W) to start from, in place of what the config says.
    """

    content: Tensor | None
    styles: tuple[tuple[Tensor, float], ...] = ()
    start: Tensor | None = None

    def fitted(self, size: tuple[int, int], style_scale: float) -> "Pictures":
        """The same, no larger than a result of (height, width) shows them.

        A photo of 50 megapixels would else take 600 MB to the end.
        """
        pixels = round(size[0] * size[1] * style_scale**2)

        def shrunk(style: Tensor) -> Tensor:
            least = images.same_area(images.size_of(style), pixels)
            return images.resize(style, least) if least < images.size_of(style) else style

        return Pictures(
            None if self.content is None else images.resize(self.content, size),
            tuple((shrunk(style), share) for style, share in self.styles),
            None if self.start is None else images.resize(self.start, size),
        )

    def recoloured(self, share: float) -> "Pictures":
        """The same with the photo's colours a share of the way to those of the styles."""
        photo = self.content
        if photo is None or not self.styles or not share:
            return self
        colourful = [
            part * colours.match_covariance(photo, transparency.colours(style), colours.SPREAD)
            for style, part in self.styles
        ]
        return replace(self, content=torch.lerp(photo, torch.stack(colourful).sum(0), share))

    def to(self, device: torch.device) -> "Pictures":
        """The same on a device."""
        return Pictures(
            None if self.content is None else self.content.to(device),
            tuple((style.to(device), share) for style, share in self.styles),
            None if self.start is None else self.start.to(device),
        )


@dataclass(frozen=True)
class Best:
    """The best picture so far.

    Attributes:
        image: (1, 3, h, w) RGB in [0, 1], at the size of its scale.
        losses: weighted loss by term ("style relu1_1", "content relu4_2", "tv") and "total".
        done: share of all the work that is done, in [0, 1].
    """

    image: Tensor
    losses: Mapping[str, float]
    done: float


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
            "side; use a larger --size or lower layers"
        )
    wanted = config.scales
    count = max(1, 1 + round(math.log2(max(size) / COARSEST))) if wanted == "auto" else wanted
    sizes = [(round(size[0] / 2**k), round(size[1] / 2**k)) for k in range(count)]
    return [size, *(s for s in sizes[1:] if min(s) >= least * POSITIONS)][::-1]


def optimize(
    describe: Describe,
    pictures: Pictures,
    config: OptimizeConfig,
    *,
    size: tuple[int, int],
    seed: int = 0,
) -> Generator[Best, None, None]:
    """Optimises a picture towards one image's content and the style of others.

    Each scale starts from the enlarged result of the one below, so that large forms are settled
    where an evaluation is cheap (Gatys et al. 2017, sec. 6).

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
    image, weight = _start(pictures, config, sizes[0], seed), _usual(config)
    rounds = 1 if config.balance is None else min(ROUNDS, 1 + config.iterations // LEAST_ROUND)
    ends = [config.iterations * (turn + 1) // rounds for turn in range(rounds)]
    for index, scale in enumerate(sizes):
        aims = targets(describe, pictures, config, scale)
        hardware.release_memory()
        image = _at_scale(image, pictures.content, scale, config)
        for begun, end in zip([0, *ends], ends, strict=False):
            weighed = aims.with_content(weight)
            for best, taken in _descend(describe, image, weighed, config, most=end - begun):
                done = sum(work[:index]) + (begun + taken) / config.iterations * work[index]
                losses = {**best.evaluation.parts, "total": best.evaluation.loss}
                yield Best(best.x, losses, done / sum(work))
            image = best.x
            weight = _steered(weight, best.evaluation.parts, config)
    _check_not_blank(image)


def _at_scale(
    image: Tensor, photo: Tensor | None, size: tuple[int, int], config: OptimizeConfig
) -> Tensor:
    """What a scale starts from: the result so far, enlarged."""
    if photo is None or not config.details or images.size_of(image) == size:
        return images.resize(image, size)
    return with_details(image, images.resize(photo, size))


def with_details(image: Tensor, photo: Tensor) -> Tensor:
    """A smaller image at the photo's size, with the details that only the larger photo has.

    Args:
        image: (1, 3, h, w) RGB in [0, 1].
        photo: (1, 3, H, W) likewise.

    Returns:
        (1, 3, H, W) in [0, 1].
    """
    size, smaller = images.size_of(photo), images.size_of(image)
    details = photo - images.resize(images.resize(photo, smaller), size)
    return (images.resize(image, size) + details).clamp(0, 1)


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


def _steered(weight: float, parts: Mapping[str, float], config: OptimizeConfig) -> float:
    """The factor of the content weight for the next round: more where more of the photo is lost.

    It is held within `STEERED` of what the balance asks for by itself, so that a picture which a
    style leaves alone is not painted over for that, and one that cannot be kept is not fought for.
    """
    content = [value for name, value in parts.items() if name.startswith("content ")]
    if config.balance is None or not content or not config.content_weight:
        return weight
    lost = sum(content) / (weight * config.content_weight)
    wanted = _wanted(config.balance)
    least, most = (_usual(config) * factor for factor in STEERED)
    return min(max(weight * lost / wanted, least), most)


def _usual(config: OptimizeConfig) -> float:
    """The factor of the content weight that a balance begins with: 1 in the middle."""
    return 1.0 if config.balance is None else (MOST_LOST / 2 / _wanted(config.balance)) ** 2


def _wanted(balance: float) -> float:
    """The relative mean square of the content that may be lost."""
    return max(LEAST_LOST, MOST_LOST * balance)


def _start(pictures: Pictures, config: OptimizeConfig, size: tuple[int, int], seed: int) -> Tensor:
    if pictures.start is not None:
        return pictures.start
    if config.init == "content" and pictures.content is not None:
        return pictures.content
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
        style = objectives.style_targets(
            describe,
            [(_shown(image, pixels, config), share) for image, share in pictures.styles],
            config.style_layers,
            weight=config.style_weight,
            weighting=config.weighting,
            block_weights=config.block_weights,
            content=photo,
            statistic=config.statistic,
        )
    return Targets(content, style, config.tv_weight, photo, config.layout_weight, config.statistic)


def _shown(style: Tensor, pixels: int, config: OptimizeConfig) -> Tensor:
    """A style at as many pixels, its aspect kept where the layers have a position then."""
    least = least_side(config.style_layers)
    return images.resize(style, images.same_area(images.size_of(style), pixels, least=least))


def _minimise(
    describe: Describe, image: Tensor, aims: Targets, config: OptimizeConfig
) -> Iterator[minimizers.Point]:
    def objective(x: Tensor) -> minimizers.Evaluation:
        return objectives.evaluate(describe, x, aims)

    if config.optimizer == "adam":
        return minimizers.adam(objective, image)
    size = images.size_of(image)
    guess = minimizers.coarse_first(size, config.spectrum) if config.spectrum else None
    return minimizers.lbfgs(objective, image, history=config.history, guess=guess)


def check_finite(loss: float) -> None:
    """Raises `StylizeError` where a loss is no number."""
    if not math.isfinite(loss):
        raise StylizeError(f"the loss became {loss}; try --precision float32, or smaller weights")


def _check_not_blank(image: Tensor) -> None:
    if image.std().item() < 1 / 255:
        raise StylizeError(
            "the result is blank: nothing was left to match; give a larger --content-weight or "
            "--style-weight, or pictures that show something"
        )


def keep_colours(pictures: Pictures, by: KeepColours | None) -> Pictures:
    """The pictures to optimise with where the photo's colours are to stay; see `restore_colours`.

    By luminance: photo and styles as grey, each style with the photo's contrast. By covariance: the
    styles in the photo's colours (Gatys et al. 2016, "Preserving Color", sec. 3).
    """
    content = pictures.content
    if by is None or content is None:
        return pictures
    change = colours.match_luminance if by == "luminance" else colours.match_covariance
    styles = tuple(
        (transparency.changed(style, partial(change, target=content)), share)
        for style, share in pictures.styles
    )
    if by == "luminance":
        content = colours.match_luminance(content, content)
    return Pictures(content, styles, pictures.start)


def restore_colours(image: Tensor, content: Tensor | None, by: KeepColours | None) -> Tensor:
    """What `keep_colours` asks for afterwards: by luminance, the photo's colours come back.

    Of a photo without colours, none are left either way.
    """
    if by is None or content is None:
        return image
    if colours.is_grey(content):
        return colours.greyed(image)
    if by == "covariance":
        return image
    return colours.with_luminance(images.resize(content, (image.shape[2], image.shape[3])), image)


def with_colours_of(style: Tensor, image: Tensor) -> Tensor:
    """A texture with the histogram of its source in every channel (Gatys et al. 2015, code).

    Args:
        style: (1, 3, H', W') RGB in [0, 1], or with alpha.
        image: (1, 3, H, W) likewise, without.

    Returns:
        (1, 3, H, W).
    """
    pixels, wanted = (
        one[0].permute(1, 2, 0).numpy() for one in (image, transparency.colours(style))
    )
    matched = colours.match_histogram(pixels, wanted)
    return torch.from_numpy(matched).permute(2, 0, 1)[None]
