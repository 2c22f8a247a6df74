"""`stylize optimize`: Gatys et al. 2016."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stylize_cli.cli import inputs, options, outputs, running
from stylize_cli.cli.console import INTERRUPTED, Console
from stylize_cli.config import PRESETS, TEXTURE, OptimizeConfig
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from torch import Tensor

    from stylize_cli.methods.optimize import Pictures


def _default(name: str) -> str:
    return f"[default: {getattr(PRESETS['default'], name)}]"


def optimize(
    pictures: Annotated[
        list[str] | None,
        typer.Argument(metavar="CONTENT STYLE", help="The photo, then one or more styles."),
    ] = None,
    *,
    output: options.OutputOption = None,
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
        typer.Option(
            "--texture", metavar="IMAGE", help="No photo: synthesise a texture like this image."
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option("--size", metavar="PX", min=16, help=f"Long side, px. {_default('size')}"),
    ] = None,
    iterations: Annotated[
        int | None,
        typer.Option(
            "--iterations", metavar="N", min=1, help=f"At each scale. {_default('iterations')}"
        ),
    ] = None,
    scales: Annotated[
        str | None,
        typer.Option(
            "--scales",
            metavar="auto|N",
            help="auto or how many, each half of the next. [default: auto]",
        ),
    ] = None,
    optimizer: Annotated[
        Literal["lbfgs", "adam"] | None, typer.Option("--optimizer", help="[default: lbfgs]")
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            "--init", metavar="content|noise|FILE", help="Where to start. [default: content]"
        ),
    ] = None,
    content_weight: Annotated[
        float | None,
        typer.Option("--content-weight", metavar="X", min=0, help=_default("content_weight")),
    ] = None,
    style_weight: Annotated[
        float | None,
        typer.Option("--style-weight", metavar="X", min=0, help=_default("style_weight")),
    ] = None,
    tv_weight: Annotated[
        float | None,
        typer.Option(
            "--tv-weight", metavar="X", min=0, help=f"Smoothness. {_default('tv_weight')}"
        ),
    ] = None,
    style_blend: Annotated[
        str | None,
        typer.Option(
            "--style-blend", metavar="X,X...", help="Shares of several styles, such as 0.7,0.3."
        ),
    ] = None,
    style_scale: Annotated[
        float | None,
        typer.Option(
            "--style-scale", metavar="X", min=0.1, max=4, help="Size of the style's strokes."
        ),
    ] = None,
    content_layers: Annotated[
        str | None, typer.Option("--content-layers", metavar="LAYER,...", help="[default: relu4_2]")
    ] = None,
    style_layers: Annotated[
        str | None,
        typer.Option(
            "--style-layers",
            metavar="LAYER,...",
            help="[default: relu1_1,relu2_1,relu3_1,relu4_1,relu5_1]",
        ),
    ] = None,
    pool: Annotated[
        Literal["max", "avg"] | None, typer.Option("--pool", help=_default("pool"))
    ] = None,
    preserve_color: options.PreserveColorOption = False,
    color_by: Annotated[
        Literal["luminance", "covariance"],
        typer.Option("--color-by", help="How --preserve-color keeps them."),
    ] = "luminance",
    match_histogram: Annotated[
        bool,
        typer.Option("--match-histogram", help="Give a texture the colours of IMAGE exactly."),
    ] = False,
    descriptor: options.DescriptorOption = "vgg19",
    weights: options.WeightsOption = None,
    save_every: Annotated[
        int | None,
        typer.Option(
            "--save-every", metavar="N", min=1, help="Also save the picture every N iterations."
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Draw the losses by layer into this file."),
    ] = None,
    compile_: Annotated[
        bool,
        typer.Option("--compile", help="Compile the network first, for long runs."),
    ] = False,
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
    """Paint CONTENT in the style of STYLE by optimising the picture itself (Gatys 2016)."""
    console = Console(quiet=quiet, json=json)
    content, styles = _roles(pictures or [], texture)
    of_photos = preset != "default" or preserve_color
    _check_kind(texture, of_photos=of_photos, of_textures=match_histogram)
    start = init if init not in (None, "content", "noise") else None
    sources = [source for source in (content, *styles, start) if source is not None]
    inputs.check_one_stdin(sources)
    config = options.override(
        PRESETS[preset] if texture is None else TEXTURE,
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
    if not config.content_weight and not config.style_weight:
        raise StylizeError("both weights are 0: give --content-weight or --style-weight")
    shares = options.parse_shares(style_blend, len(styles))
    names = [inputs.stem(source) for source in (content, *styles) if source is not None]
    names += [] if texture is None else ["texture"]
    out = outputs.choose(output, "-".join(names) + ".png", sources, quality=quality, depth=depth)
    if save_every:
        outputs.check_numbered(out, sources)
    if plot:
        outputs.check_plot(plot, out, sources)
    machine = options.machine(device, precision, threads)
    given, alpha, shape = _read(content, styles, start, shares, config, console)

    from stylize_cli import images
    from stylize_cli.methods import optimize as method

    running.check(config, descriptor, shape, machine, options.parse_bytes(memory))
    describe = running.load_descriptor(
        [config], descriptor, weights, machine, compiled=compile_, console=console
    )
    began = time.perf_counter()
    keep = color_by if preserve_color else None
    seen = method.keep_colours(given, keep).to(machine.device)

    def finished(image: "Tensor") -> images.Picture:
        rgb = method.restore_colours(image.cpu(), given.content, keep)
        if match_histogram:
            rgb = method.with_colours_of(given.styles[0][0], rgb)
        fitted = None if alpha is None else images.resize(alpha, images.size_of(rgb))
        return images.Picture(rgb, fitted)

    course = running.follow(
        method.optimize(describe, seen, config, size=shape, seed=seed),
        console,
        task="Stylising" if content else "Synthesising",
        save_every=save_every,
        save=lambda number, image: out.numbered(number).write(finished(image)),
    )
    if course.last is None:  # interrupted before there was anything to keep
        raise typer.Exit(INTERRUPTED)
    out.write(finished(images.resize(course.last.image, shape)))
    if plot:
        outputs.write_plot(plot, course.history)
    console.result(running.record(out, shape, began, machine, course))
    if course.interrupted:
        raise typer.Exit(INTERRUPTED)


def _roles(pictures: list[str], texture: str | None) -> tuple[str | None, list[str]]:
    """Which of the pictures is the photo, and which the styles.

    Raises:
        StylizeError: too few pictures, or too many for a texture.
    """
    if texture is not None:
        if pictures:
            raise StylizeError("--texture takes no photo: leave out CONTENT and STYLE")
        return None, [texture]
    if len(pictures) < 2:
        raise StylizeError("give a photo and at least one style: stylize optimize PHOTO STYLE...")
    return pictures[0], pictures[1:]


def _check_kind(texture: str | None, *, of_photos: bool, of_textures: bool) -> None:
    """Refuses options that photos alone take, or textures."""
    if texture is not None and of_photos:
        raise StylizeError("--texture has no photo and its own settings: leave out the others")
    if texture is None and of_textures:
        raise StylizeError("--match-histogram is for textures: give --texture IMAGE")


def _read(
    content: str | None,
    styles: list[str],
    start: str | None,
    shares: list[float],
    config: OptimizeConfig,
    console: Console,
) -> "tuple[Pictures, Tensor | None, tuple[int, int]]":
    """The pictures at the size they are needed, the photo's alpha, and (height, width)."""
    from stylize_cli import images
    from stylize_cli.methods.optimize import Pictures

    photo = inputs.read_picture(content, console) if content is not None else None
    paintings = [inputs.read_picture(style, console).rgb for style in styles]
    begin = inputs.read_picture(start, console).rgb if start is not None else None
    side = config.size
    shape = images.fitted(images.size_of(photo.rgb), side) if photo else (side, side)
    pictures = Pictures(
        photo.rgb if photo else None, tuple(zip(paintings, shares, strict=True)), begin
    )
    return pictures.fitted(shape, config.style_scale), photo.alpha if photo else None, shape
