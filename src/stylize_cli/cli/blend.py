"""`stylize blend`: mixtures of the styles that one network has learned."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stylize_cli.cli import admission, batches, completion, inputs, options, reports
from stylize_cli.cli.console import Console
from stylize_cli.cli.outlets import Outlet
from stylize_cli.config import CELL
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from stylize_cli.encoders import Depth
    from stylize_cli.engines import About
    from stylize_cli.methods.figures import Mixture

STEPS, MOST_STEPS = 5, 32  # pictures a side
CORNERS = 4


def blend(
    model: options.ModelArgument,
    source: Annotated[str, typer.Argument(metavar="INPUT", help="A picture, or - for stdin.")],
    *,
    output: options.OutputOption = None,
    overwrite: options.OverwriteOption = False,
    style: Annotated[
        list[str] | None,
        options.text(
            "--style",
            "NAME:WEIGHT",
            "A style and its weight, 1 where it is left out; once for each. Weights are made "
            "to sum to 1.",
            completion.of_styles,
        ),
    ] = None,
    grid: Annotated[
        str | None,
        options.text(
            "--grid",
            "A,B,C,D",
            "Draw four styles at the corners of a table, and their mixtures between.",
            completion.of_corners,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        options.number(
            "--steps",
            f"Pictures a side of the grid [default: {STEPS}], or of a strip from one --style "
            "to the other.",
            least=2,
            most=MOST_STEPS,
        ),
    ] = None,
    cell: Annotated[
        int | None,
        options.pixels(
            "--cell", f"Long side of each picture in a grid or a strip. [default: {CELL}]"
        ),
    ] = None,
    strength: options.StrengthOption = 1.0,
    preserve_color: options.PreserveColorOption = False,
    size: Annotated[
        int | None,
        options.pixels(
            "--size",
            "Long side of what the model is given. [default: as it is, or --cell]",
            least=2,
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
    quiet: options.QuietOption = False,
    json: options.JsonOption = False,
) -> None:
    """Mix the styles of a model that has many: one picture, a strip or a grid."""
    console = Console(quiet=quiet, json=json)
    if grid is not None and style:
        raise StylizeError("--grid names its styles itself: leave out --style")
    if cell is not None and grid is None and steps is None:
        raise StylizeError("--cell is for --grid and --steps: use --size for one picture")
    budget = options.parse_bytes(memory)

    from stylize_cli.api import mixtures, network
    from stylize_cli.api.picture import Picture

    with console.progress(f"Loading {model}"):
        net = network.load(
            model,
            engine=engine,
            device=device,
            precision=precision,
            threads=threads,
            memory=budget,
            depth=options.bits(depth),
        )
    net.check_takes_mixtures()
    mixture = _mixture(net.engine.about, style or [], grid, steps)
    label = _label(mixture)
    item = _item(source, output, label, console, depth=options.bits(depth))
    if not overwrite:
        admission.check_new([item])
    outlet = Outlet(item, [label], quality, options.bits(depth))
    began = time.perf_counter()
    given = mixtures.given_size(mixture, size, cell)
    photo = Picture(inputs.opened(outlet.item.source), least=given, room=net.room)
    outlet.exif = photo.exif if keep_metadata else b""
    if photo.note:
        console.say(f"{photo.name}: {photo.note}")
    with console.progress("Blending") as on_step:
        result = mixtures.paint(
            net,
            photo,
            mixture,
            strength=strength,
            preserve_color=preserve_color,
            size=size,
            cell=cell,
            on_step=on_step,
        )
    reports.announce(net.engine, console)
    if result.note:
        console.say(result.note)
    outlet.save(label, result.pixels)
    shape, seconds = (result.height, result.width), time.perf_counter() - began
    record = reports.of_engine(outlet.path(label), shape, seconds, net.engine, None)
    console.result(record | _shares(mixture))


def _mixture(
    about: "About", style: Sequence[str], grid: str | None, steps: int | None
) -> "Mixture":
    """Reads what --style, --grid and --steps ask for.

    Raises:
        StylizeError: there is no such style, or they do not go together.
    """
    from stylize_cli.methods import blend as method
    from stylize_cli.methods.figures import Mixture

    if grid is not None:
        corners = [_chosen(about, name.strip()) for name in grid.split(",")]
        if len(corners) != CORNERS:
            raise StylizeError(f"--grid takes four styles, not {len(corners)}: --grid a,b,c,d")
        steps = steps or STEPS
        return Mixture("grid", corners, method.grid(steps), steps)
    pairs = [_style(about, text) for text in style] or [(_chosen(about, None), 1.0)]
    names, weights = [name for name, _ in pairs], [weight for _, weight in pairs]
    if steps is None:
        return Mixture("picture", names, method.shares(weights))
    if weights != [1, 1]:
        raise StylizeError("--steps needs two --style without weights, or --grid a,b,c,d")
    return Mixture("strip", names, method.strip(steps), steps)


def _label(mixture: "Mixture") -> str:
    """What the output's name says of a mixture."""
    if mixture.kind != "picture" or len(mixture.styles) == 1:
        return "-".join(mixture.styles)
    pairs = zip(mixture.styles, mixture.weights[0], strict=True)
    return "-".join(f"{style}-{weight:.3g}" for style, weight in pairs)


def _shares(mixture: "Mixture") -> dict[str, Any]:
    """What `--json` says of it."""
    if mixture.kind != "picture":
        return {mixture.kind: list(mixture.styles), "steps": mixture.steps}
    shares = dict.fromkeys(mixture.styles, 0.0)
    for style, weight in zip(mixture.styles, mixture.weights[0], strict=True):
        shares[style] += round(float(weight), 6)
    return {"styles": shares}


def _style(about: "About", text: str) -> tuple[str, float]:
    """Reads "monet:0.6", or a name alone, which counts 1."""
    known = {text, text.rpartition(":")[0]} & {*about.styles}
    if any(mark in text for mark in ",=") and not known:
        raise StylizeError(f"--style '{text}' is not one style: write NAME:0.6, once for each")
    name, colon, number = text.rpartition(":")
    if not colon or text in about.styles:
        return _chosen(about, text), 1.0
    try:
        weight = float(number)
    except ValueError:
        raise StylizeError(f"'{number}' in --style {text} is no weight: write NAME:0.6") from None
    return _chosen(about, name), weight


def _chosen(about: "About", name: str | None) -> str:
    from stylize_cli.methods import feedforward

    return str(feedforward.choose_style(about, name))  # what takes mixtures has styles


def _item(
    source: str, output: str | None, label: str, console: Console, *, depth: "Depth"
) -> batches.Item:
    """Where the one result goes; refuses what could not be written in the end."""
    items = list(batches.plan([source], output, [label], console, depth=depth, labelled=True))
    if len(items) > 1:
        raise StylizeError(f"{source} is {len(items)} pictures: name one of them")
    admission.check(items, depth=depth)
    return items[0]
