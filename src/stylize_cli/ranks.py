"""The processes that train one network together, as torchrun starts them, and what they agree on.

Each works on its part of every batch. What is a sum over the whole batch is summed over all of them
here, so that they do what one process would have done. Alone, every function is the identity.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

from stylize_cli.errors import StylizeError, first_line

T = TypeVar("T")

# What torchrun says in the environment.
GIVEN = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@contextmanager
def joined() -> Iterator[None]:
    """Joins the processes that were started together, where there are any, while it is entered.

    Numbers on GPUs are exchanged by NCCL, all else by Gloo.

    Raises:
        StylizeError: the others do not answer.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) < 2 or any(name not in os.environ for name in GIVEN):
        yield
        return
    gpus = torch.cuda.is_available() and distributed.is_nccl_available()
    try:
        distributed.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo")
    except (RuntimeError, ValueError) as error:
        raise StylizeError(
            f"the other processes do not answer ({first_line(error)}): start them all with torchrun"
        ) from error
    try:
        yield
    finally:
        distributed.destroy_process_group()


def count() -> int:
    """How many processes there are."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def is_first() -> bool:
    """Whether this is the one that writes and speaks."""
    return not distributed.is_initialized() or distributed.get_rank() == 0


def part(total: int) -> range:
    """Which of the numbers from 0 to `total` are this process's: neighbours, as many as others'."""
    rank = distributed.get_rank() if distributed.is_initialized() else 0
    return range(total * rank // count(), total * (rank + 1) // count())


def beside() -> int:
    """How many processes share this machine's memory."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", count())) if count() > 1 else 1


def device(name: str) -> str:
    """What `--device` names, of several GPUs this process's own."""
    if name in ("auto", "cuda") and count() > 1 and torch.cuda.is_available():
        return f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
    return name


def summed(values: Tensor) -> Tensor:
    """The sum over all processes, without a gradient; the values themselves stay."""
    if count() == 1:
        return values
    values = values.detach().clone()
    distributed.all_reduce(values)
    return values


def summed_with_gradient(values: Tensor) -> Tensor:
    """The sum over all processes; its gradient is the sum of theirs."""
    return values if count() == 1 else _Summed.apply(values)


class _Summed(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, values: Tensor) -> Tensor:  # noqa: ANN401 - torch's own signature
        return summed(values)

    @staticmethod
    def backward(_ctx: Any, grad: Tensor) -> Tensor:  # noqa: ANN401
        return summed(grad.contiguous())


def whole(values: Tensor, total: int) -> Tensor:
    """The values of the whole batch, (total,), of which each process has its `part`."""
    if count() == 1:
        return values.detach()
    own = part(total)
    padded = values.new_zeros(total)
    padded[own.start : own.stop] = values.detach()
    return summed(padded)


def sum_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Adds the others' gradients to those of this process, all in one message."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if count() == 1 or not gradients:
        return
    total = summed(torch.cat([gradient.flatten() for gradient in gradients]))
    parts = torch.split(total, [gradient.numel() for gradient in gradients])
    for gradient, own in zip(gradients, parts, strict=True):
        gradient.copy_(own.view_as(gradient))


def copy_first(network: nn.Module) -> None:
    """Gives every process the weights of the first: other processors may draw or round others."""
    if count() > 1:
        for values in network.state_dict().values():
            distributed.broadcast(values, 0)


def of_first(own: float) -> float:
    """The number that the first process has. All must ask."""
    if count() == 1:
        return own
    number = torch.tensor(own, dtype=torch.float64)
    distributed.broadcast(number, 0)
    return number.item()


def any_of(own: bool) -> bool:  # noqa: FBT001 - the one thing that is asked
    """Whether it is so in any process. All must ask."""
    return bool(summed(torch.tensor(int(own)))) if count() > 1 else own


def gathered(own: T) -> list[T]:
    """What each process has, in their order."""
    if count() == 1:
        return [own]
    found: list[Any] = [None] * count()
    distributed.all_gather_object(found, own)
    return found


def by_first(work: Callable[[], None]) -> None:
    """Lets the first process do a work while the others wait; its error is everyone's."""
    with together():
        if is_first():
            work()


@contextmanager
def together() -> Iterator[None]:
    """Where one process fails inside, all do, with its error; they wait for each other at the end.

    Raises:
        StylizeError: that of the first that failed.
    """
    failure = ""
    try:
        yield
    except StylizeError as error:
        if count() == 1:
            raise
        failure = str(error)
    if any_of(bool(failure)):
        raise StylizeError(next(filter(None, gathered(failure))))
