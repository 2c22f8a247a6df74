"""`stylize reconstruct`: what VGG's layers keep of a picture."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from stylize_cli.cli import inputs, options, outputs, running
from stylize_cli.cli.console import INTERRUPTED, Console
from stylize_cli.config import (
    FIGURE_CONTENT,
    RECONSTRUCT_CONTENT,
    RECONSTRUCT_STYLE,
    STYLE_LAYERS,
    OptimizeConfig,
)
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from torch import Tensor

    from stylize_cli.methods.optimize import Pictures
    from stylize_cli.sheets import Cell


def reconstruct(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="The picture.")],
    *,
    content: Annotated[
        str | None,
        typer.Option("--content", metavar="LAYER", help="Show what this layer keeps of it."),
    ] = None,
    style: Annotated[
        str | None,
        typer.Option(
            "--style",
            metavar="LAYER,...",
            help="Show what the Gram matrices of these layers keep of it.",
        ),
    ] = None,
    figure: Annotated[
        bool,
        typer.Option("--figure", help="Draw the series of both, layer by layer, on one sheet."),
    ] = False,
    output: options.OutputOption = None,
    size: Annotated[int, typer.Option("--size", metavar="PX", min=16, help="Long side, px.")] = (
        RECONSTRUCT_CONTENT.size
    ),
    iterations: Annotated[
        int, typer.Option("--iterations", metavar="N", min=1, help="At each scale.")
    ] = (RECONSTRUCT_CONTENT.iterations),
    descriptor: options.DescriptorOption = "vgg19",
    weights: options.WeightsOption = None,
    memory: options.MemoryOption = None,
    quality: options.QualityOption = 95,
    depth: options.DepthOption = "8",
    seed: options.SeedOption = 0,
    device: options.DeviceOption = "auto",
    precision: options.PrecisionOption = "auto",
    threads: options.ThreadsOption = None,
    quiet: options.QuietOption = False,
    json: options.JsonOption = False,
) -> None:
    """Paint from noise what one layer keeps of IMAGE's content, or several of its style."""
    if [content is not None, style is not None, figure].count(True) != 1:
        raise StylizeError("give one of --content LAYER, --style LAYER,... and --figure")
    console = Console(quiet=quiet, json=json)
    layers = options.parse_layers(style if content is None else content) or ()
    budget = options.parse_bytes(memory)
    if figure:
        series = _figure()
    else:
        series = {"-".join(layers): _content(*layers) if content else _style(*layers)}
    series = {
        label: replace(config, size=size, iterations=iterations) for label, config in series.items()
    }
    out = outputs.choose(
        output,
        f"{inputs.stem(image)}-{'figure' if figure else '-'.join(layers)}.png",
        [image],
        quality=quality,
        depth=depth,
    )
    machine = options.machine(device, precision, threads)
    original = inputs.read_picture(image, console).rgb

    from stylize_cli import images
    from stylize_cli.methods import optimize as method

    shape = images.fitted(images.size_of(original), size)
    for config in series.values():
        running.check(config, descriptor, shape, machine, budget)
    describe = running.load_descriptor(
        list(series.values()), descriptor, weights, machine, console=console
    )
    began = time.perf_counter()
    cells: list[Cell] = []
    for label, config in series.items():
        pictures = _pictures(original, config).to(machine.device)
        course = running.follow(
            method.optimize(describe, pictures, config, size=shape, seed=seed),
            console,
            task=label,
        )
        if course.last is not None:
            cells.append((label, images.resize(course.last.image.cpu(), shape)))
        if course.interrupted:
            break
    if not cells:
        raise typer.Exit(INTERRUPTED)
    result = _sheet(original, cells, shape) if figure else cells[0][1]
    out.write(images.Picture(result))
    console.result(running.record(out, images.size_of(result), began, machine, course))
    if course.interrupted:
        raise typer.Exit(INTERRUPTED)


def _content(*layers: str) -> OptimizeConfig:
    return replace(RECONSTRUCT_CONTENT, content_layers=layers)


def _style(*layers: str) -> OptimizeConfig:
    return replace(RECONSTRUCT_STYLE, style_layers=layers)


def _figure() -> dict[str, OptimizeConfig]:
    """The notes' two figures: content layer by layer, style of ever more layers."""
    content = {f"content {layer}": _content(layer) for layer in FIGURE_CONTENT}
    sets = [STYLE_LAYERS[: count + 1] for count in range(len(STYLE_LAYERS))]
    style = {f"style … {layers[-1]}": _style(*layers) for layers in sets}
    return content | style


def _pictures(image: "Tensor", config: OptimizeConfig) -> "Pictures":
    from stylize_cli.methods.optimize import Pictures

    return Pictures(image) if config.content_layers else Pictures(None, ((image, 1.0),))


def _sheet(image: "Tensor", cells: "list[Cell]", shape: tuple[int, int]) -> "Tensor":
    from stylize_cli import images, sheets

    original = ("original", images.resize(image, shape))
    content = [cell for cell in cells if cell[0].startswith("content")]
    style = [cell for cell in cells if cell[0].startswith("style")]
    return sheets.contact_sheet([[original, *row] for row in (content, style)], height=shape[0])
