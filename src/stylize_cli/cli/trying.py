"""`stylize optimize --try`: one option at several values, small, side by side on a sheet."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import typer

from stylize_cli.cli import outputs, reports, watching
from stylize_cli.cli.console import INTERRUPTED, Console
from stylize_cli.errors import StylizeError, counted

if TYPE_CHECKING:
    from stylize_cli.api.optimization import OptimizeOptions
    from stylize_cli.api.picture import Source

SIZE = 256  # px, long side, where --size says nothing
MOST = 12  # values
WHOLE = ("iterations",)
OPTIONS = ("balance", "content-weight", "style-weight", "tv-weight", "style-scale", *WHOLE)
EXAMPLES = {"balance": "0.3,0.5,0.7", "iterations": "50,100,200"}  # within their ranges


@dataclass(frozen=True)
class Tried:
    """What --try says.

    Attributes:
        name: of the option, as on the command line.
        values: to be tried, in their order.
    """

    name: str
    values: Sequence[float]


def parse(text: str) -> Tried:
    """Reads "content-weight=0.3,1,3".

    Raises:
        StylizeError: there is no such option to be tried, or its values are no numbers.
    """
    name, _, listed = text.partition("=")
    name = name.strip().removeprefix("--").replace("_", "-")
    if name not in OPTIONS:
        raise StylizeError(
            f"--try cannot vary '{name}': write --try content-weight=0.3,1,3, with one of "
            f"{', '.join(OPTIONS)}"
        )
    try:
        values = [(int if name in WHOLE else float)(part) for part in listed.split(",")]
    except ValueError:
        example = f"{name}={EXAMPLES.get(name, '0.3,1,3')}"
        raise StylizeError(f"--try '{text}' is no list of numbers: write {example}") from None
    if len(values) > MOST:
        raise StylizeError(f"--try takes {MOST} values at most, not {len(values)}")
    return Tried(name, values)


def paint(
    tried: Tried,
    out: outputs.Output,
    console: Console,
    content: "Source | None",
    styles: "Sequence[Source]",
    asked: "OptimizeOptions",
    *,
    keeps_metadata: bool = False,
) -> None:
    """Paints one small picture a value, and writes the sheet of them; after Ctrl-C of those made.

    With the photo's metadata where they are to be kept.

    Raises:
        StylizeError: see `api.optimize.prepare`; all values are looked at before the first runs.
    """
    from stylize_cli import sheets
    from stylize_cli.api import optimize as api
    from stylize_cli.arrays import size_of

    small = {**asked, "size": asked.get("size") or SIZE}
    key = tried.name.replace("-", "_")
    jobs = {
        f"{tried.name} {value:g}": api.prepare(content, styles, **{**small, key: value})  # type: ignore[arg-type]
        for value in tried.values
    }
    began, cells = time.perf_counter(), []
    first = next(iter(jobs.values()))
    describe = watching.load(first, console)
    for label, job in jobs.items():
        watched = watching.watch(((label, now) for now in job.run(describe)), console)
        if watched.images:
            cells.append((label, job.finished(watched.images[label]).floats))
        if watched.interrupted:
            break
    if not cells:
        raise KeyboardInterrupt
    if watched.interrupted:
        console.say(f"interrupted: {len(cells)} of {counted(len(jobs), 'value')} painted")
    drawn = sheets.draw(sheets.grid(cells), height=cells[0][1].shape[0])
    replace(out, exif=first.exif if keeps_metadata else b"").save(drawn)
    if console.screen:
        console.screen.leave()
        console.screen.show(drawn)
    size, seconds = size_of(drawn), time.perf_counter() - began
    record = reports.of_machine(out, size, seconds, first.machine, watched.losses)
    console.result(record | {"tried": tried.name, "values": list(tried.values[: len(cells)])})
    if watched.interrupted:
        raise typer.Exit(INTERRUPTED)
