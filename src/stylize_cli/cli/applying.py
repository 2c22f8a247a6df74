"""How a batch of pictures is run on this machine, shown, and told of."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import typer

from stylize_cli.cli import batches, inputs, reports, styles
from stylize_cli.cli.admission import Choice, Inputs, Queue, identities
from stylize_cli.cli.batches import Batch, Item, plan
from stylize_cli.cli.console import INTERRUPTED, Console
from stylize_cli.cli.outlets import SHEET, Outlet
from stylize_cli.cli.styles import Chosen
from stylize_cli.errors import StylizeError
from stylize_cli.progress import Step

if TYPE_CHECKING:
    from stylize_cli.api.network import Network
    from stylize_cli.methods.apply import Photo, Result
    from stylize_cli.methods.look import Look


def run(net: "Network", look: "Look", chosen: Chosen, batch: Batch, console: Console) -> bool:
    """Paints pictures, and tells of the results as they come; whether any failed.

    Args:
        net: the model.
        look: what to make of every picture.
        chosen: the styles.
        batch: the pictures.
        console: told of all.

    Raises:
        StylizeError: none can be made, or the only picture failed.
    """
    sources, output = inputs.spelt_out(batch.sources), batch.output
    labels = [*chosen.labels, *[SHEET] * batch.has_sheet]
    first, step = batch.share
    read = identities(inputs.named([*sources, chosen.unseen]))
    choice = Choice(
        depth=batch.depth,
        first=first,
        step=step,
        skips=batch.skips,
        overwrites=batch.overwrites,
        inputs=Inputs(read, batches.whole_folders(sources, output)),
    )
    planned = plan(sources, output, labels, console, depth=batch.depth, labelled=chosen.are_some)
    queue = Queue(planned, choice, console)
    if chosen.unseen and queue.total != 0:
        files = (file for _, file in inputs.found(sources, console) if file != inputs.STDIO)
        without = f"{chosen.unseen} is learnt on photos: name a file in place of -"
        net, look = styles.learnt(net, look, chosen.unseen, files, console, without=without)

    def outlet(item: Item) -> Outlet:
        made = item.made if batch.skips else frozenset()
        return Outlet(item, look.styles, batch.quality, batch.depth, batch.keeps_metadata, made)

    is_batch = queue.several or [queue.first] != sources
    net = net.with_strokes(batch.strokes)
    return _run(queue, outlet, look, net, console, is_batch=is_batch) or queue.failed


def _run(
    queue: Queue,
    outlet_of: Callable[[Item], Outlet],
    look: "Look",
    net: "Network",
    console: Console,
    *,
    is_batch: bool,
) -> bool:
    """Runs a model over pictures, and tells of the results as they come; whether any failed.

    Raises:
        StylizeError: the only picture failed.
    """
    at_work: dict[Photo, Outlet] = {}  # a file may be called as stdin is

    def photos() -> "Iterator[Photo]":
        for item in queue:
            outlet = outlet_of(item)
            photo = outlet.photo()
            at_work[photo] = outlet
            yield photo

    results = net.apply(photos(), look)
    total = None if queue.total is None else queue.total * len(look.styles)
    # What runs the model is told with its first result: an error is one line, and alone.
    told = failed = False
    with (
        closing(results),
        _told_of_an_end(total, console, is_named=queue.is_named) as on_result,
        console.progress("Applying") as on_step,
    ):
        on_step(Step("Applying", 0, total))
        for done, result in enumerate(results, 1):
            on_step(Step("Applying", done, total))
            on_result(result)
            if result.error and not is_batch:
                raise StylizeError(result.error)
            if not (result.error or told):
                reports.announce(net.engine, console)
                told = True
            outlet = at_work[result.photo]
            failed |= _take(result, outlet, net, console)
            if result.style in (None, outlet.styles[-1]):  # what cannot be read has no style
                del at_work[result.photo]
    return failed


def _take(result: "Result", outlet: Outlet, net: "Network", console: Console) -> bool:
    """Tells of a result, and makes the sheet behind a picture's last one; whether any failed."""
    path = outlet.path(result.style)
    failed = bool(result.error)
    if failed:
        console.failure(outlet.name, result.error, str(path))
    elif path not in outlet.made:
        _tell(result, outlet, net, console)
    # Also where the last style failed, of those that did not.
    if result.style == outlet.styles[-1] and outlet.has_sheet:
        failed |= _sheet_fails(outlet, net, console)
    return failed


def _tell(result: "Result", outlet: Outlet, net: "Network", console: Console) -> None:
    """A result that was saved, and what there is to say of its photo."""
    style = result.style
    if result.note and style == outlet.styles[0]:
        console.say(f"{inputs.stem(outlet.item.source)}: {result.note}")
    path = outlet.path(style)
    record = reports.of_engine(path, result.size, result.seconds, net.engine, style)
    console.result({**record, "input": outlet.name})
    if console.screen:
        from stylize_cli.api.picture import Picture

        console.screen.show(Picture(path).floats)


@contextmanager
def _told_of_an_end(
    total: int | None, console: Console, *, is_named: bool
) -> Iterator[Callable[["Result"], None]]:
    """While it is entered, Ctrl-C is answered by what is written by then."""
    written = 0

    def on_result(result: "Result") -> None:
        nonlocal written
        written += not result.error

    try:
        yield on_result
    except KeyboardInterrupt:
        done = f"interrupted: {reports.count(written, total)} written"
        console.say(done if is_named else f"{done}; --skip-existing goes on")
        raise typer.Exit(INTERRUPTED) from None


def _sheet_fails(outlet: Outlet, net: "Network", console: Console) -> bool:
    """Writes a picture's contact sheet, and tells of it; whether that failed."""
    began, sheet = time.perf_counter(), outlet.path(SHEET)
    try:
        size = outlet.save_sheet()
    except StylizeError as error:
        console.failure(outlet.name, str(error), str(sheet))
        return True
    seconds = time.perf_counter() - began
    record = reports.of_engine(sheet, size, seconds, net.engine, None)
    console.result({**record, "input": outlet.name})
    return False
