"""What is printed: data on stdout, all else on stderr, bars only on a terminal."""

import contextlib
import json
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stylize_cli.cli import bars
from stylize_cli.errors import as_options, counted, printable
from stylize_cli.progress import OnStep, ignore

if TYPE_CHECKING:
    from stylize_cli.cli.showing import Screen

PARTLY_FAILED = 1
USER_ERROR = 2
INTERRUPTED = 128 + signal.SIGINT
MADE: list[str] = []  # files that were told of, in this run


@dataclass(frozen=True)
class Console:
    """Where a command's words go.

    Attributes:
        quiet: print nothing but data and errors.
        json: print results as JSON objects, one a line.
        screen: where pictures are shown, if they are to be.
    """

    quiet: bool = False
    json: bool = False
    screen: "Screen | None" = None

    def say(self, text: str) -> None:
        """A line for a person, on stderr."""
        if not self.quiet:
            self._leave()
            tell(text)

    def result(self, record: Mapping[str, Any]) -> None:
        """One result on stdout: its path, or the whole record as JSON.

        What went to stdout itself as image bytes is not spoken of there.
        """
        if record.get("output") == "-":
            return
        if "output" in record:
            MADE.append(str(record["output"]))
        self._leave()
        write_line(json.dumps(record) if self.json else str(record["output"]))

    def failure(self, name: str, reason: str, output: str | None = None) -> None:
        """One of a batch that failed, while the others go on; `output` is what is not there."""
        reason = as_options(reason)
        text = reason if name in reason else f"{name}: {reason}"
        self._leave()
        tell(f"error: {text}")
        if self.json:
            place = {} if output is None else {"output": output}
            write_line(json.dumps({"input": name, **place, "error": reason}))

    @contextmanager
    def progress(self, task: str) -> Iterator[OnStep]:
        """An `OnStep` that draws a bar where stderr is a terminal, and nothing elsewhere.

        `task` is what is being done, until it reports itself.
        """
        if self.quiet or not sys.stderr.isatty():
            yield ignore
            return
        # Left alone, rich sends what is printed to stdout to the bar's stream, a pipe's data too.
        terminal = self.screen.terminal if self.screen else None
        with bars.drawn(task, terminal, redirect_stdout=sys.stdout.isatty()) as on_step:
            yield on_step

    def _leave(self) -> None:
        """What is shown stays above the line that comes."""
        if self.screen:
            self.screen.leave()


def tell(text: str) -> None:
    """A line on stderr, what no terminal should be given escaped; nothing where that is full."""
    with contextlib.suppress(OSError):
        print(printable(as_options(text)), file=sys.stderr, flush=True)


def write_line(text: str) -> None:
    """A line of data on stdout: names of files byte by byte, but for a terminal escaped."""
    print(printable(text) if sys.stdout.isatty() else text, flush=True)


def interrupted() -> str:
    """What is said of a signal to end that a command leaves unanswered."""
    if MADE:
        return f"interrupted: {counted(len(MADE), 'result')} written"
    return "interrupted before anything was made: nothing is written"
