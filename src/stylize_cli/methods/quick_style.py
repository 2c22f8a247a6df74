"""A row of γ and β for a painting that a network has never seen, learnt on the spot.

Dumoulin et al. 2017, sec. 3.3, cut short: the rows of the styles that a network knows lie close
enough together that less than a hundred updates from their mean show a new one.
"""

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from stylize_cli.checkpoints import Checkpoint
from stylize_cli.config.train import QUICK_STYLE, TrainConfig
from stylize_cli.datasets import Crops
from stylize_cli.descriptors import Descriptor
from stylize_cli.devices import Machine
from stylize_cli.methods import add_style
from stylize_cli.methods.tasks import Task
from stylize_cli.methods.train import Training


def settings(base: Checkpoint) -> TrainConfig:
    """The losses that the network's own styles were trained with, and a short course."""
    return replace(add_style.settings(base), **QUICK_STYLE)


def learn(
    base: Checkpoint,
    name: str,
    style: Tensor,
    photos: Sequence[Path | bytes],
    describe: Descriptor,
    machine: Machine,
    config: TrainConfig,
) -> Generator[Checkpoint | float, None, None]:
    """Trains a network of that one style on the base's convolutions.

    Args:
        base: a network of styles.
        name: of the new one.
        style: (1, 3, H, W) RGB in [0, 1]; or with alpha (1, 4, H, W): what is opaque counts.
        photos: files or their bytes, of which it learns; those that it is to paint will do.
        describe: a `Descriptor` with the config's layers.
        machine: device and precision.
        config: from `settings`.

    Yields:
        The share of the work that is done, after every update; and in the end the network.

    Raises:
        StylizeError: no photo can be read.
    """
    task = Task("conditional", config, ((name, style),), base=base)
    crops = Crops(tuple(photos), config.size, config.zoom, config.flip, task.seed)
    training = Training(task, crops, describe, machine)
    for update in training.run():
        yield update.step / config.steps
    yield training.alone()
