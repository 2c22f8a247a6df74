"""fit(): the only training loop."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from stylize_cli import ranks
from stylize_cli.config.train import TrainConfig
from stylize_cli.errors import StylizeError
from stylize_cli.muon import Muon

EXPLODED = 100.0  # times the greatest loss of the first steps
SETTLED = 20  # how many those are
SMALLER = 4  # times the work of a sample of half the side is that of a whole one
FEWEST = 3  # of them that say anything: one may be a crop of clear sky
LEAST = 1e-12  # what lies below it is nothing to measure by: that of pictures met exactly

STEP_DECAY, FIRST_DECAY, NEXT_DECAY = 0.7, 1000, 200  # Ulyanov et al. 2016, sec. 4

Losses = Callable[[int], Mapping[str, Tensor]]  # of the batch of that number


class Pace:
    """How far a training is: by its work or by the clock, which starts with the first step.

    Args:
        steps: of the whole training.
        seconds: after which it ends instead, however many steps that are.
        small: share of the work, the first, that is done in steps of a quarter of the others' work.
    """

    def __init__(self, steps: int, seconds: float | None = None, *, small: float = 0.0) -> None:
        self.steps, self.seconds, self.small = steps, seconds, small
        self._began: float | None = None

    def share(self, step: int) -> float:
        """What is done after so many steps: 0 at the start, 1 or more at the end."""
        if self.seconds is None:
            return self._work(step) / self._work(self.steps)
        now = time.monotonic()
        self._began = now if self._began is None else self._began
        return (now - self._began) / self.seconds

    def is_small(self, step: int) -> bool:
        """Whether the step after so many is one of the small ones, where several train alike."""
        return bool(self.small) and self.agreed(step) < self.small

    def _work(self, step: int) -> float:
        """Of so many steps, in that of a usual one."""
        many = self.small * SMALLER / (self.small * SMALLER + 1 - self.small)  # share of the steps
        small = min(step, many * self.steps)
        return small / SMALLER + step - small

    def agreed(self, step: int) -> float:
        """What is done, by the clock of the first where several processes train. All must ask."""
        return self.share(step) if self.seconds is None else ranks.of_first(self.share(step))


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


def learning_rate(step: int, config: TrainConfig, done: float) -> float:
    """The step size before the update of that number (from 0), a share of all being done."""
    if config.decay == "constant":
        return config.lr
    if config.decay == "steps":
        return config.lr * STEP_DECAY ** max(0, 1 + (step - FIRST_DECAY) // NEXT_DECAY)
    return config.lr * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def fit(
    losses: Losses,
    optimizer: torch.optim.Optimizer,
    config: TrainConfig,
    *,
    first: int = 0,
    pace: Pace | None = None,
) -> Iterator[Update]:
    """Trains until its pace says the end, or whoever iterates has enough.

    Args:
        losses: given the number of a step, from 0: the losses of its batch by name, each a tensor
            whose mean counts. Their sum is minimised. Of several processes (`ranks`) each has the
            losses of its own part of the batch, and all do the same updates.
        optimizer: of the generator's parameters.
        config: steps, step size and its decay.
        first: steps that were done before.
        pace: when it ends; None is after the config's steps.

    Yields:
        After every update; the weights are consistent then.

    Raises:
        StylizeError: the loss is not a number or explodes; the weights are those before the update.
    """
    pace = pace or Pace(config.steps)
    settled: list[float] = []
    share = len(ranks.part(config.batch_size)) / config.batch_size
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    step = first
    while (done := pace.agreed(step)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config, done)
        terms = {name: values.mean() * share for name, values in losses(step).items()}
        values = torch.stack(list(terms.values()))
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(values.sum())
        # Of the whole batch: what is no number anywhere stops all. Read at once, and when a GPU has
        # the backward pass to do meanwhile.
        summed = ranks.summed(torch.cat([values.sum()[None], values]).detach())
        value, *parts = summed.tolist()
        usual = max(LEAST, *settled) if len(settled) >= FEWEST else math.inf
        if not math.isfinite(value) or value > EXPLODED * usual:
            raise StylizeError(
                f"the loss became {value:.4g} at step {step + 1}: use a smaller `lr`, or "
                "`precision` float32"
            )
        if len(settled) < SETTLED:
            settled.append(value)
        ranks.sum_gradients(trained)
        optimizer.step()
        step += 1
        yield Update(step, {**dict(zip(terms, parts, strict=True)), "total": value})
