"""Which of a model's styles are wanted, and a painting that it learns first."""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from stylize_cli import paths
from stylize_cli.cli.console import Console
from stylize_cli.errors import StylizeError
from stylize_cli.names import candidates, style_name
from stylize_cli.progress import OnStep, Step

if TYPE_CHECKING:
    from stylize_cli.api.network import Network
    from stylize_cli.api.picture import Source
    from stylize_cli.methods.look import Look


FIRST, TIMED = 1, 4  # steps of learning before its pace is taken, and of which it is
PROMISED = 90  # seconds that "about a minute" may be


@dataclass(frozen=True)
class Chosen:
    """The styles of a model that are wanted.

    Attributes:
        names: each once; (None,) of a model without any.
        labels: what results are called after: the style, or the model where there is none.
        unseen: file of a painting that is to be learnt as the only one; "" where there is none.
        are_some: whether other runs of the model may want other styles.
    """

    names: Sequence[str | None]
    labels: Sequence[str]
    unseen: str
    are_some: bool


def choose(net: "Network", asked: Sequence[str], *, takes_all: bool) -> Chosen:
    """The styles that are meant.

    Args:
        net: the model.
        asked: names, parts of names, or the file of a painting.
        takes_all: whether all are wanted, and none is named.

    Raises:
        StylizeError: there is no such style, none at all, or more beside a painting.
    """
    unseen = [one for one in asked if net.is_unseen(one)]
    if unseen and len(asked) > 1:
        raise StylizeError("a picture is learnt by itself: give --style once")
    # Learnt, it is called after its file.
    called = [style_name(Path(one).stem, net.styles) for one in unseen]
    names = called or _named(net, asked, takes_all=takes_all)
    labels = [name or Path(net.name).stem for name in names]
    are_some = bool(unseen) or len(net.engine.about.styles) > 1
    return Chosen(names, labels, "".join(unseen), are_some)


def _named(net: "Network", asked: Sequence[str], *, takes_all: bool) -> list[str | None]:
    """The model's styles that are meant, each once; of a model without any, None.

    Raises:
        StylizeError: there is no such style, or none at all.
    """
    from stylize_cli.methods import feedforward

    about = net.engine.about
    if takes_all and not about.styles:
        raise StylizeError("the model has no styles: leave out --all-styles")
    for one in asked:
        _check_named(one, about.styles)
    wanted: Sequence[str | None] = about.styles if takes_all else asked or [None]
    return list(dict.fromkeys(feedforward.choose_style(about, name) for name in wanted))


def _check_named(asked: str, known: Sequence[str]) -> None:
    """Raises `StylizeError` where several styles are named at once, or a picture by its stem."""
    if candidates(asked, known):
        return
    parts = asked.split(",")
    if len(parts) > 1 and all(candidates(part, known) for part in parts):
        raise StylizeError(f"--style '{asked}' is not one style: give --style once for each")
    for file in (asked + suffix for suffix in paths.SUFFIXES):
        if paths.is_file(file):
            raise StylizeError(f"the model has no style '{asked}': did you mean the file {file}?")


class Pace:
    """An `OnStep` that says how long learning takes, where that is more than was promised.

    Args:
        on_step: told of every step.
        console: told of the time, once.
    """

    def __init__(self, on_step: OnStep, console: Console) -> None:
        self._on_step, self._console, self._began = on_step, console, 0.0

    def __call__(self, step: Step) -> None:
        """Notes the time of a step."""
        self._on_step(step)
        if step.done == FIRST:
            self._began = time.monotonic()
        elif step.done == FIRST + TIMED and step.total:
            seconds = (time.monotonic() - self._began) / TIMED * step.total
            if seconds > PROMISED:
                minutes = math.ceil(seconds / 60)
                self._console.say(f"at the speed of the first steps this takes {minutes} minutes")


def learnt(
    net: "Network",
    look: "Look",
    painting: str,
    photos: "Iterable[Source]",
    console: Console,
    *,
    without: str,
) -> "tuple[Network, Look]":
    """The network that paints as a painting does, and the look in its one style.

    Args:
        net: the model of other styles.
        look: what to make of every picture.
        painting: its file.
        photos: that are to be painted, the first few of which it is learnt on.
        console: told of it.
        without: what is said where there are no photos.

    Raises:
        StylizeError: there are none, or a picture cannot be read.
    """
    from stylize_cli.api import unseen
    from stylize_cli.api.picture import Picture

    few = list(islice(photos, unseen.MOST_PHOTOS))
    if not few:
        raise StylizeError(without)
    shown = Picture(painting, room=net.room)
    place = unseen.cached(net.model, shown)
    if not paths.is_file(place):
        console.say(f"learning {painting} on the spot: about a minute, and at once the next time")
    with console.progress("Learning the style") as on_step:
        net = net.with_style(shown, few, on_step=Pace(on_step, console))
    if net.model != place:
        console.say(f"{place.parent} is not writable: a painting is learnt anew every time")
    return net, replace(look, styles=net.styles)
