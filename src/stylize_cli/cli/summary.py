"""What is said of a training, before it and after."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize_cli.cli.console import Console
from stylize_cli.cli.learning import Course

if TYPE_CHECKING:
    from stylize_cli.methods.train import Training

NAMED = 10  # skipped files that are named on stderr


def announce(training: "Training", console: Console) -> None:
    """What is about to be done."""
    config, crops = training.task.config, training.crops
    left = config.steps - training.step
    if left <= 0:
        console.say(f"all {training.step} steps are done: give --steps for more")
        return
    source, kind = (
        ("noise", "samples") if crops is None else (f"{len(crops.files)} photos", "crops")
    )
    console.say(f"{source}, {left} steps of {config.batch_size} {kind} of {config.size} px")


def tell(training: "Training", course: Course, console: Console) -> None:
    """How it ended: what is known of the styles, of the files, and how to go on."""
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
    if course.interrupted:
        console.say(f"interrupted: step {training.step} is saved, --resume goes on")


def record(training: "Training", course: Course, model: Path, seconds: float) -> dict[str, Any]:
    """The result as `--json` shows it."""
    base = training.task.base
    return {
        "output": str(model),
        "method": training.task.method,
        "styles": [*(base.styles if base else ()), *training.task.names],
        "steps": training.step,
        "seconds": round(seconds, 3),
        "device": str(training.machine.device),
        "precision": training.machine.precision,
        "losses": course.losses,
        "style losses": training.style_losses,
        "skipped": [str(file) for file in training.skipped],
    }
