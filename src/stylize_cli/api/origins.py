"""The model that a training begins with: it gets one more style, or its weights are the start."""

from pathlib import Path

from stylize_cli import checkpoints, models, vgg
from stylize_cli.api.lesson import TrainOptions
from stylize_cli.checkpoints import Checkpoint, TrainingState
from stylize_cli.config.train import START, TrainConfig
from stylize_cli.errors import StylizeError
from stylize_cli.generators import KINDS
from stylize_cli.methods import add_style, warm_start


def file(options: TrainOptions) -> Path | None:
    """The model that a style is to be added to, or None.

    Raises:
        StylizeError: there is no such model.
    """
    to = options.get("to")
    return None if to is None else models.find(str(to))


def base(file: Path, name: str) -> Checkpoint:
    """The model that a style of that name is to be added to.

    Raises:
        StylizeError: it cannot be read, or takes no such style.
    """
    base = checkpoints.load(file)
    add_style.alone(base, name)  # refuses what cannot be, before VGG is loaded
    return base


def beginning(
    config: TrainConfig,
    options: TrainOptions,
    base: Checkpoint | None,
    state: TrainingState | None,
) -> tuple[Checkpoint | None, str]:
    """The model whose weights a training starts from, None for random ones; and a note, or "".

    Args:
        config: its settings.
        options: all else that was asked for.
        base: the model that a style is added to, or None.
        state: to go on from, or None.

    Raises:
        StylizeError: the model asked for cannot be read, or cannot start this network.
    """
    if base is not None:
        return None, _other_descriptor(base, options)
    return (None, "") if state is not None else _start(config, options)


def _start(config: TrainConfig, options: TrainOptions) -> tuple[Checkpoint | None, str]:
    """The model that a new training starts from; see `beginning`.

    Raises:
        StylizeError: the model asked for cannot be read, or cannot start this network.
    """
    asked = options.get("start")
    usual = options.get("preset", "default") == "default" and KINDS[config.generator].takes_mix
    if asked == "none" or (asked is None and not usual):
        return None, ""
    start = checkpoints.load(models.find(str(asked or START)))
    try:
        warm_start.check(start, config, options.get("upscale"))
    except StylizeError:
        if asked is not None:
            raise
        return None, f"width {config.width}: starts from random weights, which takes longer"
    return start, ""


def _other_descriptor(base: Checkpoint, options: TrainOptions) -> str:
    """Says so where a model was trained with another descriptor than its new style will be."""
    used = str(base.provenance.get("descriptor")).partition(",")[0]
    differs = used in vgg.SOURCES and used != options.get("descriptor", "vgg19")
    return f"the model's other styles were trained with `descriptor` {used}" if differs else ""
