"""A training that starts from a network which has learnt other styles, or to enlarge."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from stylize_cli.checkpoints import Checkpoint
from stylize_cli.config.train import TrainConfig
from stylize_cli.errors import StylizeError
from stylize_cli.generators import KINDS, blocks_of, width_of
from stylize_cli.generators.halved import SHARED
from stylize_cli.generators.widening import check_width, widened
from stylize_cli.methods.add_style import ROWS


def weights(
    start: Checkpoint, names: Sequence[str], config: TrainConfig, seed: int
) -> dict[str, Tensor]:
    """What a network of N styles starts with, where it has what the other network has.

    Its convolutions are the other network's. A style that has a row there keeps it; any other
    begins as the mean of them all, which is a style too (Dumoulin et al. 2017, sec. 3.4).

    Args:
        start: a model that `check` lets start it.
        names: of the N styles.
        config: of the network: its generator, and its width, from the model's own to twice that.
        seed: of what makes further maps differ from those they are copies of.

    Raises:
        StylizeError: the model has another width.
    """
    random = torch.Generator().manual_seed(seed)
    wide = widened(start.weights, _width(start), config.width, random=random)
    if start.generator != config.generator:
        wide = _shared(wide)
    return {
        key: _rows(start, names, value) if key.endswith(ROWS) else value
        for key, value in wide.items()
    }


def check(start: Checkpoint, config: TrainConfig, factor: int | None = None) -> None:
    """Refuses a model that cannot start a network.

    Args:
        start: the model.
        config: of the network.
        factor: of super-resolution, or None.

    Raises:
        StylizeError: it is another network's, or of a size that will not do.
    """
    same = start.generator == config.generator
    if same and config.generator == "upscaler":
        _check_upscaler(start, config, factor)
        return
    same = same and KINDS[config.generator].takes_mix
    if not (same or (start.generator, config.generator) == ("conditional", "halved")):
        raise StylizeError(
            f"a model of method '{start.method}' and network '{start.generator}' cannot start this "
            f"training of a network '{config.generator}': leave out `start`, or give it another"
        )
    check_width(_width(start), config.width)


def _check_upscaler(start: Checkpoint, config: TrainConfig, factor: int | None) -> None:
    """Refuses an upscaler with which a deeper one cannot start: further blocks begin as nothing."""
    own, width, blocks = start.arguments["factor"], _width(start), blocks_of(start.arguments)
    if (own, width) != (factor, config.width) or blocks > config.blocks:
        raise StylizeError(
            f"an upscaler by {own} of width {width} and {blocks} blocks cannot start one by "
            f"{factor} of {config.width} and {config.blocks}: give another `start`, or none"
        )


def _width(start: Checkpoint) -> int:
    return width_of(start.generator, start.arguments)


def _shared(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What a network without maps of full size has of one with them, under its own names."""
    return {
        own + name.removeprefix(there): value
        for own, there in SHARED.items()
        for name, value in weights.items()
        if name.startswith(there)
    }


def _rows(start: Checkpoint, names: Sequence[str], table: Tensor) -> Tensor:
    mean = table.mean(0)
    known = dict(zip(start.styles, table, strict=True))
    return torch.stack([known.get(name, mean) for name in names])
