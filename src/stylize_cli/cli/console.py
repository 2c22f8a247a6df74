"""What is printed: data on stdout, all else on stderr, bars only on a terminal."""

import json
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from stylize_cli.progress import OnStep, Step, ignore

USER_ERROR = 2
INTERRUPTED = 128 + signal.SIGINT

SHOWN = ("total", "style", "content", "tv")  # sums of the losses whose name starts so


@dataclass(frozen=True)
class Console:
    """Where a command's words go.

    Attributes:
        quiet: print nothing but data and errors.
        json: print results as JSON objects, one a line.
    """

    quiet: bool = False
    json: bool = False

    def say(self, text: str) -> None:
        """A line for a person, on stderr."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def result(self, record: Mapping[str, Any]) -> None:
        """One result on stdout: its path, or the whole record as JSON.

        What went to stdout itself as image bytes is not spoken of there.
        """
        if record.get("output") == "-":
            return
        print(json.dumps(record) if self.json else record["output"], flush=True)

    @contextmanager
    def progress(self) -> Iterator[OnStep]:
        """An `OnStep` that draws a bar where stderr is a terminal, and nothing elsewhere."""
        if self.quiet or not sys.stderr.isatty():
            yield ignore
            return
        from rich.console import Console as Terminal
        from rich.progress import Progress, TimeElapsedColumn, TimeRemainingColumn

        columns = (*Progress.get_default_columns()[:3], TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Terminal(stderr=True), transient=True) as bar:
            task = bar.add_task("")

            def on_step(step: Step) -> None:
                bar.update(
                    task,
                    description=f"{step.task} {_losses(step.losses)}",
                    completed=step.done,
                    total=step.total,
                )

            yield on_step


def _losses(losses: Mapping[str, float]) -> str:
    sums = {
        name: sum(value for term, value in losses.items() if term.split()[0] == name)
        for name in SHOWN
    }
    return "  ".join(f"{name} {value:.4g}" for name, value in sums.items() if value)
