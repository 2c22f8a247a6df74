"""What is said of a result: what made it, and its record in JSON."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from stylize_cli.cli.console import Console
from stylize_cli.errors import counted

if TYPE_CHECKING:
    from stylize_cli.devices import Machine
    from stylize_cli.engines import Engine
    from stylize_cli.methods.commission import Report


def announce(runner: "Engine", console: Console) -> None:
    """Says what runs a trained model, and how it was opened where that is worth a note."""
    from stylize_cli import hardware

    name = f"cpu ({hardware.cpu_name()})" if runner.device == "cpu" else runner.device
    console.say(f"device: {name}, {runner.precision}, {runner.name}")
    if runner.note:
        console.say(runner.note)


def tell(notes: Iterable[str], console: Console) -> None:
    """Says what the user should know of the pictures."""
    for note in notes:
        console.say(note)


def of_engine(
    output: object, size: tuple[int, int], seconds: float, runner: "Engine", style: str | None
) -> dict[str, Any]:
    """The record of a result of a trained model; `size` is (height, width)."""
    used = runner.device, runner.precision, runner.name
    return _painted(output, size, seconds, used, style)


def of_worker(report: "Report") -> dict[str, Any]:
    """The same of a result that one of a cluster's machines reports."""
    size, used = (report.height, report.width), (report.device, report.precision, report.engine)
    return _painted(report.output, size, report.seconds, used, report.style or None)


def of_machine(
    output: object,
    size: tuple[int, int],
    seconds: float,
    machine: "Machine",
    losses: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """The record of what was optimised, or measured; `size` is (height, width)."""
    device = {"device": str(machine.device), "precision": machine.precision, "engine": "torch"}
    of_losses = {} if losses is None else {"losses": dict(losses)}
    return _picture(output, size, seconds) | device | of_losses


def count(written: int, total: int | None) -> str:
    """How many results there are, such as "3 of 5 results"; a total of None is not known."""
    return f"{written} of {counted(total, 'result')}" if total else counted(written, "result")


def _painted(
    output: object,
    size: tuple[int, int],
    seconds: float,
    used: tuple[str, str, str],
    style: str | None,
) -> dict[str, Any]:
    """The record of a result; `used` are its device, its precision and its engine."""
    facts = dict(zip(("device", "precision", "engine"), used, strict=True))
    return _picture(output, size, seconds) | facts | ({} if style is None else {"style": style})


def _picture(output: object, size: tuple[int, int], seconds: float) -> dict[str, Any]:
    return {
        "output": str(output),
        "width": size[1],
        "height": size[0],
        "seconds": round(seconds, 3),
    }
