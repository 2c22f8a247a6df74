"""`stylize optimize`: Gatys et al. 2016, and Kolkin et al. 2022."""

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stylize_cli.cli import (
    inputs,
    mistakes,
    options,
    outputs,
    reports,
    showing,
    trying,
    watching,
)
from stylize_cli.cli.console import INTERRUPTED, Console
from stylize_cli.config.optimize import PRESETS, PresetName, starts_from_noise
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from stylize_cli.api.optimization import Optimization, OptimizeOptions


def _default(name: str) -> str:
    return f"[default: {getattr(PRESETS['default'], name)}]"


def optimize(
    pictures: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CONTENT STYLE", help="The photo, then one or more styles; - is stdin."
        ),
    ] = None,
    *,
    output: options.OutputOption = None,
    overwrite: options.OverwriteOption = False,
    preset: Annotated[
        PresetName,
        typer.Option(
            "--preset",
            help="default: tuned for looks; paper: Gatys 2016; notebook: Gatys' later code; "
            "neighbours: the photo out of the painting's own features (Kolkin 2022), which knows "
            "fewer of the options. What follows overrides it.",
        ),
    ] = "default",
    texture: Annotated[
        str | None,
        options.text("--texture", "IMAGE", "No photo: synthesise a texture like this image."),
    ] = None,
    size: Annotated[
        int | None, options.pixels("--size", f"Long side, px. {_default('size')}")
    ] = None,
    iterations: Annotated[
        int | None, options.number("--iterations", f"At each scale. {_default('iterations')}")
    ] = None,
    scales: Annotated[
        str | None,
        options.text(
            "--scales", "auto|N", "auto or how many, each half of the next. [default: auto]"
        ),
    ] = None,
    optimizer: Annotated[
        Literal["lbfgs", "adam"] | None, typer.Option("--optimizer", help="[default: lbfgs]")
    ] = None,
    init: Annotated[
        str | None,
        options.text("--init", "content|noise|FILE", "Where to start. [default: content]"),
    ] = None,
    balance: Annotated[
        float | None,
        options.factor(
            "--balance", f"From 0, all photo, to 1, all painter. {_default('balance')}", most=1
        ),
    ] = None,
    content_weight: Annotated[
        float | None, options.factor("--content-weight", "In place of --balance: a fixed weight.")
    ] = None,
    style_weight: Annotated[
        float | None, options.factor("--style-weight", _default("style_weight"))
    ] = None,
    tv_weight: Annotated[
        float | None, options.factor("--tv-weight", f"Smoothness. {_default('tv_weight')}")
    ] = None,
    style_blend: Annotated[
        str | None,
        options.text("--style-blend", "X,X...", "Shares of several styles, such as 0.7,0.3."),
    ] = None,
    style_scale: Annotated[
        float | None,
        options.factor("--style-scale", "Size of the style's strokes.", least=0.1, most=4),
    ] = None,
    content_layers: Annotated[
        str | None, options.layers("--content-layers", "[default: relu3_3,relu4_2]")
    ] = None,
    style_layers: Annotated[
        str | None,
        options.layers("--style-layers", "[default: relu1_1,relu2_1,relu3_1,relu4_1,relu5_1]"),
    ] = None,
    pool: Annotated[
        Literal["max", "avg"] | None, typer.Option("--pool", help=_default("pool"))
    ] = None,
    preserve_color: options.PreserveColorOption = False,
    color_by: Annotated[
        Literal["luminance", "covariance"] | None,
        typer.Option("--color-by", help="How --preserve-color keeps them. [default: luminance]"),
    ] = None,
    match_histogram: Annotated[
        bool,
        typer.Option("--match-histogram", help="Give a texture the colours of IMAGE exactly."),
    ] = False,
    descriptor: options.DescriptorOption = "vgg19",
    weights: options.WeightsOption = None,
    try_: Annotated[
        str | None,
        options.text(
            "--try",
            "OPTION=A,B,...",
            "One labelled sheet of small pictures: --try content-weight=0.3,1,3.",
        ),
    ] = None,
    save_every: Annotated[
        int | None, options.number("--save-every", "Also save the picture every N iterations.")
    ] = None,
    plot: Annotated[
        Path | None, options.text("--plot", "FILE", "Draw the losses by layer into this file.")
    ] = None,
    compile_: Annotated[
        bool, typer.Option("--compile", help="Compile the network first, for long runs.")
    ] = False,
    memory: options.MemoryOption = None,
    keep_metadata: options.KeepMetadataOption = False,
    quality: options.QualityOption = 95,
    depth: options.DepthOption = "8",
    seed: options.SeedOption = 0,
    device: options.DeviceOption = "auto",
    precision: options.PrecisionOption = "auto",
    threads: options.ThreadsOption = None,
    show: options.ShowOption = False,
    quiet: options.QuietOption = False,
    json: options.JsonOption = False,
) -> None:
    """Paint CONTENT in the style of STYLE by optimising the picture itself (Gatys 2016)."""
    if color_by and not preserve_color:
        raise StylizeError("--color-by says how --preserve-color keeps them: give both")
    if keep_metadata and texture is not None:
        raise StylizeError("--keep-metadata is of a photo, and --texture has none: leave it out")
    console = Console(quiet, json, showing.opened(quiet=quiet) if show else None)
    is_drawn = starts_from_noise(preset, init, is_texture=texture is not None)
    if seed and not is_drawn:
        console.say("--seed changes nothing: it is of --init noise, and this starts from a picture")
    tried = None if try_ is None else trying.parse(try_)
    if tried and (save_every or plot):
        raise StylizeError("--try draws one sheet: leave out --save-every and --plot")
    _paint(
        outputs.Written(
            output=output,
            quality=quality,
            depth=options.bits(depth),
            save_every=save_every,
            plot=plot,
            keeps_metadata=keep_metadata,
            overwrites=overwrite,
            marks=outputs.marks_of(size, seed if is_drawn else 0),
        ),
        console,
        pictures or [],
        tried,
        shares=options.parse_shares(style_blend),
        texture=texture,
        preset=preset,
        size=size,
        iterations=iterations,
        scales=options.parse_scales(scales),
        optimizer=optimizer,
        init=init,
        balance=balance,
        content_weight=content_weight,
        style_weight=style_weight,
        tv_weight=tv_weight,
        style_scale=style_scale,
        content_layers=options.parse_layers(content_layers),
        style_layers=options.parse_layers(style_layers),
        pool=pool,
        preserve_color=preserve_color,
        color_by=color_by or "luminance",
        match_histogram=match_histogram,
        descriptor=descriptor,
        weights=weights,
        compile=compile_,
        memory=options.parse_bytes(memory),
        seed=seed,
        device=device,
        precision=precision,
        threads=threads,
    )


def _paint(
    written: outputs.Written,
    console: Console,
    pictures: list[str],
    tried: trying.Tried | None,
    **asked: "Unpack[OptimizeOptions]",
) -> None:
    """Finds the pictures that are meant, checks what was asked for, and paints."""
    from stylize_cli.api import roles

    if tried and asked.get(tried.name.replace("-", "_")) is not None:
        raise StylizeError(f"--try gives {tried.name} its values: leave out --{tried.name}")
    texture, init = asked.get("texture"), asked.get("init")
    mistakes.check_pictures(pictures)
    roles.check_roles(pictures[:1], pictures[1:], asked)
    shown = pictures if texture is None else [str(texture)]
    inputs.check_there(shown)
    start = [] if init in (None, "content", "noise") else [str(init)]
    inputs.check_one_stdin([*shown, *start])
    names = [inputs.stem(source) for source in shown] + ["texture"] * (texture is not None)
    names += [f"try-{tried.name}"] if tried else []
    place = "-".join(names) + ".png", [*shown, *start]
    out = written.chosen(*place)
    asked |= {
        "texture": None if texture is None else inputs.opened(str(texture)),
        "init": inputs.opened(start[0]) if start else init,
    }
    content = inputs.opened(pictures[0]) if pictures else None
    styles = [inputs.opened(style) for style in pictures[1:]]
    if asked.get("memory") is not None:
        from stylize_cli import hardware

        hardware.use_large_pages()
    from stylize_cli.api import optimize as api  # torch: seconds, which no mistake should cost

    if tried:
        keeps = written.keeps_metadata
        trying.paint(tried, out, console, content, styles, asked, keeps_metadata=keeps)
        return
    job = api.prepare(content, styles, **asked)
    with out.held():
        out = written.chosen(*place)  # anew: another process may have taken it since
        _run(job, "Stylising" if pictures else "Synthesising", out, written, console)


def _run(
    job: "Optimization",
    label: str,
    out: outputs.Output,
    written: outputs.Written,
    console: Console,
) -> None:
    """Runs an optimisation, shows it under its label, and writes what comes of it."""
    describe = watching.load(job, console)
    began = time.perf_counter()
    watched = watching.watch(
        ((label, now) for now in job.run(describe)),
        console,
        save_every=written.save_every,
        save=lambda number, now: out.numbered(number).write(now.picture),
    )
    watching.tell_of_an_end(watched, console)
    if written.keeps_metadata:
        out = replace(out, exif=job.exif)
    picture = job.finished(watched.images[label])
    out.write(picture)
    if console.screen:
        console.screen.show(picture.floats)
    if written.plot:
        from stylize_cli import plots

        plots.write(written.plot, watched.history)
    seconds = time.perf_counter() - began
    console.result(reports.of_machine(out, job.size, seconds, job.machine, watched.losses))
    if watched.interrupted:
        raise typer.Exit(INTERRUPTED)
