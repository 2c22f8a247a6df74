"""`stylize blend`: mixtures of the styles that one network has learned."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from stylize_cli.cli import batches, inputs, options, runners
from stylize_cli.cli.console import Console
from stylize_cli.cli.outlets import Outlet
from stylize_cli.errors import StylizeError
from stylize_cli.progress import OnStep, Step

if TYPE_CHECKING:
    from stylize_cli.encoders import Depth
    from stylize_cli.engines import About, Pixels
    from stylize_cli.methods.blend import Weights

CELL = 256  # px, long side of a figure's pictures
STEPS, MOST_STEPS = 5, 32  # pictures a side
CORNERS = 4
FIGURE_BYTES = 4 * 3 * 4  # a pixel: of the figure, and of what encoding it takes, float32


@dataclass(frozen=True)
class Plan:
    """What to draw.

    Attributes:
        kind: one picture; a strip between two styles; a grid between four.
        styles: that are mixed.
        weights: (pictures, styles).
        steps: pictures a side of a figure.
    """

    kind: Literal["picture", "strip", "grid"]
    styles: Sequence[str]
    weights: "Weights"
    steps: int = 1

    @property
    def label(self) -> str:
        """Its part of the output's name."""
        if self.kind != "picture" or len(self.styles) == 1:
            return "-".join(self.styles)
        pairs = zip(self.styles, self.weights[0], strict=True)
        return "-".join(f"{style}-{weight:.3g}" for style, weight in pairs)

    def record(self) -> dict[str, Any]:
        """What `--json` says of it."""
        if self.kind != "picture":
            return {self.kind: list(self.styles), "steps": self.steps}
        shares = dict.fromkeys(self.styles, 0.0)
        for style, weight in zip(self.styles, self.weights[0], strict=True):
            shares[style] += round(float(weight), 6)
        return {"styles": shares}


def blend(
    model: options.ModelArgument,
    source: Annotated[str, typer.Argument(metavar="INPUT", help="A picture, or - for stdin.")],
    *,
    output: options.OutputOption = None,
    style: Annotated[
        list[str] | None,
        typer.Option(
            "--style",
            metavar="NAME:WEIGHT",
            help="A style and its weight, 1 where it is left out; once for each. Weights are made "
            "to sum to 1.",
        ),
    ] = None,
    grid: Annotated[
        str | None,
        typer.Option(
            "--grid",
            metavar="A,B,C,D",
            help="Draw four styles at the corners of a table, and their mixtures between.",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            metavar="N",
            min=2,
            max=MOST_STEPS,
            help=f"Pictures a side of the grid [default: {STEPS}], or of a strip from one --style "
            "to the other.",
        ),
    ] = None,
    cell: Annotated[
        int | None,
        typer.Option(
            "--cell",
            metavar="PX",
            min=16,
            help=f"Long side of each picture in a grid or a strip. [default: {CELL}]",
        ),
    ] = None,
    strength: options.StrengthOption = 1.0,
    preserve_color: options.PreserveColorOption = False,
    size: Annotated[
        int | None,
        typer.Option(
            "--size",
            metavar="PX",
            min=2,
            help="Long side of what the model is given. [default: as it is, or --cell]",
        ),
    ] = None,
    engine: options.EngineOption = "auto",
    memory: options.MemoryOption = None,
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

    from stylize_cli import models
    from stylize_cli.methods import apply as feeding
    from stylize_cli.methods import blend as method

    runner = runners.opened(
        models.find(model),
        engine=engine,
        device=device,
        precision=precision,
        threads=threads,
        depth=depth,
    )
    if not runner.about.takes_mix:
        raise StylizeError(f"{model} has no styles to mix: use stylize apply")
    plan = _plan(runner.about, style or [], grid, steps)
    outlet = _outlet(source, output, plan.label, quality=quality, depth=options.bits(depth))
    runners.announce(runner, console)
    room = runners.room(budget, runner)
    began = time.perf_counter()
    if plan.kind != "picture":
        cell = cell or CELL
        size = size or cell
    photo = feeding.fit(_read(outlet, console), size, runner, room)
    results = method.blend(
        runner,
        photo,
        plan.styles,
        plan.weights,
        strength=strength,
        preserve_color=preserve_color,
        room=room,
    )
    with console.progress() as on_step:
        pictures = _followed(results, len(plan.weights), on_step)
        result = next(pictures) if cell is None else _figure(pictures, plan, photo, cell, room)
    outlet.save(plan.label, result)
    shape = result.shape[0], result.shape[1]
    seconds = time.perf_counter() - began
    record = runners.record(outlet.path(plan.label), shape, seconds, runner, None)
    console.result(record | plan.record())


def _plan(about: "About", style: Sequence[str], grid: str | None, steps: int | None) -> Plan:
    """Reads what --style, --grid and --steps ask for.

    Raises:
        StylizeError: there is no such style, or they do not go together.
    """
    from stylize_cli.methods import blend as method

    if grid is not None:
        corners = [_chosen(about, name.strip()) for name in grid.split(",")]
        if len(corners) != CORNERS:
            raise StylizeError(f"--grid takes four styles, not {len(corners)}: --grid a,b,c,d")
        steps = steps or STEPS
        return Plan("grid", corners, method.grid(steps), steps)
    pairs = [_style(about, text) for text in style] or [(_chosen(about, None), 1.0)]
    names, weights = [name for name, _ in pairs], [weight for _, weight in pairs]
    if steps is None:
        return Plan("picture", names, method.shares(weights))
    if weights != [1, 1]:
        raise StylizeError("--steps needs two --style without weights, or --grid a,b,c,d")
    return Plan("strip", names, method.strip(steps), steps)


def _style(about: "About", text: str) -> tuple[str, float]:
    """Reads "monet:0.6", or a name alone, which counts 1."""
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


def _outlet(source: str, output: str | None, label: str, *, quality: int, depth: "Depth") -> Outlet:
    """Where the one result goes; refuses what could not be written in the end."""
    items = batches.plan([source], output, [label], depth=depth)
    if len(items) > 1:
        raise StylizeError(f"{source} is {len(items)} pictures: name one of them")
    batches.check(items, depth=depth)
    return Outlet(items[0], [label], quality, depth)


def _read(outlet: Outlet, console: Console) -> "Pixels":
    from stylize_cli import decoders

    photo, note = decoders.decode(outlet.photo().read(), name=outlet.name)
    if note:
        console.say(f"{inputs.stem(outlet.item.source)}: {note}")
    return photo


def _followed(pictures: "Iterator[Pixels]", total: int, on_step: OnStep) -> "Iterator[Pixels]":
    for done, picture in enumerate(pictures, 1):
        on_step(Step("Blending", done, total))
        yield picture


def _figure(
    pictures: "Iterator[Pixels]", plan: Plan, photo: "Pixels", cell: int, room: int
) -> "Pixels":
    """Draws the pictures on one, each at the size of a cell and on white."""
    from stylize_cli import images, sheets
    from stylize_cli.methods import blend as method
    from stylize_cli.methods import feedforward

    size = images.fitted((photo.shape[0], photo.shape[1]), cell)
    need = len(plan.weights) * size[0] * size[1] * FIGURE_BYTES
    if need > room:
        raise StylizeError(
            f"the {plan.kind} needs about {need / 1e9:.1f} GB, {max(0, room) / 1e9:.1f} GB is "
            "free; use a smaller --cell, or fewer --steps"
        )
    cells = (feedforward.resized(_on_white(picture), size) for picture in pictures)
    if plan.kind == "grid":
        return method.tiled(cells, size, columns=plan.steps)
    labels = [f"{first:.2f} : {second:.2f}" for first, second in plan.weights]
    labels[0], labels[-1] = plan.styles
    row = [
        (label, pixels.transpose(2, 0, 1)[None])
        for label, pixels in zip(labels, cells, strict=True)
    ]
    return sheets.draw([row], height=size[0])


def _on_white(picture: "Pixels") -> "Pixels":
    rgb, alpha = picture[..., :3], picture[..., 3:]
    return rgb * alpha + (1 - alpha) if alpha.size else rgb
