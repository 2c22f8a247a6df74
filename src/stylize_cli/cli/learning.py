"""How a training is shown, stopped by Ctrl-C or SIGTERM, and told of when it is over."""

import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import typer

from stylize_cli.cli import bars, reports, streams
from stylize_cli.cli.console import INTERRUPTED, Console
from stylize_cli.errors import counted
from stylize_cli.progress import Step

if TYPE_CHECKING:
    from stylize_cli.api.lesson import Lesson
    from stylize_cli.methods.course import Course
    from stylize_cli.methods.train import Training
    from stylize_cli.training import Update

MEASURED = 2  # steps after which it is known how long a training takes; the first is slower
SHORT = 600  # seconds, of a training that may be wanted instead of a long one
LONG = 2 * SHORT
NAMED = 10  # skipped files that are named on stderr


class Stop:
    """What a signal to end is answered with: the step under way is to end, and be saved.

    A second signal leaves at once, unless the last save is under way.
    """

    def __init__(self, course: "Course") -> None:
        self.course, self.asked = course, False

    def __call__(self, *_number_and_frame: object) -> None:
        """Asks for the end; a second time, raises `KeyboardInterrupt`."""
        if self.asked and not self.course.ending:
            raise KeyboardInterrupt
        self.asked = True


def learn(lesson: "Lesson", console: Console) -> None:
    """Runs a training to its end, or to Ctrl-C or SIGTERM, shows it, and tells how it went.

    Raises:
        StylizeError: the loss explodes, the output is blank, or a file cannot be written.
    """
    from stylize_cli import devices, ranks

    reports.tell(lesson.notes, console)
    with devices.threads(lesson.threads):
        console.say(f"device: {lesson.machine.describe()}")
    with console.progress("Loading the descriptor") as on_step, ranks.together():
        course = lesson.begin(on_step)
    if lesson.task.method == "texture" and lesson.options.get("method", "auto") == "auto":
        console.say(
            "without --dataset this learns a texture, for stylize texture; to paint photos in "
            "this style, give --dataset a folder of photos"
        )
    _announce(course.training, console)
    began, stop, stopped = time.perf_counter(), Stop(course), False
    with (
        _told_at_once(course, console),
        streams.heard(stop),
        closing(devices.on_threads(course.run(), lesson.threads)) as updates,
        console.progress("Training") as on_step,
    ):
        for update in updates:
            on_step(_step(update, course))
            if len(course.history) == MEASURED and course.training.pace.seconds is None:
                _forecast(course, console)
            if not sys.stderr.isatty() and update.step % course.plan.save_every == 0:
                console.say(_line(update, course))
            stopped = ranks.any_of(stop.asked)
            if stopped:
                break
    _tell(course, console, interrupted=stopped)
    if ranks.is_first():
        console.result(_record(course, time.perf_counter() - began))
    if stopped:
        raise typer.Exit(INTERRUPTED)


@contextmanager
def _told_at_once(course: "Course", console: Console) -> Iterator[None]:
    """While it is entered, a second Ctrl-C, which leaves at once, is answered by what is kept."""
    try:
        yield
    except KeyboardInterrupt:
        if course.saved is None:
            raise
        console.say(f"interrupted: step {course.saved} is saved, --resume goes on")
        raise typer.Exit(INTERRUPTED) from None


def _announce(training: "Training", console: Console) -> None:
    """What is about to be done."""
    from stylize_cli import ranks

    config, crops = training.task.config, training.crops
    left = config.steps - training.step
    if left <= 0:
        console.say(f"all {training.step} steps are done: give --steps for more")
        return
    processes = f"{ranks.count()} processes: " if ranks.count() > 1 else ""
    minutes = training.pace.seconds and training.pace.seconds / 60
    amount = counted(left, "step") if minutes is None else f"{minutes:g} minutes"
    source = "noise" if crops is None else counted(len(crops.files), "photo")
    batch = counted(config.batch_size, "sample" if crops is None else "crop")
    console.say(f"{processes}{source}, {amount} of {batch} of {config.size} px")


def _step(update: "Update", course: "Course") -> Step:
    """A step, for the bar: its losses and its speed, means of the last ones."""
    training, losses = course.training, course.losses
    by_clock, steps = training.pace.seconds is not None, training.task.config.steps
    known = [f"{course.speed:.3g} images/s"] if course.speed else []
    known += [f"loss {losses.pop('total'):.4g}"]
    known += [f"{name} {value:.3g}" for name, value in losses.items() if len(losses) > 1]
    name = f"step {update.step}" if by_clock else f"step {update.step}/{steps}"
    return Step(", ".join([name, *known]), training.pace.share(update.step), 1)


def _line(update: "Update", course: "Course") -> str:
    """A step and the time that is left, for a log."""
    left = bars.shown(course.seconds_left)
    return ", ".join(filter(None, [_step(update, course).task, left]))


def _forecast(course: "Course", console: Console) -> None:
    """Says of a training that is long how long, and how many steps a short one has."""
    left = course.seconds_left or 0.0
    if left > LONG:
        steps = course.training.task.config.steps - course.training.step
        within = course.training.step + int(steps * SHORT / left)
        console.say(
            f"this takes about {_duration(left)} at the speed of the first steps; "
            f"--steps {within} would take about {_duration(SHORT)}"
        )


def _duration(seconds: float) -> str:
    """Such as "10 minutes" or "2 h 5 min"."""
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} minutes"


def _tell(course: "Course", console: Console, *, interrupted: bool) -> None:
    """How it ended: what is known of the styles, of the files, and how to go on."""
    training = course.training
    if len(training.style_losses) > 1:
        losses = (f"{name} {loss:.3g}" for name, loss in training.style_losses.items())
        console.say(f"style loss: {', '.join(losses)}")
    skipped = training.skipped
    if training.crops is not None and skipped:
        names = [str(file) for file in list(skipped)[:NAMED]]
        names += ["…"] if len(skipped) > NAMED else []
        total = len(training.crops.files)
        console.say(f"skipped {len(skipped)} of {total} files, unreadable: {', '.join(names)}")
    if training.best is not None:
        best = training.best.provenance["steps"]
        console.say(f"the model is that of step {best}, the best on fixed noise")
    if interrupted:
        console.say(f"interrupted: step {training.step} is saved, --resume goes on")
    else:
        console.say(f"to run it: {_command(course)}")


def _command(course: "Course") -> str:
    """The command line that runs the model."""
    model, styles = str(course.plan.model), _styles(course)
    if course.training.task.method == "texture":
        return shlex.join(["stylize", "texture", model])
    chosen = ["--style", styles[-1]] if len(styles) > 1 else []
    return shlex.join(["stylize", "apply", model, "PHOTO", *chosen])


def _styles(course: "Course") -> list[str]:
    """Names of all that the model has learnt."""
    task = course.training.task
    return [*(task.base.styles if task.base else ()), *task.names]


def _record(course: "Course", seconds: float) -> Mapping[str, Any]:
    """The result as `--json` shows it."""
    training = course.training
    return {
        "output": str(course.plan.model),
        "method": training.task.method,
        "styles": _styles(course),
        "steps": training.step,
        "seconds": round(seconds, 3),
        "device": str(training.machine.device),
        "precision": training.machine.precision,
        "losses": course.losses,
        "style losses": training.style_losses,
        "skipped": [str(file) for file in training.skipped],
    }
