"""`stylize optimize`: Gatys et al. 2016."""

import time
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stylize_cli.cli import inputs, options, running
from stylize_cli.cli.console import Console
from stylize_cli.config import PRESETS, TEXTURE, OptimizeConfig
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from stylize_cli.images import Picture


def _default(name: str) -> str:
    return f"[default: {getattr(PRESETS['default'], name)}]"


def optimize(
    pictures: Annotated[
        list[str] | None,
        typer.Argument(metavar="CONTENT STYLE...", help="The photo, then one or more styles."),
    ] = None,
    *,
    output: options.Output = None,
    preset: Annotated[
        Literal["default", "paper", "notebook"],
        typer.Option(
            "--preset",
            help="default: tuned for looks; paper: Gatys 2016; notebook: Gatys' later code. "
            "What follows overrides it.",
        ),
    ] = "default",
    texture: Annotated[
        str | None,
        typer.Option("--texture", help="No photo: synthesise a texture like this image."),
    ] = None,
    size: Annotated[
        int | None, typer.Option("--size", min=16, help=f"Long side, px. {_default('size')}")
    ] = None,
    iterations: Annotated[
        int | None,
        typer.Option("--iterations", min=1, help=f"At each scale. {_default('iterations')}"),
    ] = None,
    scales: Annotated[
        str | None,
        typer.Option("--scales", help="auto or how many, each half of the next. [default: auto]"),
    ] = None,
    optimizer: Annotated[
        Literal["lbfgs", "adam"] | None, typer.Option("--optimizer", help="[default: lbfgs]")
    ] = None,
    init: Annotated[
        str | None,
        typer.Option("--init", help="content, noise or an image file. [default: content]"),
    ] = None,
    content_weight: Annotated[
        float | None,
        typer.Option("--content-weight", min=0, help=_default("content_weight")),
    ] = None,
    style_weight: Annotated[
        float | None, typer.Option("--style-weight", min=0, help=_default("style_weight"))
    ] = None,
    tv_weight: Annotated[
        float | None,
        typer.Option("--tv-weight", min=0, help=f"Smoothness. {_default('tv_weight')}"),
    ] = None,
    style_blend: Annotated[
        str | None,
        typer.Option("--style-blend", help="Shares of several styles, such as 0.7,0.3."),
    ] = None,
    style_scale: Annotated[
        float | None,
        typer.Option("--style-scale", min=0.1, max=4, help="Size of the style's strokes."),
    ] = None,
    content_layers: Annotated[
        str | None, typer.Option("--content-layers", help="[default: relu4_2]")
    ] = None,
    style_layers: Annotated[
        str | None,
        typer.Option("--style-layers", help="[default: relu1_1,relu2_1,relu3_1,relu4_1,relu5_1]"),
    ] = None,
    pool: Annotated[
        Literal["max", "avg"] | None, typer.Option("--pool", help=_default("pool"))
    ] = None,
    preserve_color: Annotated[
        bool, typer.Option("--preserve-color", help="Keep the photo's colours.")
    ] = False,
    color_by: Annotated[
        Literal["luminance", "covariance"],
        typer.Option("--color-by", help="How --preserve-color keeps them."),
    ] = "luminance",
    descriptor: options.DescriptorName = "vgg19",
    weights: options.WeightsFile = None,
    save_every: Annotated[
        int | None,
        typer.Option("--save-every", min=1, help="Also save the picture every N iterations."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the losses by layer into this file.")
    ] = None,
    compile_: Annotated[
        bool,
        typer.Option("--compile", help="Compile first: pays from about 1024 px or many iterations."),
    ] = False,
    memory: options.Memory = None,
    quality: options.Quality = 95,
    depth: options.Depth = "8",
    seed: options.Seed = 0,
    device: options.DeviceName = "auto",
    precision: options.PrecisionName = "auto",
    threads: options.Threads = None,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Optimise the picture itself: CONTENT in the style of STYLE (Gatys et al. 2016)."""
    console = Console(quiet=quiet, json=json)
    content, styles = _roles(pictures or [], texture)
    start = None if init in (None, "content", "noise") else init
    sources = [source for source in (content, *styles, start) if source is not None]
    inputs.check_one_stdin(sources)
    config = options.override(
        TEXTURE if texture else PRESETS[preset],
        size=size,
        iterations=iterations,
        scales=options.parse_scales(scales),
        optimizer=optimizer,
        init=init if start is None else None,
        content_weight=content_weight,
        style_weight=style_weight,
        tv_weight=tv_weight,
        style_scale=style_scale,
        content_layers=options.parse_layers(content_layers),
        style_layers=options.parse_layers(style_layers),
        pool=pool,
    )
    shares = options.parse_shares(style_blend, len(styles))
    names = [inputs.stem(source) for source in (content, *styles) if source is not None]
    target = options.Target.choose(
        output, "-".join(names) + ".png", sources, quality=quality, depth=depth, extra=plot
    )
    engine = running.prepare(
        console,
        config,
        descriptor=descriptor,
        weights=weights,
        hardware=options.hardware_for(device, precision, threads),
        compiled=compile_,
    )
    began = time.perf_counter()
