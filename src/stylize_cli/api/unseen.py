"""A painting that a network has never seen: its γ and β, learnt once and kept in the cache.

torch is imported where it is learnt, not above: where it is in the cache, nothing needs it.
"""

import atexit
import hashlib
import shutil
import tempfile
from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stylize_cli import files, paths
from stylize_cli.api.opening import Opening
from stylize_cli.api.picture import Picture, Source, held
from stylize_cli.config.train import QUICK_STYLE
from stylize_cli.errors import StylizeError
from stylize_cli.names import style_name
from stylize_cli.progress import Step, ignore

if TYPE_CHECKING:
    from stylize_cli.checkpoints import Checkpoint

MOST_PHOTOS = 8  # that a style is learnt on
TASK = "Learning the style"


def cached(model: Path, style: Picture) -> Path:
    """The file of the network that paints as a painting does, whether or not it is there yet.

    Args:
        model: the network of styles that it is learnt with.
        style: the painting.

    Raises:
        StylizeError: the model cannot be read, or the painting shows nothing.
    """
    style.check_shows()
    digest = hashlib.sha256(repr(sorted(QUICK_STYLE.items())).encode())
    digest.update(files.contents(model, what="a model"))
    shown = np.ascontiguousarray(style.floats.transpose(2, 0, 1))
    digest.update(f"{(1, *shown.shape)}".encode())
    digest.update(shown.data)
    return paths.cache_dir() / "styles" / f"{digest.hexdigest()[:32]}.pt"


def learn(
    model: Path, painting: Picture, photos: Sequence[Source], opening: Opening
) -> Generator[Step, None, Path]:
    """The file of a network of one style, learnt on the spot where it is not in the cache.

    Where that cannot be written to, it is a file that goes when the program ends.

    Args:
        model: a network of styles.
        painting: the style.
        photos: that it is to paint, the first eight of which it learns on.
        opening: where it is learnt, on how many threads and within what memory.

    Yields:
        How far it is, after every update; nothing where it is in the cache.

    Raises:
        StylizeError: the model takes no further style, a photo cannot be read, or memory will not
            do.
    """
    place = cached(model, painting)
    if paths.is_file(place):
        return place
    if not photos:
        raise StylizeError("a style is learnt on photos: give one at least")
    return (yield from _learnt(place, model, painting, photos[:MOST_PHOTOS], opening))


def _learnt(
    place: Path, model: Path, painting: Picture, photos: Sequence[Source], opening: Opening
) -> Generator[Step, None, Path]:
    """Learns a painting and writes the network of it to its place; see `learn`."""
    from stylize_cli import (  # noqa: PLC0415 - see above
        checkpoints,
        datasets,
        devices,
        training_limits,
    )
    from stylize_cli.api import describing  # noqa: PLC0415
    from stylize_cli.methods import quick_style  # noqa: PLC0415

    base, machine = checkpoints.load(model), devices.machine(opening.device)
    name = style_name(painting.name, base.styles)
    task = quick_style.task(base, name, painting.as_style())
    config, outline = task.config, partial(task.outline, dtype=machine.dtype)
    training_limits.check(outline, config, (), machine, opening.memory)
    describe = describing.load(config, config.layers, "vgg19", None, machine, on_step=ignore)
    found = [_file(photo) for photo in photos]
    # A GPU's memory says nothing of the computer's, in which photos are kept.
    album = datasets.Album(opening.memory if machine.device.type == "cpu" else None)
    course = quick_style.learn(task, found, album, describe, machine)
    for now in devices.on_threads(course, opening.threads):
        if isinstance(now, float):
            yield Step(TASK, round(now * config.steps), config.steps)
        else:
            place = _kept(place, now)
    return place


def _kept(place: Path, network: "Checkpoint") -> Path:
    """Writes a network into the cache, or where that takes none, for as long as the program runs.

    Raises:
        StylizeError: it cannot be written anywhere.
    """
    from stylize_cli import checkpoints  # noqa: PLC0415 - as above

    try:
        checkpoints.save(place, network)
    except StylizeError:
        folder = Path(tempfile.mkdtemp(prefix="stylize-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        place = folder / place.name
        checkpoints.save(place, network)
    return place


def _file(photo: Source) -> Path | bytes:
    """A photo as a file or the bytes of one, which training decodes as it needs them."""
    photo = held(photo)
    if isinstance(photo, bytes):
        return photo
    return Path(photo) if isinstance(photo, (str, Path)) else Picture(photo).encoded("PNG")
