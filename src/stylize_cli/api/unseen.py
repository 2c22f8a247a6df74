"""A painting that a network has never seen: its γ and β, learnt once and kept in the cache."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from stylize_cli import checkpoints, devices, files, paths, transparency
from stylize_cli.api import describing
from stylize_cli.api.picture import Picture, Source
from stylize_cli.config import QUICK_STYLE
from stylize_cli.errors import StylizeError
from stylize_cli.methods import quick_style
from stylize_cli.progress import OnStep, Step, ignore

MOST_PHOTOS = 8  # that a style is learnt on
TASK = "Learning the style"


def cached(model: Path, style: Picture) -> Path:
    """The file of the network that paints as a painting does, whether or not it is there yet.

    Args:
        model: the network of styles that it is learnt with.
        style: the painting.

    Raises:
        StylizeError: the model cannot be read.
    """
    digest = hashlib.sha256(repr(sorted(QUICK_STYLE.items())).encode())
    digest.update(files.contents(model, what="a model"))
    digest.update(np.ascontiguousarray(style.pixels).tobytes())
    return paths.cache_dir() / "styles" / f"{digest.hexdigest()[:32]}.pt"


def learn(
    model: Path,
    style: Source,
    photos: Sequence[Source],
    *,
    device: str = "auto",
    threads: int | None = None,
    on_step: OnStep = ignore,
) -> Path:
    """The file of a network of one style, learnt on the spot where it is not in the cache.

    Args:
        model: a network of styles.
        style: the painting.
        photos: that it is to paint, the first eight of which it learns on.
        device: auto, cpu, cuda, cuda:N or mps.
        threads: of the CPU; None leaves torch's number alone.
        on_step: told of every update.

    Raises:
        StylizeError: the model takes no further style, or a picture cannot be read.
    """
    painting = Picture(style)
    place = cached(model, painting)
    if place.exists():
        return place
    base, machine = checkpoints.load(model), devices.machine(device)
    name = checkpoints.style_names((*base.styles, painting.name))[-1]
    config = quick_style.settings(base)
    describe = describing.load(config, config.layers, "vgg19", None, machine, on_step=on_step)
    shown = transparency.style_of(painting.planes())
    with _as_files(photos[:MOST_PHOTOS]) as found:
        course = quick_style.learn(base, name, shown, found, describe, machine, config)
        for now in devices.on_threads(course, threads):
            if isinstance(now, float):
                on_step(Step(TASK, round(now * config.steps), config.steps))
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                checkpoints.save(place, now)
    return place


@contextmanager
def _as_files(photos: Sequence[Source]) -> Iterator[list[Path]]:
    """The photos as files, which training decodes as it needs them."""
    if not photos:
        raise StylizeError("a style is learnt on photos: give one at least")
    with TemporaryDirectory(prefix="stylize-") as folder:
        found = []
        for number, photo in enumerate(photos):
            if isinstance(photo, (str, Path)):
                found.append(Path(photo))
                continue
            found.append(Path(folder) / f"{number}.png")
            Picture(photo).save(found[-1])
        yield found
