"""A training that goes on from a saved state: its network and moments, and that all is the same."""

import copy
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from typing import Any

import torch
from torch import Tensor, nn

from stylize_cli.checkpoints import TrainingState
from stylize_cli.errors import StylizeError
from stylize_cli.methods import add_style
from stylize_cli.methods.tasks import Task

ANEW = "start anew: without `resume`, into another `out`"


def network(task: Task, state: TrainingState) -> nn.Module:
    """The network as the training left it.

    Raises:
        StylizeError: the training had another task.
    """
    made = state.checkpoint
    same = (
        made.method == task.method
        and made.generator == task.config.generator
        and dict(made.arguments) == task.arguments
        and made.styles == task.names
        and (task.base is None or add_style.same_convolutions(made.weights, task.base.weights))
    )
    if not same:
        raise StylizeError(
            "the training to resume had other styles or another network; give the same options to "
            f"the same version, or {ANEW}"
        )
    _check_settings(task, state)
    return made.build().requires_grad_()


def _check_settings(task: Task, state: TrainingState) -> None:
    """Refuses other settings than the training began with; more steps are none."""
    now = {**asdict(task.config), "seed": task.seed}
    # What an older version did not know yet was as a field's default is.
    usual = {f.name: f.default for f in fields(task.config) if f.default is not MISSING}
    seed = state.checkpoint.provenance.get("seed", task.seed)
    then = {**usual, "seed": seed, **state.config}
    for name in sorted((now.keys() & then.keys()) - {"steps"}):
        if now[name] != then[name]:
            raise StylizeError(
                f"the training to resume had {name.replace('_', ' ')} {then[name]}, not "
                f"{now[name]}; give the same options, to the same version, or {ANEW}"
            )


def check_given(now: Mapping[str, Any], then: Mapping[str, Any]) -> None:
    """Refuses other pictures, or another judge, than the training began with.

    Args:
        now: provenance that is to be noted.
        then: provenance that was.

    Raises:
        StylizeError: they differ.
    """
    names = {
        "descriptor": "another descriptor",
        "style digests": "other styles, or changed ones",
        "photos digest": "another dataset, or a changed one",
    }
    for key, what in names.items():
        if key in now and key in then and now[key] != then[key]:
            told = f" ({then[key]}, not {now[key]})" if key == "descriptor" else ""
            raise StylizeError(f"the training to resume had {what}{told}; give the same, or {ANEW}")


def restore(optimizer: torch.optim.Optimizer, state: TrainingState) -> None:
    """Gives an optimiser the moments that it had.

    Raises:
        StylizeError: they are not of this network.
    """
    try:
        optimizer.load_state_dict(copy.deepcopy(dict(state.optimizer)))
        for parameter, moments in optimizer.state.items():
            for value in moments.values():
                if isinstance(value, Tensor) and value.dim() and value.shape != parameter.shape:
                    raise ValueError
    except (ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        raise StylizeError(
            "the training to resume is damaged, its moments are not of its network: start anew, "
            "without `resume`"
        ) from error
