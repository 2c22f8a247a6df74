"""What optimize and reconstruct share: the descriptor, the run, and the report of a result."""

import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize_cli.cli.console import Console
from stylize_cli.cli.options import Descriptor
from stylize_cli.config import OptimizeConfig
from stylize_cli.errors import StylizeError
from stylize_cli.progress import Step

if TYPE_CHECKING:
    from stylize_cli.cli.outputs import Output
    from stylize_cli.devices import Machine
    from stylize_cli.methods.optimize import Iterate
    from stylize_cli.objectives import Describe

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


def load_descriptor(
    config: OptimizeConfig,
    name: Descriptor,
    file: Path | None,
    machine: "Machine",
    *,
    compiled: bool = False,
    console: Console,
) -> "Describe":
    """The descriptor that a config needs, on its device and in its precision.

    Raises:
        StylizeError: it cannot be had, the layers are not its own, or there is no compiler.
    """
    import torch

    from stylize_cli import descriptors

    layers = {*config.content_layers, *config.style_layers}
    descriptors.check_layers(layers, descriptors.SOURCES[name])
    if compiled and not any(shutil.which(compiler) for compiler in COMPILERS):
        raise StylizeError("--compile needs a C++ compiler, and none is here; leave it out")
    console.say(f"device: {machine.describe()}")
    with console.progress() as on_step:
        descriptor = descriptors.load(
            name,
            layers=layers,
            dtype=machine.dtype,
            pool=config.pool,
            edges=config.edges,
            normalise=config.normalise,
            file=file,
            on_step=on_step,
        )
    descriptor = descriptor.to(machine.device)
    return torch.compile(descriptor) if compiled else descriptor


def follow(
    iterates: "Iterator[Iterate]",
    console: Console,
    *,
    task: str,
    save_every: int | None = None,
    output: "Output | None" = None,
) -> Course:
    """Runs a method to its end, or to Ctrl-C, which keeps the best picture so far.

    Args:
        iterates: the method.
        console: where its progress is shown.
        task: what the progress bar calls it.
        save_every: iterations from one numbered file beside the output to the next.
        output: where those go.
    """
    from stylize_cli.images import Picture

    course = Course()
    try:
        with console.progress() as on_step:
            for now in iterates:
                course.last = now
                course.history.append(now.losses)
                height, width = now.image.shape[2:]
                on_step(Step(f"{task} at {width}x{height}", now.done, 1.0, now.losses))
                if save_every and output and len(course.history) % save_every == 0:
                    output.numbered(len(course.history)).write(Picture(now.image.cpu()))
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
