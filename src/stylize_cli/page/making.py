"""How each kind of wish is granted: a generator of the picture so far."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from stylize_cli.api.network import Network
from stylize_cli.api.picture import Picture, of_pixels
from stylize_cli.config import LEAST_SIDE
from stylize_cli.decoders import MIN_SIDE
from stylize_cli.errors import StylizeError
from stylize_cli.page.networks import Networks
from stylize_cli.page.shelf import Shelf, Shelved
from stylize_cli.page.wishes import Wish

CELL = 112  # px, both sides of a style's thumbnail
LEARNT = 0.98  # share of the work when a painting is learnt


@dataclass(frozen=True)
class Now:
    """How far a picture is.

    Attributes:
        share: of the work that is done, in [0, 1].
        task: what is being done.
        picture: the best so far, or None.
        losses: of it by kind, of an optimisation.
    """

    share: float
    task: str
    picture: Picture | None = None
    losses: Mapping[str, float] = field(default_factory=dict)


Making = Generator[Now, None, None]


def check(wish: Wish, shelf: Shelf) -> None:
    """Raises `StylizeError` for what can be seen to be missing, before it waits its turn."""
    if wish.kind == "texture":
        if min(wish.width, wish.height) < MIN_SIDE:
            raise StylizeError(f"give the texture a width and a height, {MIN_SIDE} px or more")
        return
    least = LEAST_SIDE if wish.kind == "optimize" else MIN_SIDE
    if wish.size is not None and wish.size < least:
        raise StylizeError(f"choose a size of {least} px or more")
    if wish.iterations == 0:
        raise StylizeError("give one iteration or more, or leave their number out")
    shelf[wish.photo]
    if wish.painting:
        shelf[wish.painting]
    if wish.kind == "optimize" and not wish.styles:
        raise StylizeError("choose at least one picture for the style")


def make(wish: Wish, shelf: Shelf, networks: Networks, stopped: Callable[[], bool]) -> Making:
    """Makes the picture; the last one that it yields is the result.

    Args:
        wish: what to make.
        shelf: has the pictures.
        networks: are opened here.
        stopped: whether the best so far will do.

    Raises:
        StylizeError: as the command line does.
    """
    if wish.kind == "optimize":
        yield from _optimize(wish, shelf, stopped)
        return
    yield Now(0, "Opening the network")
    if wish.painting:
        for step in networks.learning(wish.model, shelf[wish.painting], shelf[wish.photo]):
            if stopped():
                return
            yield Now(LEARNT * step.done / (step.total or 1), step.task)
    net = networks.of(wish.model, wish.painting)
    task = "Making a texture" if wish.kind == "texture" else "Painting"
    yield Now(LEARNT if wish.painting else 0, task)
    if wish.kind == "texture":
        result = net.texture((wish.width, wish.height), seed=wish.seed)
    elif wish.kind == "enlarge":
        result = net(shelf[wish.photo].picture())
    else:
        result = paint(net, shelf[wish.photo].picture(), wish, wish.size)
    yield Now(1, "Done", result)


def paint(net: Network, photo: Picture, wish: Wish, size: int | None) -> Picture:
    """One pass: a style, or a mixture of several.

    Args:
        net: the network; of a painting the one that has learnt it.
        photo: to paint.
        wish: says how.
        size: long side that the network is given, px; None is the photo's own.

    Raises:
        StylizeError: as the command line does.
    """
    styles = () if wish.painting else wish.styles
    if len(styles) > 1:
        return net.blend(
            photo,
            dict(styles),
            strength=wish.strength,
            preserve_color=wish.keep_colors,
            size=size,
        )
    return net(
        photo,
        styles[0][0] if styles else None,
        strength=wish.strength,
        preserve_color=wish.keep_colors,
        size=size,
    )


def glimpse(wish: Wish, photo: Shelved, net: Network, long_side: int) -> Picture:
    """A wish to paint granted at once, no side longer than `long_side` px."""
    wanted = min(long_side, wish.size or max(photo.width, photo.height))
    return paint(net, photo.within(long_side), wish, wanted)


def styles_sheet(photo: Shelved, net: Network) -> Picture:
    """The photo in every style of a network, square cells side by side."""
    small = photo.within(CELL * 2).floats[..., :3]
    side = min(small.shape[:2])
    top, left = ((length - side) // 2 for length in small.shape[:2])
    square = of_pixels(small[top : top + side, left : left + side])
    names: Sequence[str | None] = net.styles or (None,)
    cells = [net(square, name, size=CELL).floats for name in names]
    return of_pixels(np.concatenate(cells, axis=1))


def _optimize(wish: Wish, shelf: Shelf, stopped: Callable[[], bool]) -> Making:
    yield Now(0, "Opening VGG-19")
    from stylize_cli.api import optimize  # noqa: PLC0415 - what paints does without torch

    job = optimize.prepare(
        shelf[wish.photo].picture(),
        [shelf[id].picture() for id, _ in wish.styles],
        size=wish.size,
        iterations=wish.iterations,
        preset=wish.preset,
        balance=wish.balance,
        shares=[share for _, share in wish.styles],
        preserve_color=wish.keep_colors,
    )
    last = None
    for last in job.run(job.load()):
        if stopped():
            break
        size = f"{last.image.shape[-1]}×{last.image.shape[-2]} px"
        yield Now(last.done, f"Optimising at {size}", last.picture, by_kind(last.losses))
    if last is not None:
        yield Now(1, "Done", job.finished(last.image))


def by_kind(losses: Mapping[str, float]) -> dict[str, float]:
    """Losses by the first word of their names: those of several layers together."""
    found: dict[str, float] = {}
    for name, loss in losses.items():
        kind = name.partition(" ")[0]
        found[kind] = found.get(kind, 0) + loss
    return found
