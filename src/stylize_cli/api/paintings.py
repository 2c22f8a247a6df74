"""Paintings that a network is to learn: by name, and no larger than training looks at them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from stylize_cli import images
from stylize_cli.api.lesson import digest
from stylize_cli.api.picture import Encoded, Picture, Source, sources_of
from stylize_cli.config.train import TrainConfig
from stylize_cli.methods.tasks import Style
from stylize_cli.names import style_names

Sources = Source | Sequence[Source] | Mapping[str, Source]  # one style, several, or several by name


def named(styles: Sources) -> dict[str, Source]:
    """The styles by name: a file's stem, with -2, -3 and so on where one comes again."""
    if isinstance(styles, Mapping):
        several, names = list(styles.values()), list(styles)
    else:
        several = sources_of(styles)
        names = [_name(one) for one in several]
    return dict(zip(style_names(names), several, strict=True))


def _name(source: Source) -> str:
    if isinstance(source, (str, PathLike)):
        return Path(source).stem
    return source.name if isinstance(source, (Picture, Encoded)) else "style"


@dataclass(frozen=True)
class Painting:
    """A style that is to be learnt.

    Attributes:
        style: its name and its picture, at about the size at which training looks at it.
        digest: what tells the picture apart.
        note: what the user should be told of the picture, or "".
    """

    style: Style
    digest: str
    note: str


def painting(name: str, source: Source, config: TrainConfig) -> Painting:
    """A style by name, not much larger than training looks at it.

    Fifty paintings of 50 megapixels would else take 30 GB.
    """
    picture = Picture(source)
    style = picture.as_style()
    most = images.same_area(images.size_of(style), (2 * config.style_size) ** 2)
    shown = images.resize(style, min(most, images.size_of(style)))
    pixels = np.ascontiguousarray(picture.pixels).tobytes()
    return Painting((name, shown), digest(pixels), picture.named_note)
