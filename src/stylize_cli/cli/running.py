"""What optimize and reconstruct share: the descriptor, the run, and the report of a result."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize_cli.cli.console import Console
from stylize_cli.cli.options import Descriptor
from stylize_cli.config import OptimizeConfig
from stylize_cli.errors import StylizeError
from stylize_cli.progress import Step

if TYPE_CHECKING:
    from torch import Tensor

    from stylize_cli.cli.outputs import Output
    from stylize_cli.descriptors import Describe
    from stylize_cli.devices import Machine
    from stylize_cli.methods.optimize import Iterate

COMPILERS = ("c++", "g++", "clang++", "cl")


@dataclass
class Course:
    """How a run went.

    Attributes:
        last: the best picture of the finest scale reached; None where there is none yet.
        history: losses by name after every iteration.
        interrupted: by Ctrl-C.
    """

    last: "Iterate | None" = None
    history: list[Mapping[str, float]] = field(default_factory=list)
    interrupted: bool = False


def check(
    config: OptimizeConfig,
    name: Descriptor,
    size: tuple[int, int],
    machine: "Machine",
    memory: int | None,
) -> None:
    """Refuses what could not run, before anything is loaded.

    Args:
        config: what is to run.
        name: of the descriptor.
        size: (height, width) of the result.
        machine: where.
        memory: most bytes the whole program may take; None for what is free.

    Raises:
        StylizeError: a layer is not the descriptor's, the picture is too small, memory too short.
    """
    from stylize_cli import descriptors, limits
    from stylize_cli.methods import optimize as method

    descriptors.check_layers(config.layers, descriptors.SOURCES[name])
    method.scale_sizes(size, config)
    limits.check(size, config, machine, memory)


def load_descriptor(
    configs: Sequence[OptimizeConfig],
    name: Descriptor,
    file: Path | None,
    machine: "Machine",
    *,
    compiled: bool = False,
    console: Console,
) -> "Describe":
    """The descriptor for configs that differ in their layers, on its device and in its precision.

    Raises:
        StylizeError: it cannot be had, or there is no compiler.
    """
    import torch

    from stylize_cli import descriptors

    if compiled and not any(shutil.which(compiler) for compiler in COMPILERS):
        raise StylizeError("--compile needs a C++ compiler, and none is here; leave it out")
    first = configs[0]
    with console.progress() as on_step:
        descriptor = descriptors.load(
            name,
            layers={layer for config in configs for layer in config.layers},
            dtype=machine.dtype,
            pool=first.pool,
            edges=first.edges,
            normalise=first.normalise,
            file=file,
            on_step=on_step,
        )
    console.say(f"device: {machine.describe()}")
    descriptor = descriptor.to(machine.device)
    return torch.compile(descriptor) if compiled else descriptor


def follow(
    iterates: "Iterator[Iterate]",
    console: Console,
    *,
    task: str,
    save_every: int | None = None,
    save: "Callable[[int, Tensor], None] | None" = None,
) -> Course:
    """Runs a method to its end, or to Ctrl-C, which keeps the best picture so far.

    Args:
        iterates: the method.
        console: where its progress is shown.
        task: what the progress bar calls it.
        save_every: iterations from one call of `save` to the next.
        save: told the number of an iteration and its best picture.
    """
    course = Course()
    try:
        with console.progress() as on_step:
            for now in iterates:
                course.last = now
                course.history.append(now.losses)
                height, width = now.image.shape[2:]
                on_step(Step(f"{task} at {width}x{height}", now.done, 1.0, now.losses))
                if save and save_every and len(course.history) % save_every == 0:
                    save(len(course.history), now.image)
    except KeyboardInterrupt:
        course.interrupted = True
        console.say("interrupted: keeping the best so far")
    return course


def record(
    output: "Output", size: tuple[int, int], began: float, machine: "Machine", course: Course
) -> dict[str, Any]:
    """One result as `--json` shows it; `began` is in seconds of `time.perf_counter`."""
    return {
        "output": str(output),
        "width": size[1],
        "height": size[0],
        "seconds": round(time.perf_counter() - began, 3),
        "device": str(machine.device),
        "precision": machine.precision,
        "engine": "torch",
        "losses": dict(course.last.losses) if course.last else {},
    }
