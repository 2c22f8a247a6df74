"""What a running method tells whoever started it."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """One report of a running method. The engine never prints: it calls an `OnStep` with these.

    Attributes:
        task: what is being done, in the user's words ("Stylising at 256 px", "Downloading vgg19").
        done: how much of it is done, in the task's own unit (iterations, bytes).
        total: how much there is in all, or None where that is not known.
        losses: loss by name where there are any; "total" is their weighted sum.
    """

    task: str
    done: float
    total: float | None = None
    losses: Mapping[str, float] = field(default_factory=dict)


OnStep = Callable[[Step], None]


def ignore(_step: Step) -> None:
    """An `OnStep` that drops every report."""


def run(work: Generator[Step, None, T], on_step: OnStep) -> T:
    """Runs a work that reports its steps to its end, and returns what it made."""
    while True:
        try:
            on_step(next(work))
        except StopIteration as end:
            made: T = end.value
            return made
