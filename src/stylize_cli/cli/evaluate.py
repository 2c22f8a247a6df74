"""`stylize evaluate`: how close results are to a style and to a photo."""

import json as encoder
from typing import TYPE_CHECKING, Annotated

import typer

from stylize_cli.cli import inputs, mistakes, options, reports
from stylize_cli.cli.console import PARTLY_FAILED, USER_ERROR, Console, write_line
from stylize_cli.progress import Step

if TYPE_CHECKING:
    from stylize_cli.api.evaluate import Findings


def evaluate(
    results: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE", help="Pictures to measure, folders, globs, or - for stdin."
        ),
    ],
    *,
    content: Annotated[
        list[str] | None, options.text("--content", "PHOTO", "The photo they were made of.")
    ] = None,
    style: Annotated[
        list[str] | None, options.text("--style", "IMAGE", "The style they should have.")
    ] = None,
    weights: options.WeightsOption = None,
    memory: options.MemoryOption = None,
    device: options.DeviceOption = "auto",
    threads: options.ThreadsOption = None,
    quiet: options.QuietOption = False,
    json: options.JsonOption = False,
) -> None:
    """Measure style and content error under the original VGG-19; 0 is a perfect match."""
    from stylize_cli.api import roles

    console = Console(quiet=quiet, json=json)
    batch = inputs.expand(results, console)
    painting = options.only(style, "--style", "measure against each by itself")
    photo = options.only(content, "--content", "measure against each by itself")
    given = [source for source in (*batch, photo, painting) if source is not None]
    inputs.check_one_stdin(given)
    budget = options.parse_bytes(memory)
    roles.check_compared(painting, photo)
    if painting:
        mistakes.check_painting(painting)
    inputs.check_there([one for one in (photo, painting) if one is not None])
    if len(batch) == 1 and (missing := inputs.missing(batch[0])):
        console.failure(batch[0], str(missing))
        raise typer.Exit(USER_ERROR)

    from stylize_cli.api import evaluate as api  # torch: seconds, which no mistake should cost

    found = api.evaluations(
        [inputs.opened(source) for source in batch],
        style=painting and inputs.opened(painting),
        content=photo and inputs.opened(photo),
        weights=weights,
        device=device,
        threads=threads,
        memory=budget,
    )
    failed = 0
    with console.progress("Measuring") as on_step:
        for done, source in enumerate(batch):
            name = "stdin" if source == inputs.STDIO else source
            on_step(Step(f"Measuring {name}", done, len(batch)))
            failed += not _told(name, source, next(found), console)
    if failed:
        raise typer.Exit(PARTLY_FAILED if len(batch) > 1 else USER_ERROR)


def _told(name: str, source: str, found: "Findings", console: Console) -> bool:
    """Tells of a picture's figures; whether there are any."""
    if found.figures is None:
        console.failure(name, found.error)
        return False
    if found.note:
        console.say(f"{inputs.stem(source)}: {found.note}")
    if console.json:
        size = found.height, found.width
        record = reports.of_machine(name, size, found.seconds, found.machine)
        write_line(encoder.dumps({"input": name} | record | found.figures))
    else:
        figures = "  ".join(f"{figure} {value:.4g}" for figure, value in found.figures.items())
        write_line(f"{name}  {figures}")
    return True
