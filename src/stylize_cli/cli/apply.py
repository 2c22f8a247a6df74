"""`stylize apply`: one feed-forward pass, over one picture or folders of them."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stylize_cli.cli import batches, completion, inputs, options, reports, showing
from stylize_cli.cli.console import PARTLY_FAILED, Console
from stylize_cli.cli.outlets import SHEET, Outlet
from stylize_cli.errors import StylizeError, counted
from stylize_cli.progress import Step

if TYPE_CHECKING:
    from stylize_cli.api.network import Network
    from stylize_cli.methods.apply import Result


def apply(
    model: options.ModelArgument,
    sources: Annotated[
        list[str],
        typer.Argument(metavar="INPUT", help="Pictures, folders of them, globs, or - for stdin."),
    ],
    *,
    output: options.OutputOption = None,
    overwrite: options.OverwriteOption = False,
    style: Annotated[
        list[str] | None,
        typer.Option(
            "--style",
            metavar="NAME|FILE",
            help="Which of the model's styles; again for more. A picture is learnt at once.",
            autocompletion=completion.of_styles,
        ),
    ] = None,
    all_styles: Annotated[
        bool, typer.Option("--all-styles", help="Each of them, and a sheet that shows them all.")
    ] = False,
    strength: options.StrengthOption = 1.0,
    preserve_color: options.PreserveColorOption = False,
    size: Annotated[
        int | None,
        typer.Option(
            "--size",
            metavar="PX",
            min=2,
            help="Long side of what the model is given. [default: as it is]",
        ),
    ] = None,
    stroke_size: Annotated[
        float,
        typer.Option(
            "--stroke-size",
            metavar="X",
            help="Strokes so many times as large, from 0.25 to 4; the result's size stays.",
        ),
    ] = 1.0,
    noise_scale: Annotated[
        float,
        typer.Option(
            "--noise-scale",
            metavar="X",
            min=0,
            help="Of texture-style models: the less noise, the more of the photo.",
        ),
    ] = 1.0,
    seed: options.SeedOption = 0,
    tileable: Annotated[
        bool,
        typer.Option(
            "--tileable",
            help="Super-resolution of a pattern whose borders fit each other: they still do.",
        ),
    ] = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Make only the results that are not there yet.")
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard", metavar="K/N", help="Only the K-th of N shares of the inputs, K from 1."
        ),
    ] = None,
    engine: options.EngineOption = "auto",
    memory: options.MemoryOption = None,
    keep_metadata: options.KeepMetadataOption = False,
    quality: options.QualityOption = 95,
    depth: options.DepthOption = "8",
    device: options.DeviceOption = "auto",
    precision: options.PrecisionOption = "auto",
    threads: options.ThreadsOption = None,
    show: options.ShowOption = False,
    quiet: options.QuietOption = False,
    json: options.JsonOption = False,
) -> None:
    """Run a trained model over pictures: its style, or super-resolution."""
    inputs.check_one_stdin(sources)
    _check_together(styles=bool(style and all_styles), files=bool(skip_existing and overwrite))
    console = Console(quiet, json, _screen(output, quiet=quiet) if show else None)
    budget = options.parse_bytes(memory)
    first, step = options.parse_shard(shard)

    from stylize_cli.api import network
    from stylize_cli.methods.apply import Look
    from stylize_cli.methods.feedforward import Noise

    bits = options.bits(depth)
    net = network.load(
        model,
        engine=engine,
        device=device,
        precision=precision,
        threads=threads,
        memory=budget,
        depth=bits,
    )
    net.check_takes_photos()
    if tileable:
        net.check_wraps()
    unseen = [one for one in style or () if net.is_unseen(one)]
    if unseen and len(style or ()) > 1:
        raise StylizeError("a picture is learnt by itself: give --style once")
    styles: Sequence[str | None]
    styles = net.called(unseen) or _chosen(net, style or [], all_styles=all_styles)
    labels = [name or Path(model).stem for name in styles] + [SHEET] * all_styles
    several = bool(unseen) or len(net.engine.about.styles) > 1
    planned = batches.plan(sources, output, labels, console, depth=bits, labelled=several)
    # Of all shares: none may overwrite another's input.
    refused = batches.check(planned, depth=bits)
    items = [item for item in planned[first::step] if item.source not in refused]
    lost = _failures(planned[first::step], refused, console)
    if not (skip_existing or overwrite):
        batches.check_new(items, keep="--skip-existing keeps what is there, ")
    left = [item for item in items if not (skip_existing and item.is_done)]
    if len(left) < len(items):
        console.say(f"skipped: {len(items) - len(left)} that are there already")
    if unseen and left:
        net = _learnt(net, unseen[0], [item.source for item in planned], console)
        styles = net.styles
    net = net.with_strokes(stroke_size)
    outlets = [
        Outlet(
            item,
            styles,
            quality,
            bits,
            keep_metadata,
            item.made if skip_existing else frozenset(),
        )
        for item in left
    ]
    noise = Noise(seed, noise_scale)
    look = Look(styles, strength, preserve_color, size, noise, tileable, bits)
    results = net.apply([outlet.photo() for outlet in outlets], look)
    is_batch = [item.source for item in planned] != list(sources) or len(planned) > 1
    failed = _report(results, outlets, net, console, is_batch=is_batch)
    if failed or lost:
        raise typer.Exit(PARTLY_FAILED)


def _check_together(*, styles: bool, files: bool) -> None:
    """Refuses options that contradict each other.

    Args:
        styles: whether some of the styles are named, and all are asked for.
        files: whether what is there is to stay, and to be replaced.
    """
    if styles:
        raise StylizeError("--style names styles, --all-styles takes all: leave out one of them")
    if files:
        raise StylizeError("--skip-existing keeps what --overwrite replaces: leave out one of them")


def _screen(output: str | None, *, quiet: bool) -> "showing.Screen":
    """Where results are shown, read from their files.

    Raises:
        StylizeError: there are none, or the terminal shows no pictures.
    """
    if output == inputs.STDIO:
        raise StylizeError("--show draws what is in files: leave it out, or give -o a file")
    return showing.opened(quiet=quiet)


def _failures(items: Sequence[batches.Item], refused: Mapping[str, str], console: Console) -> bool:
    """Tells of the pictures that can have no result; whether there are any."""
    failed = [item for item in items if item.source in refused]
    for item in failed:
        console.failure(item.source, refused[item.source], str(next(iter(item.outputs.values()))))
    return bool(failed)


def _chosen(net: "Network", style: list[str], *, all_styles: bool) -> list[str | None]:
    """The model's styles that are meant, each once; of a model without any, None.

    Raises:
        StylizeError: there is no such style, or none at all.
    """
    from stylize_cli.methods import feedforward

    about = net.engine.about
    if all_styles and not about.styles:
        raise StylizeError("the model has no styles: leave out --all-styles")
    wanted: Sequence[str | None] = about.styles if all_styles else style or [None]
    return list(dict.fromkeys(feedforward.choose_style(about, name) for name in wanted))


def _learnt(net: "Network", style: str, sources: list[str], console: Console) -> "Network":
    """The network that paints as a picture does.

    Raises:
        StylizeError: there is no file that it could be learnt on.
    """
    photos = [source for source in sources if source != "-"]
    if not photos:
        raise StylizeError(f"{style} is learnt on photos: name a file in place of -")
    if not net.has_learnt(style):
        console.say(f"learning {style} on the spot: about a minute, and at once the next time")
    with console.progress("Learning the style") as on_step:
        return net.with_style(style, photos, on_step=on_step)


def _report(
    results: "Generator[Result, None, None]",
    outlets: Sequence[Outlet],
    net: "Network",
    console: Console,
    *,
    is_batch: bool,
) -> bool:
    """Tells of the results as they come; whether any failed.

    Raises:
        StylizeError: the only picture failed.
    """
    from stylize_cli.api.picture import Picture

    by_name = {outlet.name: outlet for outlet in outlets}
    total = sum(len(outlet.styles) for outlet in outlets)
    # What runs the model is told with its first result: an error is one line, and alone.
    told = failed = False
    with (
        closing(results),
        _told_of_an_end(outlets, total, console) as on_result,
        console.progress("Applying") as on_step,
    ):
        on_step(Step("Applying", 0, total))
        for done, result in enumerate(results, 1):
            on_step(Step("Applying", done, total))
            on_result(result)
            outlet = by_name[result.photo.name]
            style, path = result.style, outlet.path(result.style)
            if result.error:
                if not is_batch:
                    raise StylizeError(result.error)
                console.failure(outlet.name, result.error, str(path))
                failed = True
            elif not told:
                reports.announce(net.engine, console)
                told = True
            if not result.error and path not in outlet.made:
                if result.note and style == outlet.styles[0]:
                    console.say(f"{inputs.stem(outlet.item.source)}: {result.note}")
                size, seconds = result.size, result.seconds
                console.result(reports.of_engine(path, size, seconds, net.engine, style))
                if console.screen:
                    console.screen.show(Picture(path).floats)
            # Also where the last style failed, of those that did not.
            is_last = style == outlet.styles[-1] and outlet.path(SHEET) not in outlet.made
            if outlet.has_sheet and outlet.small and is_last:
                failed |= _sheet_fails(outlet, net, console)
    return failed


@contextmanager
def _told_of_an_end(
    outlets: Sequence[Outlet], total: int, console: Console
) -> Iterator[Callable[["Result"], None]]:
    """While it is entered, Ctrl-C is answered by what is written by then."""
    written = 0

    def on_result(result: "Result") -> None:
        nonlocal written
        written += not result.error

    try:
        yield on_result
    except KeyboardInterrupt:
        done = f"interrupted: {written} of {counted(total, 'result')} written"
        named = all(outlet.item.is_named for outlet in outlets)
        console.say(done if named else f"{done}; --skip-existing goes on")
        raise


def _sheet_fails(outlet: Outlet, net: "Network", console: Console) -> bool:
    """Writes a picture's contact sheet, and tells of it; whether that failed."""
    began, sheet = time.perf_counter(), outlet.path(SHEET)
    try:
        size = outlet.save_sheet()
    except StylizeError as error:
        console.failure(outlet.name, str(error), str(sheet))
        return True
    seconds = time.perf_counter() - began
    console.result(reports.of_engine(sheet, size, seconds, net.engine, None))
    return False
