"""`stylize train`: a network that paints one style or many in one pass, or enlarges photos."""

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stylize_cli import models
from stylize_cli.cli import boards, inputs, learning, options, outputs, previews, summary, tasks
from stylize_cli.cli.console import INTERRUPTED, Console
from stylize_cli.config import TRAIN_PRESETS, Loss, Method, TrainConfig, TrainPreset, override
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from stylize_cli.checkpoints import Checkpoint, TrainingState

SAVE_EVERY = 100  # steps
SHARE_OF_ADDED = 8  # an added style has an eighth of the steps (Dumoulin et al. 2017, sec. 3.3)
STEPS = "[default: {} for a style, {} for several, {} to enlarge]".format(
    TRAIN_PRESETS["perceptual", "default"].steps,
    TRAIN_PRESETS["conditional", "default"].steps,
    TRAIN_PRESETS["super-resolution", "default"].steps,
)


def _number(name: str, text: str, *, metavar: str = "N", least: int = 1) -> object:
    return typer.Option(name, metavar=metavar, min=least, help=text)


def _text(name: str, metavar: str, text: str) -> object:
    return typer.Option(name, metavar=metavar, help=text)


def train(
    *,
    style: Annotated[
        list[str] | None,
        _text("--style", "IMAGE", "A style to learn; again for more. A folder: all in it."),
    ] = None,
    dataset: Annotated[
        Path | None, _text("--dataset", "FOLDER", "Photos, at any depth: two or 80,000.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="MODEL.pt",
            help="File or folder. [default: current folder, named after the styles]",
        ),
    ] = None,
    method: Annotated[
        tasks.Wanted,
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
        str | None, _text("--add-style", "IMAGE", "Teach the model of --to one more style.")
    ] = None,
    to: Annotated[Path | None, _text("--to", "MODEL.pt", "It stays; -o is another.")] = None,
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
    steps: Annotated[int | None, _number("--steps", f"Updates of the weights. {STEPS}")] = None,
    batch_size: Annotated[int | None, _number("--batch-size", "Photos a step.")] = None,
    size: Annotated[
        int | None, _number("--size", "Side of the crops.", metavar="PX", least=tasks.LEAST_SIZE)
    ] = None,
    width: Annotated[int | None, _number("--width", "Maps of the first convolution.")] = None,
    lr: Annotated[
        float | None, _number("--lr", "Step size of the optimiser.", metavar="X", least=0)
    ] = None,
    content_weight: Annotated[
        float | None, _number("--content-weight", "Of the photo.", metavar="X", least=0)
    ] = None,
    style_weight: Annotated[
        float | None, _number("--style-weight", "Of the style.", metavar="X", least=0)
    ] = None,
    tv_weight: Annotated[
        float | None, _number("--tv-weight", "Of smoothness.", metavar="X", least=0)
    ] = None,
    content_layer: Annotated[
        str | None,
        typer.Option(
            "--content-layer",
            "--content-layers",
            metavar="LAYER",
            help="Where the photo is matched.",
        ),
    ] = None,
    style_layers: Annotated[
        str | None, _text("--style-layers", "LAYER,...", "Where the style is matched.")
    ] = None,
    pool: Annotated[
        Literal["max", "avg"] | None, typer.Option("--pool", help="Of the descriptor.")
    ] = None,
    levels: Annotated[int | None, _number("--levels", "Scales of a texture network, K.")] = None,
    style_size: Annotated[
        int | None,
        _number(
            "--style-size",
            "Side of a square style; smaller: finer.",
            metavar="PX",
            least=tasks.LEAST_SIZE,
        ),
    ] = None,
    descriptor: options.DescriptorOption = "vgg19",
    weights: options.WeightsOption = None,
    memory: options.MemoryOption = None,
    save_every: Annotated[int, _number("--save-every", "Steps between saves.")] = SAVE_EVERY,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the training of this model stopped.")
    ] = False,
    preview: Annotated[
        str | None, _text("--preview", "PHOTO", "Draw it on a contact sheet as the model learns.")
    ] = None,
    preview_every: Annotated[
        int | None, _number("--preview-every", "Steps. [default: a twelfth of all]")
    ] = None,
    plot: Annotated[Path | None, _text("--plot", "FILE", "Draw the losses into this file.")] = None,
    tensorboard: Annotated[
        Path | None, _text("--tensorboard", "FOLDER", "Log for TensorBoard (an extra).")
    ] = None,
    seed: options.SeedOption = 0,
    device: options.DeviceOption = "auto",
    precision: options.PrecisionOption = "auto",
    threads: options.ThreadsOption = None,
    quiet: options.QuietOption = False,
    json: options.JsonOption = False,
) -> None:
    """Teach a network a style, many styles or super-resolution, to be run in one pass."""
    console = Console(quiet=quiet, json=json)
    factor, budget = int(upscale) if upscale else None, options.parse_bytes(memory)
    if (add_style is None) != (to is None):
        raise StylizeError("--add-style IMAGE and --to MODEL.pt go together: give both")
    if to and (style or upscale or width or method not in ("auto", "conditional")):
        raise StylizeError(
            "--add-style trains one row of a model: leave out --style, --upscale, --width, --method"
        )
    to = models.find(str(to)) if to else None
    given = [add_style] if add_style else style or []
    paintings = inputs.expand(given)
    if to and len(paintings) != 1:
        raise StylizeError("--add-style teaches one style at a time: name one image")
    chosen: Method = "conditional"
    if to is None:
        chosen = tasks.choose_method(method, len(paintings), factor, photos=dataset is not None)
    names = tasks.unique([inputs.stem(painting) for painting in paintings])
    base = tasks.base(to, names[0]) if to else None
    config = override(
        _settings(chosen, preset, base),
        loss=loss,
        steps=steps,
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
        style_size=style_size,
        levels=levels,
    )
    if preview and chosen == "texture":
        raise StylizeError("a texture needs no photo: leave out --preview")
    sources = [source for source in (*paintings, preview) if source is not None]
    inputs.check_one_stdin(sources)
    kept = [*sources, *(str(file) for file in (to, weights) if file)]
    name = tasks.stem(given, names, factor)
    model = _file(output, f"{to.stem}-{name}.pt" if to else f"{name}.pt", kept)
    if plot:
        outputs.check_plot(plot, outputs.Output(model), sources)
    from stylize_cli import devices

    if threads:
        import torch

        torch.set_num_threads(threads)
    machine = devices.machine(device, precision)
    tasks.check(config, factor, descriptor)
    if base is not None:
        tasks.compare_descriptors(base, descriptor, console)
    own = {previews.sheet_file(model), *([plot] if plot else [])}
    photos = () if chosen == "texture" else tasks.photos(dataset, own)
    state = _state(model, resume=resume)
    styles = tasks.read_styles(paintings, names, config, console)
    photo = None if preview is None else tasks.read_preview(preview, console)

    from stylize_cli import limits
    from stylize_cli.datasets import Crops
    from stylize_cli.methods.tasks import Task
    from stylize_cli.methods.train import Training

    task = Task(chosen, config, styles, factor, seed, base)
    if state is None or state.step < config.steps:
        # What is resumed keeps its batch and size.
        instead = tasks.lesser(config, factor) if state is None else ()
        outline = partial(task.outline, dtype=machine.dtype)
        limits.check_training(outline, config, instead, machine, budget)
    plan = learning.Plan(
        model,
        save_every,
        photo,
        preview_every or max(1, config.steps // previews.CELLS),
        plot,
        boards.open_board(tensorboard, first=state.step if state else 0) if tensorboard else None,
    )
    describe, source = tasks.load_descriptor(config, descriptor, weights, machine, console)
    training = Training(
        task,
        Crops(photos, config.size, config.zoom, config.flip, seed) if photos else None,
        describe,
        machine,
        state=state,
        provenance=source,
    )
    summary.announce(training, console)
    began = time.perf_counter()
    course = learning.follow(training, plan, console)
    summary.tell(training, course, console)
    console.result(summary.record(training, course, model, time.perf_counter() - began))
    if course.interrupted:
        raise typer.Exit(INTERRUPTED)


def _settings(method: Method, preset: TrainPreset, base: "Checkpoint | None") -> TrainConfig:
    """The preset's; for a style that is to be added, fewer steps on the model's own losses."""
    config = TRAIN_PRESETS[method, preset]
    if base is None:
        return config
    from stylize_cli.methods import add_style

    config = replace(
        config, steps=config.steps // SHARE_OF_ADDED, width=base.arguments.get("width", 32)
    )
    return add_style.with_losses_of(base, config) if preset == "default" else config


def _one(layers: tuple[str, ...] | None) -> str | None:
    if layers is not None and len(layers) > 1:
        raise StylizeError("--content-layer is one layer: name the deepest that should count")
    return layers[0] if layers else None


def _file(output: str | None, name: str, sources: list[str]) -> Path:
    """Where the model goes.

    Raises:
        StylizeError: nothing can be written there, or an input would be overwritten.
    """
    from stylize_cli import images

    path = Path(output or ".")
    if path.is_dir() or (output or "").endswith(("/", "\\")):
        path /= name
    if path.suffix != ".pt":
        raise StylizeError(f"cannot write a model to {path}: its name must end in .pt")
    for file in (path, learning.state_file(path), previews.sheet_file(path)):
        images.check_place(file, inputs.files(sources))
    return path


def _state(model: Path, *, resume: bool) -> "TrainingState | None":
    """The state to go on from; None for a new training.

    Raises:
        StylizeError: there is none, or files of an earlier training would be overwritten.
    """
    from stylize_cli import checkpoints

    file = learning.state_file(model)
    if resume and not file.exists():
        raise StylizeError(f"there is no {file} to go on from: leave out --resume")
    if not resume and file.exists():
        raise StylizeError(f"{file} exists: give --resume to go on with it, or another -o")
    if not resume and model.exists():
        raise StylizeError(f"{model} exists: give another -o, or delete it")
    return checkpoints.load_state(file) if resume else None
