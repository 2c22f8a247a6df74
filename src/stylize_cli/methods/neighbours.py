"""Kolkin et al. 2022: a photo painted by what a painting has in place of each of its features."""

from collections.abc import Generator, Iterator, Sequence

import torch
from torch import Tensor

from stylize_cli import hardware, hypercolumns, images, matching, minimizers, resemblance
from stylize_cli.config.neighbours import NeighboursConfig
from stylize_cli.descriptors import Describe
from stylize_cli.errors import StylizeError
from stylize_cli.hypercolumns import Columns
from stylize_cli.matching import Candidates, Matches
from stylize_cli.methods.optimize import check_finite
from stylize_cli.methods.pictures import Best, Pictures
from stylize_cli.methods.scales import scale_sizes, with_details

MATCHES = 2  # at each scale: strokes that the first has laid are continued by the second
LEAST_SIDE = 32  # px of a painting that is shown


def paint(
    describe: Describe,
    pictures: Pictures,
    config: NeighboursConfig,
    *,
    size: tuple[int, int],
) -> Generator[Best, None, None]:
    """Paints a photo out of the features of one painting or several.

    Each scale starts from the enlarged result of the one below with the photo's finest details in
    it, and is matched anew, and once more half-way. The paper has Adam on the levels of a pyramid,
    a last pass layer by layer, and the photo's colours at the end, changed to the painting's. Here
    a bounded L-BFGS does as much in a third of the evaluations, and the loss knows the painting's
    colours (docs/methods.md).

    Args:
        describe: a `Descriptor` with clean edges, on the device of the pictures.
        pictures: a photo, and the paintings with their shares of its area.
        config: what to match, and how.
        size: (height, width) of the result.

    Yields:
        The best picture so far, after every iteration.

    Raises:
        StylizeError: no photo or painting, too small a picture, a loss that is not a number.
    """
    pictures = pictures.recoloured(config.palette_share)
    if pictures.content is None or not pictures.styles:
        raise StylizeError("neighbours need a photo and at least one style: name both")
    sizes = scale_sizes(size, config)
    work = [height * width for height, width in sizes]
    image: Tensor | None = None
    for index, scale in enumerate(sizes):
        photo = images.resize(pictures.content, scale)
        image = photo if image is None else with_details(image, photo)
        for now, spent in _at_one_scale(describe, image, photo, pictures, config):
            check_finite(now.evaluation.loss)
            image = now.x
            yield Best(
                image,
                {**now.evaluation.parts, "total": now.evaluation.loss},
                (sum(work[:index]) + spent / config.iterations * work[index]) / sum(work),
            )


def _at_one_scale(
    describe: Describe, image: Tensor, photo: Tensor, pictures: Pictures, config: NeighboursConfig
) -> Iterator[tuple[minimizers.Point, int]]:
    """Iterates at the photo's size, and the evaluations made by then, of those there are to be."""
    paintings = _paintings(describe, images.size_of(photo), pictures, config)
    for match in range(MATCHES):
        first, last = (config.iterations * part // MATCHES for part in (match, match + 1))
        if first == last:
            continue
        query = torch.lerp(image, photo, config.photo_share)
        objective = resemblance.objective(
            describe,
            _target(describe, query, paintings, config),  # which is not held beside it
            images.size_of(photo),
            config.layers,
            colour_weight=config.colour_weight,
        )
        hardware.release_memory()
        for now in minimizers.lbfgs(
            objective, image, history=config.history, kept_in=minimizers.TYPES[config.pairs]
        ):
            image = now.x
            yield now, min(last, first + now.evaluations)
            if first + now.evaluations >= last:
                break
        del objective  # and what it wants, before the next is made


def _paintings(
    describe: Describe, size: tuple[int, int], pictures: Pictures, config: NeighboursConfig
) -> list[tuple[list[Candidates], float]]:
    """What each painting has for a picture of (height, width), and its share of the area."""
    pixels = round(size[0] * size[1] * config.style_scale**2)
    return [
        ([Candidates(one) for one in _views(describe, style, pixels, config)], share)
        for style, share in pictures.styles
        if share > 0
    ]


def _target(
    describe: Describe,
    query: Tensor,
    paintings: Sequence[tuple[Sequence[Candidates], float]],
    config: NeighboursConfig,
) -> Matches:
    """What the paintings have in place of a picture (1, 3, H, W)."""
    wanted = hypercolumns.vectors(describe, query, config.layers)
    found = [matching.matched(wanted, views) for views, _ in paintings]
    target, _ = found[0]
    if len(found) > 1:
        near = torch.stack([nearness for _, nearness in found])
        chosen = matching.divided(near, [share for _, share in paintings])
        for number, (matches, _) in enumerate(found[1:], 1):
            target = target.where(chosen != number, matches)
    return target


def _views(
    describe: Describe, style: Tensor, pixels: int, config: NeighboursConfig
) -> Iterator[Columns]:
    """What a painting of so many pixels shows, upright and turned (Kolkin et al. 2022, sec. 4)."""
    shown = images.at_area(style, pixels, least=LEAST_SIDE)
    for turn in range(matching.TURNS):
        turned = torch.rot90(shown, turn, (2, 3))
        yield hypercolumns.columns(describe, turned, config.layers, matching.MOST_KEYS)
