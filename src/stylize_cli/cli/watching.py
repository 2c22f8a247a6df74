"""How optimize and reconstruct show a picture in the making, and keep it after Ctrl-C."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from stylize_cli.cli import reports
from stylize_cli.cli.console import Console
from stylize_cli.errors import StylizeError
from stylize_cli.progress import Step

if TYPE_CHECKING:
    from torch import Tensor

    from stylize_cli.api.optimization import Iterate, Optimization
    from stylize_cli.api.reconstruct import Reconstruction
    from stylize_cli.descriptors import Describe
    from stylize_cli.methods.pictures import Best

Now = TypeVar("Now", "Best", "Iterate")


@dataclass
class Watched:
    """What has come of a run.

    Attributes:
        images: the best image (1, 3, H, W) of each task, under its label.
        history: losses by name after every iteration.
        interrupted: by Ctrl-C.
    """

    images: dict[str, "Tensor"] = field(default_factory=dict)
    history: list[Mapping[str, float]] = field(default_factory=list)
    interrupted: bool = False

    @property
    def losses(self) -> Mapping[str, float]:
        """Those of the last iteration."""
        return self.history[-1] if self.history else {}


def _try(save: "Callable[[], None]", console: Console) -> None:
    """Saves a picture in the making; where that fails, the work is worth more than the picture."""
    try:
        save()
    except StylizeError as error:
        console.say(str(error))


def load(job: "Optimization | Reconstruction", console: Console) -> "Describe":
    """The descriptor of what is to run; says what there is to say of pictures and device."""
    from stylize_cli import devices

    reports.tell(job.notes, console)
    with console.progress("Loading the descriptor") as on_step:
        describe = job.load(on_step)
    with devices.threads(job.threads):
        console.say(f"device: {job.machine.describe()}")
    return describe


def watch(
    iterates: "Iterator[tuple[str, Now]]",
    console: Console,
    *,
    save_every: int | None = None,
    save: "Callable[[int, Now], None] | None" = None,
) -> Watched:
    """Runs a method to its end, or to Ctrl-C, at which the best pictures so far are kept.

    Args:
        iterates: the method; each best picture with the label of what is being done.
        console: where its progress is shown.
        save_every: iterations from one call of `save` to the next.
        save: told the number of an iteration and its best picture.
    """
    watched = Watched()
    try:
        with console.progress("Looking at the pictures") as on_step:
            for label, now in iterates:
                watched.images[label] = now.image
                watched.history.append(now.losses)
                height, width = now.image.shape[2:]
                on_step(Step(f"{label} at {width}x{height}", now.done, 1.0, now.losses))
                if console.screen and console.screen.is_due:
                    console.screen.show(now.image[0].permute(1, 2, 0).cpu().numpy())
                if save and save_every and len(watched.history) % save_every == 0:
                    _try(partial(save, len(watched.history), now), console)
    except KeyboardInterrupt:
        watched.interrupted = True
    return watched


def tell_of_an_end(watched: Watched, console: Console) -> None:
    """Says what is kept of a run that was interrupted.

    Raises:
        KeyboardInterrupt: nothing is.
    """
    if watched.interrupted and not watched.images:
        raise KeyboardInterrupt
    if watched.interrupted:
        console.say("interrupted: keeping the best so far")
