"""One more style for a trained network (Dumoulin, Shlens, Kudlur 2017, sec. 3.3).

The new row of γ and β is trained as a network of one style whose convolutions are frozen, and then
put below the rows of the others: those are never in an optimiser's hands and stay as they are, bit
by bit.
"""

import math
from collections.abc import Mapping
from dataclasses import Field, fields, replace
from typing import Any, get_args

import torch
from torch import Tensor, nn

from stylize_cli import vgg
from stylize_cli.checkpoints import Checkpoint
from stylize_cli.config import EVEN
from stylize_cli.config.train import TRAIN_PRESETS, TrainConfig, TrainPreset
from stylize_cli.engines import quantising
from stylize_cli.errors import StylizeError
from stylize_cli.generators import KINDS, blocks_of, width_of

LOSSES = (  # fields of a config that say what is minimised
    *("weighting", "content_weight", "style_weight", "halved_weight", "tv_weight"),
    *("layout_weight", "range_weight", "grid_weight", "shifted", "recolour"),
    *("content_layer", "style_layers"),
    *("block_weights", "statistic", "style_size", "pool", "edges", "gradients"),
)
ROWS = (".gamma", ".beta")  # ends of the names of what there is a row a style of


def alone(base: Checkpoint, name: str) -> Checkpoint:
    """The network of a style that is to be added, as it starts: the mean of the rows there are.

    Args:
        base: the model of other styles.
        name: of the style.

    Raises:
        StylizeError: the model can take no more styles, or has one of that name.
    """
    if not KINDS[base.generator].takes_mix:
        raise StylizeError(
            f"a model of method '{base.method}' and network '{base.generator}' takes no further "
            "style: give `to` a model trained with the default preset on one style or more"
        )
    if name in base.styles:
        raise StylizeError(
            f"the model has a style '{name}' already: rename the file given to `add_style`"
        )
    weights = {
        key: value.mean(0, keepdim=True) if key.endswith(ROWS) else value
        for key, value in base.weights.items()
    }
    arguments = {**base.arguments, "styles": 1}
    return replace(base, arguments=arguments, weights=weights, styles=(name,))


def settings(base: Checkpoint, preset: TrainPreset = "default") -> TrainConfig:
    """The preset's settings for one more style, for the model's own network.

    By default with the model's own losses; a preset that is named replaces them.
    """
    start = TRAIN_PRESETS["conditional", preset]
    config = replace(
        start,
        generator=base.generator,
        width=width_of(base.generator, base.arguments),
        blocks=blocks_of(base.arguments),
        grain=base.grain,  # which the style will be painted in
    )
    return with_losses_of(base, config) if preset == "default" else config


def with_losses_of(base: Checkpoint, config: TrainConfig) -> TrainConfig:
    """The settings, with the losses that a model was trained with: one look for all its styles.

    What an older version did not note had no weight yet: that is the default of its field. What no
    training can have is passed over: the model may be a stranger's.
    """
    noted = base.provenance.get("config")
    if not isinstance(noted, Mapping):
        return config
    own: dict[str, Any] = {}
    for field in fields(config):
        value = noted.get(field.name, field.default)
        value = tuple(value) if isinstance(value, list) else value
        if field.name in LOSSES and _is_one(field, value):
            own[field.name] = value
    return replace(config, **own)


def _is_one(field: Field[Any], value: Any) -> bool:  # noqa: ANN401 - a stranger's
    """Whether a value is one that a setting can have."""
    kind: type[Any] = type(field.default)
    if not isinstance(value, kind):
        return False
    if field.name.endswith(("layer", "layers")):
        known = vgg.layer_names(vgg.SOURCES["vgg19"])  # VGG-16's are among them
        return len(value) > 0 and all(layer in known for layer in vgg.named(value))
    if isinstance(value, tuple):  # of the blocks' weights
        return len(value) == len(EVEN) and all(type(one) is float and one > 0 for one in value)
    return value in get_args(field.type) if isinstance(value, str) else 0 <= float(value) < math.inf


def freeze(network: nn.Module) -> None:
    """Leaves nothing to train but the rows."""
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.endswith(ROWS))


def joined(base: Checkpoint, added: Checkpoint) -> Checkpoint:
    """The model with the row of a network of one style below its own.

    Args:
        base: the model.
        added: from `alone`, trained.
    """
    weights = {
        key: torch.cat([value, added.weights[key]]) if key.endswith(ROWS) else value
        for key, value in base.weights.items()
    }
    styles = (*base.styles, *added.styles)
    # What was seen of the others' activations says nothing of the new one's.
    known = {name: one for name, one in base.provenance.items() if name != quantising.NOTED}
    history = dict(base.provenance.get("added", {}))
    history |= {name: dict(added.provenance) for name in added.styles}
    return Checkpoint(
        method="conditional",
        generator=base.generator,
        arguments={**base.arguments, "styles": len(styles)},
        weights=weights,
        styles=styles,
        provenance={**known, "added": history},
    )


def same_convolutions(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Whether two state dicts differ in nothing but their rows."""
    fixed = [{k: v for k, v in weights.items() if not k.endswith(ROWS)} for weights in (one, other)]
    return fixed[0].keys() == fixed[1].keys() and all(
        torch.equal(value, fixed[1][key]) for key, value in fixed[0].items()
    )
