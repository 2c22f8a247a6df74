"""`stylize reconstruct`: what VGG's layers keep of a picture."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from stylize_cli.cli import completion, inputs, options, outputs, reports, watching
from stylize_cli.cli.console import INTERRUPTED, Console
from stylize_cli.config.optimize import RECONSTRUCT_CONTENT
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from stylize_cli.api.reconstruct import Reconstruction


def reconstruct(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="The picture, or - for stdin.")],
    *,
    content: Annotated[
        str | None,
        options.text(
            "--content", "LAYER", "Show what this layer keeps of it.", completion.of_layers
        ),
    ] = None,
    style: Annotated[
        str | None,
        options.layers("--style", "Show what the Gram matrices of these layers keep of it."),
    ] = None,
    figure: Annotated[
        bool,
        typer.Option("--figure", help="Draw the series of both, layer by layer, on one sheet."),
    ] = False,
    output: options.OutputOption = None,
    overwrite: options.OverwriteOption = False,
    size: Annotated[int, options.pixels("--size", "Long side, px.")] = RECONSTRUCT_CONTENT.size,
    iterations: Annotated[int, options.number("--iterations", "At each scale.")] = (
        RECONSTRUCT_CONTENT.iterations
    ),
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
    layers = options.parse_layers(style if content is None else content) or ()
    name = f"{inputs.stem(image)}-{'figure' if figure else '-'.join(layers)}.png"
    budget = options.parse_bytes(memory)
    inputs.check_there([image])
    out = outputs.choose(
        output,
        name,
        [image],
        marks=outputs.marks_of(None if size == RECONSTRUCT_CONTENT.size else size, seed),
        overwrite=overwrite,
        quality=quality,
        depth=options.bits(depth),
    )
    if budget is not None:
        from stylize_cli import hardware

        hardware.use_large_pages()

    from stylize_cli.api import reconstruct as api

    _paint(
        api.prepare(
            inputs.opened(image),
            content=layers if content else (),
            style=layers if style else (),
            size=size,
            iterations=iterations,
            descriptor=descriptor,
            weights=weights,
            memory=budget,
            seed=seed,
            device=device,
            precision=precision,
            threads=threads,
        ),
        out,
        Console(quiet=quiet, json=json),
    )


def _paint(job: "Reconstruction", out: outputs.Output, console: Console) -> None:
    describe = watching.load(job, console)
    began = time.perf_counter()
    watched = watching.watch(job.run(describe), console)
    watching.tell_of_an_end(watched, console)
    picture = job.result(watched.images)
    out.write(picture)
    size, seconds = (picture.height, picture.width), time.perf_counter() - began
    console.result(reports.of_machine(out, size, seconds, job.machine, watched.losses))
    if watched.interrupted:
        raise typer.Exit(INTERRUPTED)
