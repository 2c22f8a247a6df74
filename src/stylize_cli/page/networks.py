"""The trained networks that the page offers, opened when they are first used."""

import os
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from stylize_cli import models
from stylize_cli.api import network
from stylize_cli.api.network import Network
from stylize_cli.page.shelf import Shelved
from stylize_cli.progress import Step

KINDS = {"texture": "texture", "super-resolution": "enlarge"}  # all other methods paint
MOST = 8  # networks that are open, and as many that have learnt a painting


@dataclass(frozen=True)
class Offer:
    """A network to choose.

    Attributes:
        name: of a model, or its file.
        kind: what it does: paint, texture or enlarge.
        styles: that it paints in.
        mixes: whether these can be mixed.
    """

    name: str
    kind: str
    styles: tuple[str, ...]
    mixes: bool


class Networks:
    """Networks by name, the last few kept open; only one thread may ask for them."""

    def __init__(self) -> None:
        self._open = lru_cache(MOST)(network.load)
        self._learnt: dict[tuple[str, str], Network] = {}  # by model and picture, oldest first
        self.offers: Mapping[str, Offer] = {
            name: _offer(name, one.method, one.styles, mixes=one.method == "conditional")
            for name, one in _here().items()
        }

    def __getitem__(self, name: str) -> Network:
        return self._open(name)

    def knows(self, model: str, painting: str) -> bool:
        """Whether `of` has an answer."""
        return not painting or (model, painting) in self._learnt

    def of(self, model: str, painting: str) -> Network:
        """A network; with the id of a painting the one that has learnt it in this sitting."""
        return self._learnt[model, painting] if painting else self[model]

    def learning(
        self, model: str, painting: Shelved, photo: Shelved
    ) -> Generator[Step, None, None]:
        """Learns a painting on a photo, where this sitting has not yet; update by update.

        Args:
            model: name of a network of styles.
            painting: to paint as.
            photo: to learn it on.

        Raises:
            StylizeError: the network learns none.
        """
        if not self.knows(model, painting.id):
            learning = self[model].learning(painting.picture(), [photo.data])
            self._learnt[model, painting.id] = yield from learning
            if len(self._learnt) > MOST:
                del self._learnt[next(iter(self._learnt))]

    def add(self, file: str) -> Offer:
        """Offers the network in a file on this machine.

        Raises:
            StylizeError: there is none, or it cannot be read.
        """
        path = os.path.expanduser(file.strip())  # noqa: PTH111 - without HOME too
        about = self[path].engine.about
        offer = _offer(path, about.method, about.styles, mixes=about.takes_mix)
        self.offers = {**self.offers, path: offer}
        return offer


def _here() -> models.Models:
    """The models on this disk, bundled ones first, which also win."""
    bundled = models.bundled()
    return {**bundled, **models.downloaded(), **bundled}


def _offer(name: str, method: str, styles: tuple[str, ...], *, mixes: bool) -> Offer:
    return Offer(name, KINDS.get(method, "paint"), styles, mixes)
