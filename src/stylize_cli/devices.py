"""Which device computes, in which precision, and how much memory it has left."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import RLock
from typing import Any, TypeVar

import torch
from torch import Tensor

from stylize_cli import hardware
from stylize_cli.config import Precision
from stylize_cli.errors import StylizeError

T = TypeVar("T")

_COUNT = RLock()  # torch's number of threads is the process's: one asks for another at a time


def _shortcuts() -> tuple[tuple[Any, str, Any], ...]:
    """What torch may do by itself to be faster on CUDA: where, its name, and how to forbid it.

    Multiply float32 as TF32, which has 10 bits, and add bfloat16 products up in bfloat16.
    """
    cudnn: Any = torch.backends.cudnn
    matmul: Any = torch.backends.cuda.matmul
    sums = (matmul, "allow_bf16_reduced_precision_reduction", False)
    if hasattr(matmul, "fp32_precision"):  # torch 2.9: where a host has set it, allow_tf32 raises
        return (cudnn.conv, "fp32_precision", "ieee"), (matmul, "fp32_precision", "ieee"), sums
    return (cudnn, "allow_tf32", False), (matmul, "allow_tf32", False), sums


# These are the process's too; several may ask at once.
_SHORTCUTS = _shortcuts()
_EXACT = RLock()
_asked, _before = 0, list[Any]()


@dataclass(frozen=True)
class Machine:
    """What computes: a device, and the type of weights and activations on it."""

    device: torch.device
    dtype: torch.dtype

    @property
    def precision(self) -> str:
        """The type's name, such as "bfloat16"."""
        return str(self.dtype).removeprefix("torch.")

    def describe(self) -> str:
        """One line for the user: device, its name, precision."""
        name = str(self.device)
        if self.device.type == "cuda":
            name += f" ({torch.cuda.get_device_name(self.device)})"
        elif self.device.type == "cpu":
            count = torch.get_num_threads()
            name += f" ({hardware.cpu_name()}, {count} thread{'s' if count > 1 else ''})"
        return f"{name}, {self.precision}"


def available() -> list[str]:
    """Names of the devices torch can use here, best first."""
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return [*(cuda if torch.cuda.is_available() else []), *mps, "cpu"]


def choose(name: str) -> torch.device:
    """The device that `--device` names; `auto` takes the first of CUDA, MPS and CPU there is.

    Raises:
        StylizeError: an asked-for device is not there. There is no silent fallback.
    """
    found = available()
    if name == "auto":
        return torch.device(found[0])
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in found:
        raise StylizeError(
            f"device '{name}' is not here; use `device` auto or one of: {', '.join(found)}"
        )
    return torch.device(wanted)


def choose_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """The type of the network's weights and activations.

    `auto` takes bfloat16 where the hardware multiplies it (CPUs with AMX, AVX512-BF16 or ARM's
    bf16; CUDA from Ampere on) and float32 elsewhere.

    Raises:
        StylizeError: bfloat16 was asked for on MPS, which cannot be relied on to have it.
    """
    if precision == "float32":
        return torch.float32
    if precision == "bfloat16":
        if device.type == "mps":
            raise StylizeError("bfloat16 is not supported on mps; use `precision` float32")
        return torch.bfloat16
    if device.type == "cuda":
        fast = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        fast = device.type == "cpu" and hardware.fast_bfloat16()
    return torch.bfloat16 if fast else torch.float32


def machine(device: str = "auto", precision: Precision = "auto") -> Machine:
    """What `--device` and `--precision` name to compute with.

    Raises:
        StylizeError: it is not here.
    """
    chosen = choose(device)
    return Machine(chosen, choose_precision(precision, chosen))


@contextmanager
def exact() -> Iterator[None]:
    """Inside, CUDA computes in the precision that is asked for; afterwards all is as before."""
    global _asked, _before
    with _EXACT:
        if not _asked:
            _before = [getattr(place, name) for place, name, _ in _SHORTCUTS]
            for place, name, exactly in _SHORTCUTS:
                setattr(place, name, exactly)
        _asked += 1
    try:
        yield
    finally:
        with _EXACT:
            _asked -= 1
            if not _asked:
                for (place, name, _), value in zip(_SHORTCUTS, _before, strict=True):
                    setattr(place, name, value)


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Torch computes with so many threads of the CPU inside, `exact`, and as before afterwards.

    Args:
        count: how many; None leaves the number alone.

    Raises:
        StylizeError: that many cannot be.
    """
    hardware.check_threads(count)
    with exact(), _counted(count):
        yield


@contextmanager
def _counted(count: int | None) -> Iterator[None]:
    if count is None:
        yield
        return
    with _COUNT:
        before = torch.get_num_threads()
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def on_threads(work: Generator[T, None, None], count: int | None) -> Generator[T, None, None]:
    """The results of a work, each computed with so many threads; between them all is as before.

    Args:
        work: closed with what is returned here.
        count: threads of the CPU; None leaves the number alone.
    """
    with closing(work):
        while True:
            with threads(count):
                try:
                    result = next(work)
                except StopIteration:
                    return
            yield result


def sent(batch: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on a device; CUDA copies it while it computes what was asked before."""
    if device.type != "cuda":
        return batch.to(device)
    return batch.pin_memory().to(device, non_blocking=True)


def at_once(x: Tensor) -> bool:
    """Whether what is done to each sample of a batch is better done to all of them by one kernel.

    On CUDA: it does most of them in less time than it takes to start one. A processor does not, and
    one sample's maps may fit its cache; of MPS nothing was measured.
    """
    return x.is_cuda


def own_memory(device: torch.device) -> int:
    """Bytes of a device's memory that this program has; MPS shares the machine's."""
    if device.type == "cuda":
        return int(torch.cuda.memory_reserved(device))
    return hardware.own_memory()


def free_memory(device: torch.device) -> int:
    """Bytes of memory free on the device; MPS shares the machine's."""
    if device.type == "cuda":
        free, _total = torch.cuda.mem_get_info(device)
        # What torch holds of it and does not use is free for it alone.
        return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    return hardware.available_memory()
