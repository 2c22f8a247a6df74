"""A row of γ and β for a painting that a network has never seen, learnt on the spot.

Dumoulin et al. 2017, sec. 3.3, cut short: the rows of the styles that a network knows lie close
enough together that less than a hundred updates from their mean show a new one.
"""

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from stylize_cli.checkpoints import Checkpoint
from stylize_cli.config.train import QUICK_STYLE
from stylize_cli.datasets import Album, Crops
from stylize_cli.descriptors import Descriptor
from stylize_cli.devices import Machine
from stylize_cli.methods import add_style
from stylize_cli.methods.tasks import Task
from stylize_cli.methods.train import Training


def task(base: Checkpoint, name: str, style: Tensor) -> Task:
    """What is to be learnt, by the losses of the network's own styles, in a short course.

    Args:
        base: a network of styles.
        name: of the new one.
        style: (1, 3, H, W) RGB in [0, 1]; or with alpha (1, 4, H, W): what is opaque counts.
    """
    config = replace(add_style.settings(base), **QUICK_STYLE)
    return Task("conditional", config, ((name, style),), base=base)


def learn(
    task: Task,
    photos: Sequence[Path | bytes],
    album: Album,
    describe: Descriptor,
    machine: Machine,
) -> Generator[Checkpoint | float, None, None]:
    """Trains a network of that one style on the base's convolutions.

    Args:
        task: see `task`.
        photos: files or their bytes, of which it learns; those that it is to paint will do.
        album: keeps what was decoded.
        describe: a `Descriptor` with the task's layers.
        machine: device and precision.

    Yields:
        The share of the work that is done, after every update; and in the end the network.

    Raises:
        StylizeError: no photo can be read.
    """
    config = task.config
    crops = Crops(
        tuple(photos), config.size, config.zoom, config.flip, task.seed, config.turn, album
    )
    training = Training(task, crops, describe, machine)
    for update in training.run():
        yield update.step / config.steps
    yield training.alone()
