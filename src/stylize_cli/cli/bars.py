"""How far a work is: its bar, and the time that is left."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stylize_cli.progress import OnStep, Step

if TYPE_CHECKING:
    from rich.console import Console as Terminal

WIDTH = 12  # columns of the bar: what is said comes first


@dataclass
class Countdown:
    """The time that is left, by the mean of all that is done since the first report.

    A mean of the last steps alone would jump wherever a work of another kind begins, as it does
    with every scale of a picture.
    """

    began: tuple[float, float] | None = None  # what was done at the first report, and when

    def left(self, done: float, total: float | None, now: float) -> float | None:
        """Seconds to the end; None where that is not known yet."""
        if self.began is None or done < self.began[0]:
            self.began = done, now
        first, start = self.began
        if total is None or done <= first:
            return None
        return (now - start) * max(0.0, total - done) / (done - first)


def shown(seconds: float | None) -> str:
    """Such as "1:02:03 left", or "" where that is not known."""
    if seconds is None:
        return ""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02} left"


@contextmanager
def drawn(
    task: str, terminal: "Terminal | None" = None, *, redirect_stdout: bool
) -> Iterator[OnStep]:
    """Draws a bar on stderr while it is entered; gone afterwards.

    Args:
        task: what is being done, until it reports itself.
        terminal: stderr, where something else is drawn on it too.
        redirect_stdout: whether stdout is the same terminal.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.table import Column

    words = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    columns = (
        TextColumn("{task.description}", table_column=words, markup=False),
        BarColumn(bar_width=WIDTH),
        TaskProgressColumn(table_column=Column(min_width=4, no_wrap=True)),
        TextColumn("{task.fields[left]}", table_column=Column(min_width=12, no_wrap=True)),
    )
    pace = Countdown()
    with Progress(
        *columns,
        console=terminal or Console(stderr=True),
        transient=True,
        expand=True,
        redirect_stdout=redirect_stdout,
    ) as bar:
        line = bar.add_task(task, total=None, left="")

        def on_step(step: Step) -> None:
            left = pace.left(step.done, step.total, time.monotonic())
            bar.update(
                line,
                description=_description(step),
                completed=step.done,
                total=step.total,
                left=shown(left),
            )

        yield on_step


def _description(step: Step) -> str:
    total = step.losses.get("total")
    return step.task if total is None else f"{step.task}, loss {total:.4g}"
