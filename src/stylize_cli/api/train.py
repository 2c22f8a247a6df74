"""A network that is taught a style, many styles, a texture or super-resolution."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from stylize_cli import (
    boards,
    checkpoints,
    devices,
    images,
    plots,
    ranks,
    training_limits,
    vgg,
)
from stylize_cli.api import origins, places
from stylize_cli.api.lesson import Lesson, TrainOptions, digest
from stylize_cli.api.options import ANY, MEMORY, SEED, THREADS, Ranges, check
from stylize_cli.api.paintings import Sources, named, painting
from stylize_cli.api.picture import Picture, Source
from stylize_cli.api.roles import check_training
from stylize_cli.checkpoints import Checkpoint, TrainingState
from stylize_cli.config import MOST, override
from stylize_cli.config.train import LEAST_SIZE, TRAIN_PRESETS, Method, TrainConfig
from stylize_cli.devices import Machine
from stylize_cli.errors import StylizeError
from stylize_cli.methods import add_style, previews, tasks
from stylize_cli.methods.tasks import Task
from stylize_cli.paths import FolderContent
from stylize_cli.training import Update

if TYPE_CHECKING:
    from typing_extensions import Unpack

SHARE_OF_ADDED = 8  # an added style has an eighth of the steps (Dumoulin et al. 2017, sec. 3.3)
PREVIEW = 512  # px, long side
LEAST_MINUTES = 0.01
MOST_SAMPLES, MOST_SIZE = 2**14, 2**16  # of a step, and px
MOST_RATE = 1e6  # of learning: far more is no number of float32
RANGES: Ranges = {
    **MEMORY,
    **THREADS,
    "steps": (1, MOST),
    "batch_size": (1, MOST_SAMPLES),
    "width": (1, checkpoints.MOST),
    "levels": (1, checkpoints.MOST_LEVELS),
    **dict.fromkeys(("save_every", "preview_every"), (1, MOST)),
    **dict.fromkeys(("size", "style_size"), (LEAST_SIZE, MOST_SIZE)),
    **dict.fromkeys(("content_weight", "style_weight", "tv_weight"), (0, ANY)),
    "lr": (0, MOST_RATE),
    "minutes": (LEAST_MINUTES, MOST),
    "seed": SEED,
}


def train(
    styles: Sources = (),
    photos: "str | PathLike[str] | None" = None,
    out: "str | PathLike[str] | None" = None,
    **options: "Unpack[TrainOptions]",
) -> Generator[Update, None, None]:
    """Teaches a network a style, many styles, a texture or super-resolution.

    It is safe to stop: leave the loop, and the model and its state are saved as they are. With
    `resume=True` the training goes on from there, and ends as if it had never been stopped. What
    ends the program in the middle of a step leaves what was saved last.

    Args:
        styles: pictures to learn, by name where that is not their file's; none with `upscale` or
            `add_style`.
        photos: folder of photos to learn on; None for a texture.
        out: file of the model, which ends in .pt, or a folder; None is the current one.
        **options: see `TrainOptions`.

    Returns:
        After every update of the weights how many there were, and the losses by name.

    Raises:
        StylizeError: an option, a picture, the device or the memory will not do.
    """
    lesson = prepare(styles, photos, out, **options)
    return devices.on_threads(lesson.begin().run(), lesson.threads)


def prepare(
    styles: Sources = (),
    photos: "str | PathLike[str] | None" = None,
    out: "str | PathLike[str] | None" = None,
    **options: "Unpack[TrainOptions]",
) -> Lesson:
    """Reads and checks all that `train` is given, before anything is loaded.

    Args:
        styles: see `train`, and so are the others.
        photos: see there.
        out: see there.
        **options: see there.

    Raises:
        StylizeError: see there.
        TypeError: there is no such option.
    """
    options = check("train", options, TrainOptions.__annotations__, RANGES)
    paintings, added = named(styles), options.get("add_style")
    method = check_training(len(paintings), photos, options)
    paintings = paintings if added is None else named(added)
    to = origins.file(options)
    base = None if to is None else origins.base(to, next(iter(paintings)))
    config, preview = _settings(method, options, base), options.get("preview")
    model = _model_file(out, to, paintings, options)
    machine = devices.machine(
        ranks.device(options.get("device", "auto")), options.get("precision", "auto")
    )
    _check_steps(config, options)
    found, state = _found(photos, model, options)
    learnt = [painting(name, one, config) for name, one in paintings.items()]
    photo, seen = (None, "") if preview is None else _preview(preview)
    start, begun = origins.beginning(config, options, base, state)
    notes = (found.note, *(one.note for one in learnt), seen, begun)
    shown, factor = tuple(one.style for one in learnt), options.get("upscale")
    task = Task(method, config, shown, factor, options.get("seed", 0), base, start)
    _check_memory(task, state, machine, options)
    board, told = _board(options, state), tuple(note for note in notes if note)
    given = {
        "style digests": [one.digest for one in learnt],
        "photos digest": _listed(found.files),
    }
    return Lesson(task, found.files, model, state, photo, board, machine, options, told, given)


def _model_file(
    out: "str | PathLike[str] | None",
    to: Path | None,
    paintings: Mapping[str, Source],
    options: TrainOptions,
) -> Path:
    """The file of the model.

    Raises:
        StylizeError: it, its sheet or its plot cannot be written, or would destroy an input.
    """
    preview, plot = options.get("preview"), options.get("plot")
    pictures = [*paintings.values(), *([] if preview is None else [preview])]
    name = _stem(list(paintings), options.get("upscale"), options.get("name"))
    sources = [*pictures, *filter(None, [to, options.get("weights")])]
    model = places.model_file(out, f"{to.stem}-{name}.pt" if to else f"{name}.pt", sources)
    if plot is not None:
        plots.check(Path(plot), model, places.given(pictures))
    return model


def _found(
    photos: "str | PathLike[str] | None", model: Path, options: TrainOptions
) -> tuple[FolderContent, TrainingState | None]:
    """The photos to train on, none for a texture, and the state to go on from, or None.

    Raises:
        StylizeError: there are none, or files of an earlier training would be overwritten.
    """
    sheet, plot = previews.sheet_file(model), options.get("plot")
    own = {sheet} if plot is None else {sheet, Path(plot)}
    found = FolderContent(()) if photos is None else places.photos(photos, own)
    drawn = [] if options.get("preview") is None else [sheet]
    return found, places.state(model, drawn, resume=options.get("resume", False))


def _check_steps(config: TrainConfig, options: TrainOptions) -> None:
    """Refuses settings with which no step could be done, by one process or by all that there are.

    Raises:
        StylizeError: they are such.
    """
    tasks.check(config, options.get("upscale"), vgg.SOURCES[options.get("descriptor", "vgg19")])
    if config.batch_size < ranks.count():
        raise StylizeError(
            f"{ranks.count()} processes share `batch_size` {config.batch_size}: give them a sample "
            "each, or start fewer"
        )


def _check_memory(
    task: Task, state: TrainingState | None, machine: Machine, options: TrainOptions
) -> None:
    """Refuses what memory will not do for, where a step is left to be done.

    Raises:
        StylizeError: there is too little.
    """
    if state is not None and state.step >= task.config.steps:
        return
    # What is resumed keeps its batch and size.
    instead = tasks.lesser(task.config, task.factor) if state is None else ()
    outline = partial(task.outline, dtype=machine.dtype)
    training_limits.check(outline, task.config, instead, machine, options.get("memory"))


def _board(options: TrainOptions, state: TrainingState | None) -> boards.Board | None:
    """Where losses and previews are logged, by the first of several processes."""
    logs = options.get("tensorboard")
    if logs is None or not ranks.is_first():
        return None
    return boards.open_board(Path(logs), first=state.step if state else 0)


def _settings(method: Method, options: TrainOptions, base: Checkpoint | None) -> TrainConfig:
    """The preset's, for a style that is added the model's own losses, and what was given."""
    preset = options.get("preset", "default")
    if base is None:
        config = TRAIN_PRESETS[method, preset]
    else:
        config = add_style.settings(base, preset)
        config = replace(config, steps=config.steps // SHARE_OF_ADDED)
    given: dict[str, Any] = {field.name: options.get(field.name) for field in fields(config)}
    layers = given["style_layers"]
    given["style_layers"] = None if layers is None else vgg.named(layers)
    return override(config, **given)


def _stem(names: Sequence[str], factor: int | None, name: str | None) -> str:
    """What a model is called: after its style, its folder of styles, or its magnification."""
    if factor is not None:
        return f"sr{factor}"
    return names[0] if len(names) == 1 else name or "styles"


def _preview(source: Source) -> tuple[Tensor, str]:
    """The photo that is drawn again and again, at the size of a preview; and a note, or ""."""
    picture = Picture(source, least=PREVIEW)
    photo = picture.planes().rgb
    return images.resize(photo, images.fitted(images.size_of(photo), PREVIEW)), picture.named_note


def _listed(photos: Sequence[Path]) -> str:
    """What tells a folder of photos apart: their names and sizes."""
    listed = "".join(f"{file.name}\0{file.stat().st_size}\0" for file in photos)
    return digest(listed.encode("utf-8", "surrogateescape"))
