"""fit(): the only training loop."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from stylize_cli.config import TrainConfig
from stylize_cli.errors import StylizeError
from stylize_cli.muon import Muon

EXPLODED = 100.0  # times the mean loss of the first steps
SETTLED = 20  # how many those are
FEWEST = 3  # of them that say anything: one may be a crop of clear sky
LEAST = 1e-12  # a mean below it is nothing to measure by: that of pictures met exactly

STEP_DECAY, FIRST_DECAY, NEXT_DECAY = 0.7, 1000, 200  # Ulyanov et al. 2016, sec. 4

Losses = Callable[[int], Mapping[str, Tensor]]  # of the batch of that number


@dataclass(frozen=True)
class Update:
    """One update of the weights, done.

    Attributes:
        step: how many there were, itself included.
        losses: mean over the batch by name, and "total".
    """

    step: int
    losses: Mapping[str, float]


def optimizer(network: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """The config's optimiser over what of a network can be trained.

    All four papers use Adam (Kingma & Ba 2015).
    """
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    kind = Muon if config.optimizer == "muon" else torch.optim.Adam
    return kind(trained, lr=config.lr)


def learning_rate(step: int, config: TrainConfig) -> float:
    """The step size before the update of that number (from 0)."""
    if config.decay == "constant":
        return config.lr
    if config.decay == "steps":
        return config.lr * STEP_DECAY ** max(0, 1 + (step - FIRST_DECAY) // NEXT_DECAY)
    return config.lr * 0.5 * (1 + math.cos(math.pi * step / config.steps))


def fit(
    losses: Losses, optimizer: torch.optim.Optimizer, config: TrainConfig, *, first: int = 0
) -> Iterator[Update]:
    """Trains until the config's steps are done, or whoever iterates has enough.

    Args:
        losses: given the number of a step, from 0: the losses of its batch by name, each a tensor
            whose mean counts. Their sum is minimised.
        optimizer: of the generator's parameters.
        config: steps, step size and its decay.
        first: steps that were done before.

    Yields:
        After every update; the weights are consistent then.

    Raises:
        StylizeError: the loss is not a number or explodes; the weights are those before the update.
    """
    settled: list[float] = []
    for step in range(first, config.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config)
        terms = {name: values.mean() for name, values in losses(step).items()}
        total = torch.stack(list(terms.values())).sum()
        value = total.item()
        usual = max(LEAST, *settled) if len(settled) >= FEWEST else math.inf
        if not math.isfinite(value) or value > EXPLODED * usual:
            raise StylizeError(
                f"the loss became {value:.4g} at step {step + 1}: use a smaller --lr, or "
                "--precision float32"
            )
        if len(settled) < SETTLED:
            settled.append(value)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        optimizer.step()
        yield Update(step + 1, {**{k: v.item() for k, v in terms.items()}, "total": value})
