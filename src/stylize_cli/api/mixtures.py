"""A photo in a mixture of a network's styles, or a figure of several mixtures."""

from collections.abc import Iterator, Mapping
from numbers import Real
from typing import TYPE_CHECKING

from stylize_cli import images
from stylize_cli.api.options import PAINTED, Ranges, check_ranges
from stylize_cli.api.picture import Picture, Source, of_pixels
from stylize_cli.arrays import Pixels, size_of
from stylize_cli.config import CELL, LEAST_SIDE, MOST
from stylize_cli.methods import blend, feedforward, figures, painting
from stylize_cli.methods.figures import Mixture
from stylize_cli.methods.tiling import Wanted
from stylize_cli.progress import OnStep, Step, ignore

if TYPE_CHECKING:
    from stylize_cli.api.network import Network

RANGES: Ranges = {**PAINTED, "cell": (LEAST_SIDE, MOST)}


def of(network: "Network", styles: Mapping[str, float]) -> Mixture:
    """The mixture of a network's styles by weight, which is made to sum to 1.

    Raises:
        StylizeError: the network has no styles to mix, or not these.
        TypeError: these are no weights by name.
    """
    network.check_takes_mixtures()
    is_mapping = isinstance(styles, Mapping)
    if not is_mapping or not all(isinstance(weight, Real) for weight in styles.values()):
        raise TypeError(f"`styles` takes weights by name, such as {{'a': 0.7}}, not {styles!r}")
    about = network.engine.about
    names = [str(feedforward.choose_style(about, str(name))) for name in styles]
    return Mixture("picture", names, blend.shares(list(styles.values())))


def paint(
    network: "Network",
    photo: Source,
    mixture: Mixture,
    *,
    strength: float = 1.0,
    preserve_color: bool = False,
    size: int | None = None,
    cell: int | None = None,
    on_step: OnStep = ignore,
) -> Picture:
    """Paints a photo in a mixture, or draws a figure of several.

    Args:
        network: of styles.
        photo: what to paint.
        mixture: of the styles.
        strength: share of the result in the mixture with the photo, in [0, 1].
        preserve_color: keep the photo's colours.
        size: long side of what the network is given, px; None is the photo's own, of a figure that
            of a cell.
        cell: long side of a figure's pictures, px; None for the usual.
        on_step: told of every picture.

    Raises:
        StylizeError: the network has not these styles; the photo cannot be read; memory will not
            do.
    """
    check_ranges({"strength": strength, "size": size, "cell": cell}, RANGES)
    engine, given = network.engine, given_size(mixture, size, cell)
    picture = Picture(photo, least=given, room=network.room)
    if mixture.kind == "picture":
        (mix,) = blend.mixes(engine.about, mixture.styles, mixture.weights)
        wanted = Wanted(mix, strength, preserve_color, depth=network.opening.depth)
        painted = network.paint(picture, size, wanted)
        on_step(Step("Blending", 1, 1))
        return painted
    room = network.room
    pixels = painting.fit(picture.floats, given, engine, room)
    cells = blend.blend(
        engine,
        pixels,
        mixture.styles,
        mixture.weights,
        strength=strength,
        preserve_color=preserve_color,
        room=room,
    )
    results = _told(cells, len(mixture.weights), on_step)
    height, width = images.fitted(size_of(pixels), cell or CELL)
    return of_pixels(figures.draw(results, mixture, (height, width), room), name=picture.name)


def given_size(mixture: Mixture, size: int | None, cell: int | None) -> int | None:
    """Long side of what the network is given, px; None is the photo's own. See `paint`."""
    return size if mixture.kind == "picture" else size or cell or CELL


def _told(pictures: Iterator[Pixels], total: int, on_step: OnStep) -> Iterator[Pixels]:
    for done, picture in enumerate(pictures, 1):
        on_step(Step("Blending", done, total))
        yield picture
