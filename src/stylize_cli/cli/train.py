"""`stylize train`: a network that paints one style or many in one pass, or enlarges photos."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stylize_cli import paths
from stylize_cli.cli import completion, inputs, learning, mistakes, options
from stylize_cli.cli.console import USER_ERROR, Console
from stylize_cli.config.train import (
    LEAST_SIZE,
    SAVE_EVERY,
    START,
    TRAIN_PRESETS,
    Loss,
    Method,
    TrainPreset,
)
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from stylize_cli.api.lesson import Lesson, TrainOptions

STEPS = "[default: {} for a style, {} for several, {} to enlarge, {} for a texture]".format(
    TRAIN_PRESETS["perceptual", "default"].steps,
    TRAIN_PRESETS["conditional", "default"].steps,
    TRAIN_PRESETS["super-resolution", "default"].steps,
    TRAIN_PRESETS["texture", "default"].steps,
)


def train(
    *,
    style: Annotated[
        list[str] | None,
        options.text("--style", "IMAGE", "A style to learn; again for more. A folder: all in it."),
    ] = None,
    dataset: Annotated[
        Path | None, options.text("--dataset", "FOLDER", "Photos, at any depth: two or 80,000.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="MODEL.pt",
            help="File, or folder (a name without suffix is one). [default: current folder, named "
            "after the styles]",
        ),
    ] = None,
    method: Annotated[
        Literal["auto", Method],
        typer.Option(
            "--method",
            help="auto: perceptual for one style, conditional for more, texture without a dataset.",
        ),
    ] = "auto",
    upscale: Annotated[
        Literal["2", "4", "8"] | None,
        typer.Option("--upscale", help="No style: enlarge photos so many times."),
    ] = None,
    add_style: Annotated[
        list[str] | None,
        options.text("--add-style", "IMAGE", "Teach the model of --to one more style."),
    ] = None,
    to: Annotated[Path | None, options.text("--to", "MODEL.pt", "It stays; -o is another.")] = None,
    start: Annotated[
        str | None,
        options.text(
            "--from",
            "MODEL|none",
            f"Start from a trained network. [default: of styles {START}; none with --preset paper]",
        ),
    ] = None,
    preset: Annotated[
        TrainPreset,
        typer.Option(
            "--preset",
            help="default: tuned for looks; paper: Johnson 2016, Dumoulin 2017, Ulyanov 2016. What "
            "follows overrides it.",
        ),
    ] = "default",
    loss: Annotated[
        Loss | None,
        typer.Option("--loss", help="feature, or super-resolution's baseline. [default: feature]"),
    ] = None,
    steps: Annotated[
        int | None, options.number("--steps", f"Updates of the weights. {STEPS}")
    ] = None,
    minutes: Annotated[
        float | None,
        options.factor("--minutes", "In place of --steps: as many as fit."),
    ] = None,
    batch_size: Annotated[int | None, options.number("--batch-size", "Photos a step.")] = None,
    size: Annotated[
        int | None, options.pixels("--size", "Side of the crops.", least=LEAST_SIZE)
    ] = None,
    width: Annotated[
        int | None, options.number("--width", "Maps of the first convolution.")
    ] = None,
    lr: Annotated[float | None, options.factor("--lr", "Step size of the optimiser.")] = None,
    content_weight: Annotated[
        float | None, options.factor("--content-weight", "Of the photo.")
    ] = None,
    style_weight: Annotated[float | None, options.factor("--style-weight", "Of the style.")] = None,
    tv_weight: Annotated[float | None, options.factor("--tv-weight", "Of smoothness.")] = None,
    content_layer: Annotated[
        str | None,
        typer.Option(
            "--content-layer",
            "--content-layers",
            metavar="LAYER",
            help="Where the photo is matched.",
            autocompletion=completion.of_layers,
        ),
    ] = None,
    style_layers: Annotated[
        str | None, options.layers("--style-layers", "Where the style is matched.")
    ] = None,
    pool: Annotated[
        Literal["max", "avg"] | None, typer.Option("--pool", help="Of the descriptor.")
    ] = None,
    levels: Annotated[
        int | None, options.number("--levels", "Scales of a texture network, K.")
    ] = None,
    style_size: Annotated[
        int | None,
        options.pixels(
            "--style-size",
            "Side of a square style; smaller: finer.",
            least=LEAST_SIZE,
        ),
    ] = None,
    descriptor: options.DescriptorOption = "vgg19",
    weights: options.WeightsOption = None,
    memory: options.MemoryOption = None,
    save_every: Annotated[int, options.number("--save-every", "Steps between saves.")] = SAVE_EVERY,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the training of this model stopped.")
    ] = False,
    preview: Annotated[
        str | None,
        options.text("--preview", "PHOTO", "Draw it on a contact sheet as the model learns."),
    ] = None,
    preview_every: Annotated[
        int | None, options.number("--preview-every", "Steps. [default: a twelfth of all]")
    ] = None,
    plot: Annotated[
        Path | None, options.text("--plot", "FILE", "Draw the losses into this file.")
    ] = None,
    tensorboard: Annotated[
        Path | None, options.text("--tensorboard", "FOLDER", "Log for TensorBoard (an extra).")
    ] = None,
    seed: options.SeedOption = 0,
    device: options.DeviceOption = "auto",
    precision: options.PrecisionOption = "auto",
    threads: options.TrainingThreadsOption = None,
    quiet: options.QuietOption = False,
    json: options.JsonOption = False,
) -> None:
    """Teach a network a style, many styles or super-resolution, to be run in one pass."""
    _train(
        style or [],
        dataset,
        output,
        quiet=quiet,
        json=json,
        add_style=options.only(add_style, "--add-style", "add each to what came of the last"),
        start=start,
        to=to,
        method=method,
        upscale=int(upscale) if upscale else None,
        preset=preset,
        loss=loss,
        steps=steps,
        minutes=minutes,
        batch_size=batch_size,
        size=size,
        width=width,
        lr=lr,
        content_weight=content_weight,
        style_weight=style_weight,
        tv_weight=tv_weight,
        content_layer=_one(options.parse_layers(content_layer)),
        style_layers=options.parse_layers(style_layers),
        pool=pool,
        levels=levels,
        style_size=style_size,
        descriptor=descriptor,
        weights=weights,
        memory=options.parse_bytes(memory),
        save_every=save_every,
        resume=resume,
        preview=preview,
        preview_every=preview_every,
        plot=plot,
        tensorboard=tensorboard,
        seed=seed,
        device=device,
        precision=precision,
        threads=threads,
    )


def _train(
    styles: list[str],
    photos: Path | None,
    output: str | None,
    *,
    quiet: bool,
    json: bool,
    **asked: "Unpack[TrainOptions]",
) -> None:
    """Runs the training, with the processes that torchrun started beside this one."""
    given = None
    if "WORLD_SIZE" not in os.environ:  # of several processes the first says what all have found
        given = _given(styles, photos, Console(quiet=quiet), asked)
    from stylize_cli import ranks  # torch: seconds, which no mistake should cost

    with ranks.joined():
        console = Console(quiet=quiet or not ranks.is_first(), json=json)
        try:
            with ranks.together():
                given = given or _given(styles, photos, console, asked)
                lesson = _prepared(given, photos, output, asked)
            learning.learn(lesson, console)
        except StylizeError as error:
            if ranks.is_first():
                raise
            raise typer.Exit(USER_ERROR) from error  # the first says it


@dataclass(frozen=True)
class Given:
    """The files of the pictures that a training is given; - is stdin.

    Attributes:
        styles: to learn.
        added: the one that is added to a model, or None.
        preview: the photo that is drawn as the model learns, or None.
        name: of the folder that the styles were given as, or None.
    """

    styles: list[str]
    added: str | None
    preview: str | None
    name: str | None


def _given(
    styles: list[str], photos: Path | None, console: Console, asked: "TrainOptions"
) -> Given:
    """Finds the pictures that are meant; refuses what can be seen to be wrong without torch.

    Raises:
        StylizeError: there are none where some are meant, or they do not go with what was asked.
    """
    from stylize_cli.api import roles

    mistakes.check_pictures(styles)
    pictures = inputs.expand(styles, console)
    added, preview = (str(asked[name] or "") for name in ("add_style", "preview"))
    row = inputs.expand([added] if added else [], console)
    if len(row) > 1:
        raise StylizeError("--add-style teaches one style at a time: name one image")
    inputs.check_one_stdin([*pictures, *row, preview])
    roles.check_training(len(pictures), photos, asked)
    inputs.check_there([*pictures, *row, preview])
    folder = Path(styles[0]) if len(styles) == 1 and paths.is_folder(styles[0]) else None
    name = folder.resolve().name if folder else None
    return Given(pictures, row[0] if row else None, preview or None, name)


def _prepared(
    given: Given, photos: Path | None, output: str | None, asked: "TrainOptions"
) -> "Lesson":
    """Opens the pictures that were found, and checks what was asked for."""
    from stylize_cli.api import train as api

    asked |= {
        "add_style": given.added and inputs.opened(given.added),
        "preview": given.preview and inputs.opened(given.preview),
        "name": given.name,
    }
    opened = [inputs.opened(picture) for picture in given.styles]
    return api.prepare(opened, photos, output, **asked)


def _one(layers: tuple[str, ...] | None) -> str | None:
    if layers is not None and len(layers) > 1:
        raise StylizeError("--content-layer is one layer: name the deepest that should count")
    return layers[0] if layers else None
