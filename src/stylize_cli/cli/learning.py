"""The course of a training: progress, saves, previews, logs, and how it ends."""

import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stylize_cli.cli import outputs
from stylize_cli.cli.boards import Board
from stylize_cli.cli.console import Console
from stylize_cli.cli.previews import Sheet
from stylize_cli.errors import StylizeError
from stylize_cli.progress import Step

if TYPE_CHECKING:
    from torch import Tensor

    from stylize_cli.methods.train import Training
    from stylize_cli.training import Update

    Show = Callable[[Update], None]

RECENT = 20  # steps that what is shown of losses and speed is the mean of


@dataclass(frozen=True)
class Plan:
    """What is written while a network learns, and when.

    Attributes:
        model: its file; the training's state is kept beside it.
        save_every: steps from one save of both to the next.
        photo: (1, 3, H, W) RGB in [0, 1], drawn on a contact sheet by the network as it learns.
        preview_every: steps from one cell of that sheet to the next.
        plot: file of the losses' curves, drawn at every save.
        board: where losses, speed and previews are logged.
    """

    model: Path
    save_every: int
    photo: "Tensor | None" = None
    preview_every: int = 1
    plot: Path | None = None
    board: Board | None = None


@dataclass
class Course:
    """How a training went.

    Attributes:
        first: steps that were done before.
        history: losses by name after every step.
        saved: steps of the model in the file; None where this run wrote none.
        interrupted: by Ctrl-C or SIGTERM.
    """

    first: int
    history: list[Mapping[str, float]] = field(default_factory=list)
    saved: int | None = None
    interrupted: bool = False

    @property
    def losses(self) -> dict[str, float]:
        """Mean of the last steps; empty where there was none."""
        last = self.history[-RECENT:]
        return {name: sum(step[name] for step in last) / len(last) for name in (last or [{}])[0]}


class Stop:
    """Ctrl-C and SIGTERM while it is entered: the step under way is to end, and be saved.

    A second signal leaves at once, unless `saving`. A signal that was ignored (nohup) still is.
    """

    def __init__(self) -> None:
        self.asked = self.saving = False

    def __enter__(self) -> "Stop":
        heard = (signal.SIGINT, signal.SIGTERM)
        self._before = {
            number: signal.signal(number, self._signalled)
            for number in heard
            if signal.getsignal(number) is not signal.SIG_IGN
        }
        return self

    def __exit__(self, *_exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _signalled(self, *_number_and_frame: object) -> None:
        if self.asked and not self.saving:
            raise KeyboardInterrupt
        self.asked = True


def state_file(model: Path) -> Path:
    """Where the state of a model's training is: a.pt -> a.state.pt."""
    return model.with_suffix(".state.pt")


def follow(training: "Training", plan: Plan, console: Console) -> Course:
    """Runs a training to its end, or to Ctrl-C or SIGTERM, and saves it.

    Raises:
        StylizeError: the loss explodes, the output is blank, or a file cannot be written.
    """
    from stylize_cli import checkpoints

    course = Course(training.step)
    sheet = None if plan.photo is None else Sheet(plan.photo, plan.model, plan.board, training)
    pace = _Pace(training)

    def write(step: int, state: checkpoints.TrainingState, model: checkpoints.Checkpoint) -> None:
        # The state first: a run that is killed in between goes on from the later step.
        checkpoints.save_state(state_file(plan.model), state)
        checkpoints.save(plan.model, model)
        course.saved = step
        if plan.plot and course.history:
            outputs.write_plot(plan.plot, course.history, first=course.first)

    with closing(plan.board) if plan.board else nullcontext(), Stop() as stop:
        try:
            pending = None
            with _progress(plan, course, pace, console) as show:
                for update in training.run():
                    # A step's loss is the judge of the weights that were there before it.
                    if pending is not None:
                        write(*pending)
                    course.history.append(update.losses)
                    pace.note()
                    show(update)
                    if sheet and update.step % plan.preview_every == 0:
                        sheet.draw(update.step)
                    if stop.asked:
                        break
                    due = update.step % plan.save_every == 0
                    pending = (
                        (update.step, training.state(), training.checkpoint()) if due else None
                    )
            stop.saving = True
            _check_weights(training)
            write(training.step, training.state(), training.checkpoint())
            if sheet:
                sheet.draw(training.step)
        except StylizeError as error:
            raise StylizeError(f"{error}; {_kept(plan, course)}") from error
    course.interrupted = stop.asked
    return course


def _check_weights(training: "Training") -> None:
    """Raises `StylizeError` where the last step, which no other judges, made them no numbers."""
    if not all(bool(values.isfinite().all()) for values in training.network.parameters()):
        raise StylizeError(
            f"the weights are no numbers after step {training.step}: use a smaller --lr, or "
            "--precision float32"
        )


def _kept(plan: Plan, course: Course) -> str:
    if course.saved is not None:
        return f"{plan.model} holds step {course.saved}"
    if course.first:
        return f"{plan.model} is as it was"
    return "nothing was saved before"


class _Pace:
    """Images a second, and the time that is left, by the last steps."""

    def __init__(self, training: "Training") -> None:
        self.training = training
        self.times: deque[float] = deque(maxlen=RECENT + 1)

    def note(self) -> None:
        """A step is done."""
        self.times.append(time.perf_counter())

    @property
    def images(self) -> float:
        """A second; 0 where that is not known yet."""
        if len(self.times) < 2:
            return 0.0
        steps = len(self.times) - 1
        return steps * self.training.task.config.batch_size / (self.times[-1] - self.times[0])

    @property
    def left(self) -> str:
        """Time to the end, such as "1:02:03 left", or "" where that is not known yet."""
        if not self.images:
            return ""
        config = self.training.task.config
        seconds = round((config.steps - self.training.step) * config.batch_size / self.images)
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02} left"


@contextmanager
def _progress(plan: Plan, course: Course, pace: _Pace, console: Console) -> "Iterator[Show]":
    """Shows a step: a bar on a terminal, a line at every save elsewhere; logs it."""
    is_terminal = sys.stderr.isatty()
    steps = pace.training.task.config.steps

    with console.progress() as on_step:

        def show(update: "Update") -> None:
            losses = course.losses
            total = losses.pop("total")
            known = [f"{name} {value:.3g}" for name, value in losses.items() if len(losses) > 1]
            known += [f"{pace.images:.3g} images/s"] if pace.images else []
            task = ", ".join([f"step {update.step}/{steps}", *known])
            on_step(Step(task, update.step, steps, {"total": total}))
            if not is_terminal and update.step % plan.save_every == 0:
                console.say(", ".join(filter(None, [task, f"loss {total:.4g}", pace.left])))
            if plan.board:
                for name, value in update.losses.items():
                    plan.board.add_scalar(f"loss/{name}", value, update.step)
                plan.board.add_scalar("images a second", pace.images, update.step)

        yield show
