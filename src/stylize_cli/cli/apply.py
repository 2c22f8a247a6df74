"""`stylize apply`: one feed-forward pass, over one picture or folders of them."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stylize_cli.cli import (
    admission,
    applying,
    batches,
    completion,
    farming,
    inputs,
    options,
    showing,
)
from stylize_cli.cli.admission import Choice
from stylize_cli.cli.console import PARTLY_FAILED, Console
from stylize_cli.cli.outlets import SHEET, Outlet
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from stylize_cli.api.network import Network


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
    engine: Annotated[
        Literal["auto", "openvino", "torch", "ray"],
        typer.Option(
            "--engine", help="auto: OpenVINO on a CPU, PyTorch elsewhere; ray: auto, on a cluster."
        ),
    ] = "auto",
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="HOST:PORT",
            help="Of the Ray cluster. [default: RAY_ADDRESS, else this machine]",
        ),
    ] = None,
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

    from stylize_cli import files, tables
    from stylize_cli.api import network
    from stylize_cli.methods import painter
    from stylize_cli.methods.apply import Look
    from stylize_cli.methods.feedforward import Noise

    bits = options.bits(depth)
    farming.check_address(address, engine)
    place, is_table = farming.target(output) if engine == "ray" else ("", False)
    net = network.load(
        model,
        engine="auto" if engine == "ray" else engine,
        device="auto" if engine == "ray" else device,  # what the workers have is theirs
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
    noise = Noise(seed, noise_scale)
    if engine == "ray":
        if unseen:
            net = _learnt(net, unseen[0], sources, console)
            styles = net.styles
        net.with_strokes(stroke_size)  # refuses what cannot be
        job = painter.Job(
            files.contents(net.model),
            Look(styles, strength, preserve_color, size, noise, tileable, bits),
            device,
            net.opening["precision"],
            stroke_size,
            threads,
            budget,
            quality,
            bits,
            keep_metadata,
            overwrite,
            place if is_table else "",
            tables.written(place) if is_table and not overwrite else frozenset(),
        )
        tags = labels[: len(styles)] if several else [""]
        found = farming.orders(sources, place, tags, console, is_table=is_table, depth=bits)
        if farming.run(job, found, address, console, share=(first, step)):
            raise typer.Exit(PARTLY_FAILED)
        return
    queue = admission.Queue(
        batches.plan(sources, output, labels, console, depth=bits, labelled=several),
        Choice(bits, first, step, skip_existing, overwrite, batches.whole_folders(sources, output)),
        console,
    )
    if unseen and queue.total != 0:
        net = _learnt(net, unseen[0], sources, console)
        styles = net.styles
    net = net.with_strokes(stroke_size)
    look = Look(styles, strength, preserve_color, size, noise, tileable, bits)

    def outlet(item: batches.Item) -> Outlet:
        made = item.made if skip_existing else frozenset()
        return Outlet(item, styles, quality, bits, keep_metadata, made)

    is_batch = queue.several or [queue.first] != list(sources)
    failed = applying.run(queue, outlet, look, net, console, is_batch=is_batch)
    if failed or queue.failed:
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
    from stylize_cli.api import unseen

    files = (file for _, file in inputs.found(sources, console) if file != inputs.STDIO)
    photos = list(islice(files, unseen.MOST_PHOTOS))
    if not photos:
        raise StylizeError(f"{style} is learnt on photos: name a file in place of -")
    if not net.has_learnt(style):
        console.say(f"learning {style} on the spot: about a minute, and at once the next time")
    with console.progress("Learning the style") as on_step:
        return net.with_style(style, photos, on_step=on_step)
